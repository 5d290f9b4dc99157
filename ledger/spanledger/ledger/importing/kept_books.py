"""Rows of books that others kept → OTLP requests, as if each had been told by a span. Pure.

A row is known by its own id, so importing it again makes the same span, and the same span is charged once. Every row is
a trace of its own: what the books say happened at one time is not taken for one call.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from typing import Final
from zoneinfo import ZoneInfo

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

from spanledger.exporter.journal import Signal
from spanledger.ledger.importing.files import Part
from spanledger.schemas import attributes as a
from spanledger.schemas.allowlist import ALLOWED_KEYS

# A part becomes a journal record; 500 spans of 1 kB are half a megabyte.
ROWS_PER_PART: Final = 500

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_INT64_MAX: Final = 2**63 - 1
_OWN: Final = "extra_"
# What a span can say (none of 0) and the ledger can hold.
_NO_TIME: Final = "a row whose time is not between 1970 and 2262"

Value = str | int


class UnbookableRow(ValueError):
    """A row that no span can be made of; the message is the reason, and quotes nothing of the row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BookedCall:
    """One row."""

    trace_id: bytes
    span_id: bytes
    start_ns: int
    end_ns: int
    error: bool = False
    attributes: Mapping[str, Value] = field(default_factory=dict[str, Value])
    resource: tuple[tuple[str, str], ...] = ()
    """What runs: attributes of the process the call was made in."""


def parts_of(scope: str, calls: Iterable[BookedCall | UnbookableRow]) -> Iterator[Part]:
    """The rows as parts of requests, in their order; a row that cannot be booked becomes a reason."""
    for chunk in _chunks(calls):
        reasons = tuple(str(row) for row in chunk if isinstance(row, UnbookableRow))
        if reasons:
            yield Part(Signal.TRACES, b"", reasons)
        rows = [row for row in chunk if isinstance(row, BookedCall)]
        for resource, group in groupby(rows, key=lambda row: row.resource):
            yield Part(Signal.TRACES, _payload(scope, resource, group))


def instant_ns(moment: datetime, zone: ZoneInfo) -> int:
    """Nanoseconds since 1970 of a time; one without an offset is in `zone`. Raises `UnbookableRow`."""
    aware = moment.replace(tzinfo=zone) if moment.tzinfo is None else moment
    try:
        since = aware.astimezone(UTC) - _EPOCH
    except OverflowError as error:
        raise UnbookableRow(_NO_TIME) from error
    ns = (since.days * 86_400 + since.seconds) * 10**9 + since.microseconds * 1_000
    if not 0 < ns <= _INT64_MAX:
        raise UnbookableRow(_NO_TIME)
    return ns


def stated(values: Mapping[str, Value | None]) -> dict[str, Value]:
    """Of attributes those that say something."""
    return {key: value for key, value in values.items() if value is not None and value != ""}


def count(text: str) -> Value:
    """A whole number as one; anything else as it is, to be set aside in sight."""
    digits = text.removeprefix("-")
    return int(text) if digits.isascii() and digits.isdigit() and len(digits) < len(str(_INT64_MAX)) else text


def metadata(name: str, value: object) -> dict[str, Value]:
    """A further field as attribution; one whose name has a meaning of its own here is kept under another."""
    if value is None or isinstance(value, dict | list):
        return {}
    key = f"{a.LEDGER_PREFIX}{name}"
    if key in ALLOWED_KEYS or key.startswith(a.LEDGER_USAGE_PREFIX):
        key = f"{a.LEDGER_PREFIX}{_OWN}{name}"
    return {key: ("true" if value else "false") if isinstance(value, bool) else str(value)}


def _chunks(calls: Iterable[BookedCall | UnbookableRow]) -> Iterator[list[BookedCall | UnbookableRow]]:
    chunk: list[BookedCall | UnbookableRow] = []
    for call in calls:
        chunk.append(call)
        if len(chunk) == ROWS_PER_PART:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _payload(scope: str, resource: tuple[tuple[str, str], ...], rows: Iterable[BookedCall]) -> bytes:
    spans = [
        Span(
            trace_id=row.trace_id,
            span_id=row.span_id,
            name="booked call",
            start_time_unix_nano=max(0, row.start_ns),
            end_time_unix_nano=max(0, row.end_ns),
            attributes=_key_values(row.attributes),
            status=Status(code=Status.STATUS_CODE_ERROR if row.error else Status.STATUS_CODE_UNSET),
        )
        for row in rows
    ]
    scoped = ScopeSpans(scope=InstrumentationScope(name=scope), spans=spans)
    return ResourceSpans(
        resource=Resource(attributes=_key_values(dict(resource))), scope_spans=[scoped]
    ).SerializeToString()


def _key_values(attributes: Mapping[str, Value]) -> list[KeyValue]:
    return [
        KeyValue(key=key, value=AnyValue(int_value=value) if isinstance(value, int) else AnyValue(string_value=value))
        for key, value in attributes.items()
    ]
