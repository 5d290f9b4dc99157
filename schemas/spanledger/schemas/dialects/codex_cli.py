"""Codex CLI: its event `codex.sse_event` of a completed response, and the spans that handle one. Counts are OpenAI's.

Of the two records of a completed response only one has counts (strings and numbers mixed), and only it is found: the
other tells that the event arrived. `tool_token_count` is the total. No signal has the response's id, and the spans no
model. A turn (`session_task.turn`) repeats its responses under names of its own, which are not read. Whoever serves the
model is configured, and no record says who.
Source: `codex-rs/otel/src/events/session_telemetry.rs`: `sse_event_completed`, `record_responses`; `shared/log.rs`.
"""

from typing import Final

from msgspec.structs import replace

from spanledger.schemas import attributes as a
from spanledger.schemas import units as u
from spanledger.schemas.dialects.dialect import IGNORED, Dialect

_OTHER: Final = "codex_event"

CODEX_LOGS: Final = Dialect(
    name="codex-cli",
    signal="logs",
    scopes=("codex",),
    found_by=("input_token_count",),
    usage={
        u.INPUT_TOKENS: ("input_token_count",),
        u.OUTPUT_TOKENS: ("output_token_count",),
        u.CACHE_READ_TOKENS: ("cached_token_count",),
        u.CACHE_WRITE_TOKENS: ("cache_write_token_count",),
        u.REASONING_TOKENS: ("reasoning_token_count",),
    },
    total=("tool_token_count",),
    inclusion="inclusive",
    span_names={"codex.sse_event": "chat", "*": _OTHER},
    ignored=IGNORED | {_OTHER},
    response_model=("model", "slug"),
    attribution={
        "conversation_id": ("conversation.id",),
        "user_id": ("user.account_id",),
    },
)

CODEX_SPANS: Final = replace(
    CODEX_LOGS,
    signal="traces",
    scopes=(),
    mark_prefixes=("codex.usage.",),
    found_by=(a.GEN_AI_PREFIX,),
    usage={
        u.INPUT_TOKENS: (a.USAGE_INPUT_TOKENS,),
        u.OUTPUT_TOKENS: (a.USAGE_OUTPUT_TOKENS,),
        u.CACHE_READ_TOKENS: (a.USAGE_CACHE_READ,),
        u.CACHE_WRITE_TOKENS: (a.USAGE_CACHE_WRITE,),
        u.REASONING_TOKENS: ("codex.usage.reasoning_output_tokens",),
    },
    total=("codex.usage.total_tokens",),
    span_names={"*": "chat"},
    begun_before_ns=10**9,
    request_model=(a.REQUEST_MODEL,),
    response_model=("model", "slug"),
)
"""The span `handle_responses`, which some releases rename after the event it handles: known by what it states.

It is the time it took to handle the last event of a stream, which another task had logged before, without a trace, and
queued (`core/src/client.rs`, `map_response_stream`): so the call is taken to have begun a second earlier, and its two
claims overlap.
"""
