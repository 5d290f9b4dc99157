"""OTLP/JSON → OTLP protobuf. Pure. One bad span, record or point is left out with a reason; its neighbours stay.

The envelopes are taken apart as raw text and each element is parsed alone, so memory holds one element at a time.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Final

import msgspec
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from msgspec import Raw
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from spanledger.exporter.failures import Permanent
from spanledger.exporter.journal import Signal
from spanledger.exporter.receiver.json_text import checked, without_lone_surrogates
from spanledger.exporter.receiver.json_wire import Invalid, Json, delimited, field_encoder, message_encoder, submessage


def json_to_protobuf(signal: Signal, body: bytes) -> tuple[bytes, list[str]]:
    """Convert an Export request of a signal to protobuf bytes, with one reason for each element left out.

    Elements are spans, log records and metric data points, as OTLP counts rejections. Reasons quote no value.
    Raises `Permanent` when the body is not JSON or not an object, `TooLarge` over a limit.
    """
    text = checked(body)
    rejected: list[str] = []
    try:
        return _envelope(_parsed(text), _REQUESTS[signal], rejected), rejected
    except Invalid as error:
        msg = f"the body is not an OTLP/JSON request: {error}"
        raise Permanent(msg) from error
    except msgspec.DecodeError as error:
        msg = f"the body is not JSON: {error}"
        raise Permanent(msg) from error


_REQUESTS: Final[Mapping[Signal, Descriptor]] = {
    Signal.TRACES: ExportTraceServiceRequest.DESCRIPTOR,
    Signal.LOGS: ExportLogsServiceRequest.DESCRIPTOR,
    Signal.METRICS: ExportMetricsServiceRequest.DESCRIPTOR,
}
_ELEMENTS: Final = frozenset(
    {
        "opentelemetry.proto.trace.v1.Span",
        "opentelemetry.proto.logs.v1.LogRecord",
        "opentelemetry.proto.metrics.v1.NumberDataPoint",
        "opentelemetry.proto.metrics.v1.HistogramDataPoint",
        "opentelemetry.proto.metrics.v1.ExponentialHistogramDataPoint",
        "opentelemetry.proto.metrics.v1.SummaryDataPoint",
    }
)
_OBJECT: Final = msgspec.json.Decoder(dict[str, Raw])
_ARRAY: Final = msgspec.json.Decoder(list[Raw])
_VALUE: Final = msgspec.json.Decoder()
_NULL: Final = Raw(b"null")


def _parsed(text: bytes) -> Raw:
    """Return the whole body as one raw value; the parser has seen all of its grammar."""
    try:
        return msgspec.json.decode(text, type=Raw)
    except msgspec.DecodeError:
        if rb"\u" not in text:
            raise
        return msgspec.json.decode(without_lone_surrogates(text), type=Raw)


def _envelope(raw: Raw, message: Descriptor, rejected: list[str]) -> bytes:
    """Convert a message that holds elements, at any depth. Raises `Invalid` when it is broken around them."""
    fields = _by_key(message)
    parts: list[bytes] = []
    for key, value in _object(raw, message).items():
        field = fields.get(key)
        if field is None or value == _NULL:
            continue
        if not _holds_elements(field):
            parts.append(field_encoder(field)(_value(value)))
        elif field.is_repeated:
            parts += _items(value, field, rejected)
        else:
            parts.append(delimited(field)(_envelope(value, submessage(field), rejected)))
    return b"".join(parts)


def _items(raw: Raw, field: FieldDescriptor, rejected: list[str]) -> Iterator[bytes]:
    """Convert an array of elements or of envelopes; what is broken is left out, and counted by its elements."""
    message, prefixed = submessage(field), delimited(field)
    element = message_encoder(message) if message.full_name in _ELEMENTS else None
    for item in _array(raw, field):
        mark = len(rejected)
        try:
            payload = element(_value(item)) if element else _envelope(item, message, rejected)
        except Invalid as error:
            rejected[mark:] = [str(error)] * _elements_in(item, message)
        else:
            yield prefixed(payload)


def _elements_in(raw: Raw, message: Descriptor) -> int:
    """Count the elements that a broken item takes with it: itself, or at least one."""
    if message.full_name in _ELEMENTS:
        return 1
    count = 0
    try:
        for key, value in _object(raw, message).items():
            field = _by_key(message).get(key)
            if field is not None and value != _NULL and _holds_elements(field):
                items = _array(value, field) if field.is_repeated else [value]
                count += sum(_elements_in(item, submessage(field)) for item in items)
    except Invalid:
        pass
    return max(count, 1)


@cache
def _by_key(message: Descriptor) -> dict[str, FieldDescriptor]:
    return {field.json_name: field for field in message.fields}


@cache
def _holds_elements(field: FieldDescriptor) -> bool:
    """Whether a field is an element or leads to elements."""
    message = field.message_type
    if message is None or message.full_name.startswith("opentelemetry.proto.common."):
        return False
    return message.full_name in _ELEMENTS or any(_holds_elements(inner) for inner in message.fields)


def _object(raw: Raw, message: Descriptor) -> dict[str, Raw]:
    try:
        return _OBJECT.decode(raw)
    except msgspec.DecodeError as error:
        msg = f"{message.name} is not an object"
        raise Invalid(msg) from error


def _array(raw: Raw, field: FieldDescriptor) -> list[Raw]:
    try:
        return _ARRAY.decode(raw)
    except msgspec.DecodeError as error:
        msg = f"{field.json_name} is not an array"
        raise Invalid(msg) from error


def _value(raw: Raw) -> Json:
    """Parse one raw value. Its grammar is known to be right: only a number can be beyond any reading."""
    return _VALUE.decode(raw)
