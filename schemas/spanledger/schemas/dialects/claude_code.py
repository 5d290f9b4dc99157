"""Claude Code, 2.x: the records of its log events, and the spans of its tracing beta. Counts are Anthropic's own.

Anthropic states input without the cache counts, and so does Claude Code on every signal. Logs name the model that
answered, spans the alias that was asked for. No signal states the id of the response or how long cache writes live; the
id of the request is on both, and is what makes a log record and a span one call.
Sources: Claude Code's documentation, "Monitoring": events `claude_code.api_request`, `claude_code.api_error`; the spans
as version 2.1 sends them.
"""

from typing import Final

from msgspec.structs import replace

from spanledger.schemas import attributes as a
from spanledger.schemas import units as u
from spanledger.schemas.dialects.dialect import IGNORED, Dialect

_OTHER: Final = "claude_code_event"

CLAUDE_CODE_LOGS: Final = Dialect(
    name="claude-code",
    signal="logs",
    scopes=("com.anthropic.claude_code",),
    found_by=("cache_creation_tokens", "api_error"),
    usage={
        u.INPUT_TOKENS: ("input_tokens",),
        u.OUTPUT_TOKENS: ("output_tokens",),
        u.CACHE_READ_TOKENS: ("cache_read_tokens",),
        u.CACHE_WRITE_TOKENS: ("cache_creation_tokens",),
    },
    inclusion="exclusive",
    span_names={
        "api_request": "chat",
        "claude_code.api_request": "chat",
        "api_error": "chat",
        "claude_code.api_error": "chat",
        "*": _OTHER,
    },
    ignored=IGNORED | {_OTHER},
    failures=frozenset({"api_error", "claude_code.api_error"}),
    error_type=("status_code",),
    default_provider="anthropic",
    response_model=("model",),
    response_id=("request_id",),
    service_tier=("speed",),
    reported_cost=("cost_usd",),
    attribution={"organization_id": ("organization.id",)},
    duration=("duration_ms",),
    duration_unit_ns=10**6,
)
"""The provider is what its spans say in `gen_ai.system`."""

CLAUDE_CODE_SPANS: Final = replace(
    CLAUDE_CODE_LOGS,
    signal="traces",
    found_by=(a.GEN_AI_PREFIX,),
    span_names={"claude_code.llm_request": "chat", "*": _OTHER},
    failures=frozenset(),
    provider=(a.PROVIDER_NAME, a.SYSTEM),
    request_model=(a.REQUEST_MODEL, "model"),
    response_model=(),
    response_id=(a.RESPONSE_ID, "request_id"),
    reported_cost=(),
    duration=(),
    first_token={"ttft_ms": 10**6},
)
"""A `claude_code.interaction` states no usage; what lies below it and is no request uses nothing."""
