"""Stamps every span that starts with whom it is for, on providers that carry no ledger processor (it stamps itself)."""

from opentelemetry.context import Context
from opentelemetry.sdk.trace import Span, SpanProcessor, TracerProvider

from spanledger.instrumentation.attributing.failing import failed
from spanledger.schemas.ambient import stamp, stamping
from spanledger.schemas.ports import LedgerProcessor


class AttributionSpanProcessor(SpanProcessor):
    """`TracerProvider.add_span_processor(AttributionSpanProcessor())`, for spans that leave by any other exporter."""

    @stamping
    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Stamp a span."""
        try:
            stamp(span, parent_context)
        except Exception as error:  # noqa: BLE001 (the guard between our faults and the application)
            failed("a span cannot be attributed", error)


def stamp_on(provider: object) -> None:
    """Stamp the spans of an SDK's provider, if nothing on it does."""
    if not isinstance(provider, TracerProvider):
        return
    # The SDK has no public way to see them.
    present: tuple[object, ...] = getattr(getattr(provider, "_active_span_processor", None), "_span_processors", ())
    if not any(isinstance(each, LedgerProcessor | AttributionSpanProcessor) for each in present):
        provider.add_span_processor(AttributionSpanProcessor())
