"""Wire-compatible views of OTLP messages that stop where we do not look. Pure: bytes in, bytes out.

Protobuf encodes a nested message and a `bytes` field alike, so declaring `spans` as `repeated bytes` lets the
C parser frame a request without reading one span, and declaring a span's `attributes` so hands back raw KeyValues;
a `map<string, bytes>` is encoded like repeated KeyValue, which gives a resource's as a dictionary of raw AnyValues.
Field numbers: opentelemetry-proto `trace/v1/trace.proto`, `logs/v1/logs.proto`, `resource/v1`, `common/v1`.
"""

from collections.abc import Iterable, Iterator, MutableMapping
from typing import Final, Protocol, TypeVar, cast

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError as WireError

__all__ = [
    "ANY_VALUE",
    "KEY_VALUE",
    "LOG_RECORD",
    "REQUEST",
    "RESOURCE",
    "RESOURCE_SPANS",
    "SCOPE",
    "SCOPE_SPANS",
    "SPAN",
    "SpanView",
    "WireError",
]

V_co = TypeVar("V_co", covariant=True)
_Field = descriptor_pb2.FieldDescriptorProto
_KINDS: Final = {
    "bytes": _Field.TYPE_BYTES,
    "string": _Field.TYPE_STRING,
    "fixed64": _Field.TYPE_FIXED64,
    "uint32": _Field.TYPE_UINT32,
    "int32": _Field.TYPE_INT32,
    "int64": _Field.TYPE_INT64,
    "double": _Field.TYPE_DOUBLE,
}

# Message → field → (number, type): `*` is repeated, `?` keeps zero apart from absent, `map` is string → bytes, a
# capitalised type is a message.
_SHAPES: Final = {
    "AnyValue": {"string_value": (1, "string?"), "int_value": (3, "int64?"), "double_value": (4, "double?")},
    "KeyValue": {"key": (1, "bytes"), "value": (2, "bytes")},
    "Resource": {"attributes": (1, "map")},
    "Scope": {"name": (1, "string"), "version": (2, "string")},
    "Status": {"code": (3, "int32")},
    "Span": {
        "trace_id": (1, "bytes"),
        "span_id": (2, "bytes"),
        "parent_span_id": (4, "bytes"),
        "name": (5, "bytes"),
        "kind": (6, "int32"),
        "start_time_unix_nano": (7, "fixed64"),
        "end_time_unix_nano": (8, "fixed64"),
        "attributes": (9, "bytes*"),
        "dropped_attributes_count": (10, "uint32"),
        "status": (15, "Status"),
    },
    "LogRecord": {
        "time_unix_nano": (1, "fixed64"),
        "body": (5, "bytes"),
        "attributes": (6, "bytes*"),
        "dropped_attributes_count": (7, "uint32"),
        "trace_id": (9, "bytes"),
        "span_id": (10, "bytes"),
        "observed_time_unix_nano": (11, "fixed64"),
        "event_name": (12, "bytes"),
    },
    "ScopeSpans": {"scope": (1, "bytes"), "spans": (2, "bytes*")},
    "ResourceSpans": {"resource": (1, "bytes"), "scope_spans": (2, "bytes*")},
    "Request": {"resource_spans": (1, "bytes*")},
}


class Repeated(Protocol):
    """A repeated `bytes` field."""

    def __iter__(self) -> Iterator[bytes]: ...
    def __len__(self) -> int: ...
    def __getitem__(self, key: slice, /) -> list[bytes]: ...
    def __delitem__(self, key: slice, /) -> None: ...
    def append(self, value: bytes, /) -> None: ...
    def extend(self, values: Iterable[bytes], /) -> None: ...


class View(Protocol):
    """What every message offers."""

    def SerializeToString(self) -> bytes: ...  # noqa: N802 (protobuf's name)
    def ByteSize(self) -> int: ...  # noqa: N802
    def DiscardUnknownFields(self) -> None: ...  # noqa: N802


class AnyValueView(View, Protocol):
    string_value: str
    int_value: int
    double_value: float


class KeyValueView(View, Protocol):
    key: bytes
    value: bytes


