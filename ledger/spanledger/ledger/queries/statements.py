"""The SQL of a question. Names are from our own tables; every value a person gave is a literal.

The answer's columns, by position: the dimensions, the currency (empty for what has no cost), the sums.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Final

from spanledger.exporter.store.statements import literal
from spanledger.ledger.queries.dimensions import of_days, of_events
from spanledger.ledger.queries.measures import MEASURES, SUMS, Quantile, sums_behind
from spanledger.ledger.queries.question import Question
from spanledger.ledger.queries.sources import Source, Span

# An event without a cost belongs to no currency yet: it must not open a row of its own (see `folding`).
_CURRENCY: Final = "if(isNull(cost), '', currency)"
# What was never sent is no use of anything, and not in the daily sums either: whoever counts denials asks for the kind.
_SENT: Final = "kind != 'denial'"
_REVENUE_CURRENCY: Final = "if(isNull(revenue), '', revenue_currency)"


def sums_sql(asked: Question, source: Source) -> str:
    """The sums of each group and currency."""
    parts: list[str] = []
    if source.days is not None:
        parts.append(_of_days(asked, source.days, source.dirty))
    if source.events:
        parts.append(_of_events(asked, source.events, [of_events(name, asked.tz) for name in asked.by]))
    if len(parts) == 1:
        return parts[0]
    sums = ", ".join(f"sum({name}) AS {name}" for name in _sum_names(asked))
    keys = _key_names(asked)
    return f"SELECT {', '.join(keys)}, {sums} FROM ({' UNION ALL '.join(parts)}) GROUP BY {', '.join(keys)}"  # noqa: S608


def quantiles_sql(asked: Question) -> str:
    """The quantiles asked for, of each group whatever its currency; empty if none was."""
    quantiles = [measure for name in asked.measures if isinstance(measure := MEASURES[name], Quantile)]
    if not quantiles:
        return ""
    keys = [f"{of_events(name, asked.tz)} AS k{place}" for place, name in enumerate(asked.by)]
    values = [f"{quantile.sql} AS q{place}" for place, quantile in enumerate(quantiles)]
    grouped = f" GROUP BY {', '.join(f'k{place}' for place in range(len(keys)))}" if keys else ""
    where = _where(asked, [_within([(asked.since_ns, asked.until_ns)]), _sent(asked)])
    return f"SELECT {', '.join([*keys, *values])} FROM ledger_events FINAL{where}{grouped}"  # noqa: S608


def sold(asked: Question) -> bool:
    """Whether the currency of the revenue is a key too."""
    return "revenue" in asked.measures


def keyed_sql(asked: Question, keys: Sequence[str]) -> str:
    """The sums of the events, by expressions of our own in place of the question's dimensions."""
    return _of_events(asked, [(asked.since_ns, asked.until_ns)], keys)


def charges_where_sql(asked: Question) -> str:
    """The question's filter and bounds over the view `charges`, with WHERE; empty for all of them."""
    return _where(asked, [_within([(asked.since_ns, asked.until_ns)])])


def largest_sql(asked: Question, source: Source, *, currency: str, top: int) -> str:
    """The sums of a question whose first dimension is a group: of the `top` largest each, of all others as one.

    Large is who has most of the question's first measure, money in this currency. The answer's columns begin with
    whether the row is a group of its own, its name, and how many groups there are among them.
    """
    keys, sums = _key_names(asked), _sum_names(asked)
    largest = f"{_measured(asked, currency)} OVER (PARTITION BY {keys[0]})"
    placed = (
        f"SELECT *, dense_rank() OVER (ORDER BY largest DESC NULLS LAST, {keys[0]}) AS place"  # noqa: S608
        f" FROM (SELECT *, {largest} AS largest FROM ({sums_sql(asked, source)}))"
    )
    told = ", ".join(["named", "name", "max(place)", *keys[1:], *(f"sum({name})" for name in sums)])
    return (
        f"SELECT {told} FROM (SELECT *, place <= {top} AS named, if(named, {keys[0]}, '') AS name FROM ({placed}))"  # noqa: S608
        f" GROUP BY named, name, {', '.join(keys[1:])}"
    )


