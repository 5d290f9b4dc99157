"""A day against the days before it: who cost more than so many times their own mean, the day itself left out of it.

The mean is over the days with usage, so that whoever works one day a week is not strange on that day. Whoever has no
earlier day has no mean, and is none.
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from typing import Final, TypeAlias, cast

from spanledger.ledger.queries.answering import answer
from spanledger.ledger.queries.dimensions import TIMES
from spanledger.ledger.queries.measures import quotient
from spanledger.ledger.queries.question import ask
from spanledger.ledger.queries.sources import Query, source_of
from spanledger.ledger.queries.statements import sums_sql
from spanledger.ledger.tables import EXACT, Row, Table, decimal_text
from spanledger.schemas import ConfigurationError

WINDOW_DAYS_MAX: Final = 366
ROWS_MAX: Final = 1_000
"""The strangest; a list of more is none that anybody reads."""

_NOTHING: Final[Mapping[str, str]] = {}
_Strange: TypeAlias = dict[Row, tuple[str | None, float | None, int]]

_ADDED: Final = {"mean_cost": "Nullable(Decimal(38, 18))", "times": "Nullable(Float64)", "days": "Int64"}
# The engine compares by floats, and lets through what is near; what is let through is compared exactly.
_NEAR: Final = 0.999_999
_TIMES_DECIMALS: Final = 3
# With a window before it and a day behind it, within the times that the ledger can hold.
_FIRST_DAY: Final = date(1901, 2, 1)
_LAST_DAY: Final = date(2262, 1, 1)
_FACTOR_MAX: Final = 1_000_000


def anomalies(
    query: Query,
    *,
    day: date | str,
    factor: float | str | Decimal = 2,
    window_days: int = 30,
    tz: str = "UTC",
    by: str = "user_id",
    where: Mapping[str, str | Sequence[str]] = _NOTHING,
    tenants: frozenset[str] | None = None,
) -> Table:
    """Those whose cost of `day` is above `factor` times their mean of the `window_days` before it, the strangest first.

    `by` is one dimension; its values are told apart by tenant. The day's requests, cost and shares stand beside the
    mean and the number of earlier days that it is of. Raises `ConfigurationError` for a question that has no answer.
    """
    limit, that_day = _factor(factor), _day(day)
    if by in TIMES or "," in by:
        msg = f"by {by!r} cannot be strange by itself: name one dimension that is a word, such as user_id"
        raise ConfigurationError(msg)
    if not 0 < window_days <= WINDOW_DAYS_MAX:
        msg = f"window {window_days} is no number of days: give one from 1 to {WINDOW_DAYS_MAX}"
        raise ConfigurationError(msg)
    keys = tuple(dict.fromkeys(("tenant", by)))
    until = str(that_day + timedelta(days=1))
    since = str(that_day - timedelta(days=window_days))
    asked = ask((*keys, "day"), where=where, since=since, until=until, tz=tz, tenants=tenants)
    strange = _strange(query(_sql(sums_sql(asked, source_of(query, asked)), len(keys), that_day, limit)), limit)
    named = {name: sorted({str(key[place]) for key in strange}) for place, name in enumerate(keys)}
    that = ask(
        keys,
        where={**where, **named} if strange else where,
        since=str(that_day),
        until=until,
        tz=tz,
        tenants=tenants if strange else frozenset(),
    )
    return _with_means(answer(query, that), len(keys), strange)


def _factor(factor: float | str | Decimal) -> Decimal:
    try:
        told = Decimal(str(factor))
    except InvalidOperation:
        told = Decimal("NaN")
    if not told.is_finite() or not 0 < told <= _FACTOR_MAX:
        msg = f"factor {factor!r} is no number of times: give one above 0, at most {_FACTOR_MAX}"
        raise ConfigurationError(msg)
    return told


def _day(day: date | str) -> date:
    try:
        told = day if isinstance(day, date) else date.fromisoformat(day)
    except ValueError as error:
        msg = f"day {day!r} is no date: write one such as 2026-11-02"
        raise ConfigurationError(msg) from error
    if not _FIRST_DAY < told < _LAST_DAY:
        msg = f"day {str(told)!r} is outside 1900 to 2262, the times the ledger can hold"
        raise ConfigurationError(msg)
    return told


def _sql(sums: str, width: int, day: date, factor: Decimal) -> str:
    """The nearly strange, by group and currency: the day's cost, that of the days before, how many those are."""
    keys = ", ".join(f"k{place}" for place in (*range(width), width + 1))
    then = f"k{width} < toDate32('{day.isoformat()}')"
    return (
        f"SELECT {keys}, sumIf(s_cost, NOT {then}) AS today, sumIf(s_cost, {then}) AS before, countIf({then}) AS days"  # noqa: S608
        f" FROM ({sums}) WHERE k{width + 1} != '' AND (s_requests > 0 OR s_cost != 0) GROUP BY {keys}"
        f" HAVING days > 0 AND toFloat64(today) * days > toFloat64(before) * {float(factor) * _NEAR!r}"
        f" ORDER BY toFloat64(today) / greatest(toFloat64(before) / days, 1e-18) DESC, {keys} LIMIT {ROWS_MAX}"
    )


def _strange(found: Table, factor: Decimal) -> _Strange:
    """Each group and currency that is strange, with its mean, how many times it that is, and of how many days."""
    strange: _Strange = {}
    for *key, today, before, days in found.rows:
        cost, earlier, count = Decimal(cast("str", today)), Decimal(cast("str", before)), cast("int", days)
        if EXACT.multiply(cost, Decimal(count)) > EXACT.multiply(factor, earlier):
            times = float(cost * count / earlier) if earlier > 0 else None
            mean = quotient(decimal_text(earlier), count)
            strange[tuple(key)] = (mean, None if times is None else round(times, _TIMES_DECIMALS), count)
    return strange


def _with_means(day: Table, width: int, strange: _Strange) -> Table:
    """The strange rows of the day, the strangest first, with their means before the currency."""
    currency = day.columns.index("currency")
    rows: dict[Row, Row] = {(*row[:width], row[currency]): row for row in day.rows}
    return Table(
        (*day.columns[:currency], *_ADDED, *day.columns[currency:]),
        (*day.types[:currency], *_ADDED.values(), *day.types[currency:]),
        [
            (*row[:currency], *told, *row[currency:])
            for key, told in strange.items()
            if (row := rows.get(key)) is not None
        ],
    )
