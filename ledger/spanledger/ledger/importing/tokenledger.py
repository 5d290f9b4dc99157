"""Rows of a `token_ledger_events` table → booked calls. Pure.

Attribution is kept, previews of prompts and answers and error messages are not. Their `cost_usd` is kept as what was
reported, beside our own price. A row's time is when its call is booked, so sums by day stay what they were.
"""

import io
from collections.abc import Iterator, Mapping
from datetime import datetime
from hashlib import blake2b
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from spanledger.ledger.importing.files import Part
from spanledger.ledger.importing.kept_books import (
    BookedCall,
    UnbookableRow,
    Value,
    count,
    instant_ns,
    metadata,
    parts_of,
    stated,
)
from spanledger.ledger.importing.postgres_dump import Row, rows
from spanledger.schemas import attributes as a

NEEDED: Final = frozenset({"event_id", "timestamp", "provider", "model", "input_tokens", "output_tokens"})
"""The columns by which the table is known; those of both its migrations are read."""

_NS_PER_MS: Final = 1_000_000
_SUCCESS: Final = frozenset({"", "success", "ok"})

_ATTRIBUTES: Final = {
    "provider": a.PROVIDER_NAME,
    "request_type": a.OPERATION_NAME,
    "cost_usd": a.USAGE_COST,
    "user_id": a.LEDGER_USER_ID,
    "session_id": a.LEDGER_SESSION_ID,
    "organization_id": a.LEDGER_ORGANIZATION_ID,
    "feature": a.LEDGER_FEATURE,
    "team": a.LEDGER_TEAM,
    "project": a.LEDGER_PROJECT,
    "cost_center": a.LEDGER_COST_CENTER,
}
_FURTHER: Final = ("page", "component", "endpoint")
_COUNTS: Final = {
    "input_tokens": a.USAGE_INPUT_TOKENS,
    "output_tokens": a.USAGE_OUTPUT_TOKENS,
    "cached_tokens": a.USAGE_CACHE_READ,
}
_RESOURCE: Final = {"app_name": a.SERVICE_NAME, "environment": a.ENVIRONMENT_NAME}
_OBJECT: Final = msgspec.json.Decoder(dict[str, object])


def read(stream: io.BufferedReader, zone: ZoneInfo) -> Iterator[Part]:
    """The parts of a dump. Raises `Broken`."""
    return parts_of(a.TOKENLEDGER_SCOPE, (_booked(row, zone) for row in rows(stream, NEEDED)))


def _booked(row: Row, zone: ZoneInfo) -> BookedCall | UnbookableRow:
    try:
        return call_of(row, zone)
    except UnbookableRow as reason:
        return reason


def call_of(row: Row, zone: ZoneInfo) -> BookedCall:
    """A row. Raises `UnbookableRow` where it has no id or no time."""
    trace_id = _id(row.get("event_id"))
    end_ns = instant_ns(_time(row.get("timestamp")), zone)
    status = (row.get("status") or "").lower()
    error = status not in _SUCCESS
    return BookedCall(
        trace_id=trace_id,
        span_id=blake2b(trace_id, digest_size=8).digest(),
        start_ns=end_ns - _duration_ns(row.get("duration_ms")),
        end_ns=end_ns,
        error=error,
        attributes=_attributes(row, status if error else ""),
        resource=tuple((key, value) for name, key in _RESOURCE.items() if (value := row.get(name))),
    )


def _attributes(row: Row, failure: str) -> dict[str, Value]:
    model = row.get("model")
    said: dict[str, Value] = {}
    for name, value in _extra(row.get("metadata_extra")).items():
        # Whoever kept tenants apart there had no other place for them.
        said |= {a.LEDGER_TENANT: str(value)} if name == "tenant" and value else metadata(name, value)
    for name in _FURTHER:
        said |= metadata(name, row.get(name))
    said |= stated({key: row.get(name) for name, key in _ATTRIBUTES.items()})
    said |= stated({a.REQUEST_MODEL: model, a.RESPONSE_MODEL: model, **_counts(row)})
    if failure:
        said[a.ERROR_TYPE] = row.get("error_type") or failure
    said.setdefault(a.OPERATION_NAME, "chat")
    return said


def _counts(row: Row) -> dict[str, Value]:
    """Counts; a call of no tokens at all is one whose tokens were not told, for the table knows no NULL."""
    counts = {key: count(value) for name, key in _COUNTS.items() if (value := row.get(name))}
    if not counts.get(a.USAGE_CACHE_READ):
        counts.pop(a.USAGE_CACHE_READ, None)
    return counts if any(counts.values()) else {}


def _extra(text: str | None) -> Mapping[str, object]:
    try:
        return _OBJECT.decode(text) if text else {}
    except (msgspec.DecodeError, RecursionError):
        return {}


def _id(text: str | None) -> bytes:
    try:
        return UUID(text or "").bytes
    except ValueError as error:
        msg = "a row without an event_id that is a UUID"
        raise UnbookableRow(msg) from error


def _time(text: str | None) -> datetime:
    try:
        return datetime.fromisoformat(text or "")
    except ValueError as error:
        msg = "a row whose timestamp is none"
        raise UnbookableRow(msg) from error


def _duration_ns(text: str | None) -> int:
    try:
        return max(0, int(float(text or 0) * _NS_PER_MS))
    except (ValueError, OverflowError):
        return 0
