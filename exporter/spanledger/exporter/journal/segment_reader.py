"""The read side of one segment file, window by window: it never changes a byte, and believes none without its CRC."""

import os
from pathlib import Path
from typing import Final

from spanledger.exporter.journal.disk import Disk
from spanledger.exporter.journal.format import (
    RECORD_HEADER_BYTES,
    SEGMENT_HEADER_BYTES,
    UnknownFormat,
    bytes_wanted,
    decode_segment_header,
    read_head,
    scan,
    skip,
)
from spanledger.exporter.journal.layout import segment_path
from spanledger.exporter.journal.record import JournalCorrupt, Position, Record, RecordType
from spanledger.exporter.journal.search import Found, find_epoch, find_later_group, find_record

# Read at once: dozens of small records, and some of the largest; one window and one payload are all that is held.
WINDOW_BYTES: Final = 1024 * 1024
# No header has it: an epoch is a whole number of 64 bits.
_NO_EPOCH: Final = -1


class SegmentReader:
    """An open segment, standing before record `seq` at byte `offset`. Raises `FileNotFoundError` when it is gone.

    Under a header that cannot be believed nothing is read, unless `lenient`: its records then tell their life.
    """

    def __init__(self, disk: Disk, folder: Path, first_seq: int, *, lenient: bool = False) -> None:
        self._disk = disk
        self.path = segment_path(folder, first_seq)
        self.first_seq = first_seq
        self.ended = False
        self.offset = SEGMENT_HEADER_BYTES
        self.seq = first_seq
        self._fd = disk.open(self.path, os.O_RDONLY)
        try:
            self.header_fault, epoch = self._life(folder, lenient=lenient)
        except JournalCorrupt:
            self.close()
            raise
        if self.header_fault and not lenient:
            self.close()
            raise JournalCorrupt(str(self.path), 0, self.header_fault)
        self.epoch = epoch
        """None: nothing in the file can be told to be of its present life."""
        self._epoch = _NO_EPOCH if epoch is None else epoch

    def _life(self, folder: Path, *, lenient: bool) -> tuple[str, int | None]:
        """What is wrong with the header, and the epoch of the segment's present life."""
        try:
            header = decode_segment_header(self._disk.pread(self._fd, SEGMENT_HEADER_BYTES, 0))
        except UnknownFormat as error:
            raise JournalCorrupt(str(self.path), 0, str(error)) from error
        if header is None:
            whole = self._disk.pread(self._fd, self.size, 0) if lenient else b""
            return "the segment's header is damaged", find_epoch(whole, seq=self.first_seq)
        if header.first_seq != self.first_seq or header.shard.hex() != folder.name.replace("-", ""):
            return "the segment's header is of another file", None
        return "", header.epoch

    @property
    def size(self) -> int:
        """The file's length."""
        return self._disk.size(self._fd)

    @property
    def position(self) -> Position:
        """Where the reader stands."""
        return Position(self.first_seq, self.offset, self.seq)

    def go_to(self, position: Position) -> None:
        """Stand at a position of this segment that this or another reader reached before."""
        self.offset, self.seq = position.offset, position.seq

    def skip_to(self, seq: int) -> None:
        """Pass over records up to number `seq`, or up to the first that is not there."""
        while self.seq < seq:
            window = self._window(WINDOW_BYTES)
            before = self.seq
            reached, self.seq = skip(window, 0, epoch=self._epoch, seq=self.seq, until=seq)
            self.offset += reached
            if self.seq == before:
                return

    def next_records(self) -> list[Record]:
        """The records of the next window, or one that is larger than a window; none at the valid end."""
        window = self._window(WINDOW_BYTES)
        wanted = bytes_wanted(window, 0, epoch=self._epoch, seq=self.seq)
        if wanted > len(window) >= RECORD_HEADER_BYTES:
            window = self._window(wanted)
        records: list[Record] = []
        reached = 0
        try:
            for record, end in scan(window, epoch=self._epoch, seq=self.seq):
                if record.entry.type is RecordType.SEGMENT_END:
                    self.ended = True
                else:
                    records.append(record)
                    reached = end
        except UnknownFormat as error:
            raise JournalCorrupt(str(self.path), self.offset + reached, str(error)) from error
        self.offset += reached
        self.seq += len(records)
        return records

    def is_at(self, seq: int) -> bool:
        """Whether what lies here looks like record `seq`: a damaged length can have led elsewhere."""
        head = read_head(self._window(RECORD_HEADER_BYTES), 0, self._epoch)
        return self.seq == seq and head is not None and head.seq == seq

    def find(self, seq: int) -> Found:
        """Look for record `seq` in the whole file, or for the next one that can be read."""
        return find_record(self._disk.pread(self._fd, self.size, 0), epoch=self._epoch, seq=seq)

    def pass_over(self, seq: int) -> None:
        """Stand before record `seq` whatever lies before it; if it is not there, where it may have been."""
        found = self.find(seq)
        self.offset = found.behind if found.at is None or found.seq != seq else found.at
        self.seq = seq

    def later_group(self) -> int | None:
        """Where a whole record of a group later than the unreadable record's lies, or None (the tail is torn)."""
        rest = self._window(max(0, self.size - self.offset))
        found = find_later_group(rest, 0, epoch=self._epoch, seq=self.seq)
        return None if found is None else self.offset + found

    def make_durable(self) -> None:
        """Sync what a writer that is gone may not have synced. Raises `OSError`."""
        self._disk.fdatasync(self._fd)

    def close(self) -> None:
        """Close the file."""
        self._disk.close(self._fd)

    def _window(self, size: int) -> bytes:
        return self._disk.pread(self._fd, size, self.offset)
