"""Disks that fail on demand, under the real journal."""

import errno
import threading
from collections.abc import Sequence

from spanledger.exporter.journal.disk import Disk


class FullDisk(Disk):
    """Takes no byte until `room` is set."""

    def __init__(self) -> None:
        self.room = threading.Event()

    def pwritev(self, fd: int, buffers: Sequence[bytes | memoryview], offset: int) -> int:
        """Write, or fail as a full file system does."""
        if not self.room.is_set():
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().pwritev(fd, buffers, offset)


class DyingDisk(Disk):
    """Fails the first sync of file contents, as a dying device does, and works again."""

    def __init__(self) -> None:
        self.failures_left = 1

    def fdatasync(self, fd: int) -> None:
        """Sync, or fail with EIO."""
        if self.failures_left:
            self.failures_left -= 1
            raise OSError(errno.EIO, "Input/output error")
        super().fdatasync(fd)


class StalledDisk(Disk):
    """Answers no sync of file contents until `goes_on` is set."""

    def __init__(self) -> None:
        self.goes_on = threading.Event()

    def fdatasync(self, fd: int) -> None:
        """Sync, once it goes on."""
        self.goes_on.wait()
        super().fdatasync(fd)
