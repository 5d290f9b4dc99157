"""One raw span → a usage span with allow-listed attributes only. Pure."""

from typing import Final

from spanledger.exporter.sift.bounds import bounded
from spanledger.exporter.sift.pairs import ATTRIBUTES_MAX, kept, masked, opened
from spanledger.exporter.sift.pseudonyms import Mask
from spanledger.exporter.sift.records import Resource, UsageRecord
from spanledger.exporter.sift.texts import TEXT_KEYS
from spanledger.exporter.sift.values import NAME_BYTES_MAX, cut
from spanledger.exporter.sift.wire import SPAN

_ATTRIBUTE_TAG: Final = b"\x4a"
_TRACE_ID_BYTES: Final = 16
_SPAN_ID_BYTES: Final = 8


def usage_span(raw: bytes, resource: Resource, mask: Mask | None = None) -> UsageRecord:
    """Reduce a span. Raises `ValueError` if its ids are broken, `WireError` or `UnicodeDecodeError` if it is none."""
    if raw.count(_ATTRIBUTE_TAG) > ATTRIBUTES_MAX:
        bounded(raw, ATTRIBUTES_MAX, "attributes of a span")
    span = SPAN.FromString(raw)
    trace_id, span_id = span.trace_id, span.span_id
    if len(trace_id) != _TRACE_ID_BYTES or not any(trace_id):
        msg = "a span's trace_id is not 16 bytes with at least one that is not zero"
        raise ValueError(msg)
    if len(span_id) != _SPAN_ID_BYTES or not any(span_id):
        msg = "a span's span_id is not 8 bytes with at least one that is not zero"
        raise ValueError(msg)
    parent_span_id = span.parent_span_id
    if parent_span_id and len(parent_span_id) != _SPAN_ID_BYTES:
        msg = "a span's parent_span_id is neither empty nor 8 bytes"
        raise ValueError(msg)
    pairs = span.attributes[:]
    stated, remaining, conflicting = kept(pairs)
    if not TEXT_KEYS.isdisjoint(stated):
        stated, remaining, conflicting = opened(stated, remaining)
    if mask:
        stated, remaining, conflicting = masked(stated, remaining, resource.attributes, mask)
    span.DiscardUnknownFields()
    if len(span.name) > NAME_BYTES_MAX:
        span.name = cut(span.name, NAME_BYTES_MAX)
    if remaining != pairs or span.ByteSize() != len(raw):
        del span.attributes[:]
        span.attributes.extend(remaining)
        raw = span.SerializeToString()
    return UsageRecord(
        resource,
        trace_id,
        span_id,
        parent_span_id,
        span.name,
        span.kind,
        span.start_time_unix_nano,
        span.end_time_unix_nano,
        span.status.code,
        span.dropped_attributes_count,
        conflicting,
        stated,
        raw,
    )
