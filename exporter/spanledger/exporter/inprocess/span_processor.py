"""Meters every usage span that ends, sampled or not: nothing between the application and the queue can lose one."""

from collections.abc import Mapping

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor

from spanledger.exporter.inprocess.destination import open_recorder
from spanledger.exporter.inprocess.recorder import Recorder
from spanledger.exporter.settings import Settings


class LedgerSpanProcessor(SpanProcessor):
    """Hands usage spans to the journal's writer; costs the application some microseconds and never raises.

    `TracerProvider.add_span_processor(LedgerSpanProcessor())` is all it takes; spans that a sampler drops reach it
    after `spanledger.instrumentation.hook.install()`.
    """

    def __init__(self, settings: Settings | None = None, *, recorder: Recorder | None = None) -> None:
        self._recorder = recorder or open_recorder(settings)

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Nothing: usage is stated when a span ends."""

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
