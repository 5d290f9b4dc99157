"""What a month will have cost: what is spent, and for the days that are left what such days cost lately.

Two ways stand side by side: the mean of the last seven days times thirty, and the month to its own end, each day left
counted at the mean of its weekday. A day without usage is a day that cost nothing; before the first one there is none.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final, TypeAlias, cast

from spanledger.ledger.periods import zone
from spanledger.ledger.queries.answering import answer
from spanledger.ledger.queries.question import ask
from spanledger.ledger.queries.sources import Query, standing
from spanledger.ledger.tables import EXACT, Row, Table, Value, decimal_text
from spanledger.schemas import ConfigurationError

HISTORY_DAYS: Final = 28
"""Four of each weekday."""
_LATELY_DAYS: Final = 7
_MONTH_DAYS: Final = 30

_MONEY: Final = "Nullable(Decimal(38, 18))"
_NOTHING: Final[Mapping[str, str]] = {}
_FIGURES: Final = {
    "month": "String",
    "spent": _MONEY,
    "mean_day": _MONEY,
    "projected_30_days": _MONEY,
    "projected_month": _MONEY,
    "days_left": "Int64",
    "history_days": "Int64",
}
_ATTO: Final = Decimal(1).scaleb(-18)
_ZERO: Final = Decimal(0)

_Costs: TypeAlias = dict[date, Decimal]


def forecast(
    query: Query,
    *,
    now: datetime,
    tz: str = "UTC",
    by: str | Sequence[str] = (),
    where: Mapping[str, str | Sequence[str]] = _NOTHING,
    tenants: frozenset[str] | None = None,
) -> Table:
    """The month of `now` in a zone: spent so far, and projected to its end, for each group and currency.

    `days_left` is without today, which counts as what it has cost, or what such a day costs if that is more. Without a
    whole day behind it nothing is projected. Raises `ConfigurationError`.
    """
    if now.tzinfo is None:
        msg = f"now {now.isoformat()} is in no zone: give a time with an offset"
        raise ConfigurationError(msg)
    place = zone(tz)
    today = now.astimezone(place).date()
    first, tomorrow = today.replace(day=1), today + timedelta(days=1)
    this_month = ask(by, where=where, since=str(first), until=str(tomorrow), tz=tz, tenants=tenants)
    if set(this_month.by) & {"hour", "day", "week", "month"}:
        msg = "a forecast is of this month: it has no buckets of time"
        raise ConfigurationError(msg)
    since = str(min(first, today - timedelta(days=HISTORY_DAYS)))
    days = ask(
        (*this_month.by, "day"), measures="cost", where=where, since=since, until=str(tomorrow), tz=tz, tenants=tenants
    )
    ledger = standing(query)
    costs = _costs(answer(query, days, ledger), len(this_month.by))
    return _table(answer(query, this_month, ledger), this_month.by, costs, today)


def projected(costs: Mapping[date, Decimal], today: date) -> tuple[Decimal | None, Decimal | None, int]:
    """The mean of the last seven whole days, this month to its end, and of how many days that is known."""
    oldest = today - timedelta(days=HISTORY_DAYS)
    history = _days(max(oldest, min(costs, default=today)), today)
    if not history:
        return None, None, 0
    lately = history[-_LATELY_DAYS:]
    whole_days = {day: costs.get(day, _ZERO) for day in history}
    mean_of = {
        weekday: _mean([cost for day, cost in whole_days.items() if day.weekday() == weekday]) for weekday in range(7)
    }
    overall = cast("Decimal", _mean(list(whole_days.values())))

    def expected(day: date) -> Decimal:
        mean = mean_of[day.weekday()]
        return overall if mean is None else mean

    month = [cost for day, cost in costs.items() if today.replace(day=1) <= day < today]
    month.append(max(costs.get(today, _ZERO), expected(today)))
    month += [expected(day) for day in _days(today + timedelta(days=1), _next_month(today))]
    return _mean([whole_days[day] for day in lately]), _sum(month), len(history)


def _costs(days: Table, width: int) -> dict[Row, _Costs]:
    """Group and currency → what each day cost."""
    cost, currency = days.columns.index("cost"), days.columns.index("currency")
    found: dict[Row, _Costs] = {}
    for row in days.rows:
        if row[cost] is not None:
            day = date.fromisoformat(cast("str", row[width]))
            found.setdefault((*row[:width], row[currency]), {})[day] = Decimal(cast("str", row[cost]))
    return found


def _table(month: Table, by: Sequence[str], costs: Mapping[Row, _Costs], today: date) -> Table:
    width = len(by)
    requests, cost, currency = (month.columns.index(name) for name in ("requests", "cost", "currency"))
    told: dict[Row, Row] = {
        (*row[:width], row[currency]): (row[requests], row[cost], *row[currency + 1 :]) for row in month.rows
    }
    nothing: Row = (0, "0", *(None for _ in month.columns[currency + 1 :]))
    rows: list[Row] = []
    for key in dict.fromkeys((*told, *sorted(costs, key=str))):
        count, spent, *shares = told.get(key, nothing)
        mean, end, known = projected(costs.get(key, {}), today)
        thirty = None if mean is None else EXACT.multiply(mean, Decimal(_MONTH_DAYS))
        figures = (
            f"{today:%Y-%m}",
            spent,
            *map(_text, (mean, thirty, end)),
            (_next_month(today) - today).days - 1,
            known,
        )
        rows.append((*key[:width], count, *figures, key[width], *shares))
    return Table(
        (*by, "requests", *_FIGURES, *month.columns[currency:]),
        (*("String" for _ in by), "Int64", *_FIGURES.values(), *month.types[currency:]),
        rows,
    )


def _days(first: date, end: date) -> list[date]:
    return [first + timedelta(days=number) for number in range((end - first).days)]


def _next_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=31)).replace(day=1)


def _mean(amounts: Sequence[Decimal]) -> Decimal | None:
    return EXACT.divide(_sum(amounts), Decimal(len(amounts))) if amounts else None


def _sum(amounts: Sequence[Decimal]) -> Decimal:
    total = _ZERO
    for amount in amounts:
        total = EXACT.add(total, amount)
    return total


def _text(amount: Decimal | None) -> Value:
    return None if amount is None else decimal_text(amount.quantize(_ATTO, ROUND_HALF_EVEN, EXACT))
