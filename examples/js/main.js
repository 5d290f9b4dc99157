/**
 * One call to a model and one unit of work, told to a spanledger receiver with plain OpenTelemetry.
 *
 *     OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 node main.js acme
 *     OTEL_EXPORTER_OTLP_PROTOCOL=grpc OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4317 node main.js acme
 */
import { SpanKind } from "@opentelemetry/api";
import { OTLPTraceExporter as GrpcExporter } from "@opentelemetry/exporter-trace-otlp-grpc";
import { OTLPTraceExporter as JsonExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { OTLPTraceExporter as ProtobufExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { defaultResource, detectResources, envDetector } from "@opentelemetry/resources";
import { AlwaysOnSampler, BatchSpanProcessor, NodeTracerProvider } from "@opentelemetry/sdk-trace-node";

const EXPORTERS = { grpc: GrpcExporter, "http/json": JsonExporter, "http/protobuf": ProtobufExporter };

/** A call to a model: what was asked when it starts, what the answer states when it is there. The answer is a stand-in. */
function ask(tracer, tenant) {
  const span = tracer.startSpan("chat gpt-4o", {
    kind: SpanKind.CLIENT,
    attributes: {
      "gen_ai.operation.name": "chat",
      "gen_ai.provider.name": "openai",
      "gen_ai.request.model": "gpt-4o",
      "ledger.tenant": tenant,
      "ledger.user_id": "u-7",
      "ledger.feature": "greeting",
    },
  });
  span.setAttributes({
    "gen_ai.response.id": `chatcmpl-${span.spanContext().spanId}`,
    "gen_ai.response.model": "gpt-4o-2024-08-06",
    "gen_ai.response.finish_reasons": ["stop"],
    "gen_ai.usage.input_tokens": 1200,
    "gen_ai.usage.cache_read.input_tokens": 200,
    "gen_ai.usage.output_tokens": 300,
  });
  span.end();
}

/** Work that no model call tells of, in any unit: start a span, state the units once they are known, end it. */
function speak(tracer, tenant) {
  const span = tracer.startSpan("elevenlabs speak", {
    attributes: {
      "ledger.service": "elevenlabs",
      "ledger.operation": "speak",
      "ledger.unit_type": "characters",
      "ledger.tenant": tenant,
      "ledger.feature": "greeting",
    },
  });
  span.setAttributes({ "ledger.units": "Hello, my parcel is late.".length, "ledger.cost": "0.02" });
  span.end();
}

// The exporter reads the endpoint, headers and time-outs from the environment itself; only the protocol is ours to choose.
const Exporter = EXPORTERS[process.env.OTEL_EXPORTER_OTLP_PROTOCOL ?? "http/protobuf"];
const provider = new NodeTracerProvider({
  // The service is named by OTEL_SERVICE_NAME. What is metered must not be sampled.
  resource: defaultResource().merge(detectResources({ detectors: [envDetector] })),
  sampler: new AlwaysOnSampler(),
  spanProcessors: [new BatchSpanProcessor(new Exporter())],
});
const tracer = provider.getTracer("example");
const tenant = process.argv[2] ?? "acme";
ask(tracer, tenant);
speak(tracer, tenant);
await provider.shutdown();
