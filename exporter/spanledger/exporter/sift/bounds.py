"""Counting a message's fields without building them: what stands between 16 MB of input and 1 GB of objects."""

from typing import Final

from spanledger.exporter.failures import TooLarge
from spanledger.exporter.sift.wire import WireError

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_VARINT_BYTES_MAX: Final = 10


def bounded(raw: bytes, fields_max: int, what: str) -> None:
    """Walk the top-level fields of a message. Raises `TooLarge` beyond `fields_max`, `WireError` if it is cut."""
    position, seen, end = 0, 0, len(raw)
    while position < end:
        seen += 1
        if seen > fields_max:
            msg = f"more than {fields_max} {what}"
            raise TooLarge(msg)
        tag, position = _varint(raw, position)
        wire_type = tag & 7
        if wire_type == _BYTES:
            size, position = _varint(raw, position)
            position += size
        elif wire_type == _VARINT:
            _, position = _varint(raw, position)
        elif wire_type in {_FIXED64, _FIXED32}:
            position += 8 if wire_type == _FIXED64 else 4
        else:
            msg = f"wire type {wire_type}"
            raise WireError(msg)
    if position > end:
        msg = "cut short"
        raise WireError(msg)


def _varint(raw: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    for byte in raw[position : position + _VARINT_BYTES_MAX]:
        value |= (byte & 0x7F) << shift
        position += 1
        if byte < 0x80:
            return value, position
        shift += 7
    msg = "a varint without an end"
    raise WireError(msg)
