from datetime import UTC, datetime

import pytest

from spanledger.ledger.periods import instant_ns, zone
from spanledger.schemas import ConfigurationError


def ns(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> int:
    """Nanoseconds since 1970 of a UTC moment."""
    return int(datetime(year, month, day, hour, minute, tzinfo=UTC).timestamp()) * 10**9


@pytest.mark.parametrize(
    ("text", "tz", "expected"),
    [
        ("2026-11-02", "UTC", ns(2026, 11, 2)),
        ("2026-11-02", "Europe/Berlin", ns(2026, 11, 1, 23)),
        ("2026-07-01", "Europe/Berlin", ns(2026, 6, 30, 22)),
        ("2026-11-02T09:30", "Asia/Kolkata", ns(2026, 11, 2, 4)),
        ("2026-11-02T09:30:00Z", "Asia/Kolkata", ns(2026, 11, 2, 9, 30)),
        ("2026-11-02T09:30:00+02:00", "Asia/Kolkata", ns(2026, 11, 2, 7, 30)),
        ("2026-11-02 09:30:00", "UTC", ns(2026, 11, 2, 9, 30)),
    ],
)
def test_a_written_time_is_one_instant(text: str, tz: str, expected: int) -> None:
    """A date is its midnight in the zone; a time with an offset needs no zone."""
    assert instant_ns("--since", text, zone(tz)) == expected


def test_the_day_the_clocks_are_set_back_has_25_hours() -> None:
    """Berlin, 25 October 2026: half-open bounds of two dates hold the whole day."""
    berlin = zone("Europe/Berlin")
    day = instant_ns("--until", "2026-10-26", berlin) - instant_ns("--since", "2026-10-25", berlin)
    assert day == 25 * 3_600 * 10**9


def test_an_hour_that_happens_twice_means_the_first() -> None:
    """02:30 on that day is 00:30 UTC, then 01:30 UTC; an offset says which."""
    berlin = zone("Europe/Berlin")
    assert instant_ns("--since", "2026-10-25T02:30", berlin) == ns(2026, 10, 25, 0, 30)
    assert instant_ns("--since", "2026-10-25T02:30+01:00", berlin) == ns(2026, 10, 25, 1, 30)


def test_a_midnight_that_the_clocks_skip_is_the_day_s_first_instant() -> None:
    """Cairo, 24 April 2026: the day begins at 01:00, which is 22:00 UTC of the day before."""
    assert instant_ns("--since", "2026-04-24", zone("Africa/Cairo")) == ns(2026, 4, 23, 22)


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01", "", "12345", "0001-01-01", "9999-12-31"])
def test_what_is_no_time_of_the_ledger_is_refused_by_the_option_s_name(text: str) -> None:
    """The sentence names the option and what was written."""
    with pytest.raises(ConfigurationError, match="--until"):
        instant_ns("--until", text, zone("UTC"))


@pytest.mark.parametrize("name", ["Berlin", "", "../etc/passwd", "Europe", "\0", "right/UTC", "posix/Europe/Berlin"])
def test_what_is_no_zone_is_refused(name: str) -> None:
    """Only IANA names; a path is none."""
    with pytest.raises(ConfigurationError, match="tz "):
        zone(name)
