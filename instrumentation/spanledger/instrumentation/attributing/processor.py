"""Stamps every span that starts with whom it is for, on providers that carry no ledger processor (it stamps itself)."""

from opentelemetry.context import Context
from opentelemetry.sdk.trace import Span, SpanProcessor

from spanledger.instrumentation.attributing.failing import failed
from spanledger.schemas.ambient import stamp


class AttributionSpanProcessor(SpanProcessor):
    """`TracerProvider.add_span_processor(AttributionSpanProcessor())`, for spans that leave by any other exporter."""

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Stamp a span."""
        try:
            stamp(span, parent_context)
        except Exception as error:  # noqa: BLE001 (the guard between our faults and the application)
            failed("a span cannot be attributed", error)
