"""Pydantic's emitters, which follow the conventions and say more beside them: the Logfire SDK and Pydantic AI.

Logfire (`logfire/_internal/integrations/llm_providers`) computes whole counts, caches included, and passes on the
provider's own usage as `gen_ai.usage.raw`: of it come the parts. A stream's usage is on a log record in a span's form,
without length or response id, `duration` seconds after the stream was opened (`llm_provider.py` `record_streaming`).

Pydantic AI (`pydantic_ai/models/instrumented.py`, `usage.py` `opentelemetry_attributes`) repeats parts as
`gen_ai.usage.details.*`; an agent's run states sums, today as `gen_ai.aggregated_usage.*`.
"""

from typing import Final

import msgspec

from spanledger.schemas import attributes as a
from spanledger.schemas import units as u
from spanledger.schemas.dialects.dialect import Dialect
from spanledger.schemas.dialects.provider_usage import anthropic_usage, openai_usage, parts, together
from spanledger.schemas.dialects.semconv import SEMCONV

_RAW: Final = "gen_ai.usage.raw"
_DETAILS: Final = "gen_ai.usage.details"
_SUM: Final = "gen_ai.aggregated_usage"
_COST: Final = "operation.cost"

LOGFIRE: Final = msgspec.structs.replace(
    SEMCONV,
    name="logfire",
    scopes=("logfire.",),
    marks=(f"{_RAW}.total_tokens", f"{_RAW}.input_tokens", f"{_RAW}.output_tokens"),
    mark_prefixes=(),
    texts=(_RAW,),
    usage=together(parts(openai_usage(_RAW)), parts(anthropic_usage(_RAW)), SEMCONV.usage),
    total=(f"{_RAW}.total_tokens",),
    zero_is_unknown=frozenset({u.WEB_SEARCHES}),
    basis="table",
    service_tier=(*SEMCONV.service_tier, f"{_RAW}.service_tier"),
    reported_cost=(_COST,),
    duration=("duration",),
    continuations=("streaming response from *",),
    precision=1,
)

PYDANTIC_AI: Final[Dialect] = msgspec.structs.replace(
    SEMCONV,
    name="pydantic_ai",
    scopes=("pydantic-ai",),
    marks=(),
    mark_prefixes=(),
    usage=together(
        SEMCONV.usage,
        {
            u.INPUT_TOKENS: (f"{_SUM}.input_tokens",),
            u.OUTPUT_TOKENS: (f"{_SUM}.output_tokens",),
            u.CACHE_READ_TOKENS: (f"{_DETAILS}.cache_read_tokens", f"{_SUM}.cache_read.input_tokens"),
            u.CACHE_WRITE_TOKENS: (f"{_DETAILS}.cache_write_tokens", f"{_SUM}.cache_creation.input_tokens"),
            u.CACHE_WRITE_5M_TOKENS: (f"{_DETAILS}.ephemeral_5m_input_tokens",),
            u.CACHE_WRITE_1H_TOKENS: (
                f"{_DETAILS}.ephemeral_1h_input_tokens",
                f"{_SUM}.details.ephemeral_1h_input_tokens",
            ),
            u.REASONING_TOKENS: (
                *(f"{_DETAILS}.{name}" for name in ("reasoning_tokens", "thoughts_tokens", "thinking_tokens")),
                f"{_SUM}.details.reasoning_tokens",
            ),
            u.INPUT_AUDIO_TOKENS: (f"{_DETAILS}.input_audio_tokens",),
            u.OUTPUT_AUDIO_TOKENS: (f"{_DETAILS}.output_audio_tokens",),
            u.CACHE_AUDIO_READ_TOKENS: (f"{_DETAILS}.cache_audio_read_tokens",),
        },
    ),
    basis="table",
    # Until its instrumentation version 3 the run of an agent stated no operation.
    span_names={"agent run": "invoke_agent"},
    providers={
        **SEMCONV.providers,
        "google-gla": "gcp.gemini",
        "google": "gcp.gemini",
        "google-vertex": "gcp.vertex_ai",
        "bedrock": "aws.bedrock",
        "azure": "azure.ai.openai",
        "mistral": "mistral_ai",
    },
    reported_cost=(a.USAGE_COST, _COST),
    precision=1,
)
