"""The kept sums: how many rows they are, what recomputing them costs, and how fast they answer.

    python benchmarks/rollup.py [--events 1000000]

A million synthetic events are thirty days of 200 tenants, of six models, six features and two agents each. A figure is
printed only after the kept sums were found equal to those of the events.
"""

import argparse
import resource
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Final

from store import synthetic

from spanledger.exporter.store import Store, migrate, open_store
from spanledger.exporter.store.blocks import events_block
from spanledger.exporter.store.rollup import Rollup

RUNS: Final = 5
INSERT_ROWS: Final = 50_000
TABLES: Final = {
    "ledger_daily": "live_daily_costs",
    "ledger_daily_features": "live_daily_features",
    "ledger_hourly": "live_hourly_costs",
}
BY_FEATURE: Final = "SELECT feature, sum(requests), sum(cost) FROM {} GROUP BY feature"
BY_HOUR: Final = "SELECT hour, model, sum(quantity), sum(cost) FROM {} WHERE unit = 'output_tokens' GROUP BY 1, 2"
OTHER_GRAIN: Final = """
SELECT uniq(intDiv(toUnixTimestamp(booked_time), 3600), tenant, environment, team, project, cost_center, provider,
    model, currency) FROM ledger_events
"""


def main() -> None:
    """Fill a ledger, recompute all its days, then one, and ask."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    count: int = parser.parse_args().events
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(str(Path(folder) / "store"))
        migrate(store)
        days = _fill(store, count)
        rollup = Rollup(store, quiet_s=0)
        rollup.mark_dirty(days)
        _timed(f"recomputing {len(days)} days of {count:,} events", rollup.refresh)
        for _ in range(RUNS):
            rollup.mark_dirty(sorted(days)[:1], fresh_s=0)
            _timed("recomputing one of them", rollup.refresh)
        for table, view in TABLES.items():
            _same(store, table, view)
            size = store.query(
                "SELECT sum(rows), sum(bytes_on_disk) FROM system.parts WHERE active AND table = {table:String}",
                {"table": table},
            )
            print(f"{table}: {size[0][0]:,} rows, {size[0][1]:,} bytes")
        print(f"rows if the daily table were kept by the hour: {store.query(OTHER_GRAIN)[0][0]:,}")
        for what, asked, views in (
            ("hours by model", BY_HOUR, ("hourly_costs", "live_hourly_costs")),
            (
                "thirty days by feature",
                BY_FEATURE,
                ("daily_feature_costs", "ledger_daily_features", "ledger_events FINAL"),
            ),
        ):
            for sql, view in ((asked.format(view), view) for view in views):
                for _ in range(RUNS):
                    _timed(f"{what} of {view}", lambda sql=sql: store.query(sql))
        store.close()


def _fill(store: Store, count: int) -> set[date]:
    days = set[date]()
    reader = Rollup(store)
    for first in range(0, count, INSERT_ROWS):
        events = list(synthetic(first, min(INSERT_ROWS, count - first)))
        days |= reader.days_of(event.booked_time for event in events)
        store.insert("ledger_events", *events_block(events))
    return days


def _same(store: Store, table: str, view: str) -> None:
    for column in ("requests", "cost", "quantity" if table == "ledger_hourly" else "input_tokens"):
        sums = [store.query(f"SELECT sum({column}) FROM {each}") for each in (table, view)]  # noqa: S608 (our own names)
        assert sums[0] == sums[1], (table, column, sums)


def _timed(what: str, action: Callable[[], object]) -> None:
    cpu_s, begun_s = _cpu_s(), time.perf_counter()
    action()
    print(f"{what}: {(time.perf_counter() - begun_s) * 1000:,.0f} ms wall, {(_cpu_s() - cpu_s) * 1000:,.0f} ms CPU")


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
