"""The write side of one segment file: header, groups, a tail that can be taken back, an end record."""

from collections.abc import Sequence
from contextlib import suppress
from errno import EDQUOT, ENOSPC
from pathlib import Path
from typing import Final

from spanledger.exporter.journal.disk import Disk, DiskFailed, sync, sync_folder, write_all
from spanledger.exporter.journal.format import (
    END_RECORD_BYTES,
    SEGMENT_HEADER_BYTES,
    SegmentHeader,
    encode_end,
    encode_segment_header,
)
from spanledger.exporter.journal.layout import segment_path
from spanledger.exporter.journal.spares import Spare, discard

# What a segment holds beside its groups.
SEGMENT_OVERHEAD_BYTES: Final = SEGMENT_HEADER_BYTES + END_RECORD_BYTES
_NO_SPACE: Final = (ENOSPC, EDQUOT)


class Segment:
    """A segment being written. Records go to `offset`; `room` is left for the next group."""

    def __init__(self, disk: Disk, spare: Spare, header: SegmentHeader) -> None:
        self._disk = disk
        self._fd = spare.fd
        self.header = header
        self.capacity = spare.size
        self.offset = SEGMENT_HEADER_BYTES

    @property
    def room(self) -> int:
        """How many bytes the next group may take."""
        return self.capacity - END_RECORD_BYTES - self.offset

    def append(self, buffers: Sequence[bytes]) -> None:
        """Write one group at the tail, not yet durable.

        Raises `OSError` when there is no space, with the tail as it was; `DiskFailed` on anything else.
        """
        try:
            write_all(self._disk, self._fd, buffers, self.offset)
        except OSError as error:
            if error.errno not in _NO_SPACE:
                msg = f"a write to the journal failed: {error}"
                raise DiskFailed(msg) from error
            self._restore_tail()
            raise
        self.offset += sum(map(len, buffers))

    def sync(self) -> None:
        """Make the groups written so far durable. Raises `DiskFailed`."""
        sync(self._disk, self._fd)

    def end(self, next_seq: int, received_ns: int) -> None:
        """Write the end record, once the next segment is there: if that file is ever lost, a reader can tell.

        Without space it is left out: the next segment's header says as well where this one ended.
        """
        with suppress(OSError):
            end = encode_end(seq=next_seq, received_ns=received_ns, epoch=self.header.epoch)
            write_all(self._disk, self._fd, [end], self.offset)
        self.sync()

    def close(self) -> None:
        """Close the file; nothing is written."""
        self._disk.close(self._fd)

    def _restore_tail(self) -> None:
        """Cut off half a group: whole records in it were not acknowledged, and their numbers will be used again."""
        try:
            self._disk.truncate(self._fd, self.offset)
        except OSError as error:
            msg = f"half a group could not be taken back: {error}"
            raise DiskFailed(msg) from error
        self.sync()


def begin_segment(disk: Disk, folder: Path, spare: Spare, header: SegmentHeader) -> Segment:
    """Make a spare file the shard's newest segment, durably, before the first record in it is acknowledged.

    The header is durable before the file has its name: a segment with an unreadable header is damage, never a crash.
    Raises `OSError` when the spare could not be used (it is then discarded), `DiskFailed` when a sync failed.
    """
    try:
        write_all(disk, spare.fd, [encode_segment_header(header)], 0)
        sync(disk, spare.fd)
        disk.rename(spare.path, segment_path(folder, header.first_seq))
    except (OSError, DiskFailed):
        discard(disk, spare)
        raise
    sync_folder(disk, folder)
    return Segment(disk, spare, header)
