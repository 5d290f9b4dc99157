"""One request of raw OTLP bytes → its usage spans, with allow-listed attributes only. Pure: no I/O, no clock.

Order of work, cheapest first: frame the request (this alone decides whether it can be decoded as a whole),
drop a batch without any mark by substring search, then parse only the spans that hold one. Sifting a sifted
payload gives the same spans, so a journal record is read back by the very same function. Requests of traces and of
logs are framed alike on the wire (request.1 a resource's part, its .2 scopes, their .2 the elements): where this says
span, of a request of logs it means a log record.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Final

import msgspec

from spanledger.exporter.failures import Permanent, TooLarge
from spanledger.exporter.sift.bounds import bounded
from spanledger.exporter.sift.logs import usage_log
from spanledger.exporter.sift.pairs import ATTRIBUTES_MAX, allowed
from spanledger.exporter.sift.pseudonyms import Mask
from spanledger.exporter.sift.records import Resource, UsageRecord
from spanledger.exporter.sift.spans import usage_span
from spanledger.exporter.sift.values import NAME_BYTES_MAX, bare_value, cut
from spanledger.exporter.sift.wire import REQUEST, RESOURCE, RESOURCE_SPANS, SCOPE, SCOPE_SPANS, WireError
from spanledger.schemas.allowlist import MARKS
from spanledger.schemas.claim import Signal

# The C parser spends 16 to 80 bytes on an element that takes 2 on the wire (a 4 KB gzip body cost 309 MB), so
# elements are counted before they are parsed. A batch of an SDK is 512 spans of some 25 attributes.
RESOURCES_MAX: Final = 10_000
SPANS_MAX: Final = 100_000

_SPAN_TAG: Final = b"\x12"

# Resources and scopes of real senders have some 500 bytes. Larger ones are read again each time, and not kept.
_REMEMBERED_BYTES_MAX: Final = 4 * 1_024


class Sifted(msgspec.Struct):
    """What is left of a request."""

    received: int = 0
    """Elements (spans, log records) that the request carried."""
    spans: list[UsageRecord] = []
    payload: bytes = b""
    """The reduced request as OTLP protobuf; empty when nothing is kept."""
    reasons: Counter[str] = msgspec.field(default_factory=Counter[str])
    """Why elements were rejected, and how many each. The reasons are few: none quotes what was sent."""
    remarks: Counter[str] = msgspec.field(default_factory=Counter[str])
    """What else the sender should be told, of how many elements."""

    @property
    def rejected(self) -> int:
        """Elements that no journal will hold."""
        return self.reasons.total()


class _Kind(msgspec.Struct, frozen=True):
    """What differs between the signals."""

    read: Callable[[bytes, Resource, Mask | None], UsageRecord]
    marks: tuple[bytes, ...]
    request: str
    element: str


_KINDS: Final[dict[Signal, _Kind]] = {
    "traces": _Kind(usage_span, MARKS["traces"], "ExportTraceServiceRequest", "span"),
    "logs": _Kind(usage_log, MARKS["logs"], "ExportLogsServiceRequest", "log record"),
}


def sift(body: bytes, signal: Signal = "traces", mask: Mask | None = None) -> Sifted:
    """Reduce an export request, with a `mask` to what names nobody.

    Raises `Permanent` if it cannot be framed, `TooLarge` over a limit.
    """
    sifted = Sifted()
    kept = REQUEST()
    kind = _KINDS[signal]
    marks = tuple(mark for mark in kind.marks if mark in body)
    try:
        for raw_resource, scopes in _resources(body):
            resource_spans = RESOURCE_SPANS()
            origin = _Origin(raw_resource, signal, mask)
            for raw_scope, raw_spans in scopes:
                sifted.received += len(raw_spans)
                if sifted.received > SPANS_MAX:
                    msg = f"more than {SPANS_MAX} {kind.element}s in one request"
                    raise TooLarge(msg)
                spans = _usage_spans(origin, raw_scope, raw_spans, marks, sifted) if marks else []
                if spans:
                    scope_spans = SCOPE_SPANS()
                    scope_spans.scope = _scope(raw_scope)[2]
                    scope_spans.spans.extend(span.raw for span in spans)
                    resource_spans.scope_spans.append(scope_spans.SerializeToString())
                    sifted.spans += spans
            if resource_spans.scope_spans:
                resource_spans.resource = origin.reduced[1]
                kept.resource_spans.append(resource_spans.SerializeToString())
    except (WireError, UnicodeDecodeError) as error:
        msg = f"the body is not a protobuf {kind.request}"
        raise Permanent(msg) from error
    sifted.payload = kept.SerializeToString() if sifted.spans else b""
    return sifted


def _resources(body: bytes) -> Iterator[tuple[bytes, Iterator[tuple[bytes, list[bytes]]]]]:
    bounded(body, RESOURCES_MAX, "resource_spans")
    # A message holds a copy of its parts: at each level it is let go before the next one is read.
    for raw in list(REQUEST.FromString(body).resource_spans):
        bounded(raw, RESOURCES_MAX, "scope_spans")
        resource_spans = RESOURCE_SPANS.FromString(raw)
        resource, scopes = resource_spans.resource, list(resource_spans.scope_spans)
        del resource_spans
        yield resource, _scopes(scopes)


def _scopes(raws: list[bytes]) -> Iterator[tuple[bytes, list[bytes]]]:
    for raw in raws:
        if raw.count(_SPAN_TAG) > SPANS_MAX:
            bounded(raw, SPANS_MAX, "spans")
        scope_spans = SCOPE_SPANS.FromString(raw)
        scope, spans = scope_spans.scope, list(scope_spans.spans)
        del scope_spans
        yield scope, spans


class _Origin:
    """Where the spans of one part of a request come from: read when the first of them is kept, and once."""

    def __init__(self, raw: bytes, signal: Signal, mask: Mask | None) -> None:
        self._raw = raw
        self._small = len(raw) <= _REMEMBERED_BYTES_MAX
        self.signal: Signal = signal
        self.mask = mask
        self._reduced: tuple[dict[str, bytes], bytes, str] | None = None

    @property
    def reduced(self) -> tuple[dict[str, bytes], bytes, str]:
        """The resource's allow-listed attributes, itself with nothing else, and why it cannot be read."""
        self._reduced = self._reduced or self._read()
        return self._reduced

    def resource(self, raw_scope: bytes) -> Resource:
        """The resource with a scope. Raises `ValueError` if it cannot be read, `WireError` if the scope cannot."""
        attributes, _, broken = self.reduced
        if broken:
            raise ValueError(broken)
        if self._small and len(raw_scope) <= _REMEMBERED_BYTES_MAX:
            return _resource(self._raw, raw_scope, self.signal, self.mask)
        return Resource(attributes, *_scope(raw_scope)[:2], self.signal, remembered=False)

    def _read(self) -> tuple[dict[str, bytes], bytes, str]:
        try:
            read = _reduced_resource if self._small else _reduced_resource.__wrapped__
            return read(self._raw, self.mask)
        except (WireError, UnicodeDecodeError):
            return {}, b"", "a resource is not valid protobuf or UTF-8"
        except TooLarge as error:
            return {}, b"", str(error)


