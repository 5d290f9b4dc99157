"""The read side of a shard, for any process: records in order, the checkpoint, and its end.

While the writer lives, SYNCED says exactly what is durable: nothing beyond is looked at (a group that failed is taken
back, and its numbers are used again), and everything before must be readable. When the writer is gone, reading goes on
to the valid end: a torn tail was never acknowledged and is left where it is, since nobody writes to the shard again.
What the writer did not sync any more is made durable before it is handed out: what is posted must not vanish.
"""

from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from spanledger.exporter.journal.disk import DISK, Disk
from spanledger.exporter.journal.format import NOWHERE, SEGMENT_HEADER_BYTES, Mark
from spanledger.exporter.journal.layout import (
    dying,
    segment_numbers,
    segment_path,
    shard_folders,
    sweep,
)
from spanledger.exporter.journal.locks import is_held, root_lock
from spanledger.exporter.journal.marks import read_posted, read_synced, write_posted
from spanledger.exporter.journal.record import JournalCorrupt, Position, Record
from spanledger.exporter.journal.segment_reader import SegmentReader

# One place per window read: enough that a checkpoint 256 MiB behind the reader still finds a place near it.
_PLACES_MAX: Final = 256


def shards(root: Path, *, disk: Disk = DISK) -> list["Shard"]:
    """Every shard under a journal folder, oldest first; none when the folder is not there."""
    return [Shard(folder, disk=disk) for folder in shard_folders(disk, root)]


