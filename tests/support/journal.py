"""Entries that tell themselves apart, and disks that fail on demand."""

import threading
from collections.abc import Sequence
from errno import EIO, ENOSPC
from pathlib import Path

from spanledger.exporter.journal import Entry, JournalWriter, Record, Shard, Signal, shards
from spanledger.exporter.journal.disk import DISK, Disk

WAIT_S = 30
"""How long a test waits for what must happen: only a broken journal takes it."""


ROOMY = 1024 * 1024
"""Segments that a test of small records does not fill, and with no background work for the next one."""


def entry(number: int, size: int = 100) -> Entry:
    """Entry `number`: its payload is `size` bytes that follow from the number."""
    return Entry(payload(number, size), Signal.TRACES, "*", "acme", number)


def payload(number: int, size: int) -> bytes:
    """`size` bytes that differ for every number."""
    unit = number.to_bytes(8)
    return (unit * (size // 8 + 1))[:size]


def append_all(writer: JournalWriter, numbers: Sequence[int], size: int = 100) -> list[int]:
    """Append entries and wait until all are durable: their sequence numbers."""
    futures = [writer.append(entry(number, size)) for number in numbers]
    return [future.result(WAIT_S) for future in futures]


def append_singly(writer: JournalWriter, numbers: Sequence[int], size: int = 100) -> list[int]:
    """Append entries in groups of one."""
    return [writer.append(entry(number, size)).result(WAIT_S) for number in numbers]


def only_shard(root: Path, disk: Disk = DISK) -> Shard:
    """The one shard of a journal."""
    (shard,) = shards(root, disk=disk)
    return shard


def numbers(records: Sequence[Record]) -> list[int]:
    """Which entries these records hold, each checked to be whole."""
    for record in records:
        assert record.entry.payload == payload(record.entry.elements, len(record.entry.payload))
    return [record.entry.elements for record in records]


def flip_bit(path: Path, offset: int) -> None:
    """Damage one bit of a file."""
    content = bytearray(path.read_bytes())
    content[offset] ^= 0x10
    path.write_bytes(content)


class GatedDisk(Disk):
    """Syncs of files wait for the gate; `reached` tells that one does. It counts them.

    Use it with segments of `ROOMY` bytes: while they are not half full, only groups are synced.
    """

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.reached = threading.Event()
        self.syncs = 0

    def fdatasync(self, fd: int) -> None:
        """Wait, then sync."""
        self.syncs += 1
        self.reached.set()
        assert self.gate.wait(WAIT_S)
        super().fdatasync(fd)

    def shut(self) -> None:
        """Let the next sync wait."""
        self.reached.clear()
        self.gate.clear()


class SmallDisk(GatedDisk):
    """A gated disk, without preallocation, that takes `free_bytes` more: what fits is written, then ENOSPC."""

    def __init__(self, free_bytes: int) -> None:
        super().__init__()
        self.free_bytes = free_bytes

    def fallocate(self, fd: int, size: int) -> None:
        """Nothing: room is taken when it is written."""

    def pwritev(self, fd: int, buffers: Sequence[bytes | memoryview], offset: int) -> int:
        """Write what still fits; short first, an error when nothing fits."""
        whole = b"".join(buffers)
        fits = whole[: max(0, self.free_bytes)]
        if not fits:
            raise OSError(ENOSPC, "No space left on device")
        self.free_bytes -= len(fits)
        return super().pwritev(fd, [fits], offset)


class BadDisk(Disk):
    """A disk whose named call fails with EIO while `broken` is set."""

    def __init__(self, call: str) -> None:
        self.broken = False
        self._call = call

    def fdatasync(self, fd: int) -> None:
        """Sync, or fail."""
        self._maybe_fail("fdatasync")
        super().fdatasync(fd)

    def fsync_dir(self, path: Path) -> None:
        """Sync, or fail."""
        self._maybe_fail("fsync_dir")
        super().fsync_dir(path)

    def pwritev(self, fd: int, buffers: Sequence[bytes | memoryview], offset: int) -> int:
        """Write, or fail."""
        self._maybe_fail("pwritev")
        return super().pwritev(fd, buffers, offset)

    def _maybe_fail(self, call: str) -> None:
        if self.broken and call == self._call:
            raise OSError(EIO, "Input/output error")
