"""The two small files beside the segments: POSTED (what the ledger has) and SYNCED (what is durable)."""

import os
from pathlib import Path

from spanledger.exporter.journal.disk import Disk, write_all
from spanledger.exporter.journal.format import (
    MARK_BYTES,
    NOWHERE,
    POSTED_MAGIC,
    SYNCED_MAGIC,
    Mark,
    decode_mark,
    encode_mark,
)
from spanledger.exporter.journal.layout import POSTED, POSTED_NEXT, SYNCED
from spanledger.exporter.journal.record import JournalCorrupt

# SYNCED is rewritten in place: a reader may see half of it, once. More often is damage, not bad luck.
_READS_MAX = 10


def read_posted(disk: Disk, folder: Path) -> Mark:
    """The shard's checkpoint. An unreadable one is never taken for "nothing posted": raises `JournalCorrupt`."""
    content = _content(disk, folder / POSTED)
    if content is None:
        return NOWHERE
    mark = decode_mark(POSTED_MAGIC, content)
    if mark is None:
        raise JournalCorrupt(str(folder / POSTED), 0, "the checkpoint is damaged")
    return mark


def write_posted(disk: Disk, folder: Path, mark: Mark) -> None:
    """Replace the checkpoint, durably, all or nothing. The caller holds the root's lock."""
    fd = disk.open(folder / POSTED_NEXT, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    try:
        write_all(disk, fd, [encode_mark(POSTED_MAGIC, mark)], 0)
        disk.fdatasync(fd)
    finally:
        disk.close(fd)
    disk.rename(folder / POSTED_NEXT, folder / POSTED)
    disk.fsync_dir(folder)


def read_synced(disk: Disk, folder: Path) -> Mark:
    """A lower bound of what is durable, exact while the writer lives; `NOWHERE` when it cannot be told."""
    for _ in range(_READS_MAX):
        mark = decode_mark(SYNCED_MAGIC, _content(disk, folder / SYNCED) or b"")
        if mark is not None:
            return mark
    return NOWHERE


def open_synced(disk: Disk, folder: Path) -> int:
    """Create the SYNCED file of a new shard."""
    return disk.open(folder / SYNCED, os.O_WRONLY | os.O_CREAT)


def write_synced(disk: Disk, fd: int, mark: Mark) -> None:
    """Tell readers, in any process, how far they may read. Never synced: it may be late, but never ahead."""
    write_all(disk, fd, [encode_mark(SYNCED_MAGIC, mark)], 0)


def _content(disk: Disk, path: Path) -> bytes | None:
    try:
        fd = disk.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        # One byte more than a mark has, so that a longer file is seen to be wrong.
        return disk.pread(fd, MARK_BYTES + 1, 0)
    finally:
        disk.close(fd)
