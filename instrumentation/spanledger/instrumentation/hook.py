"""Puts the ledger's span processor where the SDK put a batch processor around the ledger's exporter. Never raises.

Auto-instrumentation calls `install` (entry point group `opentelemetry_pre_instrument`) after the SDK is configured
and before the first library is instrumented, without a guard: an exception here would leave every instrumentor off.
The SDK's batch processor loses usage: it drops spans when its queue is full, ignores a failed export, forgets its
queue on a fork, and is never given an unsampled span.
"""

# pyright: reportPrivateUsage=false
# ruff: noqa: SLF001, PLC0415
# The SDK has no public way to replace a processor or a sampler. It is imported inside the guard, because a module
# that cannot be imported at the top would fail outside of it.

import logging
from typing import TYPE_CHECKING

from opentelemetry import trace

from spanledger.schemas.ports import LedgerExporter, LedgerProcessor

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor, Tracer, TracerProvider

_logger = logging.getLogger(__name__)


def install(provider: object | None = None) -> None:
    """Let `provider` (by default the global one) meter every usage span, sampled or not. Safe to call again.

    A provider that is not the SDK's, or that carries neither our exporter nor our processor, is left as it is.
    """
    try:
        _install(trace.get_tracer_provider() if provider is None else provider)
    except Exception:
        _logger.warning("spanledger could not take its place on the tracer provider", exc_info=True)


def _install(provider: object) -> None:
    from opentelemetry.sdk.trace import TracerProvider

    from spanledger.instrumentation import attributing

    if isinstance(provider, TracerProvider):
        for processor in provider._active_span_processor._span_processors:
            _replace(provider, processor)
        if any(
            isinstance(processor, LedgerProcessor) for processor in provider._active_span_processor._span_processors
        ):
            _wrap_samplers(provider)
            # A worker that attributes nothing itself still takes over what its tasks were sent with.
            attributing.install()


def _replace(provider: "TracerProvider", processor: "SpanProcessor") -> None:
    from opentelemetry.sdk.trace import SpanProcessor
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor

    exporter: object = getattr(processor, "span_exporter", None)
    # Exactly these two: a subclass may filter or enrich spans, and that is not ours to undo.
    if type(processor) not in {BatchSpanProcessor, SimpleSpanProcessor} or not isinstance(exporter, LedgerExporter):
        return
    ours = exporter.ledger_processor()
    if not isinstance(ours, SpanProcessor):
        return
    active = provider._active_span_processor
    with active._lock:
        active._span_processors = tuple(ours if each is processor else each for each in active._span_processors)
    # Exports what it still holds and ends its thread; the exporter stays open for `ours`.
    processor.shutdown()


def _wrap_samplers(provider: "TracerProvider") -> None:
    from spanledger.instrumentation.sampler import UsageSampler

    if not isinstance(provider.sampler, UsageSampler):
        provider.sampler = UsageSampler(provider.sampler)
    # SDKs before 1.41 do not remember the tracers they made; the hook comes before any library asks for one.
    tracers: dict[object, Tracer] = getattr(provider, "_tracers", {})
    for tracer in list(tracers.values()):
        if not isinstance(tracer.sampler, UsageSampler):
            tracer.sampler = UsageSampler(tracer.sampler)
