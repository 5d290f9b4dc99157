"""One request of raw OTLP bytes → its usage spans, with allow-listed attributes only. Pure: no I/O, no clock.

Order of work, cheapest first: frame the request (this alone decides whether it can be decoded as a whole),
drop a batch without any mark by substring search, then parse only the spans that hold one. Sifting a sifted
payload gives the same spans, so a journal record is read back by the very same function.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import compress
from typing import Final

import msgspec

from spanledger.exporter.failures import Permanent, TooLarge
from spanledger.exporter.sift.bounds import bounded
from spanledger.exporter.sift.texts import TEXT_KEYS, pair_of, stated_in
from spanledger.exporter.sift.wire import (
    KEY_VALUE,
    REQUEST,
    RESOURCE,
    RESOURCE_SPANS,
    SCOPE,
    SCOPE_SPANS,
    SPAN,
    WireError,
)
from spanledger.schemas.allowlist import ALLOWED_KEYS, ALLOWED_PREFIXES, MARKS
from spanledger.schemas.claim import Signal

# The C parser spends 16 to 80 bytes on an element that takes 2 on the wire (a 4 KB gzip body cost 309 MB), so
# elements are counted before they are parsed. A batch of an SDK is 512 spans of some 25 attributes.
RESOURCES_MAX: Final = 10_000
SPANS_MAX: Final = 100_000
ATTRIBUTES_MAX: Final = 1_024
REASONS_MAX: Final = 5

# Pairs are short and few; when a fleet's ids have filled the table it starts anew. At most 10 MB.
_REMEMBERED_MAX: Final = 16_384
_REMEMBERED_BYTES_MAX: Final = 128

_SPAN_TAG: Final = b"\x12"
_ATTRIBUTE_TAG: Final = b"\x4a"
_TRACE_ID_BYTES: Final = 16
_SPAN_ID_BYTES: Final = 8


class Resource(msgspec.Struct, frozen=True, eq=False):
    """What emitted a span: allow-listed resource attributes (raw AnyValue bytes) and the scope's name.

    Equal senders share one object (see `_resource`), so what follows from it can be remembered by identity.
    """

    attributes: dict[str, bytes]
    scope_name: str
    scope_version: str
    signal: Signal = "traces"


class UsageRecord(msgspec.Struct, frozen=True):
    """A span or log record that may state usage. Attribute values are raw AnyValues; times are ns since 1970 UTC."""

    resource: Resource
    trace_id: bytes
    span_id: bytes
    parent_span_id: bytes
    name: bytes
    kind: int
    start_ns: int
    end_ns: int
    status_code: int
    dropped_attributes: int
    conflicting: tuple[str, ...]
    """Keys that the span states twice with different values."""
    attributes: dict[str, bytes]
    raw: bytes
    """The span as it is kept, for the quarantine."""


class Sifted(msgspec.Struct):
    """What is left of a request."""

    received: int = 0
    """Elements (spans) that the request carried."""
    spans: list[UsageRecord] = []
    payload: bytes = b""
    """The reduced request as OTLP protobuf; empty when nothing is kept."""
    rejected: int = 0
    reasons: list[str] = []


def sift(body: bytes) -> Sifted:
    """Reduce an `ExportTraceServiceRequest`. Raises `Permanent` if it cannot be framed, `TooLarge` over a limit."""
    sifted = Sifted()
    kept = REQUEST()
    marks = tuple(mark for mark in MARKS if mark in body)
    try:
        for raw_resource, scopes in _resources(body):
            resource_spans = RESOURCE_SPANS()
            for raw_scope, raw_spans in scopes:
                sifted.received += len(raw_spans)
                if sifted.received > SPANS_MAX:
                    msg = f"more than {SPANS_MAX} spans in one request"
                    raise TooLarge(msg)
                spans = _usage_spans(raw_resource, raw_scope, raw_spans, marks, sifted) if marks else []
                if spans:
                    scope_spans = SCOPE_SPANS()
                    scope_spans.scope = _reduced_scope(raw_scope)[2]
                    scope_spans.spans.extend(span.raw for span in spans)
                    resource_spans.scope_spans.append(scope_spans.SerializeToString())
                    sifted.spans += spans
            if resource_spans.scope_spans:
                resource_spans.resource = _reduced_resource(raw_resource)[1]
                kept.resource_spans.append(resource_spans.SerializeToString())
    except (WireError, UnicodeDecodeError) as error:
        msg = "the body is not a protobuf ExportTraceServiceRequest"
        raise Permanent(msg) from error
    sifted.payload = kept.SerializeToString() if sifted.spans else b""
    return sifted


def _resources(body: bytes) -> Iterator[tuple[bytes, Iterator[tuple[bytes, list[bytes]]]]]:
    bounded(body, RESOURCES_MAX, "resource_spans")
    for raw in REQUEST.FromString(body).resource_spans:
        bounded(raw, RESOURCES_MAX, "scope_spans")
        resource_spans = RESOURCE_SPANS.FromString(raw)
        yield resource_spans.resource, _scopes(list(resource_spans.scope_spans))


def _scopes(raws: list[bytes]) -> Iterator[tuple[bytes, list[bytes]]]:
    for raw in raws:
        if raw.count(_SPAN_TAG) > SPANS_MAX:
            bounded(raw, SPANS_MAX, "spans")
        scope_spans = SCOPE_SPANS.FromString(raw)
        yield scope_spans.scope, list(scope_spans.spans)


def _usage_spans(
    raw_resource: bytes, raw_scope: bytes, raw_spans: list[bytes], marks: tuple[bytes, ...], sifted: Sifted
) -> list[UsageRecord]:
    spans: list[UsageRecord] = []
    resource = None
    for raw in raw_spans:
        if _marked(raw, marks):
            try:
                resource = resource or _resource(raw_resource, raw_scope)
                span = _usage_span(raw, resource)
                if _marked(span.raw, MARKS):
                    spans.append(span)
            except (WireError, UnicodeDecodeError, ValueError) as error:
                sifted.rejected += 1
                reason = str(error) if type(error) is ValueError else "a span is not valid protobuf or UTF-8"
                if len(sifted.reasons) < REASONS_MAX:
                    sifted.reasons.append(reason)
    return spans


def _marked(raw: bytes, marks: tuple[bytes, ...]) -> bool:
    for mark in marks:  # noqa: SIM110 (a generator would cost more than the search)
        if mark in raw:
            return True
    return False


def _usage_span(raw: bytes, resource: Resource) -> UsageRecord:
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
    stated, kept, conflicting = _kept(pairs)
    if not TEXT_KEYS.isdisjoint(stated):
        stated, kept = _opened(stated, kept)
    span.DiscardUnknownFields()
    if len(kept) != len(pairs) or span.ByteSize() != len(raw):
        del span.attributes[:]
        span.attributes.extend(kept)
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


class _Pairs(dict[bytes, "tuple[str, bytes] | None"]):
    """Raw KeyValue → its key and raw value, or None if it may not be kept. What was read before is not read again.

    An emitter states the same models, limits and names over and over; long values are prompts, and not remembered.
    """

    def __missing__(self, pair: bytes) -> tuple[str, bytes] | None:
        """Read a pair. Raises `WireError` or `UnicodeDecodeError`."""
        # KeyValue as every encoder writes it: tag 1, a length below 128, the key, tag 2, a length, the value.
        end = pair[1] + 2 if len(pair) > 1 and pair[0] == 0x0A and pair[1] < 0x80 else 0
        key = _allowed(pair[2:end]) if end else _allowed(KEY_VALUE.FromString(pair).key)
        stated = None
        if key is not None:
            size = len(pair) - end - 2
            plain = end and 0 <= size < 0x80 and pair[end] == 0x12 and pair[end + 1] == size
            stated = key, pair[end + 2 :] if plain else KEY_VALUE.FromString(pair).value
        if len(pair) <= _REMEMBERED_BYTES_MAX:
            if len(self) >= _REMEMBERED_MAX:
                self.clear()
            self[pair] = stated
        return stated


_read = _Pairs().__getitem__


def _kept(pairs: Sequence[bytes]) -> tuple[dict[str, bytes], list[bytes], tuple[str, ...]]:
    """Of raw KeyValues the allow-listed: values by key, the pairs themselves, and keys with different values.

    OTLP forbids a sender to state a key twice; equal values fold, different ones are all kept (the last is read).
    """
    read = list(map(_read, pairs))
    values = dict(filter(None, read))
    kept = list(compress(pairs, read))
    if len(kept) == len(values):
        return values, kept, ()
    distinct = {stated: pair for pair, stated in zip(pairs, read, strict=True) if stated}
    conflicting = sorted(key for key, times in Counter(key for key, _ in distinct).items() if times > 1)
    return values, list(distinct.values()), tuple(conflicting)


def _opened(stated: dict[str, bytes], pairs: list[bytes]) -> tuple[dict[str, bytes], list[bytes]]:
    """Texts replaced by what a dialect reads of them. A path that the span states itself stays as it is."""
    found = {path: value for key in TEXT_KEYS & stated.keys() for path, value in stated_in(key, stated[key])}
    plain = {key: value for key, value in stated.items() if key not in TEXT_KEYS}
    kept = [pair for pair in pairs if (read := _read(pair)) and read[0] not in TEXT_KEYS]
    more = {path: value for path, value in found.items() if path not in plain}
    return plain | more, kept + [pair_of(path, value) for path, value in more.items()]


# Keys are few; a hostile sender of ever new ones only makes us look again.
@lru_cache(maxsize=16_384)
def _allowed(key: bytes) -> str | None:
    """A key that may be kept, or None. Raises `UnicodeDecodeError`."""
    name = key.decode()
    return name if name in ALLOWED_KEYS or name.startswith(ALLOWED_PREFIXES) else None


@lru_cache(maxsize=4_096)
def _resource(raw_resource: bytes, raw_scope: bytes) -> Resource:
    return Resource(_reduced_resource(raw_resource)[0], *_reduced_scope(raw_scope)[:2])


@lru_cache(maxsize=4_096)
def _reduced_resource(raw: bytes) -> tuple[dict[str, bytes], bytes]:
    """A resource's allow-listed attributes, and itself with nothing else. A fleet has few distinct resources."""
    if raw.count(b"\x0a") > ATTRIBUTES_MAX:
        bounded(raw, ATTRIBUTES_MAX, "attributes of a resource")
    attributes = RESOURCE.FromString(raw).attributes
    kept = {key: attributes[key] for key in attributes if key in ALLOWED_KEYS or key.startswith(ALLOWED_PREFIXES)}
    return kept, RESOURCE(attributes=kept).SerializeToString()


@lru_cache(maxsize=4_096)
def _reduced_scope(raw: bytes) -> tuple[str, str, bytes]:
    """A scope's name and version, and itself with nothing else."""
    scope = SCOPE.FromString(raw)
    return scope.name, scope.version, SCOPE(name=scope.name, version=scope.version).SerializeToString()
