"""OTLP protobuf cut into small requests without parsing it. Pure but for the stream it reads.

The three requests have one shape: request.1 is a resource's part, whose .1 is the resource and .2 its scopes;
a scope's .1 is the scope and .2 its items (spans, log records, metrics). Concatenated requests are one request.
"""

from collections.abc import Iterable, Iterator, Sized
from typing import BinaryIO, Final, TypeVar

# A resource's part is held in memory; OTLP files carry some thousands of items in one, of 1 to 4 kB each.
RECORD_BYTES_MAX: Final = 1024 * 1024 * 1024

_Item = TypeVar("_Item", bound=Sized)
_READ_BYTES: Final = 1024 * 1024
_VARINT_BYTES_MAX: Final = 10
_FIXED_WIDTHS: Final = {1: 8, 5: 4}
_BYTES: Final = 2
_PART_TAG: Final = 0x0A
"""Field 1, length-delimited: the only field a request has."""
_INNER: Final = 2
"""The repeated field inside a resource's part (scopes) and inside a scope (items)."""


class Broken(ValueError):
    """The bytes are not what they began as: cut short, or not protobuf at all."""


class NotOtlp(ValueError):
    """The bytes do not begin as an OTLP request."""


def parts(stream: BinaryIO) -> Iterator[bytes]:
    """The payloads of a request's `resource_spans` (or `_logs`, `_metrics`), one at a time.

    Raises `NotOtlp` if the first byte is another field's, `Broken` if the stream ends within a part.
    """
    seen = False
    while tag := stream.read(1):
        if tag[0] != _PART_TAG:
            raise Broken("a field that no OTLP request has") if seen else NotOtlp("no OTLP request")
        yield _exactly(stream, _size(stream))
        seen = True


def part_field(payload: bytes) -> bytes:
    """A part as it stands in a request: tag, length, payload."""
    return _field(1, payload)


def fields(message: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Field number, wire type and raw value of each field of a message. Raises `Broken` if it is cut."""
    position, end = 0, len(message)
    while position < end:
        tag, position = _varint(message, position)
        wire_type = tag & 7
        start = position
        match wire_type:
            case 0:
                _, position = _varint(message, position)
            case 1 | 5:
                position += _FIXED_WIDTHS[wire_type]
            case 2:
                size, start = _varint(message, position)
                position = start + size
            case _:
                msg = "a group, which OTLP does not use"
                raise Broken(msg)
        if position > end:
            msg = "cut short"
            raise Broken(msg)
        yield tag >> 3, wire_type, message[start:position]


def split(payload: bytes, bytes_max: int) -> Iterator[bytes]:
    """Cut a part into parts of at most `bytes_max` bytes, each with its resource and scope; an item is never cut."""
    if len(payload) <= bytes_max:
        yield payload
        return
    head, scopes = _opened(payload)
    for scope in scopes:
        scope_head, items = _opened(scope)
        for group in grouped(items, bytes_max - len(head) - len(scope_head)):
            yield head + _field(_INNER, scope_head + b"".join(_field(_INNER, item) for item in group))


def _opened(message: bytes) -> tuple[bytes, list[bytes]]:
    """Everything of a message but its repeated inner field, re-encoded; and that field's values."""
    head = bytearray()
    inner: list[bytes] = []
    for number, wire_type, value in fields(message):
        if number == _INNER and wire_type == _BYTES:
            inner.append(value)
        else:
            head += _encoded(number << 3 | wire_type) + (_encoded(len(value)) if wire_type == _BYTES else b"") + value
    return bytes(head), inner


def grouped(items: Iterable[_Item], bytes_max: int) -> Iterator[list[_Item]]:
    """The items in groups of at most so many bytes each; what is larger stands alone."""
    group: list[_Item] = []
    size = 0
    for item in items:
        if group and size + len(item) > bytes_max:
            yield group
            group, size = [], 0
        group.append(item)
        size += len(item)
    if group:
        yield group


def _field(number: int, payload: bytes) -> bytes:
    return _encoded(number << 3 | _BYTES) + _encoded(len(payload)) + payload


def _encoded(value: int) -> bytes:
    """A whole number as a protobuf varint."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _varint(message: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    for byte in message[position : position + _VARINT_BYTES_MAX]:
        value |= (byte & 0x7F) << shift
        position += 1
        if byte < 0x80:
            return value, position
        shift += 7
    msg = "a number without an end"
    raise Broken(msg)


def _size(stream: BinaryIO) -> int:
    encoded = b""
    while len(encoded) < _VARINT_BYTES_MAX and (byte := stream.read(1)):
        encoded += byte
        if byte[0] < 0x80:
            break
    size, _ = _varint(encoded, 0)
    if size > RECORD_BYTES_MAX:
        msg = f"a resource's part of {size} bytes, over the limit of {RECORD_BYTES_MAX}"
        raise Broken(msg)
    return size


def _exactly(stream: BinaryIO, size: int) -> bytes:
    """Read `size` bytes; in steps, because a broken length must not reserve memory for bytes that never come."""
    read: list[bytes] = []
    missing = size
    while missing:
        block = stream.read(min(missing, _READ_BYTES))
        if not block:
            msg = "cut short"
            raise Broken(msg)
        read.append(block)
        missing -= len(block)
    return read[0] if len(read) == 1 else b"".join(read)
