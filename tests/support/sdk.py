"""Spans as the SDK ends them."""

from collections.abc import Mapping

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.util.types import AnyValue

from spanledger.schemas import attributes as a


class Ended(SpanProcessor):
    """Remembers the spans that ended."""

    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        """Remember one."""
        self.spans.append(span)


def ended_span(attributes: Mapping[str, AnyValue], *, attributes_max: int | None = None) -> ReadableSpan:
    """A span of service `shop` and scope `test` that ended with these attributes."""
    ended = Ended()
    provider = TracerProvider(
        resource=Resource({a.SERVICE_NAME: "shop"}),
        span_limits=SpanLimits(max_span_attributes=attributes_max),
        shutdown_on_exit=False,
    )
    provider.add_span_processor(ended)
    provider.get_tracer("test").start_span("chat", attributes=attributes).end()
    return ended.spans[0]


def chat_span(model: str = "gpt-4o") -> ReadableSpan:
    """A call of this model that used 100 input and 20 output tokens."""
    return ended_span(
        {
            a.OPERATION_NAME: "chat",
            a.PROVIDER_NAME: "openai",
            a.REQUEST_MODEL: model,
            a.USAGE_INPUT_TOKENS: 100,
            a.USAGE_OUTPUT_TOKENS: 20,
        }
    )
