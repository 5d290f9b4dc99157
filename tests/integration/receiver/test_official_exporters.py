"""The stock Python exporters against the receiver: what a sender keeps, repeats and drops."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcLogExporter
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as GrpcMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpanExporter
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter as HttpMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpSpanExporter
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk._logs import LoggerProvider, ReadableLogRecord
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, LogRecordExportResult, SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, MetricExportResult, MetricsData
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from support.receiving import Receiving, receiving

from spanledger.exporter.failures import Permanent, Transient
from spanledger.exporter.journal import Signal

SPANS = 10


def _grpc_exporter(door: Receiving, compression: grpc.Compression = grpc.Compression.NoCompression) -> GrpcSpanExporter:
    return GrpcSpanExporter(endpoint=door.grpc, insecure=True, compression=compression)


def _http_exporter(door: Receiving, compression: Compression = Compression.NoCompression) -> HttpSpanExporter:
    return HttpSpanExporter(endpoint=f"{door.http}/v1/traces", compression=compression)


@pytest.mark.parametrize(
    "compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip, grpc.Compression.Deflate]
)
def test_the_grpc_exporter_is_taken_with_any_of_its_compressions(compression: grpc.Compression) -> None:
    """C01, C21, C23: OTLP/gRPC arrives as the same bytes, plain, gzipped or deflated."""
    with receiving() as door:
        exporter = _grpc_exporter(door, compression)
        assert exporter.export(_spans()) is SpanExportResult.SUCCESS
        exporter.shutdown()
    assert _names(door) == ["chat"] * SPANS


@pytest.mark.parametrize("compression", [Compression.NoCompression, Compression.Gzip, Compression.Deflate])
def test_the_http_exporter_is_taken_with_any_of_its_compressions(compression: Compression) -> None:
    """C01, C02, C43: OTLP/HTTP arrives as the same bytes, plain, gzipped or deflated."""
    with receiving() as door:
        exporter = _http_exporter(door, compression)
        assert exporter.export(_spans()) is SpanExportResult.SUCCESS
        exporter.shutdown()
    assert _names(door) == ["chat"] * SPANS


def test_all_three_signals_are_answered_at_both_doors() -> None:
    """C22, C44: an SDK that also sends logs and metrics sees them accepted."""
    with receiving() as door:
        for logs in (
            GrpcLogExporter(endpoint=door.grpc, insecure=True),
            HttpLogExporter(endpoint=f"{door.http}/v1/logs"),
        ):
            assert logs.export(_logs()) is LogRecordExportResult.SUCCESS
            logs.shutdown()
        for metrics in (
            GrpcMetricExporter(endpoint=door.grpc, insecure=True),
            HttpMetricExporter(endpoint=f"{door.http}/v1/metrics"),
        ):
            assert metrics.export(_metrics()) is MetricExportResult.SUCCESS
            metrics.shutdown()
    assert [taken.signal for taken in door.intake.taken] == [Signal.LOGS, Signal.LOGS, Signal.METRICS, Signal.METRICS]
    logs_request = ExportLogsServiceRequest.FromString(door.intake.taken[1].body)
    assert logs_request.resource_logs[0].scope_logs[0].log_records[0].body.string_value == "hello"
    metrics_request = ExportMetricsServiceRequest.FromString(door.intake.taken[3].body)
    assert metrics_request.resource_metrics[0].scope_metrics[0].metrics[0].name == "calls"


def test_refused_for_a_while_the_stock_exporters_come_back_when_they_were_told() -> None:
    """C32, C36, C56: two refusals over gRPC and one over HTTP cost some 3.5 s, by our hints, and no span."""
    with receiving() as grpc_door, receiving() as http_door, ThreadPoolExecutor() as threads:
        doors = (grpc_door, http_door)
        exporters: Sequence[SpanExporter] = (_grpc_exporter(grpc_door), _http_exporter(http_door))
        for door, refusals in zip(doors, (2, 1), strict=True):
            door.intake.failures = [Transient("the journal is full") for _ in range(refusals)]
        seconds = list(threads.map(_export_for, exporters))
    assert [len(door.intake.taken) for door in doors] == [1, 1]
    assert 2 * 1.8 * 0.9 <= seconds[0] < 5.0
    assert 3.0 <= seconds[1] < 5.0


def test_a_permanent_refusal_is_not_sent_again() -> None:
    """C33, C55: a sender that is told INVALID_ARGUMENT or 400 stops after one request."""
    with receiving() as door:
        for exporter in (_grpc_exporter(door), _http_exporter(door)):
            door.intake.failures = [Permanent("the body cannot be decoded")]
            before = door.intake.calls
            assert exporter.export(_spans()) is SpanExportResult.FAILURE
            exporter.shutdown()
            assert door.intake.calls == before + 1


def _export_for(exporter: SpanExporter) -> float:
    """Seconds until the exporter reported success."""
    begun = time.monotonic()
    assert exporter.export(_spans()) is SpanExportResult.SUCCESS
    exporter.shutdown()
    return time.monotonic() - begun


def _names(door: Receiving) -> list[str]:
    requests = [ExportTraceServiceRequest.FromString(taken.body) for taken in door.intake.taken]
    return [
        span.name
        for request in requests
        for resource_spans in request.resource_spans
        for scope_spans in resource_spans.scope_spans
        for span in scope_spans.spans
    ]


def _spans() -> Sequence[ReadableSpan]:
    memory = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    for _ in range(SPANS):
        provider.get_tracer("tests").start_span("chat").end()
    return memory.get_finished_spans()


def _logs() -> Sequence[ReadableLogRecord]:
    memory = InMemoryLogRecordExporter()
    provider = LoggerProvider(shutdown_on_exit=False)
    provider.add_log_record_processor(SimpleLogRecordProcessor(memory))
    provider.get_logger("tests").emit(body="hello")
    return memory.get_finished_logs()


def _metrics() -> MetricsData:
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    provider.get_meter("tests").create_counter("calls").add(1)
    metrics = reader.get_metrics_data()
    provider.shutdown()
    assert metrics is not None
    return metrics
