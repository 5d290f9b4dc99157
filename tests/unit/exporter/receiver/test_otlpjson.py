"""OTLP/JSON → protobuf: the mapping, its leniencies, and what one bad element costs."""

import base64
import json
from typing import Final

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from spanledger.exporter.failures import Permanent, TooLarge
from spanledger.exporter.journal import Signal
from spanledger.exporter.receiver.json_text import DEPTH_MAX
from spanledger.exporter.receiver.otlpjson import json_to_protobuf

TRACE_ID: Final = "5b8efff798038103d269b633813fc60c"
SPAN_ID: Final = "eee19b7ec3c1b174"


def test_the_specifications_example_reads_as_written() -> None:
    """C64, C68: the trace of the OTLP examples, with each field where it belongs."""
    [span] = _spans(
        {
            "traceId": TRACE_ID.upper(),
            "spanId": SPAN_ID.upper(),
            "parentSpanId": "eEe19B7Ec3C1b173",
            "flags": 256,
            "name": "I'm a server span",
            "startTimeUnixNano": "1544712660000000000",
            "endTimeUnixNano": 1544712661000000000,
            "kind": 2,
            "attributes": [{"key": "my.span.attr", "value": {"stringValue": "some value"}}],
            "droppedAttributesCount": 3,
            "events": [{"name": "e", "timeUnixNano": "1"}],
            "links": [{"traceId": TRACE_ID, "spanId": SPAN_ID}],
            "status": {"code": 1, "message": "fine"},
        }
    )
    assert span.trace_id.hex() == TRACE_ID
    assert (span.span_id.hex(), span.parent_span_id.hex()) == (SPAN_ID, "eee19b7ec3c1b173")
    assert (span.start_time_unix_nano, span.end_time_unix_nano) == (1544712660000000000, 1544712661000000000)
    assert (span.name, span.kind, span.flags, span.dropped_attributes_count) == ("I'm a server span", 2, 256, 3)
    assert span.attributes[0] == KeyValue(key="my.span.attr", value=AnyValue(string_value="some value"))
    assert (span.events[0].name, span.events[0].time_unix_nano) == ("e", 1)
    assert span.links[0].trace_id.hex() == TRACE_ID
    assert (span.status.code, span.status.message) == (1, "fine")


def test_attribute_values_of_every_shape_arrive() -> None:
    """C78, C72: empty, bytes, mixed arrays and nested lists are legal anywhere; NaN comes as a string."""
    stated: list[object] = [
        {"stringValue": ""},
        {"boolValue": True},
        {"intValue": "-9223372036854775808"},
        {"intValue": 7},
        {"doubleValue": 0.5},
        {"doubleValue": 3},
        {"doubleValue": "-Infinity"},
        {"bytesValue": "3q2+7w=="},
        {"bytesValue": "3q2-7w"},
        {"arrayValue": {"values": [{"intValue": "1"}, {"stringValue": "a"}, {}]}},
        {"arrayValue": {}},
        {"kvlistValue": {"values": [{"key": "k", "value": {"boolValue": False}}]}},
        {},
        None,
    ]
    [span] = _spans(_span(attributes=[{"key": str(n), "value": value} for n, value in enumerate(stated)]))
    inner = ArrayValue(values=[AnyValue(int_value=1), AnyValue(string_value="a"), AnyValue()])
    listed = KeyValueList(values=[KeyValue(key="k", value=AnyValue(bool_value=False))])
    assert [attribute.value for attribute in span.attributes] == [
        AnyValue(string_value=""),
        AnyValue(bool_value=True),
        AnyValue(int_value=-(2**63)),
        AnyValue(int_value=7),
        AnyValue(double_value=0.5),
        AnyValue(double_value=3.0),
        AnyValue(double_value=float("-inf")),
        AnyValue(bytes_value=b"\xde\xad\xbe\xef"),
        AnyValue(bytes_value=b"\xde\xad\xbe\xef"),
        AnyValue(array_value=inner),
        AnyValue(array_value=ArrayValue()),
        AnyValue(kvlist_value=listed),
        AnyValue(),
        AnyValue(),
    ]


