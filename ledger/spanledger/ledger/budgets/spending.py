"""What the ledger says was spent, budget by budget: the SQL, and the folding of its answers. No clock, no store.

Amounts in a budget's currency are added; else the event's amount in the reporting currency, if that is the budget's;
else what the dated rates make of it. What has no price, no usage or no rate counts at the budget's worst case, apart.
Budgets of one window whose scopes name the same dimensions are answered by one statement.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, time, timedelta
from typing import Final, NamedTuple, TypeAlias, cast
from zoneinfo import ZoneInfo

from spanledger.exporter.rate.exchange import Exchange
from spanledger.exporter.store.statements import literal
from spanledger.ledger.budgets.amounts import converted, worst_case
from spanledger.ledger.budgets.budget import Budget
from spanledger.ledger.budgets.windows import Window, moment_of, ns_of
from spanledger.ledger.tables import Row, Table
from spanledger.schemas.money import parse_amount

Query: TypeAlias = Callable[[str], Table]

RESERVATION: Final = "reservation_id"
"""The key of an event's metadata that names the reservation it was made under."""

_ROLLED_UP: Final = frozenset({"tenant", "environment", "team", "project", "cost_center", "provider"})
"""Dimensions that the daily sums keep and a scope may name. Not the model: a scope means the one asked for, too."""
_UNPRICED: Final = (
    "(cost_state != 'priced' AND (tenant, event_id) NOT IN (SELECT p.tenant, p.event_id FROM priced_later AS p))"
)
_TOKENS: Final = "ifNull(input_tokens, 0) + ifNull(output_tokens, 0)"
_SUMS: Final = (
    "sum(requests) AS sum_requests",
    "sum(cost) AS sum_cost",
    "sum(reporting_cost) AS sum_reporting_cost",
    f"sumIf({_TOKENS}, NOT {_UNPRICED}) AS priced_tokens",
    f"sumIf(requests, {_UNPRICED}) AS unpriced_requests",
    f"sumIf({_TOKENS}, {_UNPRICED}) AS unpriced_tokens",
)
_SCOPES_PER_STATEMENT_MAX: Final = 1000


class Spent(NamedTuple):
    """Atto units in a budget's currency, and how much of them is a guess."""

    atto: int = 0
    unpriced_requests: int = 0
    worst_case: int = 0

    def plus(self, other: "Spent") -> "Spent":
        """Both."""
        return Spent(*(mine + more for mine, more in zip(self, other, strict=True)))


class Sums(NamedTuple):
    """One group of events that cost in one currency."""

    currency: str
    reporting_currency: str
    day: int
    """UTC day of the events since 1970, where a rate is needed."""
    requests: int
    cost: int | None
    reporting_cost: int | None
    priced_tokens: int
    unpriced_requests: int
    unpriced_tokens: int


def spent_of(query: Query, asked: Sequence[tuple[Budget, Window]], exchange: Exchange) -> list[Spent]:
    """What each budget's events of a window count, in the order asked."""
    spent: list[Spent] = [Spent()] * len(asked)
    batches: dict[tuple[object, ...], list[int]] = {}
    for place, (budget, window) in enumerate(asked):
        batches.setdefault((window, budget.currency, tuple(sorted(budget.scope)), budget.tz), []).append(place)
    kept = _KeptDays.read(query) if any(_may_be_kept(budget) for budget, _ in asked) else None
    for places in batches.values():
        for first in range(0, len(places), _SCOPES_PER_STATEMENT_MAX):
            some = places[first : first + _SCOPES_PER_STATEMENT_MAX]
            budgets, window = [asked[place][0] for place in some], asked[some[0]][1]
            for place, found in zip(some, _batch(query, budgets, window, kept, exchange), strict=True):
                spent[place] = found
    return spent


