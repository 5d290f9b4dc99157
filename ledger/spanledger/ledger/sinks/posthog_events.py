"""A ledger event → what PostHog is told of it: `llm_usage`, and `$ai_generation` for calls. Pure.

PostHog's numbers are floats, made here of exact ones, for charts; sums that must be right are the ledger's. No prompt
and no answer is told: the ledger has none. A correction is an `llm_usage` with what it adds, which may be negative.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from hashlib import blake2b
from typing import Final, NamedTuple
from uuid import UUID

from spanledger.ledger.sinks.port import Event
from spanledger.ledger.tables import Value

LLM_USAGE: Final = "llm_usage"
AI_GENERATION: Final = "$ai_generation"

_CALLS: Final = ("charge", "attempt")
_EMBEDDINGS: Final = "embeddings"
AI_EMBEDDING: Final = "$ai_embedding"
_MS_PER_S: Final = 1_000

_AI: Final = {
    "$ai_trace_id": "trace_id",
    "$ai_span_id": "span_id",
    "$ai_parent_id": "parent_span_id",
    "$ai_session_id": "session_id",
    "$ai_provider": "provider",
    "$ai_model": "model",
    "$ai_input_tokens": "input_tokens",
    "$ai_output_tokens": "output_tokens",
    "$ai_cache_read_input_tokens": "cache_read_tokens",
    "$ai_cache_creation_input_tokens": "cache_write_tokens",
    "$ai_reasoning_tokens": "reasoning_tokens",
}
"""Property → column."""


class Told(NamedTuple):
    """One event of PostHog's."""

    event: str
    distinct_id: str
    properties: Mapping[str, object]
    timestamp: datetime
    uuid: str
    """The same for the same ledger event, however often it is told."""


def told_of(event: Event) -> Iterator[Told]:
    """The events of PostHog's that a ledger event makes."""
    named = [(LLM_USAGE, usage_properties(event))]
    if event["kind"] in _CALLS:
        kind = AI_EMBEDDING if event["operation"] == _EMBEDDINGS else AI_GENERATION
        named.append((kind, generation_properties(event)))
    for name, properties in named:
        yield Told(
            name,
            # No profile of a person is made of it; without a user it is the tenant's.
            str(event["user_id"] or event["tenant"]),
            {**_stated(properties), "$process_person_profile": False},
            datetime.fromisoformat(str(event["event_time"])),
            uuid_of(name, str(event["event_id"])),
        )


def usage_properties(event: Event) -> dict[str, object]:
    """The predecessor's eight properties, and what tells one event from another."""
    metadata = event["metadata"]
    return {
        "provider": event["provider"],
        "model": event["model"],
        "cost": _float(event["cost"]),
        "agent": event["agent"],
        "tokens_in": event["input_tokens"],
        "tokens_out": event["output_tokens"],
        "status": event["status"],
        "task_id": metadata.get("task_id") if isinstance(metadata, Mapping) else None,
        "currency": event["currency"],
        "kind": event["kind"],
        "tenant": event["tenant"],
        "feature": event["feature"],
        "ledger_event_id": event["event_id"],
    }


def generation_properties(event: Event) -> dict[str, object]:
    """PostHog's own schema of a call. Input tokens contain what was read from and written to a cache."""
    dollars = event["currency"] == "USD"
    return {
        **{name: event[column] for name, column in _AI.items()},
        "$ai_latency": _seconds(event["duration_ms"]),
        "$ai_time_to_first_token": _seconds(event["time_to_first_token_ms"]),
        "$ai_total_cost_usd": _float(event["cost"]) if dollars else None,
        "$ai_is_error": event["status"] == "error",
        "$ai_error": event["error_type"],
        "$ai_cache_reporting_exclusive": False,
        "ledger_event_id": event["event_id"],
    }


def uuid_of(name: str, event_id: str) -> str:
    """The id by which PostHog knows a repeat: made of ours."""
    return str(UUID(bytes=blake2b(f"{name}/{event_id}".encode(), digest_size=16).digest(), version=5))


def _stated(properties: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in properties.items() if value is not None and value != ""}


def _float(amount: Value) -> float | None:
    return None if amount is None else float(str(amount))


def _seconds(milliseconds: Value) -> float | None:
    return None if milliseconds is None else int(str(milliseconds)) / _MS_PER_S