class ResourceView(View, Protocol):
    attributes: MutableMapping[str, bytes]


class ScopeView(View, Protocol):
    name: str
    version: str


class StatusView(View, Protocol):
    code: int


class SpanView(View, Protocol):
    """A span whose attributes are raw KeyValue messages; events and links are unknown fields."""

    trace_id: bytes
    span_id: bytes
    parent_span_id: bytes
    name: bytes
    kind: int
    start_time_unix_nano: int
    end_time_unix_nano: int
    attributes: Repeated
    dropped_attributes_count: int
    status: StatusView


class LogRecordView(View, Protocol):
    """A log record whose attributes and body are raw messages; severity and flags are unknown fields."""

    time_unix_nano: int
    body: bytes
    attributes: Repeated
    dropped_attributes_count: int
    trace_id: bytes
    span_id: bytes
    observed_time_unix_nano: int
    event_name: bytes


class ScopeSpansView(View, Protocol):
    scope: bytes
    spans: Repeated


class ResourceSpansView(View, Protocol):
    resource: bytes
    scope_spans: Repeated


class RequestView(View, Protocol):
    resource_spans: Repeated


class Shape(Protocol[V_co]):
    """A message class: call it with fields for a message, or parse one. `FromString` raises `WireError`."""

    def __call__(self, **fields: object) -> V_co: ...
    def FromString(self, s: bytes, /) -> V_co: ...  # noqa: N802 (protobuf's name)


def _descriptors() -> descriptor_pb2.FileDescriptorProto:
    package = descriptor_pb2.FileDescriptorProto(
        name="spanledger/wire.proto", package="spanledger.wire", syntax="proto3"
    )
    for message_name, fields in _SHAPES.items():
        message = package.message_type.add(name=message_name)
        for field_name, (number, kind) in fields.items():
            field = message.field.add(name=field_name, number=number)
            repeated = kind.endswith("*") or kind == "map"
            field.label = _Field.LABEL_REPEATED if repeated else _Field.LABEL_OPTIONAL
            field.type = _KINDS.get(kind.rstrip("*?"), _Field.TYPE_MESSAGE)
            if kind.endswith("?"):
                field.proto3_optional = True
                field.oneof_index = len(message.oneof_decl)
                message.oneof_decl.add(name=f"_{field_name}")
            if kind == "map":
                entry = message.nested_type.add(name=f"{field_name.capitalize()}Entry")
                entry.options.map_entry = True
                entry.field.add(name="key", number=1, type=_Field.TYPE_STRING, label=_Field.LABEL_OPTIONAL)
                entry.field.add(name="value", number=2, type=_Field.TYPE_BYTES, label=_Field.LABEL_OPTIONAL)
                field.type_name = f".spanledger.wire.{message_name}.{entry.name}"
            elif field.type == _Field.TYPE_MESSAGE:
                field.type_name = f".spanledger.wire.{kind}"
    return package


_POOL: Final = descriptor_pool.DescriptorPool()
_POOL.Add(_descriptors())  # pyright: ignore[reportUnknownMemberType] (the stub leaves it untyped)


def _shape(name: str) -> object:
    return message_factory.GetMessageClass(_POOL.FindMessageTypeByName(f"spanledger.wire.{name}"))


ANY_VALUE: Final = cast("Shape[AnyValueView]", _shape("AnyValue"))
KEY_VALUE: Final = cast("Shape[KeyValueView]", _shape("KeyValue"))
RESOURCE: Final = cast("Shape[ResourceView]", _shape("Resource"))
SCOPE: Final = cast("Shape[ScopeView]", _shape("Scope"))
LOG_RECORD: Final = cast("Shape[LogRecordView]", _shape("LogRecord"))
SPAN: Final = cast("Shape[SpanView]", _shape("Span"))
SCOPE_SPANS: Final = cast("Shape[ScopeSpansView]", _shape("ScopeSpans"))
RESOURCE_SPANS: Final = cast("Shape[ResourceSpansView]", _shape("ResourceSpans"))
REQUEST: Final = cast("Shape[RequestView]", _shape("Request"))