def folded(budget: Budget, sums: Iterable[Sums], exchange: Exchange) -> Spent:
    """What groups of events count in a budget."""
    total = Spent()
    for each in sums:
        known, requests, tokens = 0, each.unpriced_requests, each.unpriced_tokens
        if each.cost is not None:
            amount = _in_currency(budget.currency, each, exchange)
            if amount is None:
                requests, tokens = each.requests, tokens + each.priced_tokens
            known = amount or 0
        guess = worst_case(requests, tokens, budget.unpriced_per_million_tokens, budget.unpriced_per_request)
        total = total.plus(Spent(known + guess, requests, guess))
    return total


def sums_sql(keys: Sequence[str], currency: str, conditions: Iterable[str]) -> str:
    """Sums of events by some expressions and what they cost in; the columns are those of `sums_in`, by position."""
    kept = f"currency = {literal(currency)}"
    reported = f"reporting_cost IS NOT NULL AND reporting_currency = {literal(currency)}"
    groups = (
        *keys,
        "currency",
        "if(isNull(reporting_cost), '', reporting_currency)",
        f"if({kept} OR {reported}, 0, intDiv(toUnixTimestamp64Nano(event_time), 86400000000000))",
    )
    selected = ", ".join((*(f"{group} AS key{place}" for place, group in enumerate(groups)), *_SUMS))
    grouped = ", ".join(f"key{place}" for place in range(len(groups)))
    # Every word is from the tables above, or quoted by `literal`.
    return f"SELECT {selected} FROM ledger_events FINAL WHERE {' AND '.join(conditions)} GROUP BY {grouped}"  # noqa: S608


def sums_in(row: Row) -> Sums:
    """A row of `sums_sql`, without its keys."""
    currency, reporting, day, requests, cost, reporting_cost, priced, unpriced, tokens = row
    return Sums(
        cast("str", currency),
        cast("str", reporting),
        cast("int", day),
        cast("int", requests),
        _atto(cost),
        _atto(reporting_cost),
        cast("int | None", priced) or 0,
        cast("int", unpriced),
        cast("int | None", tokens) or 0,
    )


def booked_between(since_ns: int | None, until_ns: int | None) -> list[str]:
    """Conditions on the booked time, half-open."""
    bounds = ((">=", since_ns), ("<", until_ns))
    return [f"booked_time {sign} fromUnixTimestamp64Nano(toInt64({ns}))" for sign, ns in bounds if ns is not None]


def _batch(
    query: Query, budgets: Sequence[Budget], window: Window, kept: "_KeptDays | None", exchange: Exchange
) -> list[Spent]:
    """Budgets of one window and currency whose scopes name the same dimensions."""
    if kept is not None and _may_be_kept(budgets[0]) and budgets[0].tz == kept.zone:
        found = _of_kept_days(query, budgets, window, kept, exchange)
        if found is not None:
            return found
    return _of_events(query, budgets, booked_between(*window), exchange)


def _of_events(query: Query, budgets: Sequence[Budget], conditions: list[str], exchange: Exchange) -> list[Spent]:
    """From the events themselves."""
    keys = [_key(name) for name in sorted(budgets[0].scope)]
    found: dict[tuple[str, ...], list[Sums]] = {}
    for row in query(sums_sql(keys, budgets[0].currency, [*conditions, _in_scopes(keys, budgets)])).rows:
        found.setdefault(cast("tuple[str, ...]", row[: len(keys)]), []).append(sums_in(row[len(keys) :]))
    return [folded(budget, found.get(_values(budget), ()), exchange) for budget in budgets]


class _KeptDays(NamedTuple):
    """What is known of the daily sums before they are read: a day that becomes dirty later is read as it was."""

    zone: str
    dirty: frozenset[date]

    @classmethod
    def read(cls, query: Query) -> "_KeptDays":
        """One row for each dirty day, and the zone."""
        zone = query("SELECT value FROM ledger_settings FINAL WHERE name = 'reporting_zone'").rows
        dirty = query("SELECT DISTINCT toString(day) AS dirty FROM ledger_dirty_days FINAL WHERE cleaned = 0").rows
        return cls(
            cast("str", zone[0][0]) if zone else "UTC",
            frozenset(date.fromisoformat(cast("str", day)) for (day,) in dirty),
        )


