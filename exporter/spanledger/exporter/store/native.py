"""ClickHouse's Native format, written by hand because a general encoder costs more than all the rest of posting.

A block is column after column, little-endian, without a revision header. Each function turns one column's values into
its bytes. Most columns of a block hold one value, so every encoder looks for that first.
"""

import struct
from array import array
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import accumulate, chain, repeat
from operator import is_, itemgetter
from typing import Final, NamedTuple, TypeVar

_T = TypeVar("_T")

_SHORT: Final = [chr(length) for length in range(128)]
"""The one-byte length before a text shorter than 128 bytes."""
_DICTIONARY_VERSION: Final = (1).to_bytes(8, "little")
_ADDITIONAL_KEYS: Final = 0x200
"""Flag of a LowCardinality column whose dictionary travels with it."""
_PLACES: Final = ((0, "B", 1 << 8), (1, "H", 1 << 16), (2, "I", 1 << 32))
"""How wide a place in the dictionary is: ClickHouse's code, `struct`'s, and the keys it can tell apart."""


class Column(NamedTuple):
    """One column of a block: its name, its ClickHouse type, its encoded values."""

    name: str
    type: str
    data: bytes


def block(columns: Sequence[Column], rows: int) -> bytes:
    """A whole block. Blocks may be joined: the engine reads them one after the other and stores one part."""
    parts = [_varint(len(columns)), _varint(rows)]
    for name, type_name, data in columns:
        parts += (_text(name), _text(type_name), data)
    return b"".join(parts)


def strings(values: Sequence[str]) -> bytes:
    """String: each text's UTF-8 with its length before it. A lone surrogate becomes a question mark."""
    if _constant(values):
        return _text(values[0]) * len(values)
    widths = set(map(len, values))
    if not widths or max(widths) >= len(_SHORT):
        return b"".join(map(_text, values))
    if len(widths) == 1:
        prefix = _SHORT[widths.pop()]
        joined = prefix + prefix.join(values)
    else:
        pieces = [""] * (2 * len(values))
        pieces[::2] = map(_SHORT.__getitem__, map(len, values))
        pieces[1::2] = values
        joined = "".join(pieces)
    return joined.encode() if joined.isascii() else b"".join(map(_text, values))


def byte_strings(values: Sequence[bytes]) -> bytes:
    """String from texts that are already UTF-8."""
    return b"".join(chain.from_iterable(zip(map(_varint, map(len, values)), values, strict=True)))


def words(values: Sequence[str]) -> bytes:
    """LowCardinality(String) with its dictionary: cheaper than String for us and for the engine when values repeat."""
    return _DICTIONARY_VERSION + _words(values)


def fixed(values: Sequence[bytes], width: int) -> bytes:
    """FixedString(width). Raises `ValueError` on a value of another width."""
    if values and set(map(len, values)) != {width}:
        msg = f"every value must have {width} bytes"
        raise ValueError(msg)
    return b"".join(values)


def int64s(values: Sequence[int]) -> bytes:
    """Int64, and DateTime64(9) as nanoseconds since 1970. Raises `OverflowError` outside the range."""
    try:
        return _packed(values)
    except struct.error:
        return array("q", values).tobytes()  # says what is wrong


def int32s(values: Sequence[int]) -> bytes:
    """Int32, and Date32 as days since 1970. Raises `OverflowError` outside the range."""
    return array("i", values).tobytes()


def uint8s(values: Sequence[int]) -> bytes:
    """UInt8. Raises `ValueError` outside the range."""
    return bytes(values)


def uint16s(values: Sequence[int]) -> bytes:
    """UInt16. Raises `OverflowError` outside the range."""
    return array("H", values).tobytes()


def uint64s(values: Sequence[int]) -> bytes:
    """UInt64. Raises `OverflowError` outside the range."""
    return array("Q", values).tobytes()


def nullable_int64s(values: Sequence[int | None]) -> bytes:
    """Nullable(Int64): a byte each, 1 for NULL, then the numbers."""
    try:
        return bytes(len(values)) + _packed(values)
    except struct.error:
        nulls, numbers = _split_nulls(values)
        return nulls + int64s(numbers)


