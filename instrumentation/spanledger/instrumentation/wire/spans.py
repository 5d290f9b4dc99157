"""How an attempt becomes a span: made once, when all is known, wherever nobody could see the difference.

Most of what a span of the SDK costs is for what may happen to it between its start and its end. Where every processor
of the provider only stamps spans that start, or leaves them alone, there is nothing of that kind: the span is decided
and stamped at its start, as the SDK would, and made at its end. Everywhere else it is the SDK's own.
"""

from collections.abc import Mapping
from time import time_ns
from types import FunctionType
from typing import Any, Final, Protocol, cast

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, SynchronousMultiSpanProcessor, Tracer
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import Span, SpanContext, SpanKind, Status, StatusCode, TraceFlags, get_current_span
from opentelemetry.trace import Tracer as AnyTracer
from opentelemetry.util.types import AttributeValue

from spanledger.schemas.ambient import only_stamps

_UNSET: Final = Status(StatusCode.UNSET)
_ERROR: Final = Status(StatusCode.ERROR)
# As many as an attempt may state, with what stamps it.
_ATTRIBUTES_MIN: Final = 128
_RANDOM: Final = TraceFlags.RANDOM_TRACE_ID

# What the SDK's own processors do about spans before they have ended: nothing.
_IDLE_KINDS: Final = (SpanProcessor, BatchSpanProcessor, SimpleSpanProcessor)
_IDLE_STARTS: Final = tuple(kind.on_start for kind in _IDLE_KINDS)
_IDLE_ENDINGS: Final = tuple(getattr(kind, "_on_ending", None) for kind in _IDLE_KINDS)
# As they were before anybody put something in their place.
_EVERY_START: Final = SynchronousMultiSpanProcessor.on_start
_START_SPAN: Final = Tracer.start_span


class AttemptSpan(Protocol):
    """The span of one attempt, which has begun."""

    @property
    def attributes(self) -> Mapping[str, Any]:
        """What it states so far."""
        ...

    @property
    def resource(self) -> Mapping[str, Any]:
        """What is stated of its process."""
        ...

    @property
    def context(self) -> SpanContext:
        """Its ids."""
        ...

    def end(self, attributes: Mapping[str, AttributeValue], *, failed: bool) -> None:
        """State the rest and end it. Raises what a processor of the application's raises."""
        ...


class Spans:
    """The spans of one tracer."""

    def __init__(self, tracer: AnyTracer) -> None:
        self._tracer = tracer
        # A tracer of the SDK or none: what it has beyond the API has no public names.
        self._sdk: Any = tracer if _is_plain(tracer) else None

    def begin(self, name: str, attributes: dict[str, AttributeValue]) -> AttemptSpan | None:
        """Begin the span of an attempt; None if nobody would see it."""
        if self._sdk is None or (stamping := _stamping(self._sdk)) is None:
            span = self._tracer.start_span(name, kind=SpanKind.CLIENT, attributes=attributes)
            return _Started(span) if span.is_recording() else None
        sdk = self._sdk
        above = cast("SpanContext | None", get_current_span().get_span_context())
        if above is not None and above.is_valid:
            parent, trace_id, random = above, above.trace_id, above.trace_flags & _RANDOM
        else:
            parent, trace_id = None, sdk.id_generator.generate_trace_id()
            random = _RANDOM if sdk.id_generator.is_trace_id_random() else 0
        result = sdk.sampler.should_sample(None, trace_id, name, SpanKind.CLIENT, attributes, ())
        if result.decision is Decision.DROP:
            return None
        flags = TraceFlags((result.decision is Decision.RECORD_AND_SAMPLE) | random)
        context = SpanContext(trace_id, sdk.id_generator.generate_span_id(), False, flags, result.trace_state)  # noqa: FBT003
        late = _Late(sdk, name, context, parent, _as_given(attributes, result.attributes))
        for each in stamping:
            each.on_start(cast("Any", late), None)
        return late


