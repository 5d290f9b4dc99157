"""Raw OTLP AnyValue bytes → a Python value, without building a message. Pure.

A count is a whole number from 0 to 10⁹ (`units.COUNT_MAX`). Emitters also send it as an integral double or a
decimal string, which is taken; a bool, a fraction, NaN, a negative number or anything else is not a count, and
never becomes zero.
"""

import struct
from typing import Final

from spanledger.schemas.units import COUNT_MAX

_STRING, _BOOL, _INT, _DOUBLE = 0x0A, 0x10, 0x18, 0x21
# `string_value_strindex`: a place in the table of strings that a request of profiles has, and no other.
_STRING_INDEX = 0x40
_ABSENT: Final = frozenset({"", "None", "null"})
_SIGN_BIT: Final = 1 << 63
_UNSIGNED_SPAN: Final = 1 << 64


class NotACountError(ValueError):
    """The value cannot be a number of units."""


def text(value: bytes) -> str:
    """A string value; a number or bool as its decimal text; empty for anything else. Invalid UTF-8 is replaced.

    A string in quotes is what it quotes: some emitters write every value as JSON.
    """
    if not value:
        return ""
    if value[0] == _STRING:
        start = 2 if value[1] < 0x80 else _varint(value, 1)[1]
        end = len(value)
        if value[start : start + 1] == b'"' == value[-1:] and end > start + 1:
            start, end = start + 1, end - 1
        return value[start:end].decode(errors="replace")
    if value[0] == _INT:
        return str(_signed(_varint(value, 1)[0]))
    if value[0] == _DOUBLE:
        return repr(_double(value))
    if value[0] == _BOOL:
        return "true" if value[1:] == b"\x01" else "false"
    return ""


def real(value: bytes) -> float:
    """A number, or a text that is one, for what is no count: a length of time. Raises `ValueError` on anything else."""
    return _double(value) if value[:1] == b"\x21" else float(text(value))


def count(value: bytes) -> int | None:
    """A number of units; None when the emitter says that there is none to state. Raises `NotACountError`."""
    if not value or value[0] == _STRING_INDEX:
        return None
    if value[0] == _INT:
        size = len(value)
        if size == 2:
            return value[1]
        if size == 3:
            return value[1] & 0x7F | value[2] << 7
        number = _signed(_varint(value, 1)[0])
    elif value[0] == _DOUBLE:
        number = _integral(_double(value))
    elif value[0] == _STRING:
        stated = text(value)
        if stated in _ABSENT:
            return None
        number = _parsed(stated)
    else:
        msg = "neither a number nor a decimal string"
        raise NotACountError(msg)
    if not 0 <= number <= COUNT_MAX:
        msg = f"not from 0 to {COUNT_MAX}"
        raise NotACountError(msg)
    return number


def _varint(value: bytes, position: int) -> tuple[int, int]:
    number = shift = 0
    for byte in value[position:]:
        number |= (byte & 0x7F) << shift
        position += 1
        if byte < 0x80:
            break
        shift += 7
    return number, position


def _signed(number: int) -> int:
    return number - _UNSIGNED_SPAN if number >= _SIGN_BIT else number


def _double(value: bytes) -> float:
    return struct.unpack_from("<d", value, 1)[0] if len(value) >= 9 else float("nan")


def _integral(number: float) -> int:
    if not number.is_integer():
        msg = "a fraction, NaN or infinite"
        raise NotACountError(msg)
    return int(number)


def _parsed(stated: str) -> int:
    if stated.isascii() and stated.isdigit() and len(stated) <= len(str(COUNT_MAX)):
        return int(stated)
    try:
        return _integral(float(stated))
    except ValueError as error:
        msg = "a text that is not a decimal number"
        raise NotACountError(msg) from error
