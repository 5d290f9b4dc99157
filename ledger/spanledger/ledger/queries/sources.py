"""Where a question is answered from: the daily sums where they say the same, else the events themselves.

The daily sums end their days at the midnights of the store's reporting zone, and may be behind on days that are marked
dirty: those are read from the events. The answer is the same either way. What is read is decided by how the ledger
stands when it is asked.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final, TypeAlias, cast
from zoneinfo import ZoneInfo

from spanledger.ledger.periods import day_start_ns
from spanledger.ledger.queries.dimensions import TIMES, kept_by
from spanledger.ledger.queries.measures import SUMS, sums_behind
from spanledger.ledger.queries.question import Question
from spanledger.ledger.tables import Table

Query: TypeAlias = Callable[[str], Table]
"""How the ledger is asked: one reading statement, answered."""

_STANDING: Final = """
SELECT
    (SELECT any(value) FROM ledger_settings FINAL WHERE name = 'reporting_zone') AS zone,
    arraySort(groupUniqArray(day)) AS dirty,
    (SELECT count() FROM (SELECT 1 FROM ledger_events WHERE kind = 'adjustment' LIMIT 1)) AS adjusted
FROM ledger_dirty_days FINAL WHERE cleaned = 0
"""
_ZONE_DEFAULT: Final = "UTC"

Span: TypeAlias = tuple[int | None, int | None]
"""A time, half-open, in nanoseconds since 1970; None is unbounded."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What a ledger says of itself before it is asked anything."""

    zone: str
    """Where its daily sums end their days."""
    dirty: tuple[date, ...]
    adjusted: bool
    """Whether any charge was ever adjusted: only then can one have got its price later."""


@dataclass(frozen=True, slots=True)
class Source:
    """The parts of a question: days of the daily sums (without the dirty ones), and times of the events."""

    days: tuple[date | None, date | None] | None
    """The first day, and the one after the last; None instead of both: the daily sums are not read."""
    dirty: tuple[date, ...]
    events: tuple[Span, ...]
    """The times to read from the events."""
    adjusted: bool = True
    """Whether a charge among the events may have been adjusted."""
    table: str = ""
    """The daily sums that `days` are of."""


def standing(query: Query) -> Standing:
    """How the ledger stands: to be asked for at most once for what is told together."""
    [(zone, dirty, adjusted)] = query(_STANDING).rows
    days = tuple(date.fromisoformat(day) for day in cast("list[str]", dirty))
    return Standing(str(zone or _ZONE_DEFAULT), days, bool(adjusted))


def source_of(query: Query, asked: Question) -> Source:
    """Where to read, of a ledger as it stands."""
    return source_in(standing(query), asked)


def events_alone(asked: Question, *, adjusted: bool = True) -> Source:
    """The events, all of the question's time: right for every question, and as slow as there are many."""
    return Source(None, (), ((asked.since_ns, asked.until_ns),), adjusted)


def source_in(ledger: Standing, asked: Question) -> Source:
    """The daily sums for clean days, the events of dirty ones and of days that a bound cuts in two.

    Buckets of another zone than the store's are of the events: their days begin and end inside the store's.
    """
    alone = events_alone(asked, adjusted=ledger.adjusted)
    table = _kept_in(asked)
    if table is None or (ledger.zone != asked.tz.key and any(name in TIMES for name in asked.by)):
        return alone
    tz = ZoneInfo(ledger.zone)
    since, until = _day_from(asked.since_ns, tz), _day_until(asked.until_ns, tz)
    if since is not None and until is not None and since >= until:
        return alone
    begins = () if since is None else _cut(asked.since_ns, day_start_ns(since, tz))
    ends = () if until is None else _cut(day_start_ns(until, tz), asked.until_ns)
    inside = (day for day in ledger.dirty if (since is None or day >= since) and (until is None or day < until))
    behind = tuple(sorted(inside))
    return Source((since, until), behind, (*begins, *_spans(behind, tz), *ends), ledger.adjusted, table)


def _kept_in(asked: Question) -> str | None:
    """The thinnest table of daily sums that can answer; None if none can. All of them have the same sums."""
    if any(SUMS[name].of_days is None for name in sums_behind(asked.measures)):
        return None
    return kept_by((*asked.by, *(name for name, _ in asked.where)))


def _day_from(ns: int | None, tz: ZoneInfo) -> date | None:
    """The first day that begins at this instant or later."""
    if ns is None:
        return None
    day = _day_of(ns, tz)
    return day if day_start_ns(day, tz) == ns else day + timedelta(days=1)


def _day_until(ns: int | None, tz: ZoneInfo) -> date | None:
    """The first day that is not over at this instant."""
    return None if ns is None else _day_of(ns, tz)


def _day_of(ns: int, tz: ZoneInfo) -> date:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=ns // 1_000)).astimezone(tz).date()


def _cut(since_ns: int | None, until_ns: int | None) -> tuple[Span, ...]:
    """The part of a day between a bound and a midnight, if there is any."""
    return () if since_ns == until_ns else ((since_ns, until_ns),)


def _spans(days: tuple[date, ...], tz: ZoneInfo) -> Iterable[Span]:
    """The times of some days, neighbours in one."""
    runs: list[tuple[date, date]] = []
    for day in days:
        after = day + timedelta(days=1)
        runs[-1:] = [(runs[-1][0], after)] if runs and runs[-1][1] == day else [*runs[-1:], (day, after)]
    return [(day_start_ns(first, tz), day_start_ns(after, tz)) for first, after in runs]
