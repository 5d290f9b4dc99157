"""OTLP traces made by hand: small builders over the official protobuf classes, for readable tests."""

from collections.abc import Mapping

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

NOON_NS = 1_767_268_800 * 10**9
"""2026-01-01 12:00:00 UTC."""

Value = str | int | float | bool | AnyValue


def chat(**changes: Value) -> dict[str, Value]:
    """Attributes of a call that used 100 input and 20 output tokens; `__` in a keyword stands for a dot."""
    attributes: dict[str, Value] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 20,
    }
    return attributes | {name.replace("__", "."): value for name, value in changes.items()}


def span(
    attributes: Mapping[str, Value],
    *,
    span_id: int = 1,
    trace_id: int = 1,
    parent_id: int = 0,
    start_ns: int = NOON_NS,
    end_ns: int = NOON_NS + 10**9,
    error: bool = False,
) -> Span:
    """A span whose ids are small numbers."""
    return Span(
        trace_id=trace_id.to_bytes(16, "big"),
        span_id=span_id.to_bytes(8, "big"),
        parent_span_id=parent_id.to_bytes(8, "big") if parent_id else b"",
        name="chat",
        start_time_unix_nano=start_ns,
        end_time_unix_nano=end_ns,
        attributes=[KeyValue(key=key, value=any_value(value)) for key, value in attributes.items()],
        status=Status(code=Status.STATUS_CODE_ERROR if error else Status.STATUS_CODE_UNSET),
    )


def any_value(value: Value) -> AnyValue:
    """A Python value as OTLP's AnyValue."""
    match value:
        case AnyValue():
            return value
        case bool():
            return AnyValue(bool_value=value)
        case int():
            return AnyValue(int_value=value)
        case float():
            return AnyValue(double_value=value)
        case str():
            return AnyValue(string_value=value)


def request(*spans: Span, resource: Mapping[str, Value] | None = None, scope: str = "test") -> bytes:
    """An `ExportTraceServiceRequest` with one resource and one scope."""
    made = ExportTraceServiceRequest()
    resource_spans = made.resource_spans.add()
    for key, value in (resource or {"service.name": "shop"}).items():
        resource_spans.resource.attributes.add(key=key).value.CopyFrom(any_value(value))
    scope_spans = resource_spans.scope_spans.add()
    scope_spans.scope.name = scope
    scope_spans.spans.extend(spans)
    return made.SerializeToString()
