"""A parsed JSON value → the protobuf bytes of the field it stands for, by OTLP's JSON mapping. Pure.

The encoders are made from the message descriptors, once for each message type: hex ids, 64-bit integers as numbers
or strings, enums as numbers (or names, as protobuf's own printer writes them), unknown keys ignored at every level.
"""

import base64
import binascii
import re
import struct
from collections.abc import Callable
from functools import cache
from typing import Final, TypeAlias

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"
"""What a JSON parser returns."""

Encode = Callable[[Json], bytes]
"""From a parsed JSON value (never null) to wire bytes. Raises `Invalid`."""


class Invalid(ValueError):
    """A JSON value that its field cannot hold. The text names the field, never the value."""


@cache
def message_encoder(message: Descriptor) -> Encode:
    """Return the encoder of one message type: from a JSON object to the message's bytes."""
    encode = _object(message.name, _Fields(message))
    return _attribute(message, encode) if message.full_name == _ATTRIBUTE else encode


def field_encoder(field: FieldDescriptor) -> Encode:
    """Return the encoder of one field: from its JSON value to tagged bytes."""
    if not field.is_repeated:
        return _singular(field)
    if field.type in _PACKED:
        return _packed(field)
    return _repeated(field)


def submessage(field: FieldDescriptor) -> Descriptor:
    """Return the message type of a field that has one."""
    if field.message_type is None:
        msg = f"{field.full_name} is not a message"
        raise TypeError(msg)
    return field.message_type


def delimited(field: FieldDescriptor) -> Callable[[bytes], bytes]:
    """Return what puts tag and length before the payload of a field."""
    tag = _tag(field, 2)
    short = [tag + size for size in _SMALL]

    def prefixed(payload: bytes) -> bytes:
        size = len(payload)
        return (short[size] if size < 0x80 else tag + varint(size)) + payload

    return prefixed


def varint(number: int) -> bytes:
    """Return an unsigned integer as a protobuf varint."""
    if number < 0x80:
        return _SMALL[number]
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


class _Fields(dict[str, Encode | None]):
    """Encoders by JSON key, made when first asked for (messages contain themselves). Unknown keys are not kept."""

    def __init__(self, descriptor: Descriptor) -> None:
        super().__init__()
        self._by_key = {field.json_name: field for field in descriptor.fields}

    def __missing__(self, key: str) -> Encode | None:
        field = self._by_key.get(key)
        if field is None:
            return None
        encode = self[key] = field_encoder(field)
        return encode


_SMALL: Final = [bytes((number,)) for number in range(0x80)]
_MASK_64: Final = (1 << 64) - 1
_WHOLE: Final = re.compile(r"-?[0-9]{1,20}", re.ASCII)

_ATTRIBUTE: Final = "opentelemetry.proto.common.v1.KeyValue"
_ID_BYTES: Final = {"trace_id": 16, "span_id": 8, "parent_span_id": 8}
_IDS_REQUIRED_IN: Final = "opentelemetry.proto.trace.v1.Span"


def _tag(field: FieldDescriptor, wire_type: int) -> bytes:
    return varint(field.number << 3 | wire_type)


def _object(name: str, fields: "_Fields") -> Encode:
    def encode(value: Json) -> bytes:
        if type(value) is not dict:
            raise _invalid(name, "an object")
        parts: list[bytes] = []
        for key, item in value.items():
            if item is not None and (field := fields[key]) is not None:
                parts.append(field(item))
        return b"".join(parts)

    return encode


def _attribute(message: Descriptor, encode_any: Encode) -> Encode:
    """Return the encoder of key and value, the hot spot of every body: the usual shape is encoded without a loop."""
    value_field = message.fields_by_name["value"]
    encode_key, value_prefixed = field_encoder(message.fields_by_name["key"]), delimited(value_field)
    kinds = _Fields(submessage(value_field))

    def encode(value: Json) -> bytes:
        if type(value) is dict and len(value) == 2:
            key, stated = value.get("key"), value.get("value")
            if type(stated) is dict and len(stated) == 1 and key is not None:
                ((kind, scalar),) = stated.items()
                if scalar is not None and (encode_kind := kinds[kind]) is not None:
                    return encode_key(key) + value_prefixed(encode_kind(scalar))
        return encode_any(value)

    return encode


def _singular(field: FieldDescriptor) -> Encode:
    if field.type == FieldDescriptor.TYPE_BYTES and field.name in _ID_BYTES:
        return _id(field)
    wire_type, payload = _payload(field)
    if wire_type == 2:
        prefixed = delimited(field)
        return lambda value: prefixed(payload(value))
    tag = _tag(field, wire_type)
    return lambda value: tag + payload(value)


def _repeated(field: FieldDescriptor) -> Encode:
    one = _singular(field)
    name = _name(field)

    def encode(value: Json) -> bytes:
        if type(value) is not list:
            raise _invalid(name, "an array")
        if None in value:
            raise _invalid(name, "an array without nulls")
        return b"".join([one(item) for item in value])

    return encode


def _packed(field: FieldDescriptor) -> Encode:
    _, payload = _payload(field)
    name, prefixed = _name(field), delimited(field)

    def encode(value: Json) -> bytes:
        if type(value) is not list:
            raise _invalid(name, "an array")
        return prefixed(b"".join([payload(item) for item in value]))

    return encode


