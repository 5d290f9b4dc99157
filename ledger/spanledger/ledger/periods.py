"""What people write for `--since` and `--until`, as UTC nanoseconds. A date is its first instant in the zone given."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from spanledger.schemas import ConfigurationError

# The range of ClickHouse's DateTime64(9), in nanoseconds since 1970 UTC.
NS_MIN: Final = -2_208_988_800 * 10**9
NS_MAX: Final = 2**63 - 1

# Copies of the zones that count leap seconds, or say that they do not; the engine has neither.
_NO_ENGINE_S: Final = ("right/", "posix/")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def zone(name: str) -> ZoneInfo:
    """The IANA time zone of this name. Raises `ConfigurationError` for any other word."""
    try:
        return ZoneInfo("" if name.startswith(_NO_ENGINE_S) else name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        msg = f"tz {name!r} is no IANA time zone; write one such as UTC or Europe/Berlin"
        raise ConfigurationError(msg) from error


def instant_ns(flag: str, text: str, tz: ZoneInfo) -> int:
    """Nanoseconds since 1970 UTC of an ISO date or datetime; one without an offset is in `tz`.

    Of an hour that happens twice (clocks set back) the first is meant; a time the clocks skip is read with
    the offset before the change (PEP 495, fold=0). Raises `ConfigurationError` naming `flag`.
    """
    try:
        moment = _parsed(text)
        ns = _ns(moment.replace(tzinfo=tz) if moment.tzinfo is None else moment)
    except (ValueError, OverflowError) as error:
        msg = f"{flag} {text!r} is neither a date (2026-11-02) nor a time (2026-11-02T09:30, 2026-11-02T09:30:00Z)"
        raise ConfigurationError(msg) from error
    if not NS_MIN <= ns <= NS_MAX:
        msg = f"{flag} {text!r} is outside 1900 to 2262, the times the ledger can hold"
        raise ConfigurationError(msg)
    return ns


def day_start_ns(day: date, tz: ZoneInfo) -> int:
    """The first instant of a day in a zone, as `instant_ns` reads a date."""
    return _ns(datetime.combine(day, time.min, tz))


def stated_offset(text: str) -> timedelta | None:
    """The offset from UTC that a time which `instant_ns` takes states itself; None where it is read in a zone."""
    return _parsed(text).utcoffset()


def _ns(aware: datetime) -> int:
    # Only aware UTC datetimes subtract by elapsed time; two of one local zone subtract by wall clock.
    return (aware.astimezone(UTC) - _EPOCH) // timedelta(microseconds=1) * 1_000


def _parsed(text: str) -> datetime:
    try:
        return datetime.combine(date.fromisoformat(text), time.min)
    except ValueError:
        return datetime.fromisoformat(text)
