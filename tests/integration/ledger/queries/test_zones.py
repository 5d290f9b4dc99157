"""Days of a zone: each moment is in exactly one, and all ways to ask for them agree."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from support.asking import post, query_of, sum_up
from support.ledger_events import event, reversal

from spanledger.exporter.store import Store
from spanledger.exporter.store.rollup import set_reporting_zone
from spanledger.ledger.periods import day_start_ns
from spanledger.ledger.queries import answer, ask
from spanledger.ledger.queries.folding import folded
from spanledger.ledger.queries.sources import events_alone, source_of
from spanledger.ledger.queries.statements import sums_sql
from spanledger.schemas import LedgerEvent
from spanledger.schemas.event import ATTO

# Summer time in both halves of the year and of the world; offsets of halves and quarters of an hour; midnights that
# the clocks skip or repeat; the two ends of the day line.
ZONES = (
    "UTC",
    "Europe/Berlin",
    "Europe/London",
    "Europe/Lisbon",
    "Africa/Cairo",
    "Africa/Casablanca",
    "Asia/Beirut",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Asia/Tokyo",
    "Asia/Gaza",
    "Australia/Lord_Howe",
    "Australia/Adelaide",
    "Pacific/Auckland",
    "Pacific/Chatham",
    "Pacific/Kiritimati",
    "Pacific/Pago_Pago",
    "America/New_York",
    "America/Los_Angeles",
    "America/St_Johns",
    "America/Havana",
    "America/Santiago",
    "America/Asuncion",
    "America/Nuuk",
    "Antarctica/Troll",
)
FIRST, LAST = date(2025, 1, 1), date(2025, 12, 31)
SECOND_NS = 10**9
DAY = timedelta(days=1)


def changes_of(zone: str) -> list[datetime]:
    """The hours of 2025, in UTC, in which a zone's clocks change."""
    tz, hours = ZoneInfo(zone), list[datetime]()
    at = datetime(2025, 1, 1, tzinfo=UTC)
    while at.year == 2025:
        after = at + timedelta(hours=1)
        if at.astimezone(tz).utcoffset() != after.astimezone(tz).utcoffset():
            hours.append(after)
        at = after
    return hours


def moments(zones: Iterable[str]) -> set[int]:
    """The instants around the zones' changes of clocks, and around their midnights of that day, month and year."""
    edges = set[int]()
    for zone in zones:
        tz = ZoneInfo(zone)
        days = {FIRST, date(2025, 3, 1), date(2025, 11, 2), LAST}
        for change in changes_of(zone):
            edges.add(int(change.timestamp()) * SECOND_NS)
            days |= {change.astimezone(tz).date() + number * DAY for number in (-1, 0, 1)}
        edges |= {day_start_ns(day, tz) for day in days}
    return {edge + near for edge in edges for near in (-1, 0, 1800 * SECOND_NS)}


def year(zones: Iterable[str]) -> list[LedgerEvent]:
    """A call at each of those moments, each with a cost of its own; some in doubt, failed, free or taken back."""
    kinds: list[dict[str, Any]] = [
        {"cost": None, "cost_state": "unpriced", "usage_source": "estimated"},
        {"cost": None, "cost_state": "unknown", "usage_source": "manual", "tenant": "unattributed"},
        {"currency": "EUR", "quality": "probable"},
        {"kind": "attempt", "requests": 0, "cost": None, "currency": "", "cost_state": "unknown", "status": "error"},
        {"status": "error"},
    ]
    calls = [
        event(
            n,
            time_ns=at,
            cost=(1 << n % 40) * ATTO // 10**6,
            input_tokens=n,
            model=f"m{n % 2}",
            feature=f"f{n % 3}",
            agent=f"a{n // 2 % 2}",
        )
        for n, at in enumerate(sorted(moments(zones)))
    ]
    for n, plain in enumerate(calls[::3]):
        calls.append(event(n, time_ns=plain.booked_time + 1, **{"cost": ATTO, **kinds[n % len(kinds)]}))
    return [*calls, *(reversal(each) for each in calls[::5])]


def atto(cost: object) -> int:
    """Exact money as a whole number."""
    return int(Decimal(str(cost or 0)).scaleb(18))


def requests(rows: list[dict[str, Any]]) -> int:
    """All of their requests."""
    return sum(row["requests"] for row in rows)


@pytest.fixture
def told(store: Store) -> tuple[Store, list[LedgerEvent]]:
    """A store with that year."""
    events = year(ZONES)
    post(store, *events)
    return store, events


