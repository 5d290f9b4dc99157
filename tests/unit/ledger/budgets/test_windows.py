from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanledger.ledger.budgets.windows import CALENDAR, Window, check_window, moment_of, ns_of, window_at, window_before
from spanledger.schemas import ConfigurationError

# Every zone but the few whose calendar once repeated or skipped a whole day, which is told apart below.
ZONES = sorted(available_timezones() - {"localtime", "Factory"})
INSTANTS = st.integers(
    min_value=ns_of(datetime(1971, 1, 1, tzinfo=UTC)), max_value=ns_of(datetime(2037, 1, 1, tzinfo=UTC))
)


def shown(kind: str, zone: str, at: str) -> tuple[str, str]:
    """The window around an instant, in its zone's clock."""
    place = ZoneInfo(zone)
    window = window_at(kind, place, ns_of(datetime.fromisoformat(at)))
    assert window.since_ns is not None
    assert window.until_ns is not None
    since, until = (moment_of(ns).astimezone(place).isoformat() for ns in (window.since_ns, window.until_ns))
    return since, until


@pytest.mark.parametrize(
    ("kind", "zone", "at", "since", "until"),
    [
        ("day", "Europe/Berlin", "2026-10-25T10:00Z", "2026-10-25T00:00:00+02:00", "2026-10-26T00:00:00+01:00"),
        ("month", "America/New_York", "2026-03-01T04:59Z", "2026-02-01T00:00:00-05:00", "2026-03-01T00:00:00-05:00"),
        ("month", "Asia/Kolkata", "2026-11-30T18:30Z", "2026-12-01T00:00:00+05:30", "2027-01-01T00:00:00+05:30"),
        ("week", "UTC", "2027-01-03T23:59Z", "2026-12-28T00:00:00+00:00", "2027-01-04T00:00:00+00:00"),
        # Clocks go back at three: the hour from two to three is there twice.
        ("hour", "Europe/Berlin", "2026-10-25T00:30Z", "2026-10-25T02:00:00+02:00", "2026-10-25T02:00:00+01:00"),
        ("hour", "Europe/Berlin", "2026-10-25T01:30Z", "2026-10-25T02:00:00+01:00", "2026-10-25T03:00:00+01:00"),
        # Clocks go back by half an hour at two.
        ("hour", "Australia/Lord_Howe", "2026-04-04T15:10Z", "2026-04-05T01:30:00+10:30", "2026-04-05T02:00:00+10:30"),
        # Midnight is skipped: the day begins at one.
        ("day", "America/Sao_Paulo", "2018-11-04T12:00Z", "2018-11-04T01:00:00-02:00", "2018-11-05T00:00:00-02:00"),
    ],
)
def test_windows_begin_and_end_by_the_clocks_of_their_zone(
    kind: str, zone: str, at: str, since: str, until: str
) -> None:
    """Calculated by hand around changes of clocks, months and years."""
    assert shown(kind, zone, at) == (since, until)


@given(st.sampled_from(CALENDAR), st.sampled_from(ZONES), INSTANTS)
def test_windows_follow_each_other_without_gap_or_overlap(kind: str, zone: str, at_ns: int) -> None:
    """An instant lies in its window; the next window begins where it ends, and the one before ends where it begins."""
    place = ZoneInfo(zone)
    window = window_at(kind, place, at_ns)
    assert window.since_ns is not None
    assert window.until_ns is not None
    assert window.since_ns <= at_ns < window.until_ns
    assert window_at(kind, place, window.until_ns).since_ns == window.until_ns
    assert window_at(kind, place, window.until_ns - 1) == window
    before = window_before(kind, place, window)
    assert before is not None
    assert before.until_ns == window.since_ns


@given(st.sampled_from(ZONES), INSTANTS)
def test_a_day_is_a_date_of_its_zone(zone: str, at_ns: int) -> None:
    """Both ends of a day have the date of the zone's own clock."""
    place = ZoneInfo(zone)
    window = window_at("day", place, at_ns)
    assert window.since_ns is not None
    assert window.until_ns is not None
    today = moment_of(at_ns).astimezone(place).date()
    assert moment_of(window.since_ns).astimezone(place).date() == today
    assert moment_of(window.until_ns - 1000).astimezone(place).date() == today


def test_a_rolling_window_ends_now_and_a_total_never() -> None:
    """The instant itself is in it: what is spent in this nanosecond counts."""
    now_ns = ns_of(datetime(2026, 11, 22, tzinfo=UTC))
    week = int(timedelta(days=7).total_seconds()) * 10**9
    rolling = window_at("rolling:P7D", ZoneInfo("UTC"), now_ns)
    assert rolling == Window(now_ns + 1 - week, now_ns + 1)
    assert window_before("rolling:P7D", ZoneInfo("UTC"), rolling) == Window(now_ns + 1 - 2 * week, now_ns + 1 - week)
    assert window_at("total", ZoneInfo("UTC"), now_ns) == Window(None, None)
    assert window_before("total", ZoneInfo("UTC"), Window(None, None)) is None


@pytest.mark.parametrize(
    "word",
    [
        "",
        "year",
        "Day",
        "rolling",
        "rolling:",
        "rolling:P",
        "rolling:PT",
        "rolling:PT30S",
        "rolling:P2Y",
        "rolling:P9999D",
    ],
)
def test_other_words_are_no_windows(word: str) -> None:
    """One sentence with the ones there are."""
    with pytest.raises(ConfigurationError, match="hour, day, week, month, total"):
        check_window(word)
