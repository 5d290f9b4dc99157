from datetime import date

from support.ledger_events import HOUR_NS, NOON_NS

from spanledger.exporter.store import Store
from spanledger.exporter.store.rollup import Rollup, set_reporting_zone

LAST_NS = 2**63 - 1


def test_days_are_the_reporting_zone_s(store: Store) -> None:
    """18:30 UTC is the next day's midnight in Kolkata, and only there."""
    evening = [NOON_NS + 6 * HOUR_NS, NOON_NS + 7 * HOUR_NS]
    assert Rollup(store).days_of(evening) == {date(2026, 4, 1)}
    set_reporting_zone(store, "Asia/Kolkata")
    try:
        assert Rollup(store).days_of(evening) == {date(2026, 4, 1), date(2026, 4, 2)}
    finally:
        set_reporting_zone(store, "UTC")


def test_the_first_and_the_last_nanosecond_have_a_day(store: Store) -> None:
    """Times from 1970 to 2262 are booked like any other."""
    assert Rollup(store).days_of([0, LAST_NS]) == {date(1970, 1, 1), date(2262, 4, 11)}
