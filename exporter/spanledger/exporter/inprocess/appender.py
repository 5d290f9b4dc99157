"""Keeps entries in memory until the journal has them on disk, and gives one up only over its memory bound.

Used by one thread, the writer's.
"""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Final

from spanledger.exporter.failures import Permanent
from spanledger.exporter.inprocess.counts import Counts
from spanledger.exporter.journal import Entry, JournalWriter, RecordType, Shard, Signal

# While a disk fails: some 100 000 usage spans, many hours of one process's model calls.
WAITING_BYTES_MAX: Final = 64 * 1024 * 1024


class Appender:
    """The way of entries into one journal. A journal that failed for good is replaced by a new shard."""

    def __init__(self, open_journal: Callable[[], JournalWriter], counts: Counts) -> None:
        self._open_journal = open_journal
        self._journal = open_journal()
        self._counts = counts
        self._in_flight: list[tuple[Future[int], Entry]] = []
        self._refused: deque[Entry] = deque()
        self._bytes = 0

    @property
    def waiting(self) -> int:
        """Spans that are not durable yet."""
        return sum(entry.elements for _, entry in self._in_flight) + sum(entry.elements for entry in self._refused)

    @property
    def refusing(self) -> bool:
        """Whether the journal refused something that `retry` should offer again."""
        return bool(self._refused)

    def add(self, entry: Entry) -> None:
        """Take an entry. While the journal refuses others, it waits with them; over the memory bound it is lost."""
        if self._bytes + len(entry.payload) > WAITING_BYTES_MAX:
            self._counts.add(
                "lost",
                entry.elements,
                reason=f"over {WAITING_BYTES_MAX} bytes of usage wait for a journal that takes none",
            )
            return
        self._bytes += len(entry.payload)
        if self._refused:
            self._refused.append(entry)
        else:
            self._submit(entry)

    def retry(self) -> None:
        """Offer again what was refused."""
        if self._journal.failed.is_set():
            self._journal.close()
            self._journal = self._open_journal()
        refused, self._refused = self._refused, deque()
        for entry in refused:
            self._submit(entry)

    def settle(self, timeout_s: float) -> bool:
        """Wait for what was submitted; True when nothing is left that is not durable."""
        wait([future for future, _ in self._in_flight], timeout_s)
        in_flight, self._in_flight = self._in_flight, []
        for future, entry in in_flight:
            if not future.done():
                self._in_flight.append((future, entry))
            elif (error := future.exception()) is None:
                self._bytes -= len(entry.payload)
                self._counts.add("journaled", entry.elements)
            else:
                self._failed(entry, error)
        return not self._in_flight and not self._refused

    def is_own(self, shard: Shard) -> bool:
        """Whether this process writes the shard. Any thread may ask."""
        return shard.path == self._journal.shard_path

    def tick(self) -> None:
        """Journal the passing of time, for a poster that waits for it. Any thread may call it; nobody waits."""
        self._journal.append(Entry(b"", Signal.TRACES, "", "", 0, RecordType.TICK))

    def close(self) -> None:
        """Close the journal."""
        self._journal.close()

    def _submit(self, entry: Entry) -> None:
        self._in_flight.append((self._journal.append(entry), entry))

    def _failed(self, entry: Entry, error: BaseException) -> None:
        if isinstance(error, Permanent):
            self._bytes -= len(entry.payload)
            self._counts.add("refused", entry.elements, reason=f"the journal can never take an entry: {error}")
        else:
            self._refused.append(entry)
            self._counts.add("journal_failures", reason=f"usage waits in memory, the journal fails: {error}")
