"""What a shard holds, and what of it cannot be read: where, which records, which bytes. Looks, and changes nothing."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from spanledger.exporter.journal.disk import DISK, Disk
from spanledger.exporter.journal.format import SEGMENT_HEADER_BYTES, UnknownFormat
from spanledger.exporter.journal.layout import POSTED, segment_numbers, segment_path
from spanledger.exporter.journal.marks import read_posted
from spanledger.exporter.journal.record import JournalCorrupt
from spanledger.exporter.journal.segment_reader import SegmentReader
from spanledger.exporter.journal.shard import Shard


class Kind(StrEnum):
    """What is damaged, which decides what can be done."""

    CHECKPOINT = "checkpoint"
    """What is posted cannot be told by it; the store can tell."""
    HEADER = "header"
    """A segment's header alone: its records say of which life they are."""
    RECORDS = "records"
    """Records that are gone."""
    NEWER = "newer"
    """Nothing: a newer version wrote it, and can read it."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a file."""

    path: Path
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Damage:
    """One stretch that cannot be read."""

    kind: Kind
    path: str
    offset: int
    reason: str
    first_seq: int = 0
    last_seq: int = -1
    """The records that are gone, from the first to the last; without any it is less than the first."""
    pieces: tuple[Piece, ...] = ()
    epoch: int | None = None
    """Of a damaged header: what it said of the segment's life; None where no record is left to tell."""

    @property
    def records(self) -> int:
        """How many are gone. What was in them is not known."""
        return self.last_seq - self.first_seq + 1

    @property
    def bytes(self) -> int:
        """How many bytes cannot be read."""
        return sum(piece.end - piece.start for piece in self.pieces)


@dataclass(slots=True)
class Survey:
    """One shard."""

    shard: str
    alive: bool
    """Whether its writer is."""
    posted: int | None
    durable: int
    """The last record its writer knew to be durable; after a crash at least this one was."""
    segments: Sequence[tuple[Path, int, int]]
    """Each segment's file, first number, size."""
    waiting_records: int = 0
    """That can be read."""
    waiting_bytes: int = 0
    damages: list[Damage] = field(default_factory=list[Damage])


def survey(folder: Path, disk: Disk = DISK) -> Survey:
    """Read everything of a shard that is not posted. Behind a damaged checkpoint nothing is looked at."""
    shard = Shard(folder, disk=disk, lenient=True)
    numbers = segment_numbers(disk, folder)
    files = [(segment_path(folder, number), number) for number in numbers]
    segments = [(path, number, disk.length(path)) for path, number in files]
    found = Survey(shard.id, not shard.abandoned, None, shard.synced, segments)
    try:
        found.posted = seq = read_posted(disk, folder).seq
        found.waiting_bytes = shard.pending_bytes
    except JournalCorrupt as error:
        found.damages.append(_checkpoint(disk, folder, error))
        return found
    found.damages += _headers(disk, folder, seq)
    while not any(damage.kind is Kind.NEWER for damage in found.damages):
        try:
            for record in shard.read_after(seq):
                seq = record.seq
                found.waiting_records += 1
        except JournalCorrupt as error:
            damage = _lost(disk, shard, seq, error)
            found.damages.append(damage)
            seq = damage.last_seq
        else:
            break
    return found


def _checkpoint(disk: Disk, folder: Path, error: JournalCorrupt) -> Damage:
    piece = Piece(folder / POSTED, 0, disk.length(folder / POSTED))
    return Damage(Kind.CHECKPOINT, error.path, error.offset, error.reason, pieces=(piece,))


def _headers(disk: Disk, folder: Path, posted: int) -> Iterator[Damage]:
    """The damaged headers of segments that will be opened: of one under which nothing can be read only the last."""
    numbers = segment_numbers(disk, folder)
    for number in numbers[_index(numbers, posted + 1) :]:
        # One that is gone is told as the records that it had.
        with suppress(FileNotFoundError):
            try:
                reader = SegmentReader(disk, folder, number, lenient=True)
            except JournalCorrupt as error:
                yield Damage(Kind.NEWER, error.path, error.offset, error.reason)
                return
            with closing(reader):
                if reader.header_fault and (reader.epoch is not None or number == numbers[-1]):
                    end = SEGMENT_HEADER_BYTES if reader.epoch is not None else reader.size
                    piece = Piece(reader.path, 0, end)
                    path, fault = str(reader.path), reader.header_fault
                    yield Damage(Kind.HEADER, path, 0, fault, number, number - 1, (piece,), reader.epoch)


def _lost(disk: Disk, shard: Shard, seq: int, error: JournalCorrupt) -> Damage:
    """The stretch behind record `seq`, up to the next record of whatever group that can be read."""
    if isinstance(error.__cause__, UnknownFormat):
        return Damage(Kind.NEWER, error.path, error.offset, error.reason)
    numbers = segment_numbers(disk, shard.path)
    pieces: list[Piece] = []
    last = max(shard.synced, seq + 1)
    for number in numbers[_index(numbers, seq + 1) :]:
        with closing(SegmentReader(disk, shard.path, number, lenient=True)) as reader:
            found = reader.find(seq + 2)
            start, end = SEGMENT_HEADER_BYTES, reader.size if found.at is None else found.at
            if str(reader.path) == error.path:
                start = error.offset
            # Of a segment that the damage does not name, what has been read is whole.
            if start < end and (number > seq or str(reader.path) == error.path):
                pieces.append(Piece(reader.path, start, end))
            if found.at is not None:
                last = found.seq - 1
                break
    if not shard.abandoned:
        last = min(last, shard.synced)
    return Damage(Kind.RECORDS, error.path, error.offset, error.reason, seq + 1, last, tuple(pieces))


def _index(numbers: Sequence[int], seq: int) -> int:
    """Which of some segments has a record."""
    return max(0, bisect_right(numbers, seq) - 1)
