"""LangSmith's OTel export: every LangChain run is a span, and the run's type alone says what it is.

`langsmith/_internal/otel/_otel_exporter.py`: its operations call a retriever `embeddings` and a prompt template `chat`,
so the run type is read first. Counts are LangChain's `usage_metadata` (whole counts), its details as JSON in the run's
metadata and as Python literals beside. With a split by lifetime LangChain states zero writes; `decode` completes them.
"""

from typing import Final

import msgspec

from spanledger.schemas import attributes as a
from spanledger.schemas import units as u
from spanledger.schemas.dialects.dialect import Doubt, Names
from spanledger.schemas.dialects.provider_usage import together
from spanledger.schemas.dialects.semconv import SEMCONV

_KIND: Final = "langsmith.span.kind"
_METADATA: Final = "langsmith.metadata"
_USAGE: Final = f"{_METADATA}.usage_metadata"
_INPUT: Final = (f"{_USAGE}.input_token_details", "gen_ai.usage.input_token_details")
_OUTPUT: Final = (f"{_USAGE}.output_token_details", "gen_ai.usage.output_token_details")
_OUTPUTS: Final = "gen_ai.completion"
_MESSAGE: Final = f"{_OUTPUTS}.generations.message.kwargs.response_metadata"


def _any(details: Names, *names: str) -> Names:
    return tuple(f"{where}.{name}" for where in details for name in names)


def _stated(*names: str) -> Names:
    return tuple(f"{_METADATA}.{name}" for name in names)


LANGSMITH: Final = msgspec.structs.replace(
    SEMCONV,
    name="langsmith",
    scopes=("langsmith",),
    marks=(_KIND, f"{_USAGE}.input_tokens"),
    mark_prefixes=(),
    texts=(_USAGE, _INPUT[1], _OUTPUT[1], _OUTPUTS),
    usage=together(
        SEMCONV.usage,
        {
            u.INPUT_TOKENS: (f"{_USAGE}.input_tokens",),
            u.OUTPUT_TOKENS: (f"{_USAGE}.output_tokens",),
            u.CACHE_READ_TOKENS: _any(_INPUT, "cache_read", "priority_cache_read", "flex_cache_read"),
            u.CACHE_WRITE_TOKENS: _any(_INPUT, "cache_creation"),
            u.CACHE_WRITE_5M_TOKENS: _any(_INPUT, "ephemeral_5m_input_tokens"),
            u.CACHE_WRITE_1H_TOKENS: _any(_INPUT, "ephemeral_1h_input_tokens"),
            u.REASONING_TOKENS: _any(_OUTPUT, "reasoning", "priority_reasoning", "flex_reasoning"),
            u.INPUT_AUDIO_TOKENS: _any(_INPUT, "audio"),
            u.OUTPUT_AUDIO_TOKENS: _any(_OUTPUT, "audio"),
        },
    ),
    total=(a.USAGE_TOTAL_TOKENS, f"{_USAGE}.total_tokens"),
    basis="table",
    operation=(_KIND, a.OPERATION_NAME),
    operations={"llm": "chat", "embedding": "embeddings", "tool": "execute_tool", "retriever": "retrieval"}
    | {"prompt": "chain", "parser": "chain", "chat": "chat", "embeddings": "embeddings", "*": "chain"},
    providers={**SEMCONV.providers, "langchain": ""},
    request_model=(a.REQUEST_MODEL, *_stated("ls_model_name")),
    response_model=(a.RESPONSE_MODEL, f"{_MESSAGE}.model_name"),
    response_id=(a.RESPONSE_ID, f"{_MESSAGE}.id"),
    service_tier=(*SEMCONV.service_tier, "gen_ai.response.service_tier", f"{_MESSAGE}.service_tier"),
    attribution={
        "tenant": _stated("tenant_id", "tenantId", "tenant"),
        "user_id": _stated("user_id", "userId"),
        "session_id": _stated("session_id", "sessionId"),
        "conversation_id": _stated("thread_id", "conversation_id"),
        "organization_id": _stated("organization_id"),
        "feature": _stated("feature"),
        "team": _stated("team"),
        "project": ("langsmith.trace.session_name",),
    },
    doubts=(
        # The wrapper of OpenAI's client leaves cache writes out; LangChain's own runs state them.
        Doubt(flag="cache_not_stated", providers=frozenset({"openai"}), unless=frozenset({u.CACHE_WRITE_TOKENS})),
    ),
)
