"""A table out of Postgres as text rows: `pg_dump` in plain format (its COPY blocks), or CSV with a header line.

The table is known by its columns, whatever it is called. Rows are read one at a time; NULL is None.
"""

import csv
import io
import re
from collections.abc import Iterator, Mapping
from typing import BinaryIO, Final

from spanledger.ledger.importing.framing import Broken

# Postgres holds a gigabyte in one value; a row of this table has two previews of some hundred characters.
ROW_BYTES_MAX: Final = 64 * 1024 * 1024

Row = Mapping[str, str | None]

_COPY: Final = re.compile(rb"COPY\s+(\S.*?)\s*\((.*)\)\s+FROM\s+stdin;\s*$", re.IGNORECASE)
_INSERT: Final = re.compile(rb"INSERT\s+INTO\s", re.IGNORECASE)
_END: Final = b"\\."
_NULL: Final = b"\\N"
_ESCAPE: Final = re.compile(rb"\\(x[0-9a-fA-F]{1,2}|[0-7]{1,3}|.)", re.DOTALL)
_OCTAL_DIGITS: Final = frozenset(b"%d" % digit for digit in range(8))
_NAMED: Final = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}
_CUSTOM_FORMAT: Final = b"PGDMP"
_BOM: Final = b"\xef\xbb\xbf"
_PEEK_BYTES: Final = 64 * 1024


def rows(stream: io.BufferedReader, needed: frozenset[str]) -> Iterator[Row]:
    """The rows of every table in the stream that has the columns `needed`.

    Raises `Broken` if there is none, or where the text breaks off.
    """
    head = stream.peek(_PEEK_BYTES)
    if head.startswith(_CUSTOM_FORMAT):
        msg = "it is a dump in pg_dump's custom format; make a plain one: pg_restore --data-only -f PLAIN.sql DUMP"
        raise Broken(msg)
    first = head.removeprefix(_BOM).partition(b"\n")[0].decode(errors="replace")
    yield from _from_csv(stream) if needed <= _header(first) else _from_dump(stream, needed)


def _header(line: str) -> frozenset[str]:
    """The columns that a first line names, if it is the header of a CSV."""
    try:
        return frozenset(next(csv.reader([line.strip() or "-"])))
    except csv.Error:
        return frozenset()


def _from_csv(stream: BinaryIO) -> Iterator[Row]:
    csv.field_size_limit(ROW_BYTES_MAX)
    lines = iter(lambda: stream.readline(ROW_BYTES_MAX), b"")
    reader = csv.DictReader((line.removeprefix(_BOM).decode() for line in lines), strict=True)
    try:
        for row in reader:
            if None in row or None in row.values():
                msg = f"line {reader.line_num} has another number of columns than the header"
                raise Broken(msg)
            yield {name: value or None for name, value in row.items()}
    except (csv.Error, UnicodeDecodeError) as error:
        msg = f"line {reader.line_num} is no CSV: {error}"
        raise Broken(msg) from error


def _from_dump(stream: BinaryIO, needed: frozenset[str]) -> Iterator[Row]:
    found = inserts = False
    while line := stream.readline(ROW_BYTES_MAX):
        if (copy := _COPY.match(line)) is None:
            inserts = inserts or bool(_INSERT.match(line))
            continue
        # A table with names in another encoding is none of ours; a row of ours in another one is told.
        columns = [name.strip().strip(b'"').decode(errors="replace") for name in copy[2].split(b",")]
        wanted = needed <= set(columns)
        found = found or wanted
        for values in _copied(stream):
            if wanted:
                yield _row(columns, values)
    if not found:
        why = "it has INSERT statements: dump without --inserts" if inserts else "a plain dump has COPY … FROM stdin"
        msg = f"no table with the columns {', '.join(sorted(needed))} is in it ({why}; a CSV has a header)"
        raise Broken(msg)


def _copied(stream: BinaryIO) -> Iterator[list[bytes]]:
    """The fields of each line of a COPY block, still escaped."""
    while line := stream.readline(ROW_BYTES_MAX):
        text = line.rstrip(b"\r\n")
        if text == _END:
            return
        if not line.endswith(b"\n"):
            break
        yield text.split(b"\t")
    msg = "it ends in the middle of a table"
    raise Broken(msg)


def _row(columns: list[str], values: list[bytes]) -> Row:
    if len(values) != len(columns):
        msg = "a line has another number of columns than its table"
        raise Broken(msg)
    try:
        return {name: _text(value) for name, value in zip(columns, values, strict=True)}
    except UnicodeDecodeError as error:
        msg = "it is not UTF-8: dump with --encoding=UTF8"
        raise Broken(msg) from error


def _text(value: bytes) -> str | None:
    if value == _NULL:
        return None
    return (_ESCAPE.sub(_unescaped, value) if b"\\" in value else value).decode()


def _unescaped(match: re.Match[bytes]) -> bytes:
    said = match[1]
    if said[:1] == b"x" and len(said) > 1:
        return bytes([int(said[1:], 16)])
    if said[:1] in _OCTAL_DIGITS:
        return bytes([int(said, 8) & 0xFF])
    return _NAMED.get(said, said)
