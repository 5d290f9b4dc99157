"""One raw log record → a usage record with its event's name and allow-listed attributes only. Pure.

A log record has no identity of its own, so it is given one: the digest of what is kept of it. Sent again it is the
same record, and two records of one span stay two. Its body is content, and goes no further.
"""

from hashlib import blake2b
from typing import Final

from spanledger.exporter.sift.bounds import bounded
from spanledger.exporter.sift.pairs import ATTRIBUTES_MAX, kept, key_of, masked, opened
from spanledger.exporter.sift.pseudonyms import Mask
from spanledger.exporter.sift.records import Resource, UsageRecord
from spanledger.exporter.sift.texts import TEXT_KEYS
from spanledger.exporter.sift.values import NAME_BYTES_MAX, cut
from spanledger.exporter.sift.wire import ANY_VALUE, LOG_RECORD, LogRecordView
from spanledger.schemas.allowlist import EVENT_NAMES
from spanledger.schemas.attributes import EVENT_NAME

_ATTRIBUTE_TAG: Final = b"\x32"
_TRACE_ID_BYTES: Final = 16
_SPAN_ID_BYTES: Final = 8
_DIGEST_BYTES: Final = 16


def usage_log(raw: bytes, resource: Resource, mask: Mask | None = None) -> UsageRecord:
    """Reduce a log record. Raises `WireError` or `UnicodeDecodeError` if it is none."""
    if raw.count(_ATTRIBUTE_TAG) > ATTRIBUTES_MAX:
        bounded(raw, ATTRIBUTES_MAX, "attributes of a log record")
    record = LOG_RECORD.FromString(raw)
    trace_id, span_id, remark = _ids(record)
    stated, pairs, conflicting = kept(record.attributes[:])
    name = _name(record, stated)
    if EVENT_NAME in stated:
        del stated[EVENT_NAME]
        pairs = [pair for pair in pairs if key_of(pair) != EVENT_NAME]
        conflicting = tuple(key for key in conflicting if key != EVENT_NAME)
    if not TEXT_KEYS.isdisjoint(stated):
        stated, pairs, conflicting = opened(stated, pairs)
    if mask:
        stated, pairs, conflicting = masked(stated, pairs, resource.attributes, mask)
    time_ns = record.time_unix_nano or record.observed_time_unix_nano
    dropped = record.dropped_attributes_count
    reduced = LOG_RECORD(
        time_unix_nano=time_ns,
        attributes=pairs,
        dropped_attributes_count=dropped,
        trace_id=trace_id,
        span_id=span_id,
        event_name=name,
    ).SerializeToString()
    return UsageRecord(
        resource,
        trace_id,
        blake2b(reduced, digest_size=_DIGEST_BYTES).digest(),
        span_id,
        name,
        0,
        time_ns,
        time_ns,
        0,
        dropped,
        conflicting,
        stated,
        reduced,
        remark,
    )


def _ids(record: LogRecordView) -> tuple[bytes, bytes, str]:
    """Trace and span of a record, and a remark: with a broken id it is of no trace (logs.proto, fields 9 and 10)."""
    trace_id, span_id = record.trace_id, record.span_id
    if trace_id and len(trace_id) != _TRACE_ID_BYTES:
        return b"", b"", "a log record's trace_id is neither empty nor 16 bytes; it was taken as of no trace"
    # Senders write zeros for no context.
    if not any(trace_id):
        return b"", b"", ""
    if span_id and len(span_id) != _SPAN_ID_BYTES:
        return trace_id, b"", "a log record's span_id is neither empty nor 8 bytes; it was taken as of no span"
    return trace_id, span_id if any(span_id) else b"", ""


def _name(record: LogRecordView, stated: dict[str, bytes]) -> bytes:
    """The event's name: of the field, the attribute of older senders and the body the first that a dialect knows.

    Else the field or the attribute; a body we do not know is content. (Rust's `tracing` fills the field with the line
    of code, beside an attribute that says what happened.)
    """
    attribute = _text(stated[EVENT_NAME]) if EVENT_NAME in stated else b""
    body = _text(record.body) if 0 < len(record.body) <= _BODY_BYTES_MAX else b""
    known = (name for name in (record.event_name, attribute, body) if name in _KNOWN)
    return cut(next(known, record.event_name or attribute), NAME_BYTES_MAX)


def _text(value: bytes) -> bytes:
    return ANY_VALUE.FromString(value).string_value.encode()


_KNOWN: Final = frozenset(name.encode() for name in EVENT_NAMES)
_BODY_BYTES_MAX: Final = max(map(len, _KNOWN)) + 2
