"""`OTEL_TRACES_EXPORTER=spanledger`: a span exporter that answers SUCCESS only after the journal is durable.

Behind the SDK's batch processor it meters what that processor hands over. The hook of
`spanledger.instrumentation` puts `LedgerSpanProcessor` in that processor's place, which sees every usage span.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from spanledger.exporter.inprocess.destination import open_recorder
from spanledger.exporter.inprocess.recorder import EXIT_TIMEOUT_S, Recorder
from spanledger.exporter.inprocess.span_processor import LedgerSpanProcessor
from spanledger.exporter.inprocess.suppression import suppressed_instrumentation
from spanledger.exporter.settings import Settings

# The SDK names 30 s for a flush and sets no limit to an export; its batch thread waits for both.
EXPORT_TIMEOUT_S: Final = 10.0


class LedgerSpanExporter(SpanExporter):
    """Usage spans into this machine's journal. Reads the settings itself; a wrong one disables it with one log line.

    Usage that the disk does not take in time is kept in memory and tried again, although the answer is FAILURE:
    nobody else would send it again.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self._recorder: Recorder | None = open_recorder(settings)
        self._handed_over = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Journal the usage spans among `spans`. Never raises; takes at most `EXPORT_TIMEOUT_S`."""
        recorder = self._recorder
        if recorder is None or recorder.closed:
            return SpanExportResult.FAILURE
        with suppressed_instrumentation():
            given_up = recorder.given_up()
            usage = [recorder.offer(span) for span in spans]
            durable = not any(usage) or (recorder.flush(EXPORT_TIMEOUT_S) and recorder.given_up() == given_up)
        return SpanExportResult.SUCCESS if durable else SpanExportResult.FAILURE

    def shutdown(self) -> None:
        """Flush and stop, within `EXIT_TIMEOUT_S`. Once a processor owns the recorder, only flush. Idempotent."""
        if self._recorder is None:
            return
        if self._handed_over:
            self._recorder.flush(EXIT_TIMEOUT_S)
        else:
            self._recorder.close()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Wait until everything exported before is durable; False if it is not within the timeout."""
        return self._recorder is None or self._recorder.flush(timeout_millis / 1000)

    def ledger_processor(self) -> LedgerSpanProcessor | None:
        """The processor that takes this exporter's place (port `spanledger.schemas.ports.LedgerExporter`)."""
        if self._recorder is None:
            return None
        self._handed_over = True
        return LedgerSpanProcessor(recorder=self._recorder)

    def ledger_counts(self) -> Mapping[str, int]:
        """What became of the usage spans of this process so far, by outcome."""
        return self._recorder.counts() if self._recorder is not None else {}