def test_unknown_fields_and_snake_case_are_ignored_at_every_level() -> None:
    """C66, C67: also where their values would be wrong for the field they resemble."""
    span = _span(start_time_unix_nano="nonsense", newField=[1, {"a": None}], attributes=[])
    span["attributes"] = [{"key": "k", "value": {"stringValue": "v", "string_value": 5}, "later": 1}]
    scope: dict[str, object] = {"spans": [span], "x": 1}
    resource: dict[str, object] = {"scopeSpans": [scope], "y": {}}
    request = _converted({"resourceSpans": [resource], "resource_spans": 7})
    [read] = request.resource_spans[0].scope_spans[0].spans
    assert (read.start_time_unix_nano, read.attributes[0].value.string_value) == (0, "v")


def test_null_is_an_absent_field() -> None:
    """proto3 JSON: null stands for the default, in envelopes as in spans."""
    [span] = _spans(_span(parentSpanId=None, attributes=None, status=None, name=None))
    assert span == Span(trace_id=bytes.fromhex(TRACE_ID), span_id=bytes.fromhex(SPAN_ID))
    assert json_to_protobuf(Signal.TRACES, b'{"resourceSpans": null}') == (b"", [])


@pytest.mark.parametrize("kind", [2, "2", 2.0, "SPAN_KIND_SERVER"])
def test_an_enum_is_a_number_or_a_name(kind: object) -> None:
    """C65: names are not valid, but protobuf's own printer writes them into files."""
    [span] = _spans(_span(kind=kind))
    assert span.kind == Span.SPAN_KIND_SERVER


def test_ids_that_protobufs_own_printer_wrote_are_read() -> None:
    """C64: such a file has them in base64, which its padding tells from hex."""
    [span] = _spans(
        _span(
            traceId=base64.b64encode(bytes.fromhex(TRACE_ID)).decode(),
            spanId=base64.b64encode(bytes.fromhex(SPAN_ID)).decode(),
        )
    )
    assert (span.trace_id.hex(), span.span_id.hex()) == (TRACE_ID, SPAN_ID)


_BAD_FIELDS: Final[list[tuple[str, object]]] = [
    ("traceId", "00"),
    ("traceId", "0" * 30),
    ("traceId", "0" * 34),
    ("traceId", "0" * 48),
    ("traceId", "g" * 32),
    ("traceId", 7),
    ("spanId", "0" * 14),
    ("parentSpanId", "0" * 18),
    ("startTimeUnixNano", 2**64),
    ("startTimeUnixNano", str(2**64)),
    ("startTimeUnixNano", -1),
    ("startTimeUnixNano", "1e3"),
    ("startTimeUnixNano", " 1"),
    ("startTimeUnixNano", "1_000"),
    ("startTimeUnixNano", "٣"),
    ("startTimeUnixNano", 1.5),
    ("startTimeUnixNano", True),
    ("startTimeUnixNano", "9" * 5000),
    ("kind", "SPAN_KIND_OF_MAGIC"),
    ("kind", 2**31),
    ("flags", 2**32),
    ("name", 5),
    ("attributes", {}),
    ("attributes", [5]),
    ("attributes", [None]),
    ("attributes", [{"key": 5, "value": {}}]),
    ("attributes", [{"key": "k", "value": {"intValue": 2**63}}]),
    ("attributes", [{"key": "k", "value": {"intValue": True}}]),
    ("attributes", [{"key": "k", "value": {"boolValue": 1}}]),
    ("attributes", [{"key": "k", "value": {"boolValue": "true"}}]),
    ("attributes", [{"key": "k", "value": {"doubleValue": "many"}}]),
    ("attributes", [{"key": "k", "value": {"doubleValue": 10**400}}]),
    ("attributes", [{"key": "k", "value": {"bytesValue": "!"}}]),
    ("attributes", [{"key": "k", "value": []}]),
    ("status", "ok"),
]


@pytest.mark.parametrize(("field", "value"), _BAD_FIELDS)
def test_a_bad_field_costs_its_span_alone(field: str, value: object) -> None:
    """C69, C75, C76: the neighbours stay, and there is one reason."""
    document = _document(_span(name="before"), _span(**{field: value}), _span(name="after"))
    body, reasons = json_to_protobuf(Signal.TRACES, json.dumps(document).encode())
    request = ExportTraceServiceRequest.FromString(body)
    assert [span.name for span in request.resource_spans[0].scope_spans[0].spans] == ["before", "after"]
    assert len(reasons) == 1


