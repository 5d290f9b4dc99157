"""What a scraper may know of a ledger without a key: sums, never the name of a tenant or a model. Prometheus text.

The first family is the accounting invariant: `accepted` is the sum of all other outcomes, at every scrape.
"""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final, TypeAlias, cast

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from spanledger.exporter.journal import JournalCorrupt, shards
from spanledger.exporter.prices import PriceShelf
from spanledger.ledger.accounts import Query, accounts, in_quarantine

Family: TypeAlias = CounterMetricFamily | GaugeMetricFamily

_REQUESTS: Final = (
    "SELECT sum(requests), sum(unpriced_requests), sum(estimated_requests), sum(missing_requests),"
    " sum(probable_requests) FROM daily_costs"
)
_IN_DOUBT: Final = ("unpriced", "estimated", "missing", "probable")


def exposition(
    query: Query, journal: Path, prices: PriceShelf, more: Callable[[], Iterable[Family]] | None = None
) -> tuple[str, bytes]:
    """The metrics of an open ledger, and `more`: content type and text. Raises what `query` raises."""
    registry = CollectorRegistry()
    registry.register(
        _Families([*_families(query, journal, prices_refused=bool(prices.problem)), *(more() if more else ())])
    )
    return CONTENT_TYPE_LATEST, generate_latest(registry)


class _Families(Collector):
    """Families that are already known."""

    def __init__(self, families: list[Family]) -> None:
        self._families = families

    def collect(self) -> list[Family]:
        """All of them."""
        return self._families


def _families(query: Query, journal: Path, *, prices_refused: bool) -> Iterator[Family]:
    sums = accounts(query)
    spans = CounterMetricFamily("spanledger_spans", "Spans posted, by where they ended", labels=("outcome",))
    for outcome, count in {"accepted": sums.accepted, **sums.outcomes}.items():
        spans.add_metric((outcome,), count)
    yield spans
    yield CounterMetricFamily(
        "spanledger_journal_skipped_records",
        "Records of journals that could not be read and were skipped by hand",
        value=sums.skipped_records,
    )
    [(total, *in_doubt)] = query(_REQUESTS).rows
    yield GaugeMetricFamily("spanledger_requests", "Provider requests charged", value=_number(total))
    doubtful = GaugeMetricFamily(
        "spanledger_doubtful_requests",
        "Requests charged without a price or without usage, by an estimate, or matched by likeness",
        labels=("doubt",),
    )
    for doubt, count in zip(_IN_DOUBT, in_doubt, strict=True):
        doubtful.add_metric((doubt,), _number(count))
    yield doubtful
    waiting, damaged = _waiting(journal)
    yield GaugeMetricFamily("spanledger_journal_pending_bytes", "Accepted, not yet posted", value=waiting)
    yield GaugeMetricFamily(
        "spanledger_journal_damaged_shards",
        "Journals of which nobody can tell what waits; spanledger journal inspect says why",
        value=damaged,
    )
    aside = GaugeMetricFamily("spanledger_quarantined", "What lies in quarantine", labels=("state",))
    for state, (_, elements) in in_quarantine(query).items():
        aside.add_metric((state,), elements)
    yield aside
    yield GaugeMetricFamily(
        "spanledger_price_files_refused",
        "1 while the price files are refused and the prices before stay in use",
        value=int(prices_refused),
    )


def _waiting(journal: Path) -> tuple[int, int]:
    """The bytes that wait, and in how many shards that cannot be told: one of these hides no number of the others."""
    waiting = damaged = 0
    for shard in shards(journal):
        try:
            waiting += shard.pending_bytes
        except JournalCorrupt:
            damaged += 1
    return waiting, damaged


def _number(value: object) -> float:
    return float(cast("int | None", value) or 0)
