"""A raw AnyValue → the same with nothing in it that nobody reads. Pure.

Only texts, numbers and truths are ever read. What is in a list, a map or bytes may be a prompt, and a text may be a
whole document: of the former the kind is kept, so that it is still no count, and of the latter the beginning.
"""

from typing import Final

from spanledger.exporter.sift.wire import ANY_VALUE

# A name is cut to 1 024 characters when it is read, which are at most 4 bytes each.
TEXT_BYTES_MAX: Final = 4 * 1_024
NAME_BYTES_MAX: Final = 1_024
"""Of a span, an event or an instrumentation scope."""

_STRING, _BOOL, _INT, _DOUBLE = 0x0A, 0x10, 0x18, 0x21
_CONTENTS: Final = frozenset((0x2A, 0x32, 0x3A))
"""The tags of a list, a map and bytes."""
_UNREADABLE: Final = b"\x3a\x00"
"""Bytes, of which there are none: neither a text nor a count."""
_STRING_INDEX: Final = 0x40
"""A place in a table of strings that only profiles have: in any other signal it is as if nothing were stated."""
_VARINT_BYTES_MAX: Final = 10


def bare_value(value: bytes) -> bytes:
    """What is kept of a value; the same object for nearly every one. Raises `WireError` if it is none."""
    size = len(value)
    if size < 2:
        return _reread(value) if size else value
    kind = value[0]
    if kind == _STRING and value[1] == size - 2 < 0x80:
        return value
    if (kind == _INT and _is_one_varint(value)) or (kind == _DOUBLE and size == 9) or (kind == _BOOL and size == 2):
        return value
    return _reread(value)


def cut(text: bytes, bytes_max: int) -> bytes:
    """The beginning of a text, ending where a character ends."""
    return text if len(text) <= bytes_max else text[:bytes_max].decode(errors="ignore").encode()


def _is_one_varint(value: bytes) -> bool:
    return value[-1] < 0x80 and len(value) <= _VARINT_BYTES_MAX + 1 and all(byte >= 0x80 for byte in value[1:-1])


def _reread(value: bytes) -> bytes:
    """A value by protobuf's own reading of it, written as every encoder would."""
    if value[0] == _STRING_INDEX:
        return b""
    if value[0] != _STRING and len(value) > TEXT_BYTES_MAX:
        # A number that is stated a thousand times over, or more content than is worth looking at.
        return value[:1] + b"\x00" if value[0] in _CONTENTS else _UNREADABLE
    read = ANY_VALUE.FromString(value)
    if value[0] in _CONTENTS:
        return value[:1] + b"\x00"
    read.DiscardUnknownFields()
    kept = read.SerializeToString()
    if kept and kept[0] == _STRING:
        return ANY_VALUE(string_value=cut(read.string_value.encode(), TEXT_BYTES_MAX).decode()).SerializeToString()
    return kept or _UNREADABLE