def test_a_reason_names_the_field_and_quotes_nothing() -> None:
    """C11: what was sent may be private; what was expected is not."""
    span = _span(attributes=[{"key": "canary", "value": {"intValue": "canary"}}])
    _, reasons = json_to_protobuf(Signal.TRACES, json.dumps(_document(span)).encode())
    assert reasons == [f"AnyValue.intValue is not a whole number from -{2**63} to {2**63 - 1}"]


def test_an_element_that_is_no_object_is_left_out() -> None:
    """C27: whatever stands in the list of spans."""
    body, reasons = json_to_protobuf(Signal.TRACES, json.dumps(_document(5, None, "x", [], _span())).encode())
    request = ExportTraceServiceRequest.FromString(body)
    assert len(request.resource_spans[0].scope_spans[0].spans) == 1
    assert reasons == ["Span is not an object"] * 4


def test_a_broken_resource_costs_its_own_spans() -> None:
    """C27: each of them is counted; another resource of the same request stays."""
    broken = {
        "resource": {"attributes": 5},
        "scopeSpans": [{"spans": [_span(), _span()]}, {"spans": [_span(kind="?")]}],
    }
    whole = _document(_span(name="whole"))["resourceSpans"]
    assert isinstance(whole, list)
    body, reasons = json_to_protobuf(Signal.TRACES, json.dumps({"resourceSpans": [broken, *whole]}).encode())
    [resource] = ExportTraceServiceRequest.FromString(body).resource_spans
    assert resource.scope_spans[0].spans[0].name == "whole"
    assert reasons == ["Resource.attributes is not an array"] * 3


def test_a_log_record_with_bad_ids_is_a_record_of_no_trace() -> None:
    """OTLP says so of logs, and a link's bad id is no reason to lose the usage of its span either."""
    record = {"traceId": "zz", "spanId": "00", "body": {"stringValue": "hello"}, "severityNumber": 9}
    body, reasons = json_to_protobuf(
        Signal.LOGS, json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}).encode()
    )
    [read] = ExportLogsServiceRequest.FromString(body).resource_logs[0].scope_logs[0].log_records
    assert (read.trace_id, read.span_id, read.body.string_value, read.severity_number) == (b"", b"", "hello", 9)
    assert reasons == []
    [span] = _spans(_span(links=[{"traceId": "zz", "spanId": SPAN_ID}]))
    assert span.links[0].trace_id == b""


def test_metrics_are_converted_and_rejected_by_data_point() -> None:
    """C22: packed lists, signed and unsigned numbers; the bad point goes, the good one stays."""
    histogram = {
        "dataPoints": [
            {"count": "3", "sum": 1.5, "bucketCounts": ["1", 2, "0"], "explicitBounds": [0, 0.5], "min": 0},
            {"count": "-3"},
        ],
        "aggregationTemporality": "AGGREGATION_TEMPORALITY_DELTA",
    }
    exponential = {"dataPoints": [{"scale": -2, "zeroCount": "1", "positive": {"offset": -1, "bucketCounts": ["4"]}}]}
    gauge = {"dataPoints": [{"asInt": "-5", "timeUnixNano": "9"}, {"asDouble": "x"}]}
    metrics = [
        {"name": "h", "histogram": histogram},
        {"name": "e", "exponentialHistogram": exponential},
        {"name": "g", "gauge": gauge},
    ]
    body, reasons = json_to_protobuf(
        Signal.METRICS, json.dumps({"resourceMetrics": [{"scopeMetrics": [{"metrics": metrics}]}]}).encode()
    )
    read = ExportMetricsServiceRequest.FromString(body).resource_metrics[0].scope_metrics[0].metrics
    [point] = read[0].histogram.data_points
    assert (point.count, point.sum, list(point.bucket_counts), list(point.explicit_bounds)) == (
        3,
        1.5,
        [1, 2, 0],
        [0, 0.5],
    )
    assert point.HasField("min")
    assert read[0].histogram.aggregation_temporality == 1
    [exponent] = read[1].exponential_histogram.data_points
    assert (exponent.scale, exponent.positive.offset, list(exponent.positive.bucket_counts)) == (-2, -1, [4])
    assert [point.as_int for point in read[2].gauge.data_points] == [-5]
    assert reasons == [
        f"HistogramDataPoint.count is not a whole number from 0 to {2**64 - 1}",
        "NumberDataPoint.asDouble is not a number",
    ]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"5",
        b'"text"',
        b"{",
        b'{"resourceSpans": []} and more',
        b'{"resourceSpans": {}}',
        b'{"resourceSpans": [NaN]}',
        b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"name": Infinity}]}]}]}',
        b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"kind": ' + b"1" * 5000 + b"}]}]}]}",
        b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"flags": 1e400}]}]}]}',
        b'{"name": "\xff"}',
        b'{"name": "\xed\xa0\x80"}',
        b'{"name": "a\nb"}',
        '{"name": "ä"}'.encode("utf-16"),
        b'{"name": "\\x"}',
    ],
)
def test_what_is_not_an_otlp_request_is_refused_as_a_whole(body: bytes) -> None:
    """C55, C70, C72, C74: not JSON, not UTF-8, not an object, numbers beyond any reading."""
    with pytest.raises(Permanent):
        json_to_protobuf(Signal.TRACES, body)


