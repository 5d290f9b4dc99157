"""How an attempt becomes a span: made once, when all is known, wherever nobody could see the difference.

Most of what a span of the SDK costs is for what may happen to it between its start and its end. Where every processor
of the provider only stamps spans that start, or leaves them alone, there is nothing of that kind: the span is decided
and stamped at its start, as the SDK would, and made at its end. Everywhere else it is the SDK's own.
"""

from collections.abc import Mapping
from time import time_ns
from typing import Any, Final, Protocol, cast

from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, Tracer
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import Span, SpanContext, SpanKind, Status, StatusCode, TraceFlags, get_current_span
from opentelemetry.trace import Tracer as AnyTracer
from opentelemetry.util.types import AttributeValue

from spanledger.schemas.ambient import only_stamps

_UNSET: Final = Status(StatusCode.UNSET)
_ERROR: Final = Status(StatusCode.ERROR)
_IGNORE_STARTS: Final = (SpanProcessor.on_start, BatchSpanProcessor.on_start, SimpleSpanProcessor.on_start)
# What the SDK lets processors do to a span that is about to end; older ones do not ask.
_ON_ENDING: Final = "_on_ending"
# As many as an attempt may state, with what stamps it.
_ATTRIBUTES_MIN: Final = 128
_RANDOM: Final = TraceFlags.RANDOM_TRACE_ID


class AttemptSpan(Protocol):
    """The span of one attempt, which has begun."""

    def end(self, attributes: Mapping[str, AttributeValue], *, failed: bool) -> None:
        """State the rest and end it."""
        ...


class Spans:
    """The spans of one tracer."""

    def __init__(self, tracer: AnyTracer) -> None:
        self._tracer = tracer
        # A tracer of the SDK or none: what it has beyond the API has no public names.
        self._sdk: Any = tracer if isinstance(tracer, Tracer) and _is_plain(tracer) else None
        self._seen: tuple[SpanProcessor, ...] | None = None
        self._stamping: tuple[SpanProcessor, ...] | None = None

    def begin(self, name: str, attributes: dict[str, AttributeValue]) -> AttemptSpan | None:
        """Begin the span of an attempt; None if nobody would see it."""
        if self._sdk is None or not self._sdk._is_enabled() or (stamping := self._stampers()) is None:  # noqa: SLF001
            span = self._tracer.start_span(name, kind=SpanKind.CLIENT, attributes=attributes)
            return _Started(span) if span.is_recording() else None
        sdk = self._sdk
        above = get_current_span().get_span_context()
        if above.trace_id and above.span_id:
            parent, trace_id, random = above, above.trace_id, above.trace_flags & _RANDOM
        else:
            parent, trace_id = None, sdk.id_generator.generate_trace_id()
            random = _RANDOM if sdk.id_generator.is_trace_id_random() else 0
        result = sdk.sampler.should_sample(None, trace_id, name, SpanKind.CLIENT, attributes, ())
        if result.decision is Decision.DROP:
            return None
        flags = TraceFlags((result.decision is Decision.RECORD_AND_SAMPLE) | random)
        context = SpanContext(trace_id, sdk.id_generator.generate_span_id(), False, flags, result.trace_state)  # noqa: FBT003
        span = _Late(sdk, name, context, parent, {**result.attributes})
        for each in stamping:
            each.on_start(cast("Any", span), None)
        return span

    def _stampers(self) -> tuple[SpanProcessor, ...] | None:
        """The processors that stamp; None if there is one that does anything else to a span before it has ended."""
        present = self._sdk.span_processor._span_processors  # noqa: SLF001
        if present is not self._seen:
            self._stamping = _stampers(present)
            self._seen = present
        return self._stamping


class _Started:
    """A span of the SDK's own, or of another."""

    __slots__ = ("_span",)

    def __init__(self, span: Span) -> None:
        self._span = span

    def end(self, attributes: Mapping[str, AttributeValue], *, failed: bool) -> None:
        try:
            if failed:
                self._span.set_status(StatusCode.ERROR)
            if attributes:
                self._span.set_attributes(attributes)
        finally:
            self._span.end()


class _Late:
    """What a span will be made of. To whoever stamps it, it is a span."""

    __slots__ = ("_context", "_name", "_parent", "_sdk", "_start_ns", "attributes")

    def __init__(
        self,
        sdk: Any,  # noqa: ANN401
        name: str,
        context: SpanContext,
        parent: SpanContext | None,
        attributes: dict[str, AttributeValue],
    ) -> None:
        self._sdk, self._name, self._context, self._parent = sdk, name, context, parent
        self.attributes = attributes
        self._start_ns = time_ns()

    def set_attributes(self, attributes: Mapping[str, AttributeValue]) -> None:
        self.attributes.update(attributes)

    def end(self, attributes: Mapping[str, AttributeValue], *, failed: bool) -> None:
        sdk = self._sdk
        self.attributes.update(attributes)
        span = ReadableSpan(
            self._name,
            self._context,
            self._parent,
            sdk.resource,
            self.attributes,
            kind=SpanKind.CLIENT,
            instrumentation_info=sdk.instrumentation_info,
            status=_ERROR if failed else _UNSET,
            start_time=self._start_ns,
            end_time=time_ns(),
            instrumentation_scope=sdk._instrumentation_scope,  # noqa: SLF001
        )
        sdk.span_processor.on_end(span)


def _is_plain(tracer: Any) -> bool:  # noqa: ANN401
    """Whether a tracer of the SDK is as we know it, without metrics of its own, and not cutting attributes off."""
    try:
        limits = tracer._span_limits  # noqa: SLF001
        return (
            callable(tracer._is_enabled)  # noqa: SLF001
            and type(tracer._tracer_metrics).__name__ == "NoOpTracerMetrics"  # noqa: SLF001
            and limits.max_span_attribute_length is None
            and (limits.max_span_attributes is None or limits.max_span_attributes >= _ATTRIBUTES_MIN)
            and isinstance(tracer.span_processor._span_processors, tuple)  # noqa: SLF001
            and hasattr(tracer, "_instrumentation_scope")
            and hasattr(tracer, "instrumentation_info")
            and callable(tracer.id_generator.is_trace_id_random)
        )
    except AttributeError:
        return False


def _stampers(processors: tuple[SpanProcessor, ...]) -> tuple[SpanProcessor, ...] | None:
    stamping: list[SpanProcessor] = []
    nothing = getattr(SpanProcessor, _ON_ENDING, None)
    for each in processors:
        kind = type(each)
        if getattr(kind, _ON_ENDING, None) is not nothing:
            return None
        if only_stamps(kind.on_start):
            stamping.append(each)
        elif kind.on_start not in _IGNORE_STARTS:
            return None
    return tuple(stamping)