def _of_kept_days(
    query: Query, budgets: Sequence[Budget], window: Window, kept: _KeptDays, exchange: Exchange
) -> list[Spent] | None:
    """From the daily sums where a day is clean, from the events where not; None when they cannot tell it exactly."""
    zone = ZoneInfo(kept.zone)
    days = tuple(None if ns is None else moment_of(ns).astimezone(zone).date() for ns in window)
    dirty = sorted(day for day in kept.dirty if _between(day, days))
    names = sorted(budgets[0].scope)
    conditions = [f"day {sign} toDate32('{day}')" for sign, day in zip((">=", "<"), days, strict=True) if day]
    listed = ", ".join(f"toDate32('{day}')" for day in dirty)
    conditions += [f"day NOT IN ({listed})"] if dirty else []
    conditions.append(_in_scopes(names, budgets))
    keys = ", ".join((*names, "currency"))
    sql = (
        f"SELECT {keys}, sum(cost) AS sum_cost, sum(unpriced_requests) + sum(missing_requests) AS doubtful"  # noqa: S608 (own names)
        f" FROM ledger_daily WHERE {' AND '.join(conditions)} GROUP BY {keys}"
    )
    found: dict[tuple[str, ...], int] = {}
    for *scope, currency, cost, doubtful in query(sql).rows:
        if doubtful or (cost is not None and currency != budgets[0].currency):
            return None
        values = tuple(cast("list[str]", scope))
        found[values] = found.get(values, 0) + (_atto(cost) or 0)
    clean = [Spent(found.get(_values(budget), 0)) for budget in budgets]
    if not dirty:
        return clean
    live = _of_events(query, budgets, [_on_days(dirty, zone)], exchange)
    return [kept_.plus(more) for kept_, more in zip(clean, live, strict=True)]


def _may_be_kept(budget: Budget) -> bool:
    return budget.window in {"day", "week", "month", "total"} and budget.scope.keys() <= _ROLLED_UP


def _between(day: date, bounds: Sequence[date | None]) -> bool:
    since, until = bounds
    return (since is None or since <= day) and (until is None or day < until)


def _on_days(days: Sequence[date], zone: ZoneInfo) -> str:
    """A condition on the booked time: on any of these days, those that follow each other as one stretch."""
    stretches: list[list[date]] = []
    for day in days:
        if stretches and stretches[-1][1] == day:
            stretches[-1][1] = day + timedelta(days=1)
        else:
            stretches.append([day, day + timedelta(days=1)])
    bounds = [[ns_of(datetime.combine(day, time.min, tzinfo=zone)) for day in stretch] for stretch in stretches]
    return f"({' OR '.join(' AND '.join(booked_between(*pair)) for pair in bounds)})"


def _key(name: str) -> str:
    """A dimension as a scope means it: of a model also the one that was asked for, whatever the answer calls it."""
    return "arrayJoin(arrayDistinct([model, request_model]))" if name == "model" else name


def _values(budget: Budget) -> tuple[str, ...]:
    return tuple(budget.scope[name] for name in sorted(budget.scope))


def _in_scopes(keys: Sequence[str], budgets: Iterable[Budget]) -> str:
    if not keys:
        return "1"
    scopes = (f"({', '.join(map(literal, _values(budget)))})" for budget in budgets)
    return f"({', '.join(keys)}) IN ({', '.join(dict.fromkeys(scopes))})"


def _in_currency(currency: str, sums: Sums, exchange: Exchange) -> int | None:
    if sums.currency == currency:
        return sums.cost
    if sums.reporting_currency == currency:
        return sums.reporting_cost
    return converted(exchange, sums.cost or 0, sums.currency, currency, sums.day)


def _atto(amount: object) -> int | None:
    return None if amount is None else parse_amount(cast("str", amount))