def test_a_byte_order_mark_is_passed_over() -> None:
    """C74: some editors put one before a file."""
    assert json_to_protobuf(Signal.TRACES, b"\xef\xbb\xbf{}") == (b"", [])


def test_half_a_character_is_replaced_and_its_span_kept() -> None:
    r"""C73: JavaScript cuts strings between the halves of a pair; `\\ud83d` after a backslash is text, not a half."""
    body = json.dumps(_document(_span(name="NAME"), _span(name="other"))).encode()
    for written, read in (
        (rb"cut \ud83d", "cut �"),
        (rb"\ude00\ud83d\ude00\ud83d", "�😀�"),
        (rb"\\ud83d \" \ud83dx", '\\ud83d " �x'),
        (rb"a\u0000b", "a\0b"),
    ):
        converted, reasons = json_to_protobuf(Signal.TRACES, body.replace(b"NAME", written))
        request = ExportTraceServiceRequest.FromString(converted)
        assert [span.name for span in request.resource_spans[0].scope_spans[0].spans] == [read, "other"]
        assert reasons == []


def test_of_equal_keys_the_last_one_counts() -> None:
    """C73: as in every parser of our neighbours."""
    body = json.dumps(_document(_span())).replace('"name": ""', '"name": "first", "name": "second"').encode()
    request = ExportTraceServiceRequest.FromString(json_to_protobuf(Signal.TRACES, body)[0])
    assert request.resource_spans[0].scope_spans[0].spans[0].name == "second"


@pytest.mark.parametrize("depth", [DEPTH_MAX, DEPTH_MAX + 1, 1000, 200_000])
def test_depth_is_limited_before_parsing(depth: int) -> None:
    """C71, H03: 64 levels are read, one more is refused, and none of them ends in a RecursionError."""
    for opening, closing in ((b"[", b"]"), (b'{"a":', b"}")):
        levels = depth - 1
        body = b'{"unknown": ' + opening * levels + b"1" + closing * levels + b', "s": "]][[\\"{{"}'
        if depth <= DEPTH_MAX:
            assert json_to_protobuf(Signal.TRACES, body) == (b"", [])
        else:
            with pytest.raises(Permanent, match="deeper than 64"):
                json_to_protobuf(Signal.TRACES, body)


def test_brackets_inside_strings_are_text() -> None:
    """C71: a prompt full of JSON is no nesting, whatever it escapes."""
    text = '{"a": [' * 500 + '\\"' + "\\" * 7 + '"' + "]}" * 3
    [span] = _spans(_span(name=text))
    assert span.name == text


def test_containers_are_counted_before_parsing() -> None:
    """H02: a million empty objects would take sixty times their text."""
    with pytest.raises(TooLarge):
        json_to_protobuf(Signal.TRACES, b'{"resourceSpans":[' + b"{}," * 1_000_000 + b"{}]}")


def _span(**fields: object) -> dict[str, object]:
    return {"traceId": TRACE_ID, "spanId": SPAN_ID, "name": ""} | fields


def _document(*spans: object) -> dict[str, object]:
    return {"resourceSpans": [{"scopeSpans": [{"spans": list(spans)}]}]}


def _converted(document: object) -> ExportTraceServiceRequest:
    body, reasons = json_to_protobuf(Signal.TRACES, json.dumps(document).encode())
    assert reasons == []
    return ExportTraceServiceRequest.FromString(body)


def _spans(*spans: object) -> list[Span]:
    return list(_converted(_document(*spans)).resource_spans[0].scope_spans[0].spans)
