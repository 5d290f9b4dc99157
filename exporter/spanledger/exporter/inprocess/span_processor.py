"""Meters every usage span that ends, sampled or not: nothing between the application and the queue can lose one.

A span that starts is told whom it is for (`spanledger.schemas.ambient`), whatever library starts it.
"""

from collections.abc import Mapping

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor

from spanledger.exporter.inprocess.destination import open_recorder
from spanledger.exporter.inprocess.recorder import Recorder
from spanledger.exporter.settings import Settings
from spanledger.schemas.ambient import stamp, stamping


class LedgerSpanProcessor(SpanProcessor):
    """Hands usage spans to the journal's writer; costs the application some microseconds and never raises.

    `TracerProvider.add_span_processor(LedgerSpanProcessor())` is all it takes; spans that a sampler drops reach it
    after `spanledger.instrumentation.hook.install()`.
    """

    def __init__(self, settings: Settings | None = None, *, recorder: Recorder | None = None) -> None:
        self._recorder = recorder or open_recorder(settings)

    @stamping
    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Stamp what the context attributes it to."""
        try:
            stamp(span, parent_context)
        except Exception as error:  # noqa: BLE001 (the guard between our faults and the application)
            # The span goes on without, and is charged to the default tenant.
            if self._recorder is not None:
                self._recorder.unattributed(error)

    def on_end(self, span: ReadableSpan) -> None:
        """Queue a usage span."""
        if self._recorder is not None:
            self._recorder.offer(span)

    def shutdown(self) -> None:
        """Make everything durable and stop, within a few seconds. Idempotent."""
        if self._recorder is not None:
            self._recorder.close()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Wait until everything that ended before is durable; False if it is not within the timeout."""
        return self._recorder is None or self._recorder.flush(timeout_millis / 1000)

    def ledger_counts(self) -> Mapping[str, int]:
        """What became of the usage spans of this process so far, by outcome."""
        return self._recorder.counts() if self._recorder is not None else {}
