from collections.abc import Callable, Iterable, Sequence
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.ledger_events import HOUR_NS, NOON_NS, event, reversal

from spanledger.exporter.store import Store
from spanledger.exporter.store.blocks import events_block
from spanledger.exporter.store.rollup import MARK_SECONDS, QUIET_SECONDS, Rollup, set_reporting_zone
from spanledger.schemas import ConfigurationError, LedgerEvent

DAY_NS = 24 * HOUR_NS
FIRST, SECOND = date(2026, 4, 1), date(2026, 4, 2)
SUMS = "SELECT day, {by}, sum(requests), sum(input_tokens), sum(cost) FROM {view} GROUP BY day, {by}"
WIDE = ("tenant", "team", "feature", "agent", "model")
"""Words of which `daily_costs` has not all."""
DIRTY = "SELECT DISTINCT day FROM ledger_dirty_days FINAL WHERE cleaned = 0 ORDER BY day"

Sums = dict[tuple[object, ...], tuple[object, ...]]


class Posting(Store):
    """A store that does something of the test's just before the daily sums are swapped in."""

    def __init__(self, store: Store, before_swap: Callable[[], None]) -> None:
        self.__dict__.update(store.__dict__)
        self._before_swap = before_swap

    def command(self, sql: str, parameters: object = None) -> None:
        """Run a statement."""
        if "REPLACE PARTITION" in sql:
            self._before_swap()
        super().command(sql, parameters)  # pyright: ignore[reportArgumentType]


def post(store: Store, rollup: Rollup, *events: LedgerEvent) -> None:
    """Insert events as the poster does."""
    with rollup.touching(rollup.days_of(each.booked_time for each in events)):
        store.insert("ledger_events", *events_block(events))


def summed(store: Store, view: str = "daily_costs", by: Sequence[str] = ("tenant", "model")) -> Sums:
    """The sums a reader sees."""
    return {row[:-3]: row[-3:] for row in store.query(SUMS.format(by=", ".join(by), view=view))}


def truth(events: Iterable[LedgerEvent], by: Sequence[str] = ("tenant", "model")) -> Sums:
    """The sums by hand: each event once."""
    sums: dict[tuple[object, ...], tuple[int, int, int]] = {}
    for each in {one.event_id: one for one in events}.values():
        day = SECOND if each.booked_time >= NOON_NS + 12 * HOUR_NS else FIRST
        key = (day, *(getattr(each, name) for name in by))
        requests, tokens, cost = sums.get(key, (0, 0, 0))
        sums[key] = (requests + each.requests, tokens + (each.input_tokens or 0), cost + (each.cost or 0))
    return {key: (requests, tokens, Decimal(f"{cost}E-18")) for key, (requests, tokens, cost) in sums.items()}


def hourly(store: Store, view: str = "hourly_costs") -> dict[tuple[object, ...], tuple[object, ...]]:
    """What a reader sees of hours and units."""
    rows = store.query(
        "SELECT day, toInt64(hour), tenant, model, unit, sum(requests), sum(quantity), sum(unpriced_quantity),"
        f" sum(cost) FROM {view} GROUP BY 1, 2, 3, 4, 5"
    )
    return {row[:5]: row[5:] for row in rows}


def hourly_truth(events: Iterable[LedgerEvent]) -> dict[tuple[object, ...], tuple[object, ...]]:
    """The same by hand: every line of every event once, and what has no lines under no unit."""
    sums: dict[tuple[object, ...], list[list[int]]] = {}
    for each in {one.event_id: one for one in events}.values():
        day = SECOND if each.booked_time >= NOON_NS + 12 * HOUR_NS else FIRST
        hour_s = each.booked_time // HOUR_NS * 3600
        for unit in set(each.lines_unit) or ({""} if each.requests else set()):
            found = sums.setdefault((day, hour_s, each.tenant, each.model, unit), [[], [], [], []])
            found[0].append(each.requests)
            for name, quantity, amount in zip(each.lines_unit, each.lines_quantity, each.lines_amount, strict=True):
                if name == unit:
                    found[1].append(quantity)
                    found[2 if amount is None else 3].append(quantity if amount is None else amount)
    return {
        key: (
            sum(requests),
            sum(quantities) if quantities else None,
            sum(unpriced),
            Decimal(f"{sum(amounts)}E-18") if amounts else None,
        )
        for key, (requests, quantities, unpriced, amounts) in sums.items()
    }


