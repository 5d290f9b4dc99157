"""One simulated process: the real committer, shard and poster, stepped by hand where they have threads of their own."""

from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, cast

from simulation.calls import Message
from simulation.disk import Killed, SimDisk
from simulation.tables import SimTables

from spanledger.exporter.failures import Refused
from spanledger.exporter.journal import Entry, Signal
from spanledger.exporter.journal.committer import Committer, Waiting
from spanledger.exporter.journal.format import entry_bytes
from spanledger.exporter.journal.own_shard import OwnShard, Terms
from spanledger.exporter.journal.segment import SEGMENT_OVERHEAD_BYTES
from spanledger.exporter.poster import Poster
from spanledger.exporter.prices import PriceShelf
from spanledger.exporter.sift import Handoff

if TYPE_CHECKING:
    from spanledger.exporter.store import Store

ROOT = Path("/data/journal")
SEGMENT_BYTES = 4096
QUEUE_BYTES = 16 * 1024
_PRICES = PriceShelf()


class InlineCommitter(Committer):
    """The committer without its thread: `pump` does what the thread would do once."""

    def pump(self) -> None:
        """Commit one group of what waits, or give posted segments back."""
        try:
            if self._queue:
                self._take()
                self._commit()
            elif self.shard is not None and self.shard.has_chores:
                self._commit()
        except Killed:
            raise
        except BaseException as error:  # noqa: BLE001 - as the thread does
            self._fail(f"the journal has failed: {error}")

    def _start(self) -> None:
        """There is no thread to start."""


class _NoStore:
    """What a poster asks of its store beside the tables."""

    embedded = True


class Process:
    """A process that appends to the journal; with `tables` it also holds the store, and posts."""

    def __init__(
        self, disk: SimDisk, clock_ns: Callable[[], int], chance: Callable[[int], bytes], quota_bytes: int
    ) -> None:
        self.disk = disk
        terms = Terms(
            root=ROOT,
            segment_bytes=SEGMENT_BYTES,
            quota_bytes=quota_bytes,
            clock_ns=clock_ns,
            disk=disk,
            chance=chance,
        )
        self.committer = InlineCommitter(
            lambda: OwnShard(terms),
            group_bytes_max=SEGMENT_BYTES - SEGMENT_OVERHEAD_BYTES,
            queue_bytes_max=QUEUE_BYTES,
        )
        self.poster: Poster | None = None
        self._handoff = Handoff()
        self.asked: list[tuple[Message, Future[int]]] = []
        """Requests that were not answered yet."""

    def hold_store(self, tables: SimTables) -> None:
        """Post from now on."""
        self.poster = Poster(cast("Store", _NoStore()), ROOT, self._handoff, _PRICES, tables=tables, disk=self.disk)
        # Writing down the whole catalogue of prices takes longer than all else here.
        self.poster._kept.add(_PRICES.current().digest)  # pyright: ignore[reportPrivateUsage]

    def receive(self, message: Message) -> None:
        """Take a request, as the intake does; it may be refused at once."""
        entry = Entry(message.payload, Signal.TRACES, "*", "unattributed", 1)
        future: Future[int] = Future()
        if self.poster:
            self._handoff.put(message.payload, list(message.spans))
        with suppress(Refused):
            self.committer.put(Waiting(entry, entry_bytes(entry), future))
            self.asked.append((message, future))

    def answers(self) -> list[tuple[Message, bool]]:
        """The requests that are answered now, and whether with OK."""
        done = [(message, future.exception() is None) for message, future in self.asked if future.done()]
        self.asked = [(message, future) for message, future in self.asked if not future.done()]
        return done
