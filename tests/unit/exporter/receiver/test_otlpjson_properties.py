"""OTLP/JSON → protobuf, for any input: what protobuf prints comes back, and nothing else escapes."""

import json
from typing import Final

from google.protobuf.json_format import MessageToDict
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList

from spanledger.exporter.failures import Permanent
from spanledger.exporter.journal import Signal
from spanledger.exporter.receiver.otlpjson import json_to_protobuf

TRACE_ID: Final = bytes.fromhex("5b8efff798038103d269b633813fc60c")
SPAN_ID: Final = bytes.fromhex("eee19b7ec3c1b174")


def _text_value(text: str) -> AnyValue:
    return AnyValue(string_value=text)


def _int_value(number: int) -> AnyValue:
    return AnyValue(int_value=number)


def _double_value(number: float) -> AnyValue:
    return AnyValue(double_value=number)


def _bool_value(*, flag: bool) -> AnyValue:
    return AnyValue(bool_value=flag)


def _bytes_value(raw: bytes) -> AnyValue:
    return AnyValue(bytes_value=raw)


def _array_value(values: list[AnyValue]) -> AnyValue:
    return AnyValue(array_value=ArrayValue(values=values))


def _kvlist_value(pairs: list[tuple[str, AnyValue]]) -> AnyValue:
    return AnyValue(kvlist_value=KeyValueList(values=[KeyValue(key=key, value=value) for key, value in pairs]))


def _nested(inner: st.SearchStrategy[AnyValue]) -> st.SearchStrategy[AnyValue]:
    return st.one_of(
        st.builds(_array_value, st.lists(inner, max_size=3)),
        st.builds(_kvlist_value, st.lists(st.tuples(st.text(max_size=5), inner), max_size=3)),
    )


_SCALARS = st.one_of(
    st.builds(_text_value, st.text(max_size=20)),
    st.builds(_int_value, st.integers(-(2**63), 2**63 - 1)),
    st.builds(_double_value, st.floats(allow_nan=False)),
    st.builds(_bool_value, flag=st.booleans()),
    st.builds(_bytes_value, st.binary(max_size=20)),
    st.just(AnyValue()),
)
_VALUES = st.recursive(_SCALARS, _nested, max_leaves=8)


@settings(max_examples=50)
@given(st.lists(st.tuples(st.text(max_size=10), _VALUES), max_size=5), st.integers(0, 2**64 - 1), st.text(max_size=300))
def test_what_protobuf_prints_comes_back(attributes: list[tuple[str, AnyValue]], start_ns: int, name: str) -> None:
    """Any span that protobuf's own printer writes as JSON is read back as the same message."""
    request = ExportTraceServiceRequest()
    span = (
        request.resource_spans.add()
        .scope_spans.add()
        .spans.add(trace_id=TRACE_ID, span_id=SPAN_ID, name=name, start_time_unix_nano=start_ns)
    )
    span.attributes.extend(KeyValue(key=key, value=value) for key, value in attributes)
    document = json.dumps(MessageToDict(request)).encode()
    body, reasons = json_to_protobuf(Signal.TRACES, document)
    assert ExportTraceServiceRequest.FromString(body) == request
    assert reasons == []


@given(st.binary(max_size=200))
def test_no_bytes_escape_the_two_failures(body: bytes) -> None:
    """T16: whatever arrives is converted, refused or rejected."""
    for text in (body, b'{"resourceSpans":[' + body + b"]}"):
        try:
            json_to_protobuf(Signal.TRACES, text)
        except Permanent:
            continue
