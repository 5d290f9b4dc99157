"""One call to a model and one unit of work, told to a spanledger receiver with plain OpenTelemetry.

OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 python main.py acme
OTEL_EXPORTER_OTLP_PROTOCOL=grpc OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4317 python main.py acme

Nothing of spanledger is installed here. Where it is, `attribution`, `track` and `recording` are shorter.
"""

import os
import sys

from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as ProtobufExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import SpanKind, Tracer


def ask(tracer: Tracer, tenant: str) -> None:
    """Call a model: what was asked when it starts, what the answer states when it is there. A stand-in answers."""
    asked = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o",
        "ledger.tenant": tenant,
        "ledger.user_id": "u-7",
        "ledger.feature": "greeting",
    }
    with tracer.start_as_current_span("chat gpt-4o", kind=SpanKind.CLIENT, attributes=asked) as span:
        span.set_attributes(
            {
                "gen_ai.response.id": f"chatcmpl-{span.get_span_context().span_id:016x}",
                "gen_ai.response.model": "gpt-4o-2024-08-06",
                "gen_ai.response.finish_reasons": ["stop"],
                "gen_ai.usage.input_tokens": 1200,
                "gen_ai.usage.cache_read.input_tokens": 200,
                "gen_ai.usage.output_tokens": 300,
            }
        )


def speak(tracer: Tracer, tenant: str) -> None:
    """Do work that no model call tells of, in any unit: start a span, state the units once they are known, end it."""
    work = {
        "ledger.service": "elevenlabs",
        "ledger.operation": "speak",
        "ledger.unit_type": "characters",
        "ledger.tenant": tenant,
        "ledger.feature": "greeting",
    }
    with tracer.start_as_current_span("elevenlabs speak", attributes=work) as span:
        span.set_attributes({"ledger.units": len("Hello, my parcel is late."), "ledger.cost": "0.02"})


def main() -> None:
    """Do both for one tenant."""
    tenant = sys.argv[1] if len(sys.argv) > 1 else "acme"
    # An exporter reads the endpoint, headers and time-outs from the environment itself.
    grpc = os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL") == "grpc"
    # The service is named by OTEL_SERVICE_NAME. What is metered must not be sampled.
    provider = TracerProvider(sampler=ALWAYS_ON)
    provider.add_span_processor(BatchSpanProcessor(GrpcExporter() if grpc else ProtobufExporter()))
    tracer = provider.get_tracer("example")
    ask(tracer, tenant)
    speak(tracer, tenant)
    provider.shutdown()


if __name__ == "__main__":
    main()
