"""A finished statement of work → the ledger's span processor of this process, as a span that is over.

Where the tracer provider carries a ledger processor, that one; else one of our own, opened as
`OTEL_TRACES_EXPORTER=spanledger` would open it, in a thread (`opening`). It journals in its own thread, anew after a
fork, and flushes at exit.
"""

import os
import threading
from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Final

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, get_current_span, get_tracer_provider
from opentelemetry.util.types import AttributeValue

from spanledger.instrumentation.attributing.failing import failed
from spanledger.instrumentation.work.opening import Opening
from spanledger.schemas import attributes as a
from spanledger.schemas.ports import LedgerExporter, LedgerProcessor

SCOPE: Final = InstrumentationScope("spanledger.instrumentation")

_UNSET: Final = Status(StatusCode.UNSET)
_ERROR: Final = Status(StatusCode.ERROR)

_GROUP: Final = "opentelemetry_traces_exporter"
_NAME: Final = "spanledger"

SERVICE_VARIABLES: Final = ("SPANLEDGER_APP_NAME", "TOKENLEDGER_APP_NAME")


class Sink:
    """One processor and the resource its spans are of."""

    __slots__ = ("processor", "resource")

    def __init__(self, processor: SpanProcessor, resource: Resource) -> None:
        self.processor = processor
        self.resource = resource


class Sinks:
    """The sink of the tracer provider in force, found once."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._provider: object = None
        self._sink: Sink | None = None
        self._own: Opening | None = None
        os.register_at_fork(before=self._wait, after_in_child=self._renew)

    def current(self) -> Sink:
        """The sink to hand work to now."""
        provider = get_tracer_provider()
        sink = self._sink
        if sink is not None and provider is self._provider:
            return sink
        with self._lock:
            sink = self._find(provider)
            self._provider, self._sink = provider, sink
            return sink

    def use(self, sink: Sink | None) -> None:
        """Hand work to this sink as long as the provider in force stays; None: to the one that is found."""
        with self._lock:
            self._provider, self._sink = get_tracer_provider(), sink

    def flush(self, timeout_s: float) -> bool:
        """Wait until all work handed over, and every usage span of the provider in force, is durable.

        False if it is not within the time.
        """
        used = self._sink.processor if self._sink is not None else None
        durable = True
        for processor in {used, _processor_of(get_tracer_provider())}:
            if processor is not None:
                durable &= processor.force_flush(int(timeout_s * 1000))
        return durable

    def reset(self) -> None:
        """Let go of our own processor; the next work finds its sink anew."""
        with self._lock:
            own, self._own, self._sink = self._own, None, None
        if own is not None:
            own.shutdown()

    def _find(self, provider: object) -> Sink:
        resource = provider.resource if isinstance(provider, TracerProvider) else Resource.create()
        processor = _processor_of(provider)
        if processor is None:
            processor = self._own = self._own or Opening(_opened)
        return Sink(processor, resource.merge(Resource(_stated())))

    def _wait(self) -> None:
        if self._own is not None:
            self._own.wait()

    def _renew(self) -> None:
        self._lock = threading.RLock()
        if self._own is not None:
            self._own.renew()


sinks: Final = Sinks()
"""Of this process."""


def hand_over(
    name: str, attributes: Mapping[str, AttributeValue], start_ns: int, end_ns: int, *, error: bool = False
) -> None:
    """Hand over one statement of work. Raises whatever is wrong with it: the caller guards."""
    sink = sinks.current()
    parent = get_current_span().get_span_context()
    # Not from `random`, which applications seed: an id that comes twice would be one span told twice.
    chance = os.urandom(24)
    trace_id = parent.trace_id if parent.is_valid else int.from_bytes(chance[:16]) or 1
    span = ReadableSpan(
        name,
        SpanContext(trace_id, int.from_bytes(chance[16:]) or 1, is_remote=False),
        parent if parent.is_valid else None,
        sink.resource,
        attributes,
        kind=SpanKind.INTERNAL,
        status=_ERROR if error else _UNSET,
        start_time=start_ns,
        end_time=end_ns,
        instrumentation_scope=SCOPE,
    )
    sink.processor.on_end(span)


def _processor_of(provider: object) -> SpanProcessor | None:
    active = getattr(provider, "_active_span_processor", None)
    processors: tuple[object, ...] = getattr(active, "_span_processors", ())
    for each in processors:
        if isinstance(each, SpanProcessor) and isinstance(each, LedgerProcessor):
            return each
    return None


def _opened() -> SpanProcessor | None:
    for entry_point in entry_points(group=_GROUP, name=_NAME):
        exporter: object = entry_point.load()()
        if isinstance(exporter, LedgerExporter):
            processor = exporter.ledger_processor()
            if isinstance(processor, SpanProcessor):
                return processor
            # The exporter has said in its own words why it is disabled.
            return None
    failed("work is not recorded", "no exporter of the name is installed")
    return None


def _stated() -> dict[str, str]:
    """What our own settings say of the process; its environment is added where its spans are kept."""
    stated: dict[str, str] = {}
    service = next((os.environ[name] for name in SERVICE_VARIABLES if os.environ.get(name)), "")
    if service:
        stated[a.SERVICE_NAME] = service
    return stated