def reach_sql(asked: Question) -> str:
    """The first and the last time of what a question is of, in nanoseconds since 1970; None of nothing."""
    where = _where(asked, [_within([(asked.since_ns, asked.until_ns)]), _sent(asked)])
    ends = ", ".join(f"toUnixTimestamp64Nano({end}OrNull(booked_time))" for end in ("min", "max"))
    return f"SELECT {ends} FROM ledger_events{where}"  # noqa: S608


def _measured(asked: Question, currency: str) -> str:
    """The first measure, of rows of sums by currency."""
    keys, measure = _key_names(asked), asked.measures[0]
    match measure:
        case "cost":
            return f"sumIf(s_cost, {keys[len(asked.by)]} = {literal(currency)})"
        case "revenue":
            return f"sumIf(s_revenue, {keys[-1]} = {literal(currency)})"
        case _:
            return f"sum(s_{measure})"


def _of_events(asked: Question, spans: Iterable[Span], keys: Sequence[str]) -> str:
    currencies = [_CURRENCY, _REVENUE_CURRENCY][: 1 + sold(asked)]
    sums = [f"{SUMS[name].of_events} AS s_{name}" for name in sums_behind(asked.measures)]
    return _grouped([*keys, *currencies], sums, f"ledger_events FINAL{_where(asked, [_within(spans), _sent(asked)])}")


def _of_days(asked: Question, days: tuple[date | None, date | None], dirty: tuple[date, ...]) -> str:
    since, until = days
    conditions = [
        f"day >= {_day(since)}" if since else "",
        f"day < {_day(until)}" if until else "",
        f"day NOT IN ({', '.join(map(_day, dirty))})" if dirty else "",
    ]
    keys = [*map(of_days, asked.by), "currency"]
    sums = [f"{SUMS[name].of_days} AS s_{name}" for name in sums_behind(asked.measures)]
    return _grouped(keys, sums, f"ledger_daily{_where(asked, conditions)}")


def _grouped(keys: Sequence[str], sums: Sequence[str], source: str) -> str:
    names = [f"k{place}" for place in range(len(keys))]
    selected = ", ".join([*(f"{key} AS {name}" for key, name in zip(keys, names, strict=True)), *sums])
    return f"SELECT {selected} FROM {source} GROUP BY {', '.join(names)}"  # noqa: S608


def _key_names(asked: Question) -> list[str]:
    return [f"k{place}" for place in range(len(asked.by) + 1 + sold(asked))]


def _sum_names(asked: Question) -> list[str]:
    return [f"s_{name}" for name in sums_behind(asked.measures)]


def _where(asked: Question, conditions: list[str]) -> str:
    named = [f"{name} IN ({', '.join(map(literal, values))})" for name, values in asked.where]
    if asked.tenants is not None:
        named.append(f"tenant IN ({', '.join(map(literal, sorted(asked.tenants)))})" if asked.tenants else "0")
    told = [*named, *filter(None, conditions)]
    return f" WHERE {' AND '.join(told)}" if told else ""


def _sent(asked: Question) -> str:
    return "" if "kind" in (*asked.by, *(name for name, _ in asked.where)) else _SENT


def _within(spans: Iterable[Span]) -> str:
    """Booked within one of some times; empty where that is any time."""
    either = [" AND ".join(_bounds(span)) for span in spans]
    if not all(either):
        return ""
    return either[0] if len(either) == 1 else f"({' OR '.join(f'({each})' for each in either)})"


def _bounds(span: Span) -> Iterable[str]:
    for sign, ns in zip((">=", "<"), span, strict=True):
        if ns is not None:
            yield f"booked_time {sign} fromUnixTimestamp64Nano(toInt64({ns}))"


def _day(day: date) -> str:
    return f"toDate32('{day.isoformat()}')"