class Shard:
    """One shard, read only. Keep the object between reads: it remembers where records lie.

    A `lenient` one reads what it can of a segment whose header is damaged: to look at the damage, never to post.
    """

    def __init__(self, path: Path, *, disk: Disk = DISK, lenient: bool = False) -> None:
        self.path = path
        self._disk = disk
        self._lenient = lenient
        self._places: deque[Position] = deque(maxlen=_PLACES_MAX)

    @property
    def id(self) -> str:
        """The shard's UUID, which is its folder's name."""
        return self.path.name

    @property
    def posted(self) -> int:
        """The last record that is in the ledger; 0 before the first. Raises `JournalCorrupt` when it cannot be told."""
        return read_posted(self._disk, self.path).seq

    @property
    def synced(self) -> int:
        """The last record its writer knew to be durable; a crash can leave it behind the truth, never ahead."""
        return read_synced(self._disk, self.path).seq

    @property
    def abandoned(self) -> bool:
        """Whether its writer is gone, for ever: nothing will be added."""
        return not is_held(self._disk, self.path)

    @property
    def pending_bytes(self) -> int:
        """The durable bytes that wait to be posted: 0 when none do, else at most one segment too many."""
        posted, end = read_posted(self._disk, self.path), read_synced(self._disk, self.path)
        numbers = [number for number in segment_numbers(self._disk, self.path) if number <= end.position.segment]
        if posted.seq >= end.seq or not numbers:
            return 0
        waiting = numbers[max(0, bisect_right(numbers, posted.seq + 1) - 1) :]
        place = posted.position
        done = place.offset if place.segment == waiting[0] else SEGMENT_HEADER_BYTES
        full = sum(self._disk.length(segment_path(self.path, number)) for number in waiting[:-1])
        return full + end.position.offset - done

    def read(self) -> Iterator[Record]:
        """The records behind the checkpoint, in order, up to the durable end.

        Raises `JournalCorrupt` where a durable record cannot be read; every record before it has been yielded.
        """
        return self.read_after(self.posted)

    def read_after(self, seq: int) -> Iterator[Record]:
        """The records behind number `seq`, in order, up to the durable end. Raises like `read`."""
        while True:
            numbers = segment_numbers(self._disk, self.path)
            try:
                for record in self._records_after(seq):
                    yield record
                    seq = record.seq
            except JournalCorrupt:
                if not self._disk.is_folder(self.path):
                    return
                # What the ledger has is recycled under a reader's eyes: that is no damage, so look again.
                posted = self.posted
                if posted <= seq and segment_numbers(self._disk, self.path) == numbers:
                    raise
                seq = max(seq, posted)
            else:
                return

    def mark_posted(self, seq: int) -> None:
        """Record, durably, that everything up to `seq` is in the ledger. Never goes back. Raises `OSError`."""
        with root_lock(self._disk, self.path.parent):
            if self._disk.is_folder(self.path) and seq > read_posted(self._disk, self.path).seq:
                write_posted(self._disk, self.path, Mark(seq, self._nearest(self._places, seq)))

    def remove(self) -> bool:
        """Remove a shard that is abandoned and fully posted: whether it is gone. Raises like `read`, and `OSError`."""
        root = self.path.parent
        with root_lock(self._disk, root):
            if self._disk.is_folder(self.path):
                if not self.abandoned or next(self.read(), None) is not None:
                    return False
                self._disk.rename(self.path, dying(self.path))
                self._disk.fsync_dir(root)
            sweep(self._disk, root)
            return True

    def _records_after(self, seq: int) -> Iterator[Record]:
        mark = read_synced(self._disk, self.path)
        durable = mark.seq
        limit = None if self.abandoned else durable
        first_seq = self._segment_of(seq + 1) if limit is None or seq < limit else None
        after = seq
        while first_seq is not None:
            with closing(self._open(first_seq)) as reader:
                if limit is None and first_seq >= mark.position.segment:
                    reader.make_durable()
                self._approach(reader, after)
                while limit is None or reader.seq <= limit:
                    self._places.append(reader.position)
                    records = reader.next_records()
                    if not records:
                        break
                    yield from (records if limit is None else records[: limit + 1 - records[0].seq])
                first_seq, after = self._successor(reader, durable, limit), reader.seq - 1

    def _segment_of(self, seq: int) -> int | None:
        numbers = segment_numbers(self._disk, self.path)
        index = bisect_right(numbers, seq) - 1
        if index >= 0:
            return numbers[index]
        if not self._disk.is_folder(self.path):
            return None
        missing = f"the segment with record {seq} is missing"
        raise JournalCorrupt(str(self.path), 0, missing)

    def _open(self, first_seq: int) -> SegmentReader:
        try:
            return SegmentReader(self._disk, self.path, first_seq, lenient=self._lenient)
        except FileNotFoundError:
            raise JournalCorrupt(str(segment_path(self.path, first_seq)), 0, "the segment is missing") from None

    def _approach(self, reader: SegmentReader, seq: int) -> None:
        """Stand behind record `seq`, by the nearest place known, then by passing over records.

        What stands in the way was posted or set aside: that it cannot be read is no damage any more.
        """
        places = [*self._places, read_posted(self._disk, self.path).position]
        nearest = self._nearest([place for place in places if place.segment == reader.first_seq], seq)
        if nearest.seq:
            reader.go_to(nearest)
        if reader.seq != seq + 1:
            reader.skip_to(seq + 1)
            if not reader.is_at(seq + 1):
                reader.pass_over(seq + 1)

    def _successor(self, reader: SegmentReader, durable: int, limit: int | None) -> int | None:
        """The segment that goes on where this one stopped, or None at the durable end.

        Raises `JournalCorrupt` when what stopped the reader is not the end.
        """
        seq, path = reader.seq, str(reader.path)
        if limit is not None and seq > limit:
            return None
        numbers = segment_numbers(self._disk, self.path)
        following = next((number for number in numbers if number > reader.first_seq), None)
        if following == seq:
            return following
        if reader.ended:
            raise JournalCorrupt(str(segment_path(self.path, seq)), 0, "the segment is missing")
        if following is not None:
            raise JournalCorrupt(path, reader.offset, f"records {seq} to {following - 1} cannot be read")
        if seq <= durable:
            raise JournalCorrupt(path, reader.offset, f"records {seq} to {durable} were durable and cannot be read")
        later = reader.later_group()
        if later is not None:
            raise JournalCorrupt(path, reader.offset, f"record {seq} cannot be read, but a later group at {later} can")
        return None

    @staticmethod
    def _nearest(places: Iterable[Position], seq: int) -> Position:
        """The place closest before the record that follows `seq`; `NOWHERE`'s when none is known."""
        return max((place for place in places if place.seq <= seq + 1), key=_by_seq, default=NOWHERE.position)


def _by_seq(place: Position) -> int:
    return place.seq
