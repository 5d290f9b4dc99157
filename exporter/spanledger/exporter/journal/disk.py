"""Every call of the journal that reaches the disk, and nothing else: a test can put a failing disk in its place."""

import fcntl
import os
import sys
from collections.abc import Sequence
from errno import EINVAL, ENOSPC, EOPNOTSUPP
from pathlib import Path
from typing import Final

# The journal holds who used what: it is for its owner's eyes.
_FILE_MODE: Final = 0o600
_FOLDER_MODE: Final = 0o700


class DiskFailed(Exception):
    """The disk did not do what durability needs (a failed sync, a failed write); nothing more may be acknowledged.

    After a failed fsync Linux drops the dirty pages and reports it once: trying again would only seem to succeed.
    """


class Disk:
    """The real disk. Calls raise `OSError` as the system does."""

    def open(self, path: Path, flags: int) -> int:
        """Open a file; a created one is readable by its owner only."""
        return os.open(path, flags | os.O_CLOEXEC, _FILE_MODE)

    def close(self, fd: int) -> None:
        """Close a file."""
        os.close(fd)

    def size(self, fd: int) -> int:
        """The length of an open file in bytes."""
        return os.fstat(fd).st_size

    def pread(self, fd: int, size: int, offset: int) -> bytes:
        """Up to `size` bytes from `offset`."""
        return os.pread(fd, size, offset)

    def pwritev(self, fd: int, buffers: Sequence[bytes | memoryview], offset: int) -> int:
        """Write the buffers one after the other; the count written may fall short."""
        return os.pwritev(fd, buffers, offset)

    def fdatasync(self, fd: int) -> None:
        """Make a file's bytes durable, and of its metadata what reading them needs."""
        if sys.platform == "darwin":
            _full_sync(fd)
        else:
            os.fdatasync(fd)

    def fallocate(self, fd: int, size: int) -> None:
        """Reserve room for the first `size` bytes, where the file system can."""
        if sys.platform == "darwin":
            return
        try:
            os.posix_fallocate(fd, 0, size)
        except OSError as error:
            # Some file systems cannot; then room is taken as bytes are written.
            if error.errno not in (EOPNOTSUPP, EINVAL):
                raise

    def truncate(self, fd: int, size: int) -> None:
        """Cut a file."""
        os.ftruncate(fd, size)

    def rename(self, source: Path, target: Path) -> None:
        """Give a file or folder a new name, replacing a file that has it."""
        source.replace(target)

    def unlink(self, path: Path) -> None:
        """Remove a file."""
        path.unlink()

    def mkdir(self, path: Path) -> None:
        """Make a folder for its owner only."""
        path.mkdir(mode=_FOLDER_MODE)

    def rmdir(self, path: Path) -> None:
        """Remove an empty folder."""
        path.rmdir()

    def names(self, folder: Path) -> list[str]:
        """The names in a folder; none when it is not there."""
        try:
            return os.listdir(folder)  # noqa: PTH208 - names are all that is needed
        except FileNotFoundError:
            return []

    def is_folder(self, path: Path) -> bool:
        """Whether there is such a folder."""
        return path.is_dir()

    def length(self, path: Path) -> int:
        """A file's length in bytes; 0 when it is gone."""
        try:
            return path.stat().st_size
        except FileNotFoundError:
            return 0

    def space(self, folder: Path) -> tuple[int, int]:
        """The bytes left for us on a folder's file system, and all it has."""
        told = os.statvfs(folder)
        return told.f_bavail * told.f_frsize, told.f_blocks * told.f_frsize

    def lock(self, fd: int) -> None:
        """Take a file's lock, after whoever has it now."""
        fcntl.flock(fd, fcntl.LOCK_EX)

    def try_shared_lock(self, fd: int) -> bool:
        """Take a file's lock unless somebody has it alone: whether it was had."""
        try:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def unlock(self, fd: int) -> None:
        """Let go of a file's lock. Closing would not do while a forked child holds a copy of the descriptor."""
        fcntl.flock(fd, fcntl.LOCK_UN)

    def fsync_dir(self, path: Path) -> None:
        """Make the names in a folder durable."""
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


DISK: Final = Disk()


def sync(disk: Disk, fd: int) -> None:
    """Make a file durable. Raises `DiskFailed`, never to be tried again."""
    try:
        disk.fdatasync(fd)
    except OSError as error:
        msg = f"a sync of the journal failed: {error.strerror}"
        raise DiskFailed(msg) from error


def sync_folder(disk: Disk, path: Path) -> None:
    """Make a folder's names durable. Raises `DiskFailed`, never to be tried again."""
    try:
        disk.fsync_dir(path)
    except OSError as error:
        msg = f"a sync of folder {path} failed: {error.strerror}"
        raise DiskFailed(msg) from error


def write_all(disk: Disk, fd: int, buffers: Sequence[bytes], offset: int) -> None:
    """Write every byte, in one call when the system takes it whole. Raises `OSError` when it does not."""
    if len(buffers) > _BUFFERS_MAX:
        buffers = [b"".join(buffers)]
    size = sum(map(len, buffers))
    written = disk.pwritev(fd, buffers, offset)
    if written == size:
        return
    # The call after a short write is the one that tells why it was short.
    rest = memoryview(b"".join(buffers))
    while written < size:
        count = disk.pwritev(fd, [rest[written:]], offset + written)
        if count == 0:
            raise OSError(ENOSPC, os.strerror(ENOSPC))
        written += count


# POSIX lets a system refuse longer scatter lists (IOV_MAX, 1024 on Linux).
_BUFFERS_MAX: Final = 1024


def _full_sync(fd: int) -> None:
    """`fsync` on macOS stops at the drive's cache; this fcntl goes through it."""
    fcntl.fcntl(fd, getattr(fcntl, "F_FULLFSYNC"))  # noqa: B009 - unknown to the types of other systems
