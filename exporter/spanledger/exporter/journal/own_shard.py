"""The one shard this process writes: commits groups, rolls segments, gives posted ones back.

The order of steps, and what a crash between them leaves:
    1. write the group          a crash: a torn tail, nobody was answered
    2. fdatasync                a crash: durable, nobody was answered; the sender resends, the event id makes it one
    3. SYNCED, then the answer  a crash: durable and answered; whoever opens the journal next posts it
At a full segment: header into a spare file, fdatasync, rename, fsync of the folder, end record, fdatasync, then step 1.
"""

import os
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from spanledger.exporter.failures import Transient
from spanledger.exporter.journal.disk import Disk, sync_folder
from spanledger.exporter.journal.format import Group, Mark, SegmentHeader, encode_record
from spanledger.exporter.journal.layout import (
    SPARE,
    bytes_used,
    make_folders,
    new_shard_id,
    segment_path,
    shard_folders,
    sweep,
    unborn,
)
from spanledger.exporter.journal.locks import hold, is_held, root_lock
from spanledger.exporter.journal.marks import open_synced, read_posted, write_synced
from spanledger.exporter.journal.record import Entry, JournalCorrupt, Position
from spanledger.exporter.journal.segment import SEGMENT_OVERHEAD_BYTES, begin_segment
from spanledger.exporter.journal.spares import Spares, new_file

