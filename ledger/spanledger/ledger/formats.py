"""A table as text: JSON and CSV for programs (exact), aligned columns for people (money rounded for reading)."""

import csv
import io
from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Final, Literal, TextIO

import msgspec

from spanledger.ledger.printable import printable
from spanledger.ledger.tables import EXACT, Table, Value, decimal_text, is_money, is_number

if TYPE_CHECKING:
    from rich.table import Table as RichTable

Format = Literal["table", "json", "csv"]
FORMATS: Final[tuple[Format, ...]] = ("table", "json", "csv")

# A spreadsheet runs a cell that starts so as a formula (OWASP, "CSV Injection"), in full width as well; what it cannot
# show it may leave out, and begin with the next.
_FORMULA_STARTS: Final = (*"=+-@\t\r\n\0", *"\uff1d\uff0b\uff0d\uff20")

# People compare prices by their leading digits; exact figures are in JSON and CSV.
_DIGITS_SHOWN: Final = 6
_GAP: Final = "  "


def write(table: Table, form: Format, out: TextIO) -> None:
    """Write a table in the chosen form."""
    match form:
        case "json":
            out.write(json_text(table.records()))
        case "csv":
            text = csv_text(table)
            # A program gets every byte; a terminal none that it would obey.
            out.write("\r\n".join(map(printable, text.split("\r\n"))) if out.isatty() else text)
        case "table":
            _write_for_people(table, out)


def json_text(value: object) -> str:
    """JSON of plain data, indented, ending in a newline; what a terminal would obey is escaped and reads back alike."""
    lines = msgspec.json.format(msgspec.json.encode(value), indent=2).decode().split("\n")
    return "".join(f"{line if line.isprintable() else _escaped(line)}\n" for line in lines)


def csv_text(table: Table) -> str:
    """RFC 4180 with a header; NULL is an empty cell, a list or map its JSON; a formula is made text by a leading '."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([_safe_text(column) for column in table.columns])
    numeric = [is_number(type_name) for type_name in table.types]
    for row in table.rows:
        writer.writerow([_csv_cell(value, number=number) for value, number in zip(row, numeric, strict=True)])
    return text.getvalue()


def plain_text(table: Table) -> str:
    """Aligned columns without colour codes; numbers to the right."""
    cells = [list(table.columns), *cells_for_people(table)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    numeric = [is_number(type_name) for type_name in table.types]
    rule = ["-" * width for width in widths]
    return "".join(_aligned(row, widths, numeric) + "\n" for row in (cells[0], rule, *cells[1:]))


def cells_for_people(table: Table) -> list[list[str]]:
    """Every cell as people read it: money rounded, NULL a dash, control characters made visible."""
    money = [is_money(type_name) for type_name in table.types]
    return [[_cell(value, money=shown) for value, shown in zip(row, money, strict=True)] for row in table.rows]


def money_text(amount: str) -> str:
    """Round an exact amount for reading: six decimals, six digits below a cent, at least two decimals."""
    exact = Decimal(amount)
    if not exact:
        return "0.00"
    places = max(_DIGITS_SHOWN, _DIGITS_SHOWN - 1 - exact.adjusted() if exact.adjusted() < -2 else 0)
    whole, _, fraction = decimal_text(EXACT.quantize(exact, Decimal(1).scaleb(-places))).partition(".")
    return f"{whole}.{fraction:0<2}"


def _write_for_people(table: Table, out: TextIO) -> None:
    if out.isatty() and (drawn := _rich_table(table)) is not None:
        from rich.console import Console  # noqa: PLC0415 (50 ms that only a terminal pays)

        Console(file=out, highlight=False).print(drawn)
    else:
        out.write(plain_text(table))


def _rich_table(table: Table) -> "RichTable | None":
    """The table for a terminal, or None where rich (of the server extra) is not installed."""
    try:
        from rich import box  # noqa: PLC0415
        from rich.table import Table as RichTable  # noqa: PLC0415
        from rich.text import Text  # noqa: PLC0415
    except ModuleNotFoundError:
        return None
    drawn = RichTable(box=box.SIMPLE_HEAD)
    for column, type_name in zip(table.columns, table.types, strict=True):
        drawn.add_column(Text(column), justify="right" if is_number(type_name) else "left", overflow="fold")
    for row in cells_for_people(table):
        drawn.add_row(*map(Text, row))
    return drawn


def _csv_cell(value: Value, *, number: bool) -> str:
    match value:
        case None:
            return ""
        case str() if not number:
            return _safe_text(value)
        case str() | int() | float():
            return _scalar(value)
        case _:
            return msgspec.json.encode(value).decode()


def _safe_text(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def _cell(value: Value, *, money: bool) -> str:
    match value:
        case None:
            return "-"
        case str():
            return money_text(value) if money else printable(value)
        case float():
            return f"{value:.15g}"
        case int():
            return _scalar(value)
        case _:
            return printable(msgspec.json.encode(value).decode())


def _scalar(value: str | float) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _escaped(line: str) -> str:
    """What is not printable in a line of JSON stands inside a string, where it may as well be written as UTF-16."""
    return "".join(c if c.isprintable() else "".join(f"\\u{unit:04x}" for unit in _utf16(c)) for c in line)


def _utf16(character: str) -> tuple[int, ...]:
    encoded = character.encode("utf-16-be")
    return tuple(int.from_bytes(encoded[at : at + 2], "big") for at in range(0, len(encoded), 2))


def _aligned(row: Sequence[str], widths: Sequence[int], numeric: Sequence[bool]) -> str:
    cells = (
        cell.rjust(width) if number else cell.ljust(width)
        for cell, width, number in zip(row, widths, numeric, strict=True)
    )
    return _GAP.join(cells).rstrip()