def _id(field: FieldDescriptor) -> Encode:
    """Return the encoder of a trace or span id. Only a span needs one: elsewhere a bad id means "not associated"."""
    size, name, prefixed = _ID_BYTES[field.name], _name(field), delimited(field)
    required = field.full_name == f"{_IDS_REQUIRED_IN}.{field.name}"

    def encode(value: Json) -> bytes:
        raw = _id_bytes(value, size)
        if raw is None and required:
            raise _invalid(name, f"{size * 2} hexadecimal digits")
        return prefixed(raw) if raw else b""

    return encode


def _id_bytes(value: Json, size: int) -> bytes | None:
    """Return the id's bytes (none for an empty string), or None. Base64 has padding at these sizes, hex never."""
    if type(value) is not str:
        return None
    try:
        raw = base64.b64decode(value, validate=True) if value.endswith("=") else binascii.unhexlify(value)
    except ValueError:
        return None
    return raw if len(raw) in {0, size} else None


def _payload(field: FieldDescriptor) -> tuple[int, Encode]:
    """Return the wire type of a field and the encoder of its value, without tag and length."""
    name = _name(field)
    if field.message_type is not None:
        return 2, message_encoder(field.message_type)
    if field.enum_type is not None:
        return 0, _enum(field.enum_type, name)
    if field.type in _INTEGERS:
        wire_type, low, high, write = _INTEGERS[field.type]
        return wire_type, lambda value: write(_integer(value, low, high, name))
    wire_type, encoder = _SCALARS[field.type]
    return wire_type, encoder(name)


_Write = Callable[[int], bytes]
_INTEGERS: Final[dict[int, tuple[int, int, int, _Write]]] = {
    FieldDescriptor.TYPE_INT64: (0, -(1 << 63), (1 << 63) - 1, lambda n: varint(n & _MASK_64)),
    FieldDescriptor.TYPE_INT32: (0, -(1 << 31), (1 << 31) - 1, lambda n: varint(n & _MASK_64)),
    FieldDescriptor.TYPE_SINT32: (0, -(1 << 31), (1 << 31) - 1, lambda n: varint((n << 1) ^ (n >> 31))),
    FieldDescriptor.TYPE_UINT64: (0, 0, _MASK_64, varint),
    FieldDescriptor.TYPE_UINT32: (0, 0, (1 << 32) - 1, varint),
    FieldDescriptor.TYPE_FIXED64: (1, 0, _MASK_64, struct.Struct("<Q").pack),
    FieldDescriptor.TYPE_SFIXED64: (1, -(1 << 63), (1 << 63) - 1, struct.Struct("<q").pack),
    FieldDescriptor.TYPE_FIXED32: (5, 0, (1 << 32) - 1, struct.Struct("<I").pack),
}
_PACKED: Final = {*_INTEGERS, FieldDescriptor.TYPE_DOUBLE, FieldDescriptor.TYPE_BOOL, FieldDescriptor.TYPE_ENUM}
_DOUBLE: Final = struct.Struct("<d").pack


def _integer(value: Json, low: int, high: int, name: str) -> int:
    number = value if type(value) is int else _whole(value)
    if number is None or not low <= number <= high:
        raise _invalid(name, f"a whole number from {low} to {high}")
    return number


def _whole(value: Json) -> int | None:
    """Return the integer that a string of digits or a float without a fraction states, or None."""
    if type(value) is str and _WHOLE.fullmatch(value):
        return int(value)
    if type(value) is float and value.is_integer():
        return int(value)
    return None


def _enum(enum: EnumDescriptor, name: str) -> Encode:
    numbers = {value.name: value.number for value in enum.values}

    def encode(value: Json) -> bytes:
        number = numbers.get(value) if type(value) is str else None
        if number is None:
            number = _integer(value, -(1 << 31), (1 << 31) - 1, name)
        return varint(number & _MASK_64)

    return encode


def _text(name: str) -> Encode:
    def encode(value: Json) -> bytes:
        if type(value) is not str:
            raise _invalid(name, "a string")
        return value.encode()

    return encode


def _boolean(name: str) -> Encode:
    def encode(value: Json) -> bytes:
        if type(value) is not bool:
            raise _invalid(name, "true or false")
        return _SMALL[value]

    return encode


def _double(name: str) -> Encode:
    """Encode a number, or its text: JSON has no token for NaN and the infinities."""

    def encode(value: Json) -> bytes:
        if isinstance(value, int | float | str) and type(value) is not bool:
            try:
                return _DOUBLE(float(value))
            except (ValueError, OverflowError):
                pass
        raise _invalid(name, "a number")

    return encode


def _base64(name: str) -> Encode:
    """Decode base64 of either alphabet, padded or not, as proto3's JSON mapping accepts it."""

    def encode(value: Json) -> bytes:
        if type(value) is str:
            try:
                padded = value + "=" * (-len(value) % 4)
                return base64.b64decode(padded.replace("-", "+").replace("_", "/"), validate=True)
            except ValueError:
                pass
        raise _invalid(name, "base64")

    return encode


_SCALARS: Final[dict[int, tuple[int, Callable[[str], Encode]]]] = {
    FieldDescriptor.TYPE_STRING: (2, _text),
    FieldDescriptor.TYPE_BYTES: (2, _base64),
    FieldDescriptor.TYPE_BOOL: (0, _boolean),
    FieldDescriptor.TYPE_DOUBLE: (1, _double),
}


def _name(field: FieldDescriptor) -> str:
    return f"{field.full_name.split('.')[-2]}.{field.json_name}"


def _invalid(name: str, expected: str) -> Invalid:
    return Invalid(f"{name} is not {expected}")
