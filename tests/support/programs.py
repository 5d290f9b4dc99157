"""Pieces of the programs that tests run in processes of their own."""

CALL = """
from opentelemetry import trace
from spanledger.schemas import attributes as a

tracer = trace.get_tracer("app")

def call(model):
    with tracer.start_as_current_span("chat", attributes={a.OPERATION_NAME: "chat", a.REQUEST_MODEL: model}) as span:
        span.set_attribute(a.PROVIDER_NAME, "openai")
        span.set_attribute(a.USAGE_INPUT_TOKENS, 100)
        span.set_attribute(a.USAGE_OUTPUT_TOKENS, 20)
        span.set_attribute("gen_ai.input.messages", "a secret prompt")
"""
"""Defines `call(model)`: one usage span."""

PROVIDER = """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from spanledger.exporter import LedgerSpanProcessor

provider = TracerProvider()
provider.add_span_processor(LedgerSpanProcessor())
trace.set_tracer_provider(provider)
"""
"""Sets the SDK up by hand."""
