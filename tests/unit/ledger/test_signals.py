import io

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, SeverityNumber
from opentelemetry.proto.metrics.v1.metrics_pb2 import Gauge, Histogram, Metric, Sum
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from support.otlp import chat, span

from spanledger.exporter.journal import Signal
from spanledger.ledger.importing.framing import parts
from spanledger.ledger.importing.signals import of_part


def told(request: ExportTraceServiceRequest | ExportLogsServiceRequest | ExportMetricsServiceRequest) -> Signal | None:
    """The signal of a request's only part."""
    [part] = parts(io.BytesIO(request.SerializeToString()))
    return of_part(part)


@pytest.mark.parametrize(
    "one",
    [
        span(chat()),
        Span(trace_id=bytes(15) + b"\1", span_id=bytes(7) + b"\1"),
        Span(trace_id=b"\1" * 16, span_id=b"\2" * 8, name="no times", kind=Span.SPAN_KIND_CLIENT),
        Span(trace_id=b"short", span_id=b"", start_time_unix_nano=1),
        Span(trace_id=b"\1" * 16, span_id=b"\2" * 8, flags=256),
    ],
)
def test_spans_are_traces(one: Span) -> None:
    """With times or without, with broken ids or whole ones."""
    request = ExportTraceServiceRequest()
    request.resource_spans.add().scope_spans.add().spans.append(one)
    assert told(request) is Signal.TRACES


@pytest.mark.parametrize(
    "one",
    [
        LogRecord(time_unix_nano=1),
        LogRecord(observed_time_unix_nano=1),
        LogRecord(severity_number=SeverityNumber.SEVERITY_NUMBER_INFO),
        LogRecord(event_name="api_request", trace_id=b"\1" * 16, span_id=b"\2" * 8),
        LogRecord(flags=1, severity_text="INFO"),
    ],
)
def test_log_records_are_logs(one: LogRecord) -> None:
    """Whatever a record leaves out."""
    request = ExportLogsServiceRequest()
    request.resource_logs.add().scope_logs.add().log_records.append(one)
    assert told(request) is Signal.LOGS


@pytest.mark.parametrize(
    "one",
    [
        Metric(name="calls", sum=Sum()),
        Metric(name="tokens", description="d", unit="{token}", histogram=Histogram()),
        Metric(name="temperature", gauge=Gauge()),
    ],
)
def test_metrics_are_metrics(one: Metric) -> None:
    """Whatever kind of data they hold."""
    request = ExportMetricsServiceRequest()
    request.resource_metrics.add().scope_metrics.add().metrics.append(one)
    assert told(request) is Signal.METRICS


def test_a_part_without_items_has_no_signal() -> None:
    """There is nothing to import in it."""
    request = ExportTraceServiceRequest()
    request.resource_spans.add().scope_spans.add().scope.name = "empty"
    assert told(request) is None
