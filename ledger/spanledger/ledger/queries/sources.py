"""Where a question is answered from: the daily sums where they say the same, else the events themselves.

The daily sums end their days at the midnights of the store's reporting zone, and may be behind on days that are marked
dirty: those are read from the events. The answer is the same either way.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final, TypeAlias, cast
from zoneinfo import ZoneInfo

from spanledger.ledger.periods import day_start_ns
from spanledger.ledger.queries.dimensions import KEPT, TIMES, is_kept
from spanledger.ledger.queries.measures import MEASURES, SUMS, Quantile, sums_behind
from spanledger.ledger.queries.question import Question
from spanledger.ledger.tables import Table

Query: TypeAlias = Callable[[str], Table]
"""How the ledger is asked: one reading statement, answered."""

_KEPT_DAYS: Final = """
SELECT
    (SELECT any(value) FROM ledger_settings FINAL WHERE name = 'reporting_zone') AS zone,
    arraySort(groupUniqArray(day)) AS dirty
FROM ledger_dirty_days FINAL WHERE cleaned = 0
"""
_ZONE_DEFAULT: Final = "UTC"

Span: TypeAlias = tuple[int | None, int | None]
"""A time, half-open, in nanoseconds since 1970; None is unbounded."""


@dataclass(frozen=True, slots=True)
class Source:
    """The parts of a question: days of the daily sums (without the dirty ones), and times of the events."""

    days: tuple[date | None, date | None] | None
    """The first day, and the one after the last; None instead of both: the daily sums are not read."""
    dirty: tuple[date, ...]
    events: tuple[Span, ...]
    """The times to read from the events."""


def source_of(query: Query, asked: Question) -> Source:
    """Where to read: asks for the reporting zone and the dirty days where the daily sums could tell."""
    if not _could_be_kept(asked):
        return events_alone(asked)
    [(zone, dirty)] = query(_KEPT_DAYS).rows
    return kept_source(asked, str(zone or _ZONE_DEFAULT), [date.fromisoformat(day) for day in cast("list[str]", dirty)])


def events_alone(asked: Question) -> Source:
    """The events, all of the question's time: right for every question, and as slow as there are many."""
    return Source(None, (), ((asked.since_ns, asked.until_ns),))


def kept_source(asked: Question, zone: str, dirty: Iterable[date]) -> Source:
    """The daily sums for clean days and the events of dirty ones, if the question's days are the store's."""
    bounded = asked.since_ns is not None or asked.until_ns is not None
    if zone != asked.tz.key and (bounded or any(name in TIMES for name in asked.by)):
        return events_alone(asked)
    tz = ZoneInfo(zone)
    try:
        since, until = _day_at(asked.since_ns, tz), _day_at(asked.until_ns, tz)
    except _InsideADay:
        return events_alone(asked)
    behind = tuple(day for day in sorted(dirty) if (since is None or day >= since) and (until is None or day < until))
    return Source((since, until), behind, tuple(_spans(behind, tz)))


class _InsideADay(Exception):
    """A bound that is no midnight."""


def _could_be_kept(asked: Question) -> bool:
    sums = (SUMS[name].of_days is not None for name in sums_behind(asked.measures))
    return (
        all(map(is_kept, asked.by))
        and all(name in KEPT for name, _ in asked.where)
        and all(sums)
        and not any(isinstance(MEASURES[name], Quantile) for name in asked.measures)
    )


def _day_at(ns: int | None, tz: ZoneInfo) -> date | None:
    """The day that begins at this instant."""
    if ns is None:
        return None
    day = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=ns // 1_000)).astimezone(tz).date()
    if day_start_ns(day, tz) != ns:
        raise _InsideADay
    return day


def _spans(days: tuple[date, ...], tz: ZoneInfo) -> Iterable[Span]:
    """The times of some days, neighbours in one."""
    runs: list[tuple[date, date]] = []
    for day in days:
        after = day + timedelta(days=1)
        runs[-1:] = [(runs[-1][0], after)] if runs and runs[-1][1] == day else [*runs[-1:], (day, after)]
    return [(day_start_ns(first, tz), day_start_ns(after, tz)) for first, after in runs]
