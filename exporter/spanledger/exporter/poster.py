"""Journals → ledger, on one screen: decode, settle, rate, insert, checkpoint.

The poster's only clock is the journal's receive time, so replaying a journal gives the same ledger. It remembers
nothing that the store does not hold: after a failure it forgets everything and posts the same records again.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from spanledger.exporter.journal import Record, Shard, shards
from spanledger.exporter.posting.batch import decode_batch
from spanledger.exporter.posting.book import event_of, rated
from spanledger.exporter.posting.seen import Seen, charge_seen_key, trace_seen_key
from spanledger.exporter.posting.tables import LedgerTables
from spanledger.exporter.settle import NO_CHARGE, Ruling, Settlement, Settler, Standing, Unknown
from spanledger.exporter.sift import Handoff
from spanledger.exporter.store import RefusedRowsError, Store
from spanledger.exporter.store.blocks import PostingRow
from spanledger.schemas.event import LedgerEvent

# An insert costs some 5 ms whatever it holds, so postings are large. A usage span is some 500 bytes of payload and
# takes 6 kB on its way through: 10 000 of them, 60 MB.
BYTES_PER_POSTING: Final = 5 * 1024 * 1024
PENDING_MAX: Final = 50_000

Batch = list[tuple[Shard, Record]]
"""Consecutive records of the shards, posted together."""


class Poster:
    """Posts the journals under a folder into a store; any thread may ask, one posts at a time."""

    def __init__(self, store: Store, journal_root: Path, handoff: Handoff | None = None) -> None:
        """Post what waits under `journal_root` into an open, migrated store."""
        self._handoff = handoff or Handoff()
        self._tables = LedgerTables(store)
        self._root = journal_root
        self._settler = Settler()
        self._seen: Seen | None = None
        self._shards: dict[str, Shard] = {}
        self._turn = threading.Lock()

    def post_waiting(self, progress: Callable[[int], None] | None = None) -> Counter[str]:
        """Post everything that waits now; returns the counts of the accounting invariant (DESIGN 3).

        `progress` is told the elements of each posting. Raises `StoreUnavailableError`; nothing is lost by it.
        """
        counts: Counter[str] = Counter()
        with self._turn:
            self._find_shards()
            for batch in self._batches():
                counts.update(self._post_or_bisect(batch))
                if progress:
                    progress(sum(record.entry.elements for _, record in batch))
            self._free_shards()
        return counts

    def refresh_rollup(self) -> None:
        """Recompute the daily sums of the days that changed."""
        with self._turn:
            self._tables.refresh_rollup()

    @property
    def has_pending(self) -> bool:
        """Whether a roll-up waits for its window to end, and so for the clock to be journaled."""
        return self._settler.has_pending

    def _post_or_bisect(self, batch: Batch) -> Counter[str]:
        """Post a batch; if the store refuses its data, halve it until the record at fault stands alone."""
        try:
            return self._post(batch)
        except RefusedRowsError as error:
            self._forget()
            if len(batch) == 1:
                return self._post(batch, poison=f"the store refused it: {error}")
            half = len(batch) // 2
            counts = self._post_or_bisect(batch[:half])
            counts.update(self._post_or_bisect(batch[half:]))
            return counts
        except BaseException:
            # Settlement is ahead of the store now, whatever it was.
            self._forget()
            raise

    def _post(self, batch: Batch, *, poison: str = "") -> Counter[str]:
        decoded = decode_batch(batch, self._handoff, poison)
        now_ns = max(record.received_ns for _, record in batch)
        self._recall(decoded.arrivals)
        settlement = self._settler.settle(decoded.arrivals, now_ns, close=decoded.close)
        events = [event_of(charge, rated(charge)) for charge in settlement.charges]
        self._write(settlement, events, now_ns)
        self._tables.insert_quarantine(decoded.quarantine_rows)
        decoded.counts.update(settlement.counts)
        self._commit(batch, decoded.counts, now_ns)
        return decoded.counts

    def _write(self, settlement: Settlement, events: list[LedgerEvent], now_ns: int) -> None:
        """Each step is durable before the next; posting the same records again repairs a crash between two."""
        with self._tables.touching(events, settlement.withdrawn):
            self._tables.reverse(settlement.withdrawn, now_ns)
            self._tables.insert_claims(settlement.rulings, now_ns)
            self._tables.insert_events(events)

    def _commit(self, batch: Batch, counts: Counter[str], now_ns: int) -> None:
        stretches: dict[Path, tuple[Shard, int, int]] = {}
        for shard, record in batch:
            first = stretches.get(shard.path, (shard, record.seq, 0))[1]
            stretches[shard.path] = (shard, first, record.seq)
        terms = {name: number for name, number in counts.items() if number}
        rows = [PostingRow(now_ns, shard.id, first, last, {}) for shard, first, last in stretches.values()]
        self._tables.insert_postings([rows[0]._replace(counts=terms), *rows[1:]])
        for shard, _, last in stretches.values():
            shard.mark_posted(last)

    def _recall(self, arrivals: list[Standing]) -> None:
        """Bring back every stored claim that the arriving ones could meet, and whatever those could meet."""
        found: dict[bytes, Ruling] = {}
        if self._seen is None:
            self._seen = self._tables.seen()
            self._settler.know(self._tables.tellers())
            found = {each[0].claim_id: each for each in self._tables.pending(PENDING_MAX)}
        seen = self._seen
        unknown = self._settler.unknown([*arrivals, *(standing for standing, _, _ in found.values())])
        asked = Unknown(set(), {}, set())
        new_traces = unknown.traces
        while True:
            traces = {key for key in unknown.traces - asked.traces if trace_seen_key(key[1]) in seen}
            responses = {
                charge_id: response_id
                for charge_id, response_id in unknown.responses.items()
                if charge_id not in asked.responses and charge_seen_key(charge_id) in seen
            }
            likenesses = {key for key in unknown.likenesses - asked.likenesses if key in seen}
            asked = Unknown(
                asked.traces | unknown.traces,
                asked.responses | unknown.responses,
                asked.likenesses | unknown.likenesses,
            )
            if not traces and not responses and not likenesses:
                break
            recalled = self._tables.recall({trace for _, trace in traces}, responses.values(), likenesses)
            found |= {each[0].claim_id: each for each in recalled}
            unknown = self._settler.unknown([standing for standing, _, _ in recalled])
        opened = self._tables.open_charges({charge_id for _, charge_id, _ in found.values()} - {NO_CHARGE})
        self._settler.learn(found.values(), opened, asked.likenesses)
        seen.add(trace_seen_key(trace_id) for _, trace_id in new_traces)
        seen.add(charge_seen_key(standing.response_charge) for standing in arrivals if standing.response_charge)
        seen.add(standing.likeness for standing in arrivals if standing.likeness)

    def _forget(self) -> None:
        """After a failure: what the store really holds is asked again."""
        self._settler.forget()
        self._seen = None

    def _find_shards(self) -> None:
        """Look for new shards. One is kept between postings: it knows where it was read to."""
        found = {shard.id: shard for shard in shards(self._root)}
        for shard_id in self._shards.keys() - found.keys():
            del self._shards[shard_id]
        for shard_id in found.keys() - self._shards.keys():
            shard = found[shard_id]
            # A crash can leave the checkpoint behind the store's own commit mark.
            if (committed := self._tables.posted_through(shard_id)) > shard.posted:
                shard.mark_posted(committed)
            self._shards[shard_id] = shard

    def _free_shards(self) -> None:
        """Remove what is finished: the journals of processes that are gone."""
        for shard in list(self._shards.values()):
            if shard.abandoned and not shard.pending_bytes and shard.remove():
                del self._shards[shard.id]

    def _batches(self) -> Iterator[Batch]:
        batch: Batch = []
        payload_bytes = 0
        for shard in list(self._shards.values()):
            for record in shard.read():
                batch.append((shard, record))
                payload_bytes += len(record.entry.payload)
                if payload_bytes >= BYTES_PER_POSTING:
                    yield batch
                    batch, payload_bytes = [], 0
        if batch:
            yield batch
