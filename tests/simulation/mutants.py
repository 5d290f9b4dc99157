"""Planted bugs: what the simulation must find, each within its seeds; and the safety nets, each with the others off.

A mutant that survives its worlds means that the simulation does not see what it is there for.
"""

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from itertools import count
from typing import Any, Final
from unittest.mock import patch

import msgspec
from simulation.tables import SimTables

from spanledger.exporter import poster
from spanledger.exporter.journal import format as journal_format
from spanledger.exporter.journal import layout, own_shard, segment
from spanledger.exporter.journal.disk import Disk
from spanledger.exporter.journal.segment_reader import SegmentReader
from spanledger.exporter.journal.spares import Spares
from spanledger.exporter.posting.bounds import bounds_of
from spanledger.exporter.posting.recollection import Recollection
from spanledger.exporter.posting.tables import LedgerTables
from spanledger.exporter.rate import Rated
from spanledger.exporter.settle import Charge
from spanledger.schemas import StoreUnavailableError
from spanledger.schemas.event import LedgerEvent

Plant = Callable[[], Any]
"""Makes a context in which the bug is in the code."""


def _nothing(*_: object, **__: object) -> None:
    """What a forgotten step does."""


def _sync_bravely(disk: Disk, fd: int) -> None:
    try:
        disk.fdatasync(fd)
    except OSError:
        return


def _checkpoint_first(self: poster.Poster, batch: poster.Batch, *, poison: str = "") -> object:
    for shard, record in batch:
        shard.mark_posted(record.seq)
    return _POST(self, batch, poison=poison)


_POST: Final = poster.Poster._post  # pyright: ignore[reportPrivateUsage] - kept, to be called by what replaces it
_EVENT_OF: Final = poster.event_of
_NUMBERS: Final = count(1)
_EVER_NS: Final = (1 << 63) - 1


def _event_of_chance(charge: Charge, rated: Rated, *, times_reversed: int = 0) -> LedgerEvent:
    event = _EVENT_OF(charge, rated, times_reversed=times_reversed)
    return msgspec.structs.replace(event, event_id=event.event_id[:8] + next(_NUMBERS).to_bytes(8))


def _append_only(self: LedgerTables, events: Sequence[LedgerEvent]) -> None:
    if events:
        self.append_events(events)


def _count_a_range(self: LedgerTables, events: Sequence[LedgerEvent]) -> None:
    if events:
        self.append_events(events)
        ids = {event.event_id for event in events}
        if self.sum_within(bounds_of(events)._replace(since_ns=0, until_ns=_EVER_NS))[0] < len(ids):
            raise StoreUnavailableError


@contextmanager
def _durable_only_at_the_end() -> Generator[None]:
    """The claims are not made durable before the events: only all together, before the mark."""
    insert_events = SimTables.insert_events
    make_durable = SimTables.make_durable
    held: list[Callable[[], None]] = []

    def hold(self: SimTables) -> None:
        held.append(lambda: make_durable(self))
        if len(held) > 1:
            held.clear()
            make_durable(self)

    def insert(self: SimTables, events: Sequence[LedgerEvent]) -> None:
        held.clear()
        insert_events(self, events)
        make_durable(self)

    with patch.object(SimTables, "make_durable", hold), patch.object(SimTables, "insert_events", insert):
        yield


def _zero(*_: object) -> int:
    return 0


@contextmanager
def _no_crc() -> Generator[None]:
    with (
        patch.object(journal_format, "_crc", _zero),
        patch.object(journal_format, "_crc_more", _zero),
    ):
        yield


MUTANTS: Final[Mapping[str, Plant]] = {
    "acknowledge before the sync": lambda: patch.object(segment.Segment, "sync", _nothing),
    "go on after a failed sync": lambda: patch.object(segment, "sync", _sync_bravely),
    "believe bytes without their CRC": _no_crc,
    "a new segment's name is not synced": lambda: patch.object(segment, "sync_folder", _nothing),
    "a new shard's name is not synced": lambda: patch.object(own_shard, "sync_folder", _nothing),
    "a folder made by the dead is not synced": lambda: patch.object(layout, "_sync_if_ours", _nothing),
    "post what a dead writer did not sync": lambda: patch.object(SegmentReader, "make_durable", _nothing),
    "checkpoint before the insert": lambda: patch.object(poster.Poster, "_post", _checkpoint_first),
    "no read back": lambda: patch.object(LedgerTables, "insert_events", _append_only),
    "read back by counting a range": lambda: patch.object(LedgerTables, "insert_events", _count_a_range),
    "the store is not synced": lambda: patch.object(SimTables, "make_durable", _nothing),
    "events are durable before their claims": _durable_only_at_the_end,
    "no recall of stored claims": lambda: patch.object(Recollection, "_recall", _nothing),
}
"""What it does wrong → how it is planted."""

NETS: Final[Mapping[str, Plant]] = {
    "recall of stored claims": lambda: patch.object(Recollection, "_recall", _nothing),
    "event ids made of content": lambda: patch.object(poster, "event_of", _event_of_chance),
}
SURELY: Final[Mapping[str, Sequence[str]]] = {
    "a folder made by the dead is not synced": ("kill", "kill", "power", "power"),
    "events are durable before their claims": ("power", "power", "power"),
}
"""What must happen for a mutant to show: left to the seeds, it takes some thousand worlds."""
NET_PAIRS: Final = (("recall of stored claims", "event ids made of content"),)
"""What is posted again changes nothing: each net of a pair must hold while the other is cut away, and without both the
world must fall."""


@contextmanager
def planted(plants: Iterable[Plant]) -> Generator[None]:
    """With these bugs in the code, and without the threads of the journal."""
    with ExitStack() as stack:
        stack.enter_context(patch.object(Spares, "want", _make_now))
        for plant in plants:
            stack.enter_context(plant())
        yield


def _make_now(self: Spares) -> None:
    """The spare segment is made at once, not by a thread."""
    self._make_ahead()  # pyright: ignore[reportPrivateUsage] - the thread's own work
