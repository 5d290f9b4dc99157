"""Journals → ledger, on one screen: decode, settle, rate, insert, checkpoint.

The poster's only clock is the journal's receive time, so replaying a journal gives the same ledger. It remembers
nothing that the store does not hold: after a failure it forgets everything and posts the same records again.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from spanledger.exporter.journal import JournalCorrupt, Record, Shard, shards
from spanledger.exporter.journal.disk import DISK, Disk
from spanledger.exporter.posting.batch import decode_batch, rated, replayed_ids, taken_out
from spanledger.exporter.posting.book import event_of
from spanledger.exporter.posting.recollection import Recollection
from spanledger.exporter.posting.repriced import Asked, Repriced, Stretch
from spanledger.exporter.posting.tables import LedgerTables
from spanledger.exporter.posting.unreadable import Skipped, skip_unreadable
from spanledger.exporter.prices import PriceShelf
from spanledger.exporter.rate import PriceBook, Rated, texts
from spanledger.exporter.settle import Charge, Settlement
from spanledger.exporter.sift import Handoff
from spanledger.exporter.store import RefusedRowsError, Store
from spanledger.exporter.store.blocks import PostingRow
from spanledger.schemas import ConfigurationError
from spanledger.schemas.event import LedgerEvent

# An insert costs some 5 ms whatever it holds, so postings are large. A usage span is some 500 bytes of payload and
# takes 6 kB on its way through: 10 000 of them, 60 MB.
BYTES_PER_POSTING: Final = 5 * 1024 * 1024

Batch = list[tuple[Shard, Record]]
"""Consecutive records of the shards, posted together."""


class Poster:
    """Posts the journals under a folder into a store; any thread may ask, one posts at a time."""

    def __init__(
        self,
        store: Store,
        journal_root: Path,
        handoff: Handoff | None = None,
        prices: PriceShelf | None = None,
        *,
        shared: bool = False,
        tables: LedgerTables | None = None,
        disk: Disk = DISK,
    ) -> None:
        """Post what waits under `journal_root` into an open, migrated store, at list prices unless told.

        `shared`: others post into the store as well, as a ClickHouse server always allows. `tables` and `disk` are the
        ports by which it reaches the store and the journals.
        """
        self._handoff = handoff or Handoff()
        self._prices = prices or PriceShelf()
        self._kept: set[str] = set()
        self.tables = tables or LedgerTables(store)
        """The statements it posts by."""
        self._root = journal_root
        self._disk = disk
        self._damage: list[JournalCorrupt] = []
        self._recollection = Recollection(self.tables, shared=shared or not store.embedded)
        self._shards: dict[str, Shard] = {}
        self._turn = threading.Lock()

    def post_waiting(
        self, progress: Callable[[int], None] | None = None, go_on: Callable[[], bool] = lambda: True
    ) -> Counter[str]:
        """Post everything that waits now; returns the counts of the accounting invariant.

        `progress` is told the elements of each posting; after each, `go_on` says whether to post what is left.
        Raises `StoreUnavailableError`; nothing is lost by it. Raises `JournalCorrupt` for a damaged shard, when the
        others, and what lies before the damage, are posted.
        """
        with self._turn:
            counts = self._post_readable(progress, go_on)
            if self._damage:
                raise self._damage[0]
        return counts

    def skip_unreadable(self, shard_id: str) -> list[Skipped]:
        """Pass over what cannot be read of a shard, by a human decision; what can be read of it is posted.

        Raises `ConfigurationError` when there is no such shard, and as `posting.unreadable` does.
        """
        with self._turn:
            found = [shard for shard in shards(self._root, disk=self._disk) if shard.id == shard_id]
            if not found:
                msg = f"there is no shard {shard_id!r} in {self._root}; spanledger journal inspect lists them"
                raise ConfigurationError(msg)
            return skip_unreadable(found[0], self.tables, self._disk, self._post_readable)

    @property
    def waiting_bytes(self) -> int:
        """What of the journals is not posted, as far as it was looked at."""
        return sum(shard.pending_bytes for shard in self._shards.values())

    def refresh_rollup(self) -> None:
        """Recompute the daily sums of the days that changed."""
        with self._turn:
            self.tables.refresh_rollup()

    def stretches(self, asked: Asked) -> list[Stretch]:
        """Divide the booked charges that are to be rated again."""
        with self._turn:
            return self.tables.stretches(asked)

    def reprice(self, asked: Asked, stretch: Stretch, *, dry_run: bool) -> Repriced:
        """Rate a stretch by the price files as they are now; unless it is a dry run, post what differs.

        Nothing is posted from the journals meanwhile. Raises `ConfigurationError` when a price file is wrong.
        """
        with self._turn:
            book = self._prices.current()
            if self._prices.problem:
                raise ConfigurationError(self._prices.problem)
            if not dry_run:
                self._keep(book, time.time_ns())
            repricing = self.tables.repricing(lambda charge: rated(charge, book))
            return repricing.reprice(asked, stretch, dry_run=dry_run)

    @property
    def has_pending(self) -> bool:
        """Whether a roll-up waits for its window to end, and so for the clock to be journaled."""
        return self._recollection.has_pending

    def _post_or_bisect(self, batch: Batch) -> Counter[str]:
        """Post a batch; if the store refuses its data, halve it until the record at fault stands alone."""
        try:
            return self._post(batch)
        except RefusedRowsError as error:
            self._recollection.forget()
            if len(batch) == 1:
                return self._post(batch, poison=f"the store refused it: {error}")
            half = len(batch) // 2
            counts = self._post_or_bisect(batch[:half])
            counts.update(self._post_or_bisect(batch[half:]))
            return counts
        except BaseException:
            # Settlement is ahead of the store now, whatever it was; and the store's commit marks may be ahead of ours.
            self._recollection.forget()
            self._shards.clear()
            raise

    def _post_readable(
        self, progress: Callable[[int], None] | None = None, go_on: Callable[[], bool] = lambda: True
    ) -> Counter[str]:
        """Post what can be read, and note what cannot. The caller holds the turn."""
        counts: Counter[str] = Counter()
        self._damage.clear()
        self._find_shards()
        for batch in self._batches():
            counts.update(self._post_or_bisect(batch))
            if progress:
                progress(sum(record.entry.elements for _, record in batch))
            if not go_on():
                break
        self._free_shards()
        return counts

    def _post(self, batch: Batch, *, poison: str = "") -> Counter[str]:
        decoded = decode_batch(batch, self._handoff, poison, self.tables.aside(replayed_ids(batch)))
        decoded.count_aside(self.tables.aside(row.quarantine_id for row in decoded.quarantine_rows))
        now_ns = max(record.received_ns for _, record in batch)
        settlement = self._recollection.settle(decoded.arrivals, now_ns, close=decoded.close)
        while self._write(settlement, now_ns):
            # Others stored claims about the same calls meanwhile: they are settled together before an event is written.
            settlement, before = self._recollection.settle([], now_ns), settlement
            settlement.counts.update(before.counts)
        self.tables.insert_quarantine(decoded.quarantine_rows)
        self.tables.insert_decisions(decoded.decisions)
        decoded.counts.update(settlement.counts)
        taken = [taken_out(each, elements, now_ns) for each, elements in decoded.replayed.items()]
        self._commit(batch, decoded.counts, taken, now_ns)
        for row in taken:
            decoded.counts.update(row.counts)
        return decoded.counts

    def _rated(self, charges: Iterable[Charge], now_ns: int) -> list[tuple[Charge, Rated]]:
        """Charges by the book in force; its text is kept before any event names it."""
        book = self._prices.current()
        self._keep(book, now_ns)
        return [(charge, rated(charge, book)) for charge in charges]

    def _keep(self, book: PriceBook, now_ns: int) -> None:
        if book.digest not in self._kept:
            self.tables.keep_books(texts(book), now_ns)
            self._kept.add(book.digest)

    def _write(self, settlement: Settlement, now_ns: int) -> bool:
        """Each step is durable before the next; posting the same records again repairs a crash between two.

        Whether some charges were left out, because others stored claims about them.
        """
        priced = self._rated(settlement.charges, now_ns) if settlement.charges else []
        events = [event_of(charge, cost) for charge, cost in priced]
        with self.tables.touching(events, settlement.withdrawn):
            self.tables.reverse(settlement.withdrawn, now_ns)
            self.tables.insert_claims(settlement.rulings, now_ns, self._recollection.poster)
            contested = self._recollection.heed()
            if settlement.regrouped or contested:
                kept = [each for each in priced if each[0].charge_id not in contested]
                events = self._afresh(kept, settlement.regrouped)
            if events:
                # A loss of power that took these and left the events would leave charges that nothing accounts for.
                self.tables.make_durable()
                self.tables.insert_events(events)
        return bool(contested)

    def _afresh(self, priced: Sequence[tuple[Charge, Rated]], regrouped: set[bytes]) -> list[LedgerEvent]:
        """The events of charges; one that says what a reversed event said is another event."""
        times: Counter[bytes] = Counter()
        while True:
            events = [event_of(charge, cost, times_reversed=times[charge.charge_id]) for charge, cost in priced]
            taken = self.tables.reversed_among(event.event_id for event in events if event.charge_id in regrouped)
            if not taken:
                return events
            times.update(event.charge_id for event in events if event.event_id in taken)

    def _commit(self, batch: Batch, counts: Counter[str], more: Iterable[PostingRow], now_ns: int) -> None:
        stretches: dict[Path, tuple[Shard, int, int]] = {}
        for shard, record in batch:
            first = stretches.get(shard.path, (shard, record.seq, 0))[1]
            stretches[shard.path] = (shard, first, record.seq)
        terms = {name: number for name, number in counts.items() if number}
        # What the mark vouches for is on the disk before it.
        self.tables.make_durable()
        rows = [PostingRow(now_ns, shard.id, first, last, {}) for shard, first, last in stretches.values()]
        self.tables.insert_postings([rows[0]._replace(counts=terms), *rows[1:], *more])
        self.tables.make_durable()
        for shard, _, last in stretches.values():
            shard.mark_posted(last)

    def _find_shards(self) -> None:
        """Look for new shards. One is kept between postings: it knows where it was read to."""
        found = {shard.id: shard for shard in shards(self._root, disk=self._disk)}
        for shard_id in self._shards.keys() - found.keys():
            del self._shards[shard_id]
        for shard_id in found.keys() - self._shards.keys():
            shard = found[shard_id]
            with self._noting_damage():
                # A crash can leave the checkpoint behind the store's own commit mark.
                if (committed := self.tables.posted_through(shard_id)) > shard.posted:
                    shard.mark_posted(committed)
                self._shards[shard_id] = shard

    def _free_shards(self) -> None:
        """Remove what is finished: the journals of processes that are gone."""
        for shard in list(self._shards.values()):
            with self._noting_damage():
                if shard.abandoned and not shard.pending_bytes and shard.remove():
                    del self._shards[shard.id]

    def _batches(self) -> Iterator[Batch]:
        batch: Batch = []
        payload_bytes = 0
        for shard, record in self._records():
            batch.append((shard, record))
            payload_bytes += len(record.entry.payload)
            if payload_bytes >= BYTES_PER_POSTING:
                yield batch
                batch, payload_bytes = [], 0
        if batch:
            yield batch

    def _records(self) -> Iterator[tuple[Shard, Record]]:
        for shard in list(self._shards.values()):
            with self._noting_damage():
                for record in shard.read():
                    yield shard, record

    @contextmanager
    def _noting_damage(self) -> Generator[None]:
        """One damaged shard keeps no other from being posted."""
        try:
            yield
        except JournalCorrupt as damage:
            self._damage.append(damage)
