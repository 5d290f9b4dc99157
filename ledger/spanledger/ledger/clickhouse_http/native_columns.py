"""How long a column of a Native block is, by its type: it is walked over, and of values only lengths are read. Pure."""

import struct
from collections.abc import Callable
from functools import lru_cache
from typing import Final, NamedTuple

from spanledger.ledger.clickhouse_http.native_types import TypeName, parsed

_DICTIONARY_HAS_KEYS: Final = 1 << 9
_TYPES_REMEMBERED: Final = 1_024

_WIDTHS: Final = {
    **dict.fromkeys(("Int8", "UInt8", "Bool", "Enum8", "Nothing"), 1),
    **dict.fromkeys(("Int16", "UInt16", "Enum16", "Date", "BFloat16"), 2),
    **dict.fromkeys(("Int32", "UInt32", "Float32", "Date32", "DateTime", "Time", "IPv4"), 4),
    **dict.fromkeys(("Int64", "UInt64", "Float64", "DateTime64", "Time64"), 8),
    **dict.fromkeys(("Int128", "UInt128", "UUID", "IPv6"), 16),
    **dict.fromkeys(("Int256", "UInt256"), 32),
}
_ALIASES: Final = {
    "Point": "Tuple(Float64, Float64)",
    "Ring": "Array(Tuple(Float64, Float64))",
    "LineString": "Array(Tuple(Float64, Float64))",
    "Polygon": "Array(Array(Tuple(Float64, Float64)))",
    "MultiLineString": "Array(Array(Tuple(Float64, Float64)))",
    "MultiPolygon": "Array(Array(Array(Tuple(Float64, Float64))))",
}

_Walk = Callable[[bytes, int, int], int]
"""Bytes, a position and a number of rows → the position behind them."""


class NativeError(ValueError):
    """These bytes cannot be told in this protocol; the message says which column, and what helps."""


class ColumnWalker(NamedTuple):
    """How a type lies in a block: what stands before all of a column's data, and the data."""

    prefix: Callable[[bytes, int], int]
    data: _Walk


@lru_cache(_TYPES_REMEMBERED)
def column_walker(text: str) -> ColumnWalker | None:
    """How to walk a column of this type; None where its length cannot be told."""
    named = parsed(text)
    return None if named is None else _walker(named)


def _walker(named: TypeName) -> ColumnWalker | None:
    width = _width(named)
    if width is not None:
        return _fixed(width)
    if named.name == "String":
        return ColumnWalker(_no_prefix, _strings)
    if named.name in _ALIASES:
        return column_walker(_ALIASES[named.name])
    if named.name == "LowCardinality":
        return _low_cardinality(named)
    inner = [_walker(each) for each in named.inner]
    known = [each for each in inner if each is not None]
    made = _MADE_OF.get(named.name)
    return made(known) if made is not None and len(known) == len(inner) else None


def _width(named: TypeName) -> int | None:
    if named.name == "FixedString":
        return int(named.words[0])
    if named.name == "Decimal":
        digits = int(named.words[0])
        return next(width for most, width in ((9, 4), (18, 8), (38, 16), (76, 32)) if digits <= most)
    if named.name.startswith("Interval"):
        return 8
    return _WIDTHS.get(named.name)


def _fixed(width: int) -> ColumnWalker:
    def walk(_: bytes, at: int, rows: int) -> int:
        return at + width * rows

    return ColumnWalker(_no_prefix, walk)


def _no_prefix(_: bytes, at: int) -> int:
    return at


def _strings(data: bytes, at: int, rows: int) -> int:
    # Every string of an answer passes here: nothing is called.
    for _ in range(rows):
        length = data[at]
        at += 1
        if length > 0x7F:
            length &= 0x7F
            shift = 7
            while True:
                byte = data[at]
                at += 1
                length |= (byte & 0x7F) << shift
                if byte < 0x80:
                    break
                shift += 7
        at += length
    return at


def _nullable(parts: list[ColumnWalker]) -> ColumnWalker:
    (part,) = parts

    def walk(data: bytes, at: int, rows: int) -> int:
        # A mark for each row, and then values also for those that have none.
        return part.data(data, at + rows, rows)

    return ColumnWalker(part.prefix, walk)


def _tuple(parts: list[ColumnWalker]) -> ColumnWalker:
    def prefix(data: bytes, at: int) -> int:
        for part in parts:
            at = part.prefix(data, at)
        return at

    def walk(data: bytes, at: int, rows: int) -> int:
        for part in parts:
            at = part.data(data, at, rows)
        # A tuple of nothing is a byte for each row.
        return at if parts else at + rows

    return ColumnWalker(prefix, walk)


def _array(parts: list[ColumnWalker]) -> ColumnWalker:
    (part,) = parts

    def walk(data: bytes, at: int, rows: int) -> int:
        if not rows:
            return at
        at += 8 * rows
        # Each row tells where its elements end: the last one, how many there are.
        return part.data(data, at, int.from_bytes(_exactly(data, at - 8, 8), "little"))

    return ColumnWalker(part.prefix, walk)


def _variant(parts: list[ColumnWalker]) -> ColumnWalker:
    def prefix(data: bytes, at: int) -> int:
        if _exactly(data, at, 8) != bytes(8):
            msg = "the engine told a Variant in a way that is not known here: choose another FORMAT"
            raise NativeError(msg)
        at += 8
        for part in parts:
            at = part.prefix(data, at)
        return at

    def walk(data: bytes, at: int, rows: int) -> int:
        chosen = _exactly(data, at, rows)
        at += rows
        for number, part in enumerate(parts):
            at = part.data(data, at, chosen.count(number))
        return at

    return ColumnWalker(prefix, walk)


def _low_cardinality(named: TypeName) -> ColumnWalker | None:
    (inner,) = named.inner
    # The dictionary has its values without the marks of what is null.
    words = _walker(inner.inner[0] if inner.name == "Nullable" else inner)
    if words is None:
        return None

    def prefix(_: bytes, at: int) -> int:
        return at + 8

    def walk(data: bytes, at: int, rows: int) -> int:
        if not rows:
            return at
        (flags,) = struct.unpack_from("<Q", data, at)
        at += 8
        if flags & _DICTIONARY_HAS_KEYS:
            (keys,) = struct.unpack_from("<Q", data, at)
            at = words.data(data, at + 8, keys)
        (indexes,) = struct.unpack_from("<Q", data, at)
        return at + 8 + indexes * (1 << (flags & 0xFF))

    return ColumnWalker(prefix, walk)


def _exactly(data: bytes, at: int, count: int) -> bytes:
    found = data[at : at + count]
    if len(found) < count:
        raise IndexError
    return found


_MADE_OF: Final[dict[str, Callable[[list[ColumnWalker]], ColumnWalker]]] = {
    "Array": _array,
    "Map": lambda parts: _array([_tuple(parts)]),
    "Nested": lambda parts: _array([_tuple(parts)]),
    "Nullable": _nullable,
    "SimpleAggregateFunction": lambda parts: parts[0],
    "Tuple": _tuple,
    "Variant": _variant,
}
"""A type that is made of others → how it is walked, given how they are."""
