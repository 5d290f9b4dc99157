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
from spanledger.ledger.queries.sources import Source, Span, events_alone

# An event without a cost belongs to no currency yet: it must not open a row of its own (see `folding`).
_CURRENCY: Final = "if(isNull(cost), '', currency)"
# What was never sent is no use of anything, and not in the daily sums either: whoever counts denials asks for the kind.
_SENT: Final = "kind != 'denial'"
_REVENUE_CURRENCY: Final = "if(isNull(revenue), '', revenue_currency)"


def sums_sql(asked: Question, source: Source, *, among: Sequence[str] = (), sums: Sequence[str] | None = None) -> str:
    """The sums of each group and currency; all that the question needs, or some by name.

    A group that the daily sums and the events tell of has a row of each: the engine adds up slower than the reader.
    With `among` a value of the first dimension is told by its place among these, from 1; of all others it is 0.
    """
    names = sums_behind(asked.measures) if sums is None else sums
    parts: list[str] = []
    if source.days is not None:
        keys = _placed(map(of_days, asked.by), among)
        parts.append(_of_days(asked, source, keys, names))
    if source.events:
        keys = _placed((of_events(name, asked.tz) for name in asked.by), among)
        parts.append(_of_events(asked, source, keys, names))
    return " UNION ALL ".join(parts)


def quantiles_sql(asked: Question, *, whole: bool = False) -> str:
    """The quantiles asked for, of each group whatever its currency; empty if none was.

    With `whole` those of everything as well, in a row of its own; each row begins with whether it is that.
    """
    quantiles = [measure for name in asked.measures if isinstance(measure := MEASURES[name], Quantile)]
    if not quantiles:
        return ""
    keys = [f"{of_events(name, asked.tz)} AS k{place}" for place, name in enumerate(asked.by)]
    values = [f"{quantile.sql} AS q{place}" for place, quantile in enumerate(quantiles)]
    grouped = f" GROUP BY {', '.join(f'k{place}' for place in range(len(keys)))}" if keys else ""
    where = _of_time(asked, [(asked.since_ns, asked.until_ns)])
    if whole:
        names = ", ".join(f"k{place}" for place in range(len(keys)))
        keys, grouped = [f"grouping({names})", *keys], f" GROUP BY GROUPING SETS (({names}), ())"
    return f"SELECT {', '.join([*keys, *values])} FROM ledger_events FINAL{where}{grouped}"  # noqa: S608


def sold(asked: Question) -> bool:
    """Whether the currency of the revenue is a key too."""
    return "revenue" in asked.measures


def keyed_sql(asked: Question, keys: Sequence[str]) -> str:
    """The sums of the events, by expressions of our own in place of the question's dimensions."""
    return _of_events(asked, events_alone(asked), keys, sums_behind(asked.measures))


def charges_where_sql(asked: Question) -> str:
    """The question's filter and bounds over the view `charges`, with WHERE; empty for all of them."""
    return _where(asked, [_within([(asked.since_ns, asked.until_ns)])])


def largest_sql(asked: Question, source: Source, *, currency: str, top: int) -> str:
    """The largest groups of a question's one dimension, in their order, each beside how many groups there are in all.

    Large is who has most of the question's one measure, of money in this currency.
    """
    [key, *currencies] = _key_names(asked)
    [measure] = asked.measures
    own = {"cost": currencies[0], "revenue": currencies[-1]}.get(measure)
    largest = f"sumIf(s_{measure}, {own} = {literal(currency)})" if own else f"sum(s_{measure})"
    groups = f"SELECT {key}, {largest} AS largest FROM ({sums_sql(asked, source, sums=[measure])}) GROUP BY {key}"  # noqa: S608
    return f"SELECT {key}, count() OVER () FROM ({groups}) ORDER BY largest DESC NULLS LAST, {key} LIMIT {top}"  # noqa: S608


def looked_over_sql(asked: Question) -> str:
    """Roughly: the currencies, their requests, and how many words of the question's one dimension there are.

    Read without looking whether a row is there twice, and so in a tenth of the time.
    """
    [name] = asked.by
    where = _where(asked, [_within([(asked.since_ns, asked.until_ns)]), _sent(asked)])
    return f"SELECT {_CURRENCY} AS k, sum(requests), uniq({name}) FROM ledger_events{where} GROUP BY k"  # noqa: S608


def reach_sql(asked: Question) -> str:
    """The first and the last time of what a question is of, in nanoseconds since 1970; None of nothing."""
    where = _where(asked, [_within([(asked.since_ns, asked.until_ns)]), _sent(asked)])
    ends = ", ".join(f"toUnixTimestamp64Nano({end}OrNull(booked_time))" for end in ("min", "max"))
    return f"SELECT {ends} FROM ledger_events{where}"  # noqa: S608


def _placed(keys: Iterable[str], among: Sequence[str]) -> list[str]:
    told = [*keys]
    if among:
        words, places = ", ".join(map(literal, among)), ", ".join(map(str, range(1, len(among) + 1)))
        told[0] = f"transform(toString({told[0]}), [{words}], [{places}], 0)"
    return told


def _of_events(asked: Question, source: Source, keys: Sequence[str], names: Sequence[str]) -> str:
    currencies = [_CURRENCY, _REVENUE_CURRENCY][: 1 + sold(asked)]
    sums = [f"{SUMS[name].told_by(adjusted=source.adjusted)} AS s_{name}" for name in names]
    return _grouped([*keys, *currencies], sums, f"ledger_events FINAL{_of_time(asked, source.events)}")


def _of_days(asked: Question, source: Source, keys: Sequence[str], names: Sequence[str]) -> str:
    since, until = source.days or (None, None)
    conditions = [
        f"day >= {_day(since)}" if since else "",
        f"day < {_day(until)}" if until else "",
        f"day NOT IN ({', '.join(map(_day, source.dirty))})" if source.dirty else "",
    ]
    sums = [f"{SUMS[name].of_days} AS s_{name}" for name in names]
    return _grouped([*keys, "currency"], sums, f"{source.table}{_where(asked, conditions)}")


def _grouped(keys: Sequence[str], sums: Sequence[str], source: str) -> str:
    names = [f"k{place}" for place in range(len(keys))]
    selected = ", ".join([*(f"{key} AS {name}" for key, name in zip(keys, names, strict=True)), *sums])
    return f"SELECT {selected} FROM {source} GROUP BY {', '.join(names)}"  # noqa: S608


def _key_names(asked: Question) -> list[str]:
    return [f"k{place}" for place in range(len(asked.by) + 1 + sold(asked))]


def _where(asked: Question, conditions: list[str]) -> str:
    named = [f"{name} IN ({', '.join(map(literal, values))})" for name, values in asked.where]
    if asked.tenants is not None:
        named.append(f"tenant IN ({', '.join(map(literal, sorted(asked.tenants)))})" if asked.tenants else "0")
    told = [*named, *filter(None, conditions)]
    return f" WHERE {' AND '.join(told)}" if told else ""


def _of_time(asked: Question, spans: Iterable[Span]) -> str:
    """The condition on events. Rows of one id are of one time, and so the time may be looked at before the ids are."""
    within = _within(spans)
    return f"{f' PREWHERE {within}' if within else ''}{_where(asked, [_sent(asked)])}"


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
