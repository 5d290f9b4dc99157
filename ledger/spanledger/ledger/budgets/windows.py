"""When a budget's window begins and ends, as UTC nanoseconds. Pure: the caller says what time it is.

Windows of one kind and zone follow each other without gap or overlap, whatever the zone's clocks do. A day begins at
its date's first instant there; an hour that the clocks repeat is two windows.
"""

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from spanledger.schemas import ConfigurationError

CALENDAR: Final = ("hour", "day", "week", "month")
TOTAL: Final = "total"
ROLLING: Final = "rolling:"
_NS: Final = 10**9
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

# A shorter one is a rate limit; a longer one is a total.
ROLLING_MIN: Final = timedelta(minutes=1)
ROLLING_MAX: Final = timedelta(days=366)
_DURATION: Final = re.compile(r"P(?:(\d{1,4})W)?(?:(\d{1,4})D)?(?:T(?:(\d{1,5})H)?(?:(\d{1,6})M)?)?")


class Window(NamedTuple):
    """A half-open stretch of time; None is no bound."""

    since_ns: int | None
    until_ns: int | None

    @property
    def ends_at(self) -> datetime | None:
        """When it ends, in UTC."""
        return None if self.until_ns is None else moment_of(self.until_ns)


def check_window(kind: str) -> str:
    """The window, if it is one. Raises `ConfigurationError`."""
    if kind not in (*CALENDAR, TOTAL):
        rolling(kind)
    return kind


def rolling(kind: str) -> timedelta:
    """How long a rolling window is. Raises `ConfigurationError` for what is none."""
    stated = _DURATION.fullmatch(kind.removeprefix(ROLLING)) if kind.startswith(ROLLING) else None
    weeks, days, hours, minutes = (int(part or 0) for part in stated.groups()) if stated else (0, 0, 0, 0)
    duration = timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes)
    if not ROLLING_MIN <= duration <= ROLLING_MAX:
        known = ", ".join((*CALENDAR, TOTAL))
        msg = (
            f"the window {kind[:64]!r} is none of {known}, nor rolling: with a duration of a minute to a year "
            "such as rolling:P7D or rolling:PT6H"
        )
        raise ConfigurationError(msg)
    return duration


def window_at(kind: str, zone: ZoneInfo, at_ns: int) -> Window:
    """The window that an instant lies in. A rolling one ends with the instant, and includes it."""
    if kind == TOTAL:
        return Window(None, None)
    if kind not in CALENDAR:
        return Window(at_ns + 1 - ns_of(_EPOCH + rolling(kind)), at_ns + 1)
    if kind == "hour":
        return Window(*_hour(zone, at_ns))
    today = moment_of(at_ns).astimezone(zone).date()
    first = _first_day(kind, today)
    return Window(_midnight(zone, first), _midnight(zone, _next_first(kind, first)))


def window_before(kind: str, zone: ZoneInfo, window: Window) -> Window | None:
    """The window before this one; None where there is none. Of a rolling one, the same time before it."""
    if window.since_ns is None:
        return None
    if kind not in CALENDAR:
        return Window(window.since_ns - ns_of(_EPOCH + rolling(kind)), window.since_ns)
    return window_at(kind, zone, window.since_ns - 1)


def moment_of(at_ns: int) -> datetime:
    """The instant in UTC, to the microsecond."""
    return _EPOCH + timedelta(microseconds=at_ns // 1_000)


def ns_of(moment: datetime) -> int:
    """An aware moment as nanoseconds since 1970 UTC."""
    return (moment.astimezone(UTC) - _EPOCH) // timedelta(microseconds=1) * 1_000


def _first_day(kind: str, today: date) -> date:
    match kind:
        case "week":
            return today - timedelta(days=today.weekday())
        case "month":
            return today.replace(day=1)
        case _:
            return today


def _next_first(kind: str, first: date) -> date:
    match kind:
        case "week":
            return first + timedelta(days=7)
        case "month":
            return (first + timedelta(days=31)).replace(day=1)
        case _:
            return first + timedelta(days=1)


def _midnight(zone: ZoneInfo, day: date) -> int:
    """A date's first instant: of a midnight that comes twice the first, of one that is skipped when clocks skipped."""
    return ns_of(datetime.combine(day, time.min, tzinfo=zone))


def _hour(zone: ZoneInfo, at_ns: int) -> tuple[int, int]:
    """The clock hour around an instant, cut where the clocks change."""
    offset_ns = _offset_ns(zone, at_ns)
    hour_ns = 3600 * _NS
    since = (at_ns + offset_ns) // hour_ns * hour_ns - offset_ns
    until = since + hour_ns
    if _offset_ns(zone, since) != offset_ns:
        since = _change(zone, since, at_ns)
    if _offset_ns(zone, until - 1) != offset_ns:
        until = _change(zone, at_ns, until - 1)
    return since, until


def _change(zone: ZoneInfo, before_ns: int, after_ns: int) -> int:
    """The second at which the offset of `after_ns` began."""
    before, after = before_ns // _NS, after_ns // _NS
    offset_ns = _offset_ns(zone, after_ns)
    while after - before > 1:
        middle = (before + after) // 2
        if _offset_ns(zone, middle * _NS) == offset_ns:
            after = middle
        else:
            before = middle
    return after * _NS


def _offset_ns(zone: ZoneInfo, at_ns: int) -> int:
    offset = moment_of(at_ns).astimezone(zone).utcoffset() or timedelta()
    return offset // timedelta(microseconds=1) * 1_000
