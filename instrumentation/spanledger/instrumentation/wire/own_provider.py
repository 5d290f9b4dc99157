"""Where metered calls go in a program that has set up no OpenTelemetry SDK: to the ledger, by a provider of our own.

It is never made the global one: a program that sets up its own afterwards must find the place free. Its spans go to
the same processor as explicit work, whichever that is by then.
"""

from collections.abc import Callable
from typing import Final

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import ProxyTracerProvider, get_tracer_provider

from spanledger.instrumentation import attributing, hook
from spanledger.instrumentation.work.sink import sinks

# Whoever switches metering off goes on at once; what is not on disk by then is written in the background.
_FLUSH_TIMEOUT_S: Final = 5.0


class _ToLedger(SpanProcessor):
    """Hands every span to the ledger's processor in force."""

    @property
    def on_start(self) -> Callable[[Span, Context | None], None]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The other's own, so that it can be seen what it does with a span that starts."""
        return sinks.current().processor.on_start

    def on_end(self, span: ReadableSpan) -> None:
        sinks.current().processor.on_end(span)

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        return sinks.flush(timeout_millis / 1000)


def ready_provider() -> TracerProvider | None:
    """The provider that metered calls go to; None for the global one, if the application has set one."""
    attributing.install()
    if not isinstance(get_tracer_provider(), ProxyTracerProvider):
        hook.install()
        return None
    provider = TracerProvider(sampler=ALWAYS_ON, resource=sinks.current().resource, shutdown_on_exit=False)
    provider.add_span_processor(_ToLedger())
    return provider


def flush() -> None:
    """Make durable what was handed to the ledger before."""
    sinks.flush(_FLUSH_TIMEOUT_S)