def _usage_spans(
    origin: _Origin, raw_scope: bytes, raw_spans: list[bytes], marks: tuple[bytes, ...], sifted: Sifted
) -> list[UsageRecord]:
    spans: list[UsageRecord] = []
    resource, kind = None, _KINDS[origin.signal]
    read, every = kind.read, kind.marks
    for raw in raw_spans:
        if _marked(raw, marks):
            try:
                resource = resource or origin.resource(raw_scope)
                span = read(raw, resource, origin.mask)
                if _marked(span.raw, every):
                    spans.append(span)
                    if span.remark:
                        sifted.remarks[span.remark] += 1
            except (WireError, UnicodeDecodeError):
                sifted.reasons[f"a {kind.element} is not valid protobuf or UTF-8"] += 1
            except (ValueError, TooLarge) as error:
                sifted.reasons[str(error)] += 1
    return spans


def _marked(raw: bytes, marks: tuple[bytes, ...]) -> bool:
    for mark in marks:  # noqa: SIM110 (a generator would cost more than the search)
        if mark in raw:
            return True
    return False


@lru_cache(maxsize=4_096)
def _resource(raw_resource: bytes, raw_scope: bytes, signal: Signal, mask: Mask | None) -> Resource:
    return Resource(_reduced_resource(raw_resource, mask)[0], *_scope(raw_scope)[:2], signal)


@lru_cache(maxsize=4_096)
def _reduced_resource(raw: bytes, mask: Mask | None) -> tuple[dict[str, bytes], bytes, str]:
    """As `_Origin.reduced`, of which a fleet has few. Raises `TooLarge`, `WireError`, `UnicodeDecodeError`."""
    if raw.count(b"\x0a") > ATTRIBUTES_MAX:
        bounded(raw, ATTRIBUTES_MAX, "attributes of a resource")
    attributes = RESOURCE.FromString(raw).attributes
    kept = {key: bare_value(attributes[key]) for key in attributes if allowed(key)}
    kept = kept | mask.renamed(kept, {}) if mask else kept
    return kept, RESOURCE(attributes=kept).SerializeToString(), ""


def _scope(raw: bytes) -> tuple[str, str, bytes]:
    """A scope's name and version, and itself with nothing else."""
    return _reduced_scope(raw) if len(raw) <= _REMEMBERED_BYTES_MAX else _reduced_scope.__wrapped__(raw)


@lru_cache(maxsize=4_096)
def _reduced_scope(raw: bytes) -> tuple[str, str, bytes]:
    scope = SCOPE.FromString(raw)
    name, version = (cut(text.encode(), NAME_BYTES_MAX).decode() for text in (scope.name, scope.version))
    return name, version, SCOPE(name=name, version=version).SerializeToString()