def test_every_day_holds_its_own_moments_and_the_days_are_the_year(told: tuple[Store, list[LedgerEvent]]) -> None:
    """In each zone: the days by hand, the days of one report, and the year's sum are the same money."""
    store, events = told
    for zone in ZONES:
        by_hand = defaultdict[tuple[str, str], int](int)
        whole = defaultdict[str, int](int)
        for each in events:
            moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=each.booked_time // 1000)
            day = moment.astimezone(ZoneInfo(zone)).date()
            if FIRST <= day <= LAST and each.cost is not None:
                by_hand[str(day), each.currency] += each.cost
                whole[each.currency] += each.cost
        query = query_of(store)
        days = answer(query, ask("day", since=str(FIRST), until=str(LAST + DAY), tz=zone)).records()
        total = answer(query, ask(since=str(FIRST), until=str(LAST + DAY), tz=zone)).records()
        of_days = {(row["day"], row["currency"]): atto(row["cost"]) for row in days if row["currency"]}
        assert of_days == dict(by_hand), zone
        assert {row["currency"]: atto(row["cost"]) for row in total} == dict(whole), zone
        assert requests(days) == requests(total), zone
        for bucket in ("hour", "week", "month"):
            rows = answer(query, ask(bucket, since=str(FIRST), until=str(LAST + DAY), tz=zone)).records()
            sums = defaultdict[str, int](int)
            for row in rows:
                if row["currency"]:
                    sums[str(row["currency"])] += atto(row["cost"])
            assert (sums, requests(rows)) == (whole, requests(total)), (zone, bucket)


def test_a_day_asked_for_alone_is_the_day_of_the_year(told: tuple[Store, list[LedgerEvent]]) -> None:
    """Half-open bounds of two dates are what a report by day says of the first: no moment between, none twice."""
    store, _ = told
    for zone in ZONES:
        days = answer(query_of(store), ask("day", tz=zone)).rows
        for change in changes_of(zone)[:2]:
            for number in (-1, 0, 1):
                day = change.astimezone(ZoneInfo(zone)).date() + number * DAY
                alone = answer(query_of(store), ask(since=str(day), until=str(day + DAY), tz=zone)).rows
                expected = [row[1:] for row in days if row[0] == str(day)]
                assert sorted(alone, key=str) == sorted(expected, key=str), (zone, day)


@pytest.mark.parametrize("zone", ["America/Santiago", "Australia/Lord_Howe", "Pacific/Chatham"])
def test_the_kept_sums_say_what_the_events_say(zone: str, store: Store) -> None:
    """Where the store's zone is asked for: with all days dirty, with some, and with none; of either table of sums."""
    events = year([zone])
    post(store, *events)
    set_reporting_zone(store, zone)
    query = query_of(store)
    try:
        questions = [
            ask(by, tz=zone, measures=measures, since=since, until=until)
            for by in ("day", "week,model", "month,agent", "tenant,model", "", "feature,model")
            for since, until in ((None, None), ("2025-03-01", "2025-10-26"))
            for measures in ("requests,input_tokens,cost", "attempts,errors,success_rate,requests,output_per_input")
        ]
        raw = [folded(asked, query(sums_sql(asked, events_alone(asked)))) for asked in questions]
        for clean in (events[:0], events[::5], events):
            sum_up(store, clean)
            for asked, expected in zip(questions, raw, strict=True):
                assert source_of(query, asked).days is not None
                assert answer(query, asked) == expected, (zone, asked)
        assert all(source_of(query, asked).events == () for asked in questions)
        wide = {"feature", "agent"}
        assert [source_of(query, asked).table.endswith("_features") for asked in questions] == [
            bool(wide & {*asked.by}) for asked in questions
        ]
    finally:
        set_reporting_zone(store, "UTC")


@pytest.mark.parametrize("zone", ["UTC", "America/Santiago"])
def test_days_that_a_bound_cuts_in_two_are_read_from_the_events(zone: str, store: Store) -> None:
    """Any two bounds, in any zone: whole days of the store's zone from the kept sums, their edges from the events."""
    events = year([zone, "Asia/Tokyo"])
    post(store, *events)
    set_reporting_zone(store, zone)
    query = query_of(store)
    bounds = [
        ("2025-03-01T10:30", "2025-10-25T23:59:59.5"),
        ("2025-04-05T23:30", "2025-04-06T00:30"),
        ("2025-04-05T23:30", None),
        (None, "2025-09-07T00:30"),
        ("2025-04-06", "2025-04-07T01:00"),
        ("2025-04-06T01:00", "2025-04-06T02:00"),
    ]
    try:
        questions = [
            ask(by, tz=tz, measures="requests,errors,input_tokens,cost", since=since, until=until)
            for by, tz in (
                ("tenant,model", "Asia/Tokyo"),
                ("", "Asia/Tokyo"),
                ("agent,feature,team", "Asia/Tokyo"),
                ("day", zone),
                ("week,tenant", zone),
            )
            for since, until in bounds
        ]
        raw = [folded(asked, query(sums_sql(asked, events_alone(asked)))) for asked in questions]
        for clean in (events[:0], events[::5], events):
            sum_up(store, clean)
            for asked, expected in zip(questions, raw, strict=True):
                assert answer(query, asked) == expected, (zone, asked)
        kept = [source_of(query, asked).days is not None for asked in questions]
        assert sum(kept) > len(questions) / 2
        by_day_elsewhere = ask("day", tz="Asia/Tokyo", since="2025-03-01", until="2025-10-26")
        assert source_of(query, by_day_elsewhere).days is None
    finally:
        set_reporting_zone(store, "UTC")
