"""An `llm_usage.json` (or the same records as JSON lines) → booked calls. Pure.

The file has no ids. A record is known by what it says and, of equal ones, by which of them it is; a file only grows, so
importing it again when it is longer brings what is new. A record that `UsageLedger` wrote carries its id.
"""

import io
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from spanledger.exporter.store.statements import literal
from spanledger.ledger.importing.files import Part
from spanledger.ledger.importing.framing import Broken
from spanledger.ledger.importing.kept_books import (
    BookedCall,
    UnbookableRow,
    Value,
    count,
    instant_ns,
    parts_of,
    stated,
)
from spanledger.ledger.tables import Table
from spanledger.schemas import attributes as a

# The file is one JSON document, rewritten at every call by the program it came from: it never grew this large.
FILE_BYTES_MAX: Final = 512 * 1024 * 1024

ID: Final = "spanledger_id"
"""Key of a record that is in the ledger already: the trace and span id of its span, 48 hex digits."""

_ID_BYTES: Final = 24
_TRACE_ID_BYTES: Final = 16
_RECORD: Final = dict[str, object]
# The text of a question stays well under ClickHouse's 256 KiB default.
_IDS_PER_QUESTION: Final = 1_000


Known = Callable[[Sequence[str]], Collection[str]]
"""Of trace ids those that the ledger holds."""


def read(stream: io.BufferedReader, zone: ZoneInfo, known: Known) -> Iterator[Part]:
    """The parts of a file, without the records that `UsageLedger` wrote and the ledger holds. Raises `Broken`."""
    seen: Counter[bytes] = Counter()
    found = records(stream)
    own = [own_id.hex()[: 2 * _TRACE_ID_BYTES] for record in found if (own_id := _own_id(record))]
    held = frozenset(known(own) if own else ())
    told = (record for record in found if _own_id(record).hex()[: 2 * _TRACE_ID_BYTES] not in held)
    return parts_of(a.USAGE_LEDGER_SCOPE, (_booked(record, zone, seen) for record in told))


def known_to(query: Callable[[str], Table]) -> Known:
    """Ask a ledger."""

    def known(trace_ids: Sequence[str]) -> set[str]:
        found: set[str] = set()
        for start in range(0, len(trace_ids), _IDS_PER_QUESTION):
            # Hex digits, each: nothing that a file says otherwise.
            wanted = ", ".join(map(literal, trace_ids[start : start + _IDS_PER_QUESTION]))
            sql = f"SELECT DISTINCT trace_id FROM ledger_claims WHERE trace_id IN ({wanted})"  # noqa: S608
            found.update(str(trace_id) for (trace_id,) in query(sql).rows)
        return found

    return known


def records(stream: io.BufferedReader) -> list[Mapping[str, object]]:
    """Every record of a file. Raises `Broken` for what is neither an array nor lines of them: that is not zero."""
    text = stream.read(FILE_BYTES_MAX + 1)
    if len(text) > FILE_BYTES_MAX:
        msg = f"it is larger than {FILE_BYTES_MAX} bytes"
        raise Broken(msg)
    text = text.removeprefix(b"\xef\xbb\xbf")
    try:
        if text.lstrip().startswith(b"{"):
            return [*msgspec.json.Decoder(_RECORD).decode_lines(text)]
        return [*msgspec.json.decode(text, type=list[_RECORD])]
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        msg = f"it is no array of usage records: {error}"
        raise Broken(msg) from error


def attributes_of(record: Mapping[str, object]) -> dict[str, Value]:
    """What a record says of its call."""
    model, task = _text(record, "model"), _text(record, "task_id")
    status = (_text(record, "status") or "ok").lower()
    said: dict[str, Value | None] = {
        a.OPERATION_NAME: "chat",
        a.PROVIDER_NAME: _text(record, "provider"),
        a.REQUEST_MODEL: model,
        a.RESPONSE_MODEL: model,
        a.RESPONSE_ID: _text(record, "response_id"),
        a.USAGE_INPUT_TOKENS: _count(record, "tokens_in"),
        a.USAGE_OUTPUT_TOKENS: _count(record, "tokens_out"),
        a.USAGE_COST: _text(record, "cost"),
        a.LEDGER_AGENT: _text(record, "agent"),
        a.LEDGER_WORKFLOW_ID: task,
        a.LEDGER_TASK_ID: task,
        a.LEDGER_STATUS: status if status == "fallback" else None,
        a.ERROR_TYPE: "error" if is_error(record) else None,
    }
    return stated(said)


def is_error(record: Mapping[str, object]) -> bool:
    """Whether the call failed."""
    return (_text(record, "status") or "").lower() == "error"


def time_of(record: Mapping[str, object], zone: ZoneInfo) -> int:
    """When it was, in nanoseconds since 1970. Raises `UnbookableRow`."""
    try:
        moment = datetime.fromisoformat(str(record.get("ts")))
    except ValueError as error:
        msg = "a record whose ts is no time"
        raise UnbookableRow(msg) from error
    return instant_ns(moment, zone)


def _booked(record: Mapping[str, object], zone: ZoneInfo, seen: Counter[bytes]) -> BookedCall | UnbookableRow:
    try:
        at_ns = time_of(record, zone)
    except UnbookableRow as reason:
        return reason
    ids = _ids(record, seen)
    return BookedCall(
        trace_id=ids[:_TRACE_ID_BYTES],
        span_id=ids[_TRACE_ID_BYTES:],
        start_ns=at_ns,
        end_ns=at_ns,
        error=is_error(record),
        attributes=attributes_of(record),
    )


def _ids(record: Mapping[str, object], seen: Counter[bytes]) -> bytes:
    if own := _own_id(record):
        return own
    content = msgspec.json.encode(record, order="deterministic")
    digest = blake2b(content, digest_size=32).digest()
    seen[digest] += 1
    return blake2b(digest + seen[digest].to_bytes(8, "big"), digest_size=_ID_BYTES).digest()


def _own_id(record: Mapping[str, object]) -> bytes:
    """The id that `UsageLedger` gave a record; empty if it did not."""
    try:
        own = bytes.fromhex(str(record.get(ID, "")))
    except ValueError:
        return b""
    return own if len(own) == _ID_BYTES else b""


def _text(record: Mapping[str, object], name: str) -> str | None:
    value = record.get(name)
    return None if value is None else repr(value) if isinstance(value, float) else str(value)


def _count(record: Mapping[str, object], name: str) -> Value | None:
    text = _text(record, name)
    return count(text) if text else None
