"""An answer of the ledger as plain data: equal whether the store was read in this process or over a socket.

Decimals are strings without trailing zeros, 64-bit integers numbers, times ISO 8601 in UTC, bytes hex, unknown None.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Context, Decimal
from typing import Annotated, Any, Final, TypeAlias, cast

import msgspec

Value: TypeAlias = "str | int | float | bool | Sequence[Value] | Mapping[str, Value] | None"
Row: TypeAlias = tuple[Value, ...]

# A JSON reader may hold whole numbers in 64 bits; a wider one (UInt128, Int256) is given as a string.
INTEGER_MAX: Final = 2**64 - 1
INTEGER_MIN: Final = -(2**63)

EXACT: Final = Context(prec=76)
"""Arithmetic on money: twice the digits of Decimal(38, 18), so that no sum of a report is rounded."""

_NUMBERS: Final = ("Int", "UInt", "Float", "BFloat", "Decimal")
_PLAIN: Final = ("String", "Bool", *(f"{sign}Int{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64)))
"""Types whose values are plain data as the engine gives them."""
_WRAPPERS: Final = ("LowCardinality(", "Nullable(")


@dataclass(frozen=True, slots=True)
class Table:
    """Columns, their ClickHouse types, and rows of plain values."""

    columns: tuple[str, ...]
    types: tuple[str, ...]
    rows: list[Row]

    def records(self) -> list[dict[str, Value]]:
        """Each row as a mapping from column to value, in the order of the columns."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


Figures: TypeAlias = Annotated[
    dict[str, list[Any]], msgspec.Meta(description="Measure → its value in each bucket; None is unknown")
]


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a series: one group, or the rest of them as one."""

    name: str | None
    """Its word; None of the rest."""
    rest: bool = False
    groups: int = 1
    """How many groups it stands for."""
    measures: Figures
    sums: dict[str, Any]
    """Measure → its value over the whole time."""


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """Measures over time, by group. Money is of one currency; counts are of all events, whatever they cost."""

    bucket: str
    buckets: list[str]
    """Each by the name that a report gives it; none is left out."""
    edges: list[str]
    """Where each begins, and where the last one ends: ISO 8601 with the zone's offset."""
    groups: list[Group]
    """The largest by the first measure, then the rest if there is more."""
    totals: Figures
    sums: dict[str, Any]
    """Measure → its value over the whole time."""
    shares: dict[str, float | None]
    """How much of the whole is uncertain."""
    currency: str | None
    """Of the money; None where nothing has a cost."""
    currencies: list[str]
    """All that there are, the one with most requests first."""
    before: list[str] | None
    """The bounds of the time just before, as long as this one; None where it has no beginning."""


def table_of(columns: Sequence[str], types: Sequence[str], rows: Sequence[Sequence[object]]) -> Table:
    """An answer of the engine as plain data: only what is not plain already is looked at."""
    if not any(map(_is_converted, types)):
        return Table(tuple(columns), tuple(types), [cast("Row", tuple(row)) for row in rows])
    by_column = [
        [*map(plain, values)] if _is_converted(type_name) else values
        for type_name, values in zip(types, zip(*rows, strict=True), strict=False)
    ]
    return Table(tuple(columns), tuple(types), cast("list[Row]", list(zip(*by_column, strict=True))))


def _is_converted(type_name: str) -> bool:
    return _unwrapped(type_name).rstrip(")") not in _PLAIN


def is_number(type_name: str) -> bool:
    """Whether a column of this ClickHouse type holds numbers (a list of numbers is not one)."""
    return _unwrapped(type_name).startswith(_NUMBERS)


def is_money(type_name: str) -> bool:
    """Whether a column of this ClickHouse type holds exact decimals."""
    return _unwrapped(type_name).startswith("Decimal")


def plain(value: object) -> Value:
    """Turn a value of the engine into plain data; a type nobody knows becomes its text."""
    match value:
        case Mapping():
            return {str(key): plain(item) for key, item in cast("Mapping[object, object]", value).items()}
        case list() | tuple():
            return [plain(item) for item in cast("Sequence[object]", value)]
        case None | bool() | str():
            return value
        case int() | float() | Decimal():
            return _number(value)
        case _:
            return _text(value)


def decimal_text(amount: Decimal) -> str:
    """Write a decimal exactly, never in exponent form, without trailing zeros."""
    text = format(amount, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _number(value: float | Decimal) -> Value:
    match value:
        case Decimal():
            return decimal_text(value)
        case int():
            return value if INTEGER_MIN <= value <= INTEGER_MAX else str(value)
        case _:
            return value if math.isfinite(value) else None


def _text(value: object) -> str:
    match value:
        case datetime():
            return _instant(value)
        case date():
            return value.isoformat()
        case bytes():
            return value.hex()
        case _:
            return str(value)


def _instant(moment: datetime) -> str:
    """ISO 8601 in UTC; a moment without a zone is the engine's UTC."""
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return moment.replace(tzinfo=None).isoformat() + "Z"


def _unwrapped(type_name: str) -> str:
    for wrapper in _WRAPPERS:
        type_name = type_name.removeprefix(wrapper)
    return type_name
