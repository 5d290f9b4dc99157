"""Native blocks as the engine writes them (for revision 0), told as a client of a later revision reads them.

What differs lies between the columns, and a block does not say how long a column is: it is walked, type by type, and no
value is changed. A type whose length cannot be walked is refused by name, never guessed.
"""

import struct
from collections.abc import Sequence
from typing import Final, NamedTuple

from spanledger.ledger.clickhouse_http.native_columns import NativeError, column_walker

REVISION_WITH_BLOCK_INFO: Final = 1
REVISION_WITH_ZONES: Final = 54_337
"""From here on the zone of a `DateTime` is told."""
REVISION_WITH_CUSTOM_SERIALIZATION: Final = 54_454

# Not overflowed, of no bucket: what every block of an answer says.
_BLOCK_INFO: Final = b"\x01\x00\x02\xff\xff\xff\xff\x00"
_DEFAULT_SERIALIZATION: Final = b"\x00"


class Column(NamedTuple):
    """A column's name and type."""

    name: str
    type: str


def header(columns: Sequence[Column], revision: int) -> bytes:
    """The block of an answer without rows, which the engine leaves out."""
    told = bytearray(_BLOCK_INFO if revision >= REVISION_WITH_BLOCK_INFO else b"")
    told += _varint(len(columns)) + _varint(0)
    for column in columns:
        told += _text(column.name) + _text(column.type)
        told += _DEFAULT_SERIALIZATION if revision >= REVISION_WITH_CUSTOM_SERIALIZATION else b""
    return bytes(told)


def hides_zones(native: bytes, revision: int) -> bool:
    """Whether a column may have a zone that the engine left out and that a client of this revision is told."""
    return revision >= REVISION_WITH_ZONES and b"\x08DateTime" in native


def retold(native: bytes, revision: int, columns: Sequence[Column] = ()) -> bytes:
    """The blocks for a client of this revision; `columns` are the real types, where they are known.

    Raises `NativeError`.
    """
    if revision < REVISION_WITH_BLOCK_INFO:
        return native
    return _Retelling(native, revision, columns).told()


class _Retelling:
    """One answer, cut where something is to be put in."""

    def __init__(self, native: bytes, revision: int, columns: Sequence[Column]) -> None:
        self._native = native
        self._view = memoryview(native)
        self._columns = columns
        self._custom = revision >= REVISION_WITH_CUSTOM_SERIALIZATION
        self._parts: list[bytes | memoryview] = []
        self._kept_to = 0

    def told(self) -> bytes:
        """All of its blocks."""
        at = 0
        try:
            while at < len(self._native):
                self._put(_BLOCK_INFO, at)
                at = self._block(at)
        except (IndexError, struct.error) as error:
            msg = "the engine's answer ends inside a column"
            raise NativeError(msg) from error
        self._put(b"", at)
        return b"".join(self._parts)

    def _put(self, what: bytes, at: int, instead_of: int = 0) -> None:
        """Put something in at a position, in the place of so many bytes."""
        self._parts += (self._view[self._kept_to : at], what)
        self._kept_to = at + instead_of

    def _block(self, at: int) -> int:
        count, at = _read_varint(self._native, at)
        rows, at = _read_varint(self._native, at)
        for number in range(count):
            name, at = _read_text(self._native, at)
            typed_at = at
            kind, at = _read_text(self._native, at)
            if (
                kind == "DateTime"
                and number < len(self._columns)
                and self._columns[number].type.startswith("DateTime(")
            ):
                self._put(_text(self._columns[number].type), typed_at, at - typed_at)
            if self._custom:
                self._put(_DEFAULT_SERIALIZATION, at)
            if rows:
                at = _column(self._native, at, rows, name, kind)
        return at


def _column(native: bytes, at: int, rows: int, name: str, kind: str) -> int:
    walker = column_walker(kind)
    if walker is None:
        msg = (
            f"the column {name!r} has the type {kind}, which cannot be told over this"
            " connection: choose another FORMAT, or cast it, such as to String"
        )
        raise NativeError(msg)
    at = walker.data(native, walker.prefix(native, at), rows)
    if at > len(native):
        raise IndexError
    return at


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def _read_text(data: bytes, at: int) -> tuple[str, int]:
    length, at = _read_varint(data, at)
    if at + length > len(data):
        raise IndexError
    return data[at : at + length].decode(errors="replace"), at + length


def _varint(value: int) -> bytes:
    told = bytearray()
    while value > 0x7F:
        told.append(value & 0x7F | 0x80)
        value >>= 7
    told.append(value)
    return bytes(told)


def _text(text: str) -> bytes:
    raw = text.encode()
    return _varint(len(raw)) + raw