class _Started:
    """A span of the SDK's own, or of another."""

    __slots__ = ("_span",)

    def __init__(self, span: Span) -> None:
        self._span = span

    @property
    def attributes(self) -> Mapping[str, Any]:
        return getattr(self._span, "attributes", None) or {}

    @property
    def resource(self) -> Mapping[str, Any]:
        return getattr(getattr(self._span, "resource", None), "attributes", None) or {}

    @property
    def context(self) -> SpanContext:
        return self._span.get_span_context()

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

    __slots__ = ("_name", "_parent", "_sdk", "_start_ns", "attributes", "context")

    def __init__(
        self,
        sdk: Any,  # noqa: ANN401
        name: str,
        context: SpanContext,
        parent: SpanContext | None,
        attributes: dict[str, AttributeValue],
    ) -> None:
        self._sdk, self._name, self.context, self._parent = sdk, name, context, parent
        self.attributes = attributes
        self._start_ns = time_ns()

    @property
    def resource(self) -> Mapping[str, Any]:
        return self._sdk.resource.attributes

    def set_attributes(self, attributes: Mapping[str, AttributeValue]) -> None:
        self.attributes.update(attributes)

    def end(self, attributes: Mapping[str, AttributeValue], *, failed: bool) -> None:
        sdk = self._sdk
        # The kind that the SDK's own spans have. All values are clean already, so none is looked at again.
        self.attributes.update(attributes)
        stated = BoundedAttributes(immutable=False)
        stated._dict = self.attributes  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        span = ReadableSpan(
            self._name,
            self.context,
            self._parent,
            sdk.resource,
            stated,
            kind=SpanKind.CLIENT,
            instrumentation_info=sdk.instrumentation_info,
            status=_ERROR if failed else _UNSET,
            start_time=self._start_ns,
            end_time=time_ns(),
            instrumentation_scope=sdk._instrumentation_scope,  # noqa: SLF001
        )
        sdk.span_processor.on_end(span)


def _is_plain(sdk: object) -> bool:
    """Whether a tracer is the SDK's as we know it: without metrics of its own, and not cutting attributes off."""
    tracer: Any = sdk
    try:
        limits = tracer._span_limits  # noqa: SLF001
        return (
            type(sdk) is Tracer
            and all(isinstance(each, FunctionType) for each in (_EVERY_START, _START_SPAN))
            and type(tracer._tracer_metrics).__name__ == "NoOpTracerMetrics"  # noqa: SLF001
            and limits.max_span_attribute_length is None
            and (limits.max_span_attributes is None or limits.max_span_attributes >= _ATTRIBUTES_MIN)
            and callable(tracer._is_enabled)  # noqa: SLF001
            and callable(tracer.id_generator.is_trace_id_random)
            and hasattr(BoundedAttributes(), "_dict")
            and hasattr(tracer, "_instrumentation_scope")
            and hasattr(tracer, "instrumentation_info")
        )
    except AttributeError:
        return False


def _stamping(tracer: Any) -> list[SpanProcessor] | None:  # noqa: ANN401
    """The processors that stamp what starts; None if anybody does anything else to a span before it has ended.

    Asked for each span: processors come and go, and what they do is put on their classes and on themselves.
    """
    every = tracer.span_processor
    try:
        if (
            type(every) is not SynchronousMultiSpanProcessor
            or every.on_start.__func__ is not _EVERY_START
            or tracer.start_span.__func__ is not _START_SPAN
            or not tracer._is_enabled()  # noqa: SLF001
        ):
            return None
        stamping: list[SpanProcessor] = []
        for each in every._span_processors:  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
            processor: Any = each
            start = processor.on_start.__func__
            if processor._on_ending.__func__ not in _IDLE_ENDINGS:  # noqa: SLF001
                return None
            if only_stamps(start):
                stamping.append(each)
            elif start not in _IDLE_STARTS:
                return None
    except AttributeError:
        # Not a method: something was put on an object.
        return None
    return stamping


def _as_given(attributes: dict[str, AttributeValue], given: Mapping[str, Any]) -> dict[str, AttributeValue]:
    """A span's attributes as a sampler gives them: its own may be anything, and the SDK cleans them."""
    return (
        attributes
        if given == attributes
        else dict(cast("Mapping[str, AttributeValue]", BoundedAttributes(None, given)))
    )
