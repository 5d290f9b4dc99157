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
from spanledger.exporter.sift.pairs import ATTRIBUTES_MAX
from spanledger.exporter.sift.records import Resource, UsageRecord
from spanledger.exporter.sift.spans import usage_span
from spanledger.exporter.sift.wire import REQUEST, RESOURCE, RESOURCE_SPANS, SCOPE, SCOPE_SPANS, WireError
from spanledger.schemas.allowlist import ALLOWED_KEYS, ALLOWED_PREFIXES, MARKS
from spanledger.schemas.claim import Signal

# The C parser spends 16 to 80 bytes on an element that takes 2 on the wire (a 4 KB gzip body cost 309 MB), so
# elements are counted before they are parsed. A batch of an SDK is 512 spans of some 25 attributes.
RESOURCES_MAX: Final = 10_000
SPANS_MAX: Final = 100_000

_SPAN_TAG: Final = b"\x12"


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

    read: Callable[[bytes, Resource], UsageRecord]
    marks: tuple[bytes, ...]
    request: str
    element: str


_KINDS: Final[dict[Signal, _Kind]] = {
    "traces": _Kind(usage_span, MARKS["traces"], "ExportTraceServiceRequest", "span"),
    "logs": _Kind(usage_log, MARKS["logs"], "ExportLogsServiceRequest", "log record"),
}


def sift(body: bytes, signal: Signal = "traces") -> Sifted:
    """Reduce an export request. Raises `Permanent` if it cannot be framed, `TooLarge` over a limit."""
    sifted = Sifted()
    kept = REQUEST()
    kind = _KINDS[signal]
    marks = tuple(mark for mark in kind.marks if mark in body)
    try:
        for raw_resource, scopes in _resources(body):
            resource_spans = RESOURCE_SPANS()
            for raw_scope, raw_spans in scopes:
                sifted.received += len(raw_spans)
                if sifted.received > SPANS_MAX:
                    msg = f"more than {SPANS_MAX} {kind.element}s in one request"
                    raise TooLarge(msg)
                spans = _usage_spans((raw_resource, raw_scope, signal), raw_spans, marks, sifted) if marks else []
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
        msg = f"the body is not a protobuf {kind.request}"
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
    origin: tuple[bytes, bytes, Signal], raw_spans: list[bytes], marks: tuple[bytes, ...], sifted: Sifted
) -> list[UsageRecord]:
    spans: list[UsageRecord] = []
    resource, kind = None, _KINDS[origin[2]]
    read, every = kind.read, kind.marks
    for raw in raw_spans:
        if _marked(raw, marks):
            try:
                resource = resource or _resource(*origin)
                span = read(raw, resource)
                if _marked(span.raw, every):
                    spans.append(span)
                    if span.remark:
                        sifted.remarks[span.remark] += 1
            except (WireError, UnicodeDecodeError, ValueError) as error:
                broken = f"a {kind.element} is not valid protobuf or UTF-8"
                sifted.reasons[str(error) if type(error) is ValueError else broken] += 1
    return spans


def _marked(raw: bytes, marks: tuple[bytes, ...]) -> bool:
    for mark in marks:  # noqa: SIM110 (a generator would cost more than the search)
        if mark in raw:
            return True
    return False


@lru_cache(maxsize=4_096)
def _resource(raw_resource: bytes, raw_scope: bytes, signal: Signal) -> Resource:
    return Resource(_reduced_resource(raw_resource)[0], *_reduced_scope(raw_scope)[:2], signal)


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
