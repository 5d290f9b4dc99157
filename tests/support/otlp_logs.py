"""OTLP logs made by hand, and what the decoder makes of them: for readable tests."""

from collections.abc import Mapping

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from support.otlp import NOON_NS, Value, any_value

from spanledger.exporter.credential import Credential
from spanledger.exporter.decode import Quarantined, decode
from spanledger.exporter.sift import sift
from spanledger.schemas.claim import Claim

OPEN = Credential("*", "unattributed")


def log(
    attributes: Mapping[str, Value],
    *,
    event: str = "",
    body: str = "",
    trace_id: int = 1,
    span_id: int = 1,
    time_ns: int = NOON_NS,
) -> LogRecord:
    """A log record whose ids are small numbers, 0 for none."""
    return LogRecord(
        time_unix_nano=time_ns,
        trace_id=trace_id.to_bytes(16, "big") if trace_id else b"",
        span_id=span_id.to_bytes(8, "big") if span_id else b"",
        event_name=event,
        body=any_value(body) if body else None,
        attributes=[KeyValue(key=key, value=any_value(value)) for key, value in attributes.items()],
    )


def logs_request(*records: LogRecord, scope: str = "test", resource: Mapping[str, Value] | None = None) -> bytes:
    """An `ExportLogsServiceRequest` with one resource and one scope."""
    made = ExportLogsServiceRequest()
    resource_logs = made.resource_logs.add()
    for key, value in (resource or {"service.name": "shop"}).items():
        resource_logs.resource.attributes.add(key=key).value.CopyFrom(any_value(value))
    scope_logs = resource_logs.scope_logs.add()
    scope_logs.scope.name = scope
    scope_logs.log_records.extend(records)
    return made.SerializeToString()


def told(record: LogRecord, *, scope: str = "test") -> Claim | Quarantined | None:
    """What one record of a scope says; None also if nothing of it is kept."""
    kept = sift(sift(logs_request(record, scope=scope), "logs").payload, "logs").spans
    return decode(kept[0], OPEN) if kept else None


def claim_told(record: LogRecord, *, scope: str = "test") -> Claim:
    """As `told`, for a record that is a claim."""
    found = told(record, scope=scope)
    assert isinstance(found, Claim), found
    return found
