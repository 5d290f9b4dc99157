"""Rating a ledger again: a million charges that were booked at one price, by the catalogue. Target: 60 s on two cores.

    python benchmarks/reprice.py [--events 1000000]

The sums by model must be what tokens times list prices are, before a figure is printed; a second run must find nothing.
"""

import argparse
import platform
import resource
import sys
import tempfile
import time
from decimal import Decimal
from pathlib import Path
from typing import Final

import msgspec
from store import claim_of, synthetic

from spanledger.exporter.poster import Poster
from spanledger.exporter.posting.repriced import Asked
from spanledger.exporter.store import Store, claims_block, events_block, migrate, open_store
from spanledger.exporter.throughput import favour_throughput
from spanledger.ledger.prices.repricing import Account

PROVIDERS: Final = {"claude-sonnet-4-5": "anthropic", "claude-haiku-4-5": "anthropic", "gemini-2.5-flash": "gcp.gemini"}
PRICES: Final = {
    "gpt-4o-mini": ("0.15", "0.60"),
    "gpt-4o": ("2.50", "10"),
    "gpt-5": ("1.25", "10"),
    "claude-sonnet-4-5": ("3", "15"),
    "claude-haiku-4-5": ("1", "5"),
    "gemini-2.5-flash": ("0.30", "2.50"),
}
"""Dollars for a million input and output tokens, from the providers' price pages. The first is what was booked."""
_ROWS: Final = 50_000
_SUMS: Final = "SELECT model, sum(input_tokens), sum(output_tokens), sum(cost) FROM {} GROUP BY model"


def main() -> None:
    """Book, rate again, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    count: int = parser.parse_args().events
    print(f"{platform.machine()}, Python {platform.python_version()}")
    favour_throughput()
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(str(Path(folder) / "store"))
        migrate(store)
        for first in range(0, count, _ROWS):
            _book(store, first, min(_ROWS, count - first))
        poster = Poster(store, Path(folder) / "journal")
        account, wall_s, cpu_s = _repriced(poster, dry_run=True)
        print(f"dry run      {wall_s:6.1f} s, {cpu_s:6.1f} s CPU, {account.adjusted:,} of {account.seen:,} differ")
        account, wall_s, cpu_s = _repriced(poster, dry_run=False)
        _check(store, "ledger_events FINAL", count)
        print(
            f"adjustments  {wall_s:6.1f} s, {cpu_s:6.1f} s CPU, {account.adjusted:,} posted;",
            f"{count / wall_s:,.0f} charges/s",
        )
        again, wall_s, _ = _repriced(poster, dry_run=False)
        assert again.adjusted == 0, again
        print(f"once more    {wall_s:6.1f} s, nothing to do")
        begun_s = time.perf_counter()
        _check(store, "charges", count)
        print(f"sums of the view `charges`, each charge with its adjustment: {time.perf_counter() - begun_s:.1f} s")
        print(f"resident at most {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB")
        store.close()


def _book(store: Store, first: int, count: int) -> None:
    events = [
        msgspec.structs.replace(event, provider=PROVIDERS.get(event.model, "openai"))
        for event in synthetic(first, count)
    ]
    store.insert("ledger_claims", *claims_block([claim_of(event) for event in events]))
    store.insert("ledger_events", *events_block(events))


def _repriced(poster: Poster, *, dry_run: bool) -> tuple[Account, float, float]:
    account, asked = Account(), Asked(everything=True)
    begun_s, begun_cpu_s = time.perf_counter(), time.process_time()
    stretches = poster.stretches(asked)
    done = 0
    for stretch in stretches:
        account.add(poster.reprice(asked, stretch, dry_run=dry_run))
        done += stretch.charges
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{done:,}")
    return account, time.perf_counter() - begun_s, time.process_time() - begun_cpu_s


def _check(store: Store, table: str, count: int) -> None:
    """Tokens times list prices is the cost, to the last place; no charge is lost."""
    million = Decimal(1_000_000)
    for model, input_tokens, output_tokens, cost in store.query(_SUMS.format(table)):
        prices = [Decimal(price) for price in PRICES[str(model)]]
        expected = (Decimal(str(input_tokens)) * prices[0] + Decimal(str(output_tokens)) * prices[1]) / million
        assert cost == expected, (table, model, cost, expected)
    assert store.query(f"SELECT sum(requests) FROM {table}") == [(count,)]  # noqa: S608 (ours)


if __name__ == "__main__":
    main()