# A process may live for three records: its first segment is made without zero-filling and no larger than this.
_FIRST_SEGMENT_BYTES_MAX: Final = 8 * 1024 * 1024
# Of a small file system the floor is at most this part.
_FLOOR_PART: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How a shard is written."""

    root: Path
    segment_bytes: int
    quota_bytes: int
    """Of all shards under the root together, as their files stand on the disk."""
    clock_ns: Callable[[], int]
    disk: Disk
    floor_bytes: int = 0
    """What new segments leave of the file system, for the store and its checkpoints."""
    chance: Callable[[int], bytes] = os.urandom
    """So many random bytes."""


@dataclass(frozen=True, slots=True)
class _Retired:
    """A full segment that waits for its last record to be posted."""

    first_seq: int
    last_seq: int


class OwnShard:
    """A shard folder held by this process. Not thread-safe: one thread commits, and forks and closes wait for it.

    Making one, and committing, raise `Transient` or `OSError` when there is no room (nothing is lost, ask again) and
    `DiskFailed` when the disk cannot be trusted any more.
    """

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._disk = terms.disk
        self._next_seq = 1
        self._received_ns = 0
        self._looked_ahead = False
        self._untold = False
        self._retired: deque[_Retired] = deque()
        make_folders(self._disk, terms.root)
        with root_lock(self._disk, terms.root):
            sweep(self._disk, terms.root)
            _free_spares(self._disk, terms.root)
            self._check_room(self._first_bytes)
            self._shard = new_shard_id(terms.clock_ns(), terms.chance(10))
            self._open_files(unborn(terms.root, self._shard))
        self.folder = terms.root / str(self._shard)
        self._spares = Spares(self._disk, self.folder, terms.segment_bytes, self._check_room)

    def commit(self, entries: Sequence[Entry], size: int) -> int:
        """Make one group durable: the number of its first record. `size` is what the entries take in a segment."""
        if size > self._segment.room:
            self._roll(size)
        segment, first_seq = self._segment, self._next_seq
        self._received_ns = max(self._terms.clock_ns(), self._received_ns)
        group = Group(segment.header.epoch, first_seq, self._received_ns)
        numbered = enumerate(entries, first_seq)
        segment.append([part for seq, entry in numbered for part in encode_record(entry, seq=seq, group=group)])
        segment.sync()
        self._next_seq += len(entries)
        self._tell_readers()
        self._look_ahead()
        return first_seq

    def reclaim(self) -> None:
        """Recycle or remove the segments whose records are all in the ledger; tell readers what they do not know."""
        if self._untold:
            self._tell_readers()
        try:
            posted = read_posted(self._disk, self.folder).seq if self._retired else 0
        except JournalCorrupt:
            # Whoever posts says so, loudly; until that is settled nothing is given back.
            return
        if not self._retired or self._retired[0].last_seq > posted:
            return
        # The checkpoint that was read may not have a durable name yet, and what it covers is about to go.
        sync_folder(self._disk, self.folder)
        while self._retired and self._retired[0].last_seq <= posted:
            path = segment_path(self.folder, self._retired[0].first_seq)
            with suppress(FileNotFoundError):
                if not self._spares.offer(path):
                    self._disk.unlink(path)
            self._retired.popleft()

    def look_for_room(self) -> None:
        """Raise as the next full segment would, when there is no room for another."""
        self.reclaim()
        if self._segment.room < self._terms.segment_bytes // 2 and not self._spares.is_ready:
            self._check_room(self._terms.segment_bytes)

    @property
    def has_chores(self) -> bool:
        """Whether `reclaim` may have something to do while nothing arrives."""
        return bool(self._retired) or self._untold

    def close(self) -> None:
        """Let go of the shard: from now on whoever posts may drain and remove it."""
        self._spares.close()
        self._disk.unlock(self._lock_fd)
        self._close_files()

    def forget(self, *, consistent: bool) -> None:
        """In a forked child: let the parent's lock be the parent's alone.

        After a fork that did not wait for the commit in progress (`consistent` is false) only the lock's descriptor
        is certain to be what it was.
        """
        if consistent:
            self._spares.forget()
            self._close_files()
        else:
            self._disk.close(self._lock_fd)

    def _open_files(self, unborn_folder: Path) -> None:
        """Make the shard whole under a name nobody reads, then give it its own. The caller holds the root's lock."""
        disk, root = self._disk, self._terms.root
        disk.mkdir(unborn_folder)
        with ExitStack() as undo:
            self._lock_fd = hold(disk, unborn_folder)
            undo.callback(disk.close, self._lock_fd)
            self._synced_fd = open_synced(disk, unborn_folder)
            undo.callback(disk.close, self._synced_fd)
            spare = new_file(disk, unborn_folder / SPARE, self._first_bytes)
            self._segment = begin_segment(disk, unborn_folder, spare, self._next_header())
            undo.callback(self._segment.close)
            self._tell_readers()
            disk.rename(unborn_folder, root / str(self._shard))
            sync_folder(disk, root)
            undo.pop_all()

    @property
    def _first_bytes(self) -> int:
        return min(self._terms.segment_bytes, _FIRST_SEGMENT_BYTES_MAX)

    def _look_ahead(self) -> None:
        """Once per segment, have the next one ready: a posted one if there is one, else one made in the background."""
        if not self._looked_ahead and self._segment.room < self._terms.segment_bytes // 2:
            self._looked_ahead = True
            # No room to recycle or remove is no failure of the group that is durable by now; the roll asks again.
            with suppress(OSError):
                self.reclaim()
            self._spares.want()

    def _roll(self, size: int) -> None:
        self.reclaim()
        full = self._segment
        spare = self._spares.take(size + SEGMENT_OVERHEAD_BYTES)
        self._segment = begin_segment(self._disk, self.folder, spare, self._next_header())
        self._looked_ahead = False
        # An empty segment has the same name as its successor, which has just replaced it.
        if full.header.first_seq < self._next_seq:
            self._retired.append(_Retired(full.header.first_seq, self._next_seq - 1))
            full.end(self._next_seq, self._received_ns)
        full.close()

    def _next_header(self) -> SegmentHeader:
        epoch = int.from_bytes(self._terms.chance(8))
        return SegmentHeader(self._shard.bytes, self._next_seq, epoch, self._next_seq - 1)

    def _tell_readers(self) -> None:
        """Best effort: without it the records are durable but wait to be read, until we try again or end."""
        self._untold = True
        segment = self._segment
        place = Position(segment.header.first_seq, segment.offset, self._next_seq)
        with suppress(OSError):
            write_synced(self._disk, self._synced_fd, Mark(self._next_seq - 1, place))
            self._untold = False

    def _check_room(self, size: int) -> None:
        quota = self._terms.quota_bytes
        if bytes_used(self._disk, self._terms.root) + size > quota:
            msg = f"the journal in {self._terms.root} has reached its quota of {quota} bytes"
            raise Transient(msg)
        left, whole = self._disk.space(self._terms.root)
        floor = min(self._terms.floor_bytes, whole // _FLOOR_PART)
        if left - size < floor:
            msg = f"the disk of {self._terms.root} has {left} bytes left: the journal leaves {floor} for the ledger"
            raise Transient(msg)

    def _close_files(self) -> None:
        self._segment.close()
        self._disk.close(self._synced_fd)
        self._disk.close(self._lock_fd)


def _free_spares(disk: Disk, root: Path) -> None:
    """Remove the spare segments of writers that died: nobody writes them, and together they would fill the quota."""
    for folder in shard_folders(disk, root):
        # Whoever cannot look, or remove one, leaves it to the next.
        with suppress(OSError):
            if SPARE in disk.names(folder) and not is_held(disk, folder):
                disk.unlink(folder / SPARE)
