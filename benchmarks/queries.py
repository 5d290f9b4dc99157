"""How fast the ledger answers: months of tenants by day and model, from the kept sums and from the events.

    python benchmarks/queries.py [--events 1000000] [--folder DIR]

The events are thirty days of 200 tenants and six models, with the marks and sums that a poster and `serve` make of
them. A million are made; the engine copies them, each time a moment later. A figure is printed only after the answer
was found equal to the one made of the events alone. Beside it stands how long the store was asked.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Final

from store import synthetic

from spanledger.exporter.store import Store, migrate, open_store
from spanledger.exporter.store.blocks import events_block
from spanledger.exporter.store.rollup import Rollup
from spanledger.ledger.queries import Query, Question, answer, ask, benchmarks, top
from spanledger.ledger.queries.folding import folded
from spanledger.ledger.queries.sources import events_alone
from spanledger.ledger.queries.statements import sums_sql
from spanledger.ledger.tables import Table, table_of
from spanledger.schemas.event import COLUMNS

INSERT_ROWS: Final = 50_000
MADE: Final = 1_000_000
STEP_NS: Final = 200_000_000
"""From a copy of an event to the next; those that were made lie seconds apart."""
RUNS: Final = 9
SLOW_RUNS: Final = 3
_LATER: Final = "fromUnixTimestamp64Nano(toUnixTimestamp64Nano({name}) + toInt64({shift}), 'UTC')"
_ID: Final = (
    "toFixedString(concat(reverse(reinterpretAsString(toInt64(reinterpretAsInt64(reverse(substring({name}, 1, 8)))"
    " + toInt64({shift})))), substring({name}, 9, 8)), 16)"
)


def main() -> None:
    """Fill a ledger, sum its days up, ask."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--folder", help="where the ledger lies meanwhile: some 300 bytes an event")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        store = open_store(str(Path(folder) / "store"))
        migrate(store)
        begun_s = time.perf_counter()
        days = sorted(fill(store, arguments.events))
        print(f"{arguments.events:,} events of {len(days)} days in {time.perf_counter() - begun_s:,.0f} s", flush=True)
        rollup = Rollup(store, quiet_s=0)
        begun_s = time.perf_counter()
        rollup.mark_dirty(days)
        while rollup.refresh():
            pass
        print(f"their days summed up in {time.perf_counter() - begun_s:,.0f} s", flush=True)
        _ask(store, days[0], days[-1] + timedelta(days=1))
        rollup.mark_dirty(days[-2:-1], fresh_s=0)
        print("and with a day that is dirty:")
        _ask(store, days[0], days[-1] + timedelta(days=1))
        _ask_events(store, days[0], days[-1] + timedelta(days=1))
        store.close()


def fill(store: Store, count: int) -> set[date]:
    """Make a million events, and let the engine copy them."""
    days, reader = set[date](), Rollup(store)
    made = min(MADE, count)
    store.command("CREATE TABLE made AS ledger_events")
    for first in range(0, made, INSERT_ROWS):
        events = list(synthetic(first, min(INSERT_ROWS, made - first)))
        days |= reader.days_of(event.booked_time for event in events)
        store.insert("made", *events_block(events))
    names = ", ".join(f"`{name}`" for name in COLUMNS)
    for copy in range(count // made):
        shift = copy * STEP_NS
        moved = {
            **{name: _LATER.format(name=name, shift=shift) for name in ("event_time", "booked_time", "ingest_time")},
            **{name: _ID.format(name=name, shift=shift) for name in ("event_id", "charge_id")},
        }
        said = ", ".join(moved.get(name, f"`{name}`") for name in COLUMNS)
        store.command(f"INSERT INTO ledger_events ({names}) SELECT {said} FROM made")  # noqa: S608 (our own names)
    store.command("DROP TABLE made")
    while store.query("SELECT count() FROM system.merges")[0][0]:
        time.sleep(0.2)
    [(held,)] = store.query("SELECT count() FROM ledger_events FINAL")
    assert held == count // made * made, held
    return days


def _ask(store: Store, since: date, until: date) -> None:
    """What is promised: a tenant's month by day and model; all tenants and models of thirty days."""
    query = _query_of(store)
    first, end = str(since), str(until)
    largest, small = {"tenant": "tenant-000"}, {"tenant": "tenant-150"}
    _timed(
        "the largest tenant's month by day and model", query, ask("day,model", where=largest, since=first, until=end)
    )
    _timed("a small tenant's month by day and model", query, ask("day,model", where=small, since=first, until=end))
    _timed("all tenants by model, thirty days", query, ask("tenant,model", since=first, until=end))
    _timed("all tenants by feature and agent, thirty days", query, ask("tenant,feature,agent", since=first, until=end))
    _timed("all tenants by model and day, thirty days", query, ask("tenant,model,day", since=first, until=end))
    _timed(
        "the same with success rates",
        query,
        ask("tenant,model,day", measures="requests,success_rate", since=first, until=end),
    )


def _ask_events(store: Store, since: date, until: date) -> None:
    """What only the events can tell, or another zone asks for."""
    query, first, end = _query_of(store), str(since), str(until)
    print("from the events alone:")
    for what, asked in {
        "the largest tenant's month by day and model, in Berlin": ask(
            "day,model", where={"tenant": "tenant-000"}, tz="Europe/Berlin", since=first, until=end
        ),
        "all tenants by model, thirty days, in Berlin": ask("tenant,model", tz="Europe/Berlin", since=first, until=end),
    }.items():
        _timed(what, query, asked, SLOW_RUNS)
    for what, action in {
        "the ten users that cost most": lambda: top(query, "user_id", since=first, until=end),
        "benchmarks of providers and models": lambda: benchmarks(query, since=first, until=end),
    }.items():
        print(f"  {what}: {_median_ms(action, SLOW_RUNS):,.0f} ms")


def _timed(what: str, query: Query, asked: Question, runs: int = RUNS) -> None:
    """Print how long an answer takes, after it was found to be what the events say."""
    sql = sums_sql(asked, events_alone(asked))
    told = answer(query, asked)
    assert told == folded(asked, query(sql)), what
    asked_s: list[float] = []

    def measured(statement: str) -> Table:
        begun_s = time.perf_counter()
        table = query(statement)
        asked_s.append(time.perf_counter() - begun_s)
        return table

    begun_cpu_s = time.process_time()
    whole_ms = _median_ms(lambda: answer(measured, asked), runs)
    cpu_ms = (time.process_time() - begun_cpu_s) / runs * 1000
    engine_ms = sum(asked_s) / runs * 1000
    print(
        f"  {what}: {whole_ms:,.0f} ms ({cpu_ms:,.0f} ms CPU), of which asking {engine_ms:,.0f};"
        f" {len(told.rows):,} rows",
        flush=True,
    )


def _median_ms(action: Callable[[], object], runs: int) -> float:
    taken_s: list[float] = []
    for _ in range(runs):
        begun_s = time.perf_counter()
        action()
        taken_s.append(time.perf_counter() - begun_s)
    return statistics.median(taken_s) * 1000


def _query_of(store: Store) -> Query:
    """As a command asks that holds the store."""

    def query(sql: str) -> Table:
        told = store.query_user(sql)
        return table_of(told.columns, told.types, told.rows)

    return query


if __name__ == "__main__":
    main()
