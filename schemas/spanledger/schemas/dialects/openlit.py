"""OpenLIT, Python (`openlit.instrumentation.<library>`) and TypeScript (`@openlit/…`): each library counts as it likes.

Source: openlit 1.45, `instrumentation/<library>/utils.py`. What the provider's object states is passed on: Anthropic
and Bedrock without the cache counts, Gemini with output that has no thoughts in it. A call without usage on the wire
is counted by OpenLIT itself (`general_tokens`), and nothing says so but the absence of cache counts.
"""

from typing import Final

from msgspec.structs import replace

from spanledger.schemas import attributes as a
from spanledger.schemas import units as u
from spanledger.schemas.dialects.dialect import Dialect, Doubt
from spanledger.schemas.dialects.semconv import SEMCONV

_CACHED: Final = frozenset({u.CACHE_READ_TOKENS, u.CACHE_WRITE_TOKENS})
_CHAT: Final = frozenset({"chat", "text_completion", "generate_content"})
_STREAMED: Final = tuple(
    Doubt(flag="may_be_estimated", attribute=attribute, values=frozenset({"true"}), operations=_CHAT, unless=_CACHED)
    for attribute in ("gen_ai.request.stream", "gen_ai.request.is_stream")
)

OPENLIT: Final = replace(
    SEMCONV,
    name="openlit",
    scopes=("openlit", "@openlit"),
    marks=("gen_ai.client.token.usage",),
    mark_prefixes=(),
    total=(),
    basis="table",
    providers={**SEMCONV.providers, "langchain": "", "langgraph": "", "llama_index": "", "litellm": ""},
    doubts=_STREAMED,
    first_token={**SEMCONV.first_token, a.SERVER_TIME_TO_FIRST_TOKEN: 10**9},
)
"""`gen_ai.client.token.usage` is the sum of what is stated, not the provider's total: it shows no inclusion."""

OPENLIT_OPENAI: Final = replace(
    OPENLIT,
    name="openlit-openai",
    scopes=("openlit.instrumentation.openai",),
    marks=(),
    # `openai.api.type` came with the cache counts, which OpenAI always states: without them nobody but OpenLIT counted.
    doubts=(Doubt(flag="estimated", attribute="openai.api.type", operations=_CHAT, unless=_CACHED), *_STREAMED),
)

OPENLIT_EXCLUSIVE: Final = replace(
    OPENLIT,
    name="openlit-exclusive",
    scopes=(
        "openlit.instrumentation.anthropic",
        "openlit.instrumentation.bedrock",
        "@openlit/instrumentation-anthropic",
        "@openlit/instrumentation-bedrock",
    ),
    marks=(),
    inclusion="exclusive",
)

OPENLIT_GOOGLE: Final = replace(
    OPENLIT,
    name="openlit-google",
    scopes=("openlit.instrumentation.google_ai_studio",),
    marks=(),
    reasoning="exclusive",
)
"""`candidates_token_count` and `thoughts_token_count`, which Gemini bills together, are stated apart."""

OPENLIT_VERTEXAI: Final = replace(
    OPENLIT,
    name="openlit-vertexai",
    scopes=("openlit.instrumentation.vertexai",),
    marks=(),
    reasoning="exclusive",
    doubts=(*_STREAMED, Doubt(flag="reasoning_not_stated", unless=frozenset({u.REASONING_TOKENS}))),
)

OPENLIT_LANGCHAIN: Final = replace(
    OPENLIT,
    name="openlit-langchain",
    scopes=("openlit.instrumentation.langchain", "openlit.instrumentation.langgraph"),
    marks=(),
    zero_is_unknown=_CACHED,
    precision=-1,
    doubts=(
        *_STREAMED,
        # Streamed, LangChain's own count: caches included. Not streamed, Anthropic's: caches neither included nor told.
        Doubt(
            flag="cache_not_stated",
            providers=frozenset({"anthropic", "aws.bedrock", ""}),
            operations=_CHAT,
            unless=_CACHED,
        ),
    ),
)

OPENLITS: Final[tuple[Dialect, ...]] = (
    OPENLIT_OPENAI,
    OPENLIT_EXCLUSIVE,
    OPENLIT_GOOGLE,
    OPENLIT_VERTEXAI,
    OPENLIT_LANGCHAIN,
    OPENLIT,
)
