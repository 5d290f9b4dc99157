"""Time divided into hours, days, weeks or months of a zone: every one of them, whether or not anything was used in it.

A bucket has the name that a report gives it and begins where the one before it ends; the first and the last are cut to
the time that was asked for.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final, Literal, TypeAlias, cast
from zoneinfo import ZoneInfo

from spanledger.ledger.periods import day_start_ns
from spanledger.ledger.queries.dimensions import shown
from spanledger.ledger.tables import Value
from spanledger.schemas import ConfigurationError

Bucket: TypeAlias = Literal["hour", "day", "week", "month"]
BUCKETS: Final[tuple[Bucket, ...]] = ("hour", "day", "week", "month")
"""From the finest on."""
AUTO: Final = "auto"

BUCKETS_MAX: Final = 1_500
"""Two months of hours, four years of days: more than a screen is wide. Months are not refused: all time has 4 344."""
READABLE: Final = 100
"""What is chosen for somebody has at most so many, or months."""

_HOUR_NS: Final = 3_600 * 10**9
_LENGTHS_NS: Final = {"hour": _HOUR_NS, "day": 24 * _HOUR_NS, "week": 7 * 24 * _HOUR_NS}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAY: Final = timedelta(days=1)
_WEEK: Final = timedelta(days=7)
# From any first of a month into the next.
_INTO_NEXT_MONTH: Final = timedelta(days=31)


@dataclass(frozen=True, slots=True)
class Buckets:
    """Consecutive buckets of one kind."""

    kind: Bucket
    names: tuple[str, ...]
    edges_ns: tuple[int, ...]
    """Where each begins, and where the last one ends."""
    keys: tuple[Value, ...]
    """Each as the engine tells it."""

    def finding(self) -> Callable[[Value], int]:
        """The place of the bucket that a value of the engine's means.

        An hour is found by its instant: some zones are set back by half of one, and the engine's begin elsewhere then.
        """
        if self.kind == "hour":
            begins = [edge // 10**6 for edge in self.edges_ns[1:-1]]
            return lambda key: bisect_right(begins, cast("int", key))
        places = {key: place for place, key in enumerate(self.keys)}
        return lambda key: places[key]


def buckets_of(bucket: str, since_ns: int, until_ns: int, tz: ZoneInfo) -> Buckets:
    """The buckets of a time; of `auto` the finest that can be read. Raises `ConfigurationError` for too many."""
    kind = kind_of(bucket, until_ns - since_ns)
    if kind == "hour":
        starts_ns = range(_hour_start_ns(since_ns, tz), until_ns, _HOUR_NS)
        keys = tuple[Value, ...](start // 10**6 for start in starts_ns)
        edges = (since_ns, *starts_ns[1:], until_ns)
    else:
        days = [*_starts(kind, day_of(since_ns, tz), day_of(until_ns - 1, tz))]
        keys = tuple[Value, ...](_key(kind, day) for day in days)
        edges = (since_ns, *(day_start_ns(day, tz) for day in days[1:]), until_ns)
    return Buckets(kind, tuple(str(shown(kind, key, tz)) for key in keys), edges, keys)


def kind_of(bucket: str, length_ns: int) -> Bucket:
    """The kind that a word means for a time of this length. Raises `ConfigurationError`."""
    if bucket == AUTO:
        return next(kind for kind in BUCKETS if length_ns <= READABLE * _LENGTHS_NS.get(kind, length_ns))
    for place, kind in enumerate(BUCKETS):
        if bucket == kind:
            if length_ns > BUCKETS_MAX * _LENGTHS_NS.get(kind, length_ns):
                msg = (
                    f"this time has more than {BUCKETS_MAX} buckets of one {kind}: take a shorter time,"
                    f" or bucket={BUCKETS[place + 1]}"
                )
                raise ConfigurationError(msg)
            return kind
    msg = f"bucket {bucket!r} is none; choose from {AUTO}, {', '.join(BUCKETS)}"
    raise ConfigurationError(msg)


def day_of(ns: int, tz: ZoneInfo) -> date:
    """The day that an instant is in."""
    return _moment(ns, tz).date()


def instant(ns: int, tz: ZoneInfo) -> str:
    """An instant as ISO 8601 with the zone's offset, to the microsecond."""
    return _moment(ns, tz).isoformat()


def _starts(kind: Bucket, first: date, last: date) -> Iterable[date]:
    """The first day of each bucket from the one with `first` in it to the one with `last`."""
    match kind:
        case "week":
            day = first - timedelta(days=first.weekday())
        case "month":
            day = first.replace(day=1)
        case _:
            day = first
    while day <= last:
        yield day
        match kind:
            case "week":
                day += _WEEK
            case "month":
                day = (day + _INTO_NEXT_MONTH).replace(day=1)
            case _:
                day += _DAY


def _key(kind: Bucket, day: date) -> Value:
    match kind:
        case "week":
            year, week, _ = day.isocalendar()
            return year * 100 + week
        case "month":
            return day.year * 100 + day.month
        case _:
            return day.isoformat()


def _hour_start_ns(ns: int, tz: ZoneInfo) -> int:
    """Where the zone's hour of an instant begins."""
    moment = _moment(ns, tz)
    return ns - ns % 10**9 - (moment.minute * 60 + moment.second) * 10**9


def _moment(ns: int, tz: ZoneInfo) -> datetime:
    return (_EPOCH + timedelta(microseconds=ns // 1_000)).astimezone(tz)
