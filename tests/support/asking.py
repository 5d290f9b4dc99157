"""Questions put to an open store as the commands put them, and events in it as a poster books them."""

from collections.abc import Callable, Iterable
from datetime import date

from spanledger.exporter.store import Store
from spanledger.exporter.store.blocks import events_block
from spanledger.exporter.store.rollup import Rollup
from spanledger.ledger.tables import Table, table_of
from spanledger.schemas import LedgerEvent


def query_of(store: Store) -> Callable[[str], Table]:
    """How a ledger is asked whose store is open here."""

    def ask_store(sql: str) -> Table:
        told = store.query_user(sql)
        return table_of(told.columns, told.types, told.rows)

    return ask_store


def post(store: Store, *events: LedgerEvent) -> None:
    """Insert events as a poster does: the sums of their days are behind from then on."""
    rollup = Rollup(store)
    with rollup.touching(rollup.days_of(each.booked_time for each in events)):
        store.insert("ledger_events", *events_block(events))


def sum_up(store: Store, events: Iterable[LedgerEvent]) -> None:
    """Bring the kept sums of these events' days up to date, and the days clean."""
    rollup = Rollup(store, quiet_s=0)
    days = rollup.days_of(each.booked_time for each in events)
    rollup.mark_dirty(days, fresh_s=0)
    refreshed = set[date]()
    while some := rollup.refresh():
        refreshed |= set(some)
    assert refreshed >= days
