"""Measures over time: consecutive buckets, the largest groups, and all the others summed up as one.

Money is told of one currency and two are never added; counts are of all events. Whatever is asked, what is answered is
bounded: so many buckets, so many groups. Totals are the sums of their parts, by exact arithmetic.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from functools import reduce
from typing import Final, TypeAlias, cast

from spanledger.ledger.periods import day_start_ns
from spanledger.ledger.queries.buckets import AUTO, Buckets, buckets_of, day_of, instant, kind_of
from spanledger.ledger.queries.cells import NOTHING, Cell, Number, added, cell_of, figures, named_sums
from spanledger.ledger.queries.dimensions import TIMES
from spanledger.ledger.queries.measures import MEASURES, SHARES, SUMMED, Quantile, share
from spanledger.ledger.queries.movers import time_before
from spanledger.ledger.queries.question import Question, ask
from spanledger.ledger.queries.sources import Query, Source, source_of
from spanledger.ledger.queries.statements import largest_sql, looked_over_sql, quantiles_sql, reach_sql, sold, sums_sql
from spanledger.ledger.tables import Group, Row, Series, Value
from spanledger.schemas import ConfigurationError

SERIES_MEASURES: Final = ("cost", "requests")
TOP: Final = 8
TOP_MAX: Final = 50

_ROWS_FEW: Final = 3_000
"""So many are read and added up here in the time that the engine takes to go over a million events once more."""

_NOTHING: Final[Mapping[str, str]] = {}
_Cells: TypeAlias = dict[int, Cell]
"""Place of a bucket → what was used in it."""


@dataclass(frozen=True, slots=True)
class _Line:
    """One group, or the rest of them; of no name where everything is one."""

    name: str | None = None
    rest: bool = False
    groups: int = 1
    cells: _Cells = field(default_factory=dict)


def series(
    query: Query,
    *,
    by: str | Sequence[str] = (),
    bucket: str = AUTO,
    measures: str | Sequence[str] = SERIES_MEASURES,
    top: int = TOP,
    since: str | None = None,
    until: str | None = None,
    tz: str = "UTC",
    where: Mapping[str, str | Sequence[str]] = _NOTHING,
    tenants: frozenset[str] | None = None,
    currency: str | None = None,
) -> Series:
    """The measures of each bucket, in all and by one dimension. Raises `ConfigurationError`.

    Without a currency it is the one with most requests. An end that is not given is that of the first or the last day.
    """
    asked = ask(by, measures=measures, where=where, since=since, until=until, tz=tz, tenants=tenants)
    if "currency" in map(str.strip, by.split(",") if isinstance(by, str) else by):
        # A report leaves it out of its dimensions, as every row has one.
        msg = "a series is of one currency: choose it by currency, and another dimension by by"
        raise ConfigurationError(msg)
    _check(asked, top)
    whole = _bounded(query, asked)
    if whole is None:
        nothing = Buckets(kind_of(bucket, 0), (), (), ())
        return _told(asked, nothing, [], _Money((), currency or ""), _Measured())
    buckets = buckets_of(bucket, cast("int", whole.since_ns), cast("int", whole.until_ns), whole.tz)
    bucketed = replace(whole, by=(*whole.by, buckets.kind))
    source = source_of(query, bucketed)
    if whole.by:
        money, lines = _grouped(query, bucketed, source, buckets, top=top, currency=currency)
        return _told(whole, buckets, lines, money, _Measured())
    found = query(sums_sql(bucketed, source)).rows
    money = _money(found, currency, at=1, requests_at=2 + sold(bucketed))
    line = _Line(cells=_cells(bucketed, buckets, found))
    return _told(whole, buckets, [line], money, _measured(query, bucketed, buckets))


@dataclass(frozen=True, slots=True)
class _Money:
    """The currencies of an answer, the busiest first, and the one that it is told in; empty if there is none."""

    currencies: tuple[str, ...]
    chosen: str


@dataclass(frozen=True, slots=True)
class _Measured:
    """Quantiles: of each bucket, and of the whole time."""

    by_place: Mapping[int, Row] = field(default_factory=dict[int, Row])
    whole: Row = ()


def _check(asked: Question, top: int) -> None:
    if len(asked.by) > 1 or set(asked.by) & set(TIMES):
        msg = f"by {','.join(asked.by)!r} is not one word: a series is by one dimension such as model, or by none"
        raise ConfigurationError(msg)
    if not asked.measures:
        msg = f"a series without measures tells nothing; choose from {', '.join(MEASURES)}"
        raise ConfigurationError(msg)
    quantiles = [name for name in asked.measures if isinstance(MEASURES[name], Quantile)]
    if asked.by and quantiles:
        msg = f"{quantiles[0]!r} of several groups is not the sum of theirs: leave out by, or ask a report"
        raise ConfigurationError(msg)
    if asked.by and asked.measures[0] not in SUMMED:
        msg = f"{asked.measures[0]!r} cannot say which groups are large: put one of {', '.join(SUMMED)} first"
        raise ConfigurationError(msg)
    if not 0 < top <= TOP_MAX:
        msg = f"top {top} is no number of groups: give one from 1 to {TOP_MAX}"
        raise ConfigurationError(msg)


def _bounded(query: Query, asked: Question) -> Question | None:
    """The question with both ends; None where nothing was ever used."""
    if asked.since_ns is not None and asked.until_ns is not None:
        return asked
    [(first, last)] = query(reach_sql(asked)).rows
    if first is None or last is None:
        return None
    begin = day_start_ns(day_of(cast("int", first), asked.tz), asked.tz)
    end = day_start_ns(day_of(cast("int", last), asked.tz) + timedelta(days=1), asked.tz)
    return replace(
        asked,
        since_ns=begin if asked.since_ns is None else asked.since_ns,
        until_ns=end if asked.until_ns is None else asked.until_ns,
    )


def _grouped(
    query: Query, asked: Question, source: Source, buckets: Buckets, *, top: int, currency: str | None
) -> tuple[_Money, list[_Line]]:
    """The lines of one dimension.

    Of few groups all are read at once, and sorted here. Of many the largest are found first, and only they are told
    apart: the engine goes over the events twice, and not over every group of every bucket.
    """
    word = replace(asked, by=asked.by[:1])
    looked = query(
        looked_over_sql(word) if source.days is None else sums_sql(_bare(word), source, sums=["requests"])
    ).rows
    if source.days is None and sum(cast("int", row[2]) for row in looked) * len(buckets.names) <= _ROWS_FEW:
        found = query(sums_sql(asked, source)).rows
        money = _money(found, currency, at=2, requests_at=3 + sold(asked))
        return money, _sorted(asked, _lines(asked, buckets, found), money.chosen, top)
    money = _money(looked, currency, at=0, requests_at=1)
    measured = replace(word, measures=asked.measures[:1])
    largest = query(largest_sql(measured, source, currency=money.chosen, top=top)).rows
    names = [cast("str", name) for name, _ in largest]
    found = query(sums_sql(asked, source, among=names)).rows if names else []
    cells = {line.name: line.cells for line in _lines(asked, buckets, found)}
    lines = [_Line(name, cells=cells.get(str(place), {})) for place, name in enumerate(names, 1)]
    others = cast("int", largest[0][1]) - len(names) if largest else 0
    return money, [*lines, _Line(None, rest=True, groups=others, cells=cells.get("0", {}))] if others else lines


def _bare(asked: Question) -> Question:
    """What the same events came to, by currency alone."""
    return replace(asked, by=(), measures=("requests",))


def _money(rows: Iterable[Row], currency: str | None, *, at: int, requests_at: int) -> _Money:
    """What the rows say in these two columns of theirs."""
    requests: dict[str, int] = {}
    for row in rows:
        if row[at]:
            name = cast("str", row[at])
            requests[name] = requests.get(name, 0) + cast("int", row[requests_at])
    names = sorted(requests, key=lambda name: (-requests[name], name))
    return _Money(tuple(names), currency or (names[0] if names else ""))


def _cells(asked: Question, buckets: Buckets, rows: Iterable[Row]) -> _Cells:
    """Rows of a bucket, its currencies and its sums."""
    place_of, end = buckets.finding(), 2 + sold(asked)
    cells: _Cells = {}
    for row in rows:
        place = place_of(row[0])
        cells[place] = added(cells.get(place, NOTHING), cell_of(asked, row[1:end], row[end:]))
    return cells


def _lines(asked: Question, buckets: Buckets, rows: Iterable[Row]) -> list[_Line]:
    """Rows that begin with what names their line."""
    by_line: dict[str, list[Row]] = {}
    for name, *row in rows:
        by_line.setdefault(str(name), []).append(tuple(row))
    return [_Line(name, cells=_cells(asked, buckets, mine)) for name, mine in by_line.items()]


def _sorted(asked: Question, lines: Iterable[_Line], currency: str, top: int) -> list[_Line]:
    """The largest lines as they are, and the others as one."""

    def size(line: _Line) -> tuple[bool, int | Decimal, str]:
        value = named_sums(asked, _whole(line), currency)[asked.measures[0]]
        return value is None, 0 if value is None else -value, line.name or ""

    ordered = sorted(lines, key=size)
    rest = _Line(None, rest=True, groups=len(ordered) - top, cells=_together(ordered[top:]))
    return [*ordered[:top], rest] if len(ordered) > top else ordered


def _together(lines: Iterable[_Line]) -> _Cells:
    total: _Cells = {}
    for line in lines:
        for place, cell in line.cells.items():
            total[place] = added(total.get(place, NOTHING), cell)
    return total


def _whole(line: _Line) -> Cell:
    return reduce(added, line.cells.values(), NOTHING)


def _measured(query: Query, asked: Question, buckets: Buckets) -> _Measured:
    sql = quantiles_sql(asked, whole=True)
    if not sql:
        return _Measured()
    place_of, found = buckets.finding(), query(sql).rows
    # An hour of the engine's may lie in a bucket with another; the later one is told there.
    by_place = {place_of(row[1]): row[2:] for row in found if not row[0]}
    return _Measured(by_place, next((row[2:] for row in found if row[0]), ()))


def _told(asked: Question, buckets: Buckets, lines: Sequence[_Line], money: _Money, measured: _Measured) -> Series:
    total = _together(lines)
    everything = reduce(added, total.values(), NOTHING)
    return Series(
        bucket=buckets.kind,
        buckets=[*buckets.names],
        edges=[instant(edge, asked.tz) for edge in buckets.edges_ns],
        groups=[_group(asked, buckets, line, money.chosen) for line in lines] if asked.by else [],
        totals=_figures(asked, buckets, total, money.chosen, measured.by_place),
        sums=_with_quantiles(asked, figures(asked, everything, money.chosen), measured.whole),
        shares=_shares(named_sums(asked, everything, money.chosen)),
        currency=money.chosen or None,
        currencies=[*money.currencies],
        before=_before(asked),
    )


def _shares(sums: Mapping[str, Number]) -> dict[str, float | None]:
    return {name: share(cast("int", sums[part]), cast("int", sums["requests"])) for name, part in SHARES.items()}


def _group(asked: Question, buckets: Buckets, line: _Line, currency: str) -> Group:
    return Group(
        name=line.name,
        rest=line.rest,
        groups=line.groups,
        measures=_figures(asked, buckets, line.cells, currency, {}),
        sums=figures(asked, _whole(line), currency),
    )


def _figures(
    asked: Question, buckets: Buckets, cells: _Cells, currency: str, quantiles: Mapping[int, Row]
) -> dict[str, list[Value]]:
    """Each measure in every bucket."""
    nothing = figures(asked, NOTHING, currency)
    told = [
        _with_quantiles(
            asked, figures(asked, cells[place], currency) if place in cells else nothing, quantiles.get(place, ())
        )
        for place in range(len(buckets.names))
    ]
    return {name: [each[name] for each in told] for name in asked.measures}


def _with_quantiles(asked: Question, told: Mapping[str, Value], quantiles: Row) -> dict[str, Value]:
    """The measures in their order; a quantile that nobody measured is None."""
    measured = iter(quantiles)
    return {name: told[name] if name in told else next(measured, None) for name in asked.measures}


def _before(asked: Question) -> list[str] | None:
    if asked.since_ns is None or asked.until_ns is None:
        return None
    with suppress(ConfigurationError):
        return [instant(ns, asked.tz) for ns in time_before(asked.since_ns, asked.until_ns, asked.tz)]
    return None