def decimals(values: Sequence[int | None]) -> bytes:
    """Nullable(Decimal(38, 18)) from whole atto units: a byte each, 1 for NULL, then 16-byte integers.

    Nearly all amounts fit in 8 bytes (9 units of money); the upper half is then only their sign.
    """
    try:
        return bytes(len(values)) + _widened(_packed(values))
    except struct.error:
        nulls, numbers = _split_nulls(values)
    try:
        return nulls + _widened(_packed(numbers))
    except struct.error:
        return nulls + b"".join([number.to_bytes(16, "little", signed=True) for number in numbers])


def word_arrays(values: Sequence[Sequence[str]]) -> bytes:
    """Array(LowCardinality(String))."""
    return _DICTIONARY_VERSION + (_offsets(values) + _words(_flat(values)) if any(values) else _ends(values))


def int64_arrays(values: Sequence[Sequence[int]]) -> bytes:
    """Array(Int64)."""
    return _offsets(values) + int64s(_flat(values)) if any(values) else _ends(values)


def decimal_arrays(values: Sequence[Sequence[int | None]]) -> bytes:
    """Array(Nullable(Decimal(38, 18))) from whole atto units."""
    return _offsets(values) + decimals(_flat(values)) if any(values) else _ends(values)


def word_maps(values: Sequence[Mapping[str, str]]) -> bytes:
    """Map(LowCardinality(String), String)."""
    if not any(values):
        return _DICTIONARY_VERSION + _ends(values)
    texts = _flat([value.values() for value in values])
    return _DICTIONARY_VERSION + _offsets(values) + _words(_flat(values)) + strings(texts)


def word_int64_maps(values: Sequence[Mapping[str, int]]) -> bytes:
    """Map(LowCardinality(String), Int64)."""
    if not any(values):
        return _DICTIONARY_VERSION + _ends(values)
    numbers = _flat([value.values() for value in values])
    return _DICTIONARY_VERSION + _offsets(values) + _words(_flat(values)) + int64s(numbers)


def _constant(values: Sequence[object]) -> bool:
    """Whether all values are equal. Looks at three before it looks at all."""
    first = values[0] if values else None
    return bool(values) and values[-1] == first == values[len(values) // 2] and values.count(first) == len(values)


def _words(values: Sequence[str]) -> bytes:
    if not values:
        return b""
    keys = values[:1] if _constant(values) else list(dict.fromkeys(values))
    code, letter = next((code, letter) for code, letter, keys_max in _PLACES if len(keys) <= keys_max)
    if len(keys) == 1:
        places = bytes(len(values))
    else:
        place_of = dict(zip(keys, range(len(keys)), strict=True))
        places = struct.pack(f"<{len(values)}{letter}", *itemgetter(*values)(place_of))
    head = struct.pack("<QQ", code | _ADDITIONAL_KEYS, len(keys))
    return b"".join((head, strings(keys), len(values).to_bytes(8, "little"), places))


def _packed(values: Sequence[int | None]) -> bytes:
    """8-byte integers. Raises `struct.error` on None and on a number that does not fit."""
    return struct.pack(f"<{len(values)}q", *values)


def _widened(packed: bytes) -> bytes:
    """8-byte integers as 16-byte integers."""
    pairs = array("q", bytes(2 * len(packed)))
    pairs[::2] = array("q", packed)
    if not (signs := packed[7::8]).isascii():
        pairs[1::2] = array("q", [-(sign >> 7) for sign in signs])
    return pairs.tobytes()


def _split_nulls(values: Sequence[int | None]) -> tuple[bytes, Sequence[int]]:
    """The null map, and the numbers with zero in place of None."""
    nulls = values.count(None)
    if nulls == len(values):
        return b"\1" * nulls, [0] * nulls
    return bytes(map(is_, values, repeat(None))), [value or 0 for value in values]


def _offsets(values: Sequence[Sequence[object] | Mapping[str, object]]) -> bytes:
    """Where each row's elements end among all elements."""
    return array("Q", accumulate(map(len, values))).tobytes()


def _ends(values: Sequence[object]) -> bytes:
    """The offsets of rows that are all empty; no elements follow."""
    return bytes(8 * len(values))


def _flat(values: Iterable[Iterable[_T]]) -> list[_T]:
    return list(chain.from_iterable(values))


def _text(value: str) -> bytes:
    encoded = value.encode("utf-8", "replace")
    return _varint(len(encoded)) + encoded


@lru_cache(maxsize=16384)
def _varint(number: int) -> bytes:
    """LEB128, as ClickHouse writes lengths. Remembered: a column's lengths are few."""
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)
