// One call to a model and one unit of work, told to a spanledger receiver with plain OpenTelemetry.
//
//	OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 go run . acme
//	OTEL_EXPORTER_OTLP_PROTOCOL=grpc OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4317 go run . acme
package main

import (
	"context"
	"log"
	"os"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

func main() {
	tenant := "acme"
	if len(os.Args) > 1 {
		tenant = os.Args[1]
	}
	ctx := context.Background()
	exporter, err := newExporter(ctx)
	if err != nil {
		log.Fatal(err)
	}
	// The service is named by OTEL_SERVICE_NAME. What is metered must not be sampled.
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithSampler(sdktrace.AlwaysSample()))
	tracer := provider.Tracer("example")
	ask(ctx, tracer, tenant)
	speak(ctx, tracer, tenant)
	if err := provider.Shutdown(ctx); err != nil {
		log.Fatal(err)
	}
}

// The exporter reads the endpoint, headers and time-outs from the environment itself; only the protocol is ours to choose.
func newExporter(ctx context.Context) (*otlptrace.Exporter, error) {
	if os.Getenv("OTEL_EXPORTER_OTLP_PROTOCOL") == "grpc" {
		return otlptracegrpc.New(ctx)
	}
	return otlptracehttp.New(ctx)
}

// A call to a model: what was asked when it starts, what the answer states when it is there. The answer is a stand-in.
func ask(ctx context.Context, tracer trace.Tracer, tenant string) {
	_, span := tracer.Start(ctx, "chat gpt-4o", trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
		attribute.String("gen_ai.operation.name", "chat"),
		attribute.String("gen_ai.provider.name", "openai"),
		attribute.String("gen_ai.request.model", "gpt-4o"),
		attribute.String("ledger.tenant", tenant),
		attribute.String("ledger.user_id", "u-7"),
		attribute.String("ledger.feature", "greeting"),
	))
	defer span.End()
	span.SetAttributes(
		attribute.String("gen_ai.response.id", "chatcmpl-"+span.SpanContext().SpanID().String()),
		attribute.String("gen_ai.response.model", "gpt-4o-2024-08-06"),
		attribute.StringSlice("gen_ai.response.finish_reasons", []string{"stop"}),
		attribute.Int("gen_ai.usage.input_tokens", 1200),
		attribute.Int("gen_ai.usage.cache_read.input_tokens", 200),
		attribute.Int("gen_ai.usage.output_tokens", 300),
	)
}

// Work that no model call tells of, in any unit: start a span, state the units once they are known, end it.
func speak(ctx context.Context, tracer trace.Tracer, tenant string) {
	_, span := tracer.Start(ctx, "elevenlabs speak", trace.WithAttributes(
		attribute.String("ledger.service", "elevenlabs"),
		attribute.String("ledger.operation", "speak"),
		attribute.String("ledger.unit_type", "characters"),
		attribute.String("ledger.tenant", tenant),
		attribute.String("ledger.feature", "greeting"),
	))
	defer span.End()
	span.SetAttributes(
		attribute.Int("ledger.units", len("Hello, my parcel is late.")),
		attribute.String("ledger.cost", "0.02"),
	)
}
