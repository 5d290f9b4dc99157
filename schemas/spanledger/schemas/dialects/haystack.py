"""Haystack: no usage attribute at all; with content tracing a component's output holds the provider's answer.

`haystack/core/pipeline` and `haystack/tracing`: a generator's `replies` (or `meta`) carry `meta.usage`. For Anthropic
the wholes are renamed to OpenAI's and the cache counts left beside them, outside the input (`anthropic_haystack`
`_get_openai_compatible_usage`): their names tell. `haystack.pipeline.run` repeats its components' outputs. Without
content tracing a generator's usage is lost, and says so.
"""

from typing import Final

import msgspec

from spanledger.schemas import units as u
from spanledger.schemas.dialects.dialect import Dialect
from spanledger.schemas.dialects.provider_usage import anthropic_usage, openai_usage, together

_TYPE: Final = "haystack.component.type"
_OUTPUT: Final = "haystack.component.output"
_META: Final = (f"{_OUTPUT}.replies.meta", f"{_OUTPUT}.meta")
_ANTHROPIC: Final = together(*(anthropic_usage(f"{meta}.usage") for meta in _META))

HAYSTACK: Final = Dialect(
    name="haystack",
    marks=(_TYPE,),
    found_by=(_TYPE,),
    texts=(_OUTPUT,),
    usage=together(*(openai_usage(f"{meta}.usage") for meta in _META)),
    total=tuple(f"{meta}.usage.total_tokens" for meta in _META),
    inclusion="inclusive",
    operation=(_TYPE,),
    # Models in the process are nobody's bill; what only builds, routes or cleans is no call.
    operations=dict.fromkeys(
        ("HuggingFaceLocal*", "LlamaCpp*", "SentenceTransformers*", "Transformers*"), "execute_hook"
    )
    | {"*Generator": "chat", "*Embedder": "embeddings", "Agent": "invoke_agent", "*": "chain"},
    provider=(_TYPE,),
    providers={
        "OpenAI*": "openai",
        "AzureOpenAI*": "azure.ai.openai",
        "Anthropic*": "anthropic",
        "AmazonBedrock*": "aws.bedrock",
        "GoogleGenAI*": "gcp.gemini",
        "GoogleAI*": "gcp.gemini",
        "Vertex*": "gcp.vertex_ai",
        "Mistral*": "mistral_ai",
        "Cohere*": "cohere",
        "Groq*": "groq",
        "*": "",
    },
    response_model=tuple(f"{meta}.model" for meta in _META),
)

HAYSTACK_ANTHROPIC: Final = msgspec.structs.replace(
    HAYSTACK,
    name="haystack_anthropic",
    marks=(*_ANTHROPIC[u.CACHE_READ_TOKENS], *_ANTHROPIC[u.CACHE_WRITE_TOKENS]),
    usage=together(HAYSTACK.usage, _ANTHROPIC),
    zero_is_unknown=frozenset({u.WEB_SEARCHES}),
    inclusion="exclusive",
)

HAYSTACKS: Final = (HAYSTACK_ANTHROPIC, HAYSTACK)
"""In order of detection."""