ODD: dict[int, dict[str, object]] = {
    10: {"lines_unit": (), "lines_quantity": (), "lines_unit_price": (), "lines_amount": (), "usage_source": "missing"},
    11: {
        "lines_unit": ("input_tokens", "input_tokens", "web_searches"),
        "lines_quantity": (90, 10, 2),
        "lines_unit_price": (1, 2, None),
        "lines_amount": (90, 20, None),
    },
    13: {
        "kind": "attempt",
        "requests": 0,
        "lines_unit": (),
        "lines_quantity": (),
        "lines_unit_price": (),
        "lines_amount": (),
    },
    14: {"lines_unit_price": (None, None), "lines_amount": (None, None), "cost_state": "unpriced"},
    15: {
        "kind": "adjustment",
        "requests": 0,
        "lines_unit": ("input_tokens", "input_tokens"),
        "lines_quantity": (-100, 100),
        "lines_unit_price": (None, 7),
        "lines_amount": (None, 700),
    },
}
"""A call of unknown usage, a unit in two lines, a failed try, a call without a price, a price that came later."""


def charge(number: int) -> LedgerEvent:
    """Events of two days, two hours, two tenants, two models, three features; each cost is its own number's."""
    changes: dict[str, object] = {"cost": number * 10**12, **ODD.get(number, {})}
    return event(
        number,
        time_ns=NOON_NS + (number % 2) * DAY_NS + number // 2 % 3 % 2 * HOUR_NS + number,
        tenant=("acme", "globex")[number // 2 % 2],
        model=("gpt-4o-mini", "gpt-4o")[number // 4 % 2],
        team=("search", "shop")[number // 8 % 2],
        feature=("chat", "voice", "")[number % 3],
        agent=("", "planner")[number // 3 % 2],
        **changes,
    )


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("charge"), st.lists(st.integers(0, 15), min_size=1, max_size=4)),
        st.tuples(st.just("reverse"), st.lists(st.integers(0, 15), min_size=1, max_size=2)),
        st.tuples(st.just("refresh"), st.just([])),
        st.tuples(st.just("restart"), st.just([])),
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_sums_are_the_truth_at_every_moment(store: Store, steps: list[tuple[str, list[int]]]) -> None:
    """Inserts, reversals, redelivery, refreshes and restarts in any order: rollup and live days together are exact."""
    for table in ("ledger_events", "ledger_daily", "ledger_daily_features", "ledger_hourly", "ledger_dirty_days"):
        store.command(f"TRUNCATE TABLE {table}")
    rollup, posted = Rollup(store, quiet_s=0), list[LedgerEvent]()
    for step, numbers in steps:
        if step == "refresh":
            rollup.refresh()
            assert store.query(DIRTY) == []
        elif step == "restart":
            rollup = Rollup(store, quiet_s=0)
            rollup.recover()
        else:
            events = [charge(number) if step == "charge" else reversal(charge(number)) for number in numbers]
            post(store, rollup, *events)
            posted += events
        assert summed(store) == truth(posted)
        assert summed(store, "daily_feature_costs", WIDE) == truth(posted, WIDE)
        assert hourly(store) == hourly_truth(posted)


def test_hours_and_units_add_up_to_the_days_and_the_lines(store: Store) -> None:
    """Kept or live, the hours' costs are the lines' of all events, unit by unit, corrections included."""
    rollup = Rollup(store, quiet_s=0)
    events = [charge(number) for number in range(16)]
    post(store, rollup, *events, reversal(charge(3)), reversal(charge(14)))
    lines = (
        "SELECT toDate32(booked_time) AS day, tenant, unit, sum(quantity), sum(amount) FROM ledger_events FINAL"
        " ARRAY JOIN `lines.unit` AS unit, `lines.quantity` AS quantity, `lines.amount` AS amount"
        " GROUP BY day, tenant, unit ORDER BY day, tenant, unit"
    )
    hours = (
        "SELECT day, tenant, unit, sum(quantity), sum(cost) FROM hourly_costs WHERE unit != ''"
        " GROUP BY day, tenant, unit ORDER BY day, tenant, unit"
    )
    expected = store.query(lines)
    assert (store.query(hours), hourly(store)) == (expected, hourly(store, "live_hourly_costs"))
    assert rollup.refresh() == [FIRST, SECOND]
    assert (store.query(hours), hourly(store)) == (expected, hourly(store, "live_hourly_costs"))
    assert store.query("SELECT count() FROM ledger_hourly") == [(len(hourly(store)),)]


def test_the_sums_by_feature_are_those_of_the_other_days(store: Store) -> None:
    """Every figure that the two tables keep is the same over all of its rows, made and live, of odd events too."""
    rollup = Rollup(store, quiet_s=0)
    events = [charge(number) for number in range(16)]
    post(store, rollup, *events, reversal(charge(3)), reversal(charge(13)), reversal(charge(14)))
    told = "name != 'day' AND type NOT LIKE 'LowCardinality%'"
    columns = (
        f"SELECT name FROM system.columns WHERE database = currentDatabase() AND table = 'ledger_daily' AND {told}"
    )
    sums = ", ".join(f"sum({name})" for (name,) in store.query(columns))
    of_rows = (
        f"SELECT day, tenant, model, currency, {sums} FROM {{}} GROUP BY day, tenant, model, currency ORDER BY ALL"
    )
    expected = store.query(of_rows.format("live_daily_costs"))
    for _ in range(2):
        for view in ("live_daily_features", "daily_feature_costs"):
            assert store.query(of_rows.format(view)) == expected
        rollup.refresh()
    kept = {table: store.query(of_rows.format(table)) for table in ("ledger_daily", "ledger_daily_features")}
    assert kept == dict.fromkeys(kept, expected)


def test_clean_days_are_read_from_the_rollup(store: Store) -> None:
    """After a refresh the events are not asked: an event nobody marked does not show."""
    rollup = Rollup(store, quiet_s=0)
    post(store, rollup, charge(0))
    assert rollup.refresh() == [FIRST]
    store.insert("ledger_events", *events_block([charge(4)]))
    assert summed(store) == truth([charge(0)])
    assert summed(store, "live_daily_costs") == truth([charge(0), charge(4)])
    assert summed(store, "daily_feature_costs", WIDE) == truth([charge(0)], WIDE)
    assert summed(store, "live_daily_features", WIDE) == truth([charge(0), charge(4)], WIDE)
    assert hourly(store) == hourly_truth([charge(0)])
    assert hourly(store, "live_hourly_costs") == hourly_truth([charge(0), charge(4)])


def test_an_insert_during_a_refresh_keeps_its_day_dirty(store: Store) -> None:
    """The refresh takes back only the marks it saw."""
    rollup = Rollup(store, quiet_s=0)
    post(store, rollup, charge(0), charge(1))
    refreshing = Rollup(Posting(store, lambda: post(store, Rollup(store, quiet_s=0), charge(4))), quiet_s=0)
    assert refreshing.refresh() == [FIRST, SECOND]
    assert store.query(DIRTY) == [(FIRST,)]
    assert summed(store) == truth([charge(0), charge(1), charge(4)])


def test_a_day_that_was_just_marked_is_left_alone(store: Store) -> None:
    """The insert behind the mark may still be on its way."""
    rollup = Rollup(store)
    rollup.mark_dirty([FIRST])
    assert rollup.refresh() == []
    store.insert("ledger_events", *events_block([charge(0)]))
    assert summed(store) == truth([charge(0)])


def test_a_poster_that_was_held_up_marks_again(store: Store) -> None:
    """Within a minute a day is marked once; after a long pause in an insert, again behind it."""
    now_s = 1000.0
    rollup = Rollup(store, clock_s=lambda: now_s)
    count = "SELECT count() FROM ledger_dirty_days"
    for _ in range(3):
        with rollup.touching([FIRST]):
            pass
    assert store.query(count) == [(1,)]
    now_s += MARK_SECONDS
    with rollup.touching([FIRST]):
        assert store.query(count) == [(2,)]
        now_s += QUIET_SECONDS
    assert store.query(count) == [(3,)]


def test_one_refresh_runs_at_a_time(store: Store) -> None:
    """Another process's refresh is known by its staging table; after a crash the next start removes all of them."""
    rollup = Rollup(store, quiet_s=0)
    post(store, rollup, charge(0))
    for table in ("ledger_daily", "ledger_daily_features", "ledger_hourly"):
        store.command(f"CREATE TABLE {table}_next AS {table}")
    assert rollup.refresh() == []
    rollup.recover()
    staging = "SELECT name FROM system.tables WHERE database = currentDatabase() AND name LIKE '%next'"
    assert store.query(staging) == []
    assert rollup.refresh() == [FIRST]
    assert store.query(staging) == []


def test_days_that_became_clean_lately_are_not_trusted_after_a_start(store: Store) -> None:
    """A power loss may have taken the sums and left the mark."""
    rollup = Rollup(store, quiet_s=0)
    post(store, rollup, charge(0))
    rollup.refresh()
    Rollup(store).recover()
    assert store.query(DIRTY) == [(FIRST,)]


def test_days_out_of_range_are_always_live(store: Store) -> None:
    """Times in 1970 and 2262 are summed, and never become partitions."""
    rollup = Rollup(store, quiet_s=0)
    post(store, rollup, event(1, time_ns=0), event(2, time_ns=2**63 - 1))
    assert rollup.refresh() == []
    assert {day for day, *_ in summed(store)} == {date(1970, 1, 1), date(2262, 4, 11)}
    assert {hour for _, hour, *_ in hourly(store)} == {0, (2**63 - 1) // HOUR_NS * 3600}


def test_an_hour_that_midnight_cuts_is_one_hour(store: Store) -> None:
    """A day of Kolkata ends at 18:30 UTC: that hour lies in two days, and its sum is right; so are the days'."""
    try:
        set_reporting_zone(store, "Asia/Kolkata")
        rollup = Rollup(store, quiet_s=0)
        post(store, rollup, *(event(n, time_ns=NOON_NS + 6 * HOUR_NS + n * HOUR_NS // 4) for n in range(4)))
        for _ in range(2):
            rows = "SELECT {}, sum(quantity) FROM hourly_costs WHERE unit = 'input_tokens' GROUP BY 1 ORDER BY 1"
            assert store.query(rows.format("hour"))[0][1:] == (400,)
            assert store.query(rows.format("day")) == [(FIRST, 200), (SECOND, 200)]
            rollup.refresh()
    finally:
        set_reporting_zone(store, "UTC")


def test_the_reporting_zone_moves_midnight(store: Store) -> None:
    """After a change every day is recomputed; a zone that does not exist is refused."""
    rollup = Rollup(store, quiet_s=0)
    post(store, rollup, event(1, time_ns=NOON_NS + 7 * HOUR_NS))
    rollup.refresh()
    try:
        set_reporting_zone(store, "Asia/Kolkata")
        assert store.query("SELECT count() FROM ledger_daily_features") == [(0,)]
        for _ in range(2):
            for view in ("daily_costs", "daily_feature_costs"):
                assert [day for day, *_ in summed(store, view)] == [SECOND]
            Rollup(store, quiet_s=0).refresh()
        with pytest.raises(ConfigurationError, match="Atlantis"):
            set_reporting_zone(store, "Atlantis/Capital")
    finally:
        set_reporting_zone(store, "UTC")
