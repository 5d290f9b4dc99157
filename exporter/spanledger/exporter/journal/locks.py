"""Who is alive, told by `flock`: the system lets go of a dead process's lock, whatever killed it.

Descriptors are closed on exec, and a forked child closes the ones it inherits: only the writer itself keeps its lock.
"""

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from spanledger.exporter.journal.disk import Disk, write_all
from spanledger.exporter.journal.layout import LOCK, ROOT_LOCK

_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


@contextmanager
def root_lock(disk: Disk, root: Path) -> Generator[None]:
    """Hold the lock under which shards are made, marked as posted and removed, by whatever process."""
    fd = disk.open(root / ROOT_LOCK, os.O_RDWR | os.O_CREAT)
    try:
        disk.lock(fd)
        yield
    finally:
        disk.unlock(fd)
        disk.close(fd)


def hold(disk: Disk, folder: Path) -> int:
    """Take a new shard's lock for the life of this process: the descriptor to keep open. Says inside whose it is."""
    fd = disk.open(folder / LOCK, os.O_RDWR | os.O_CREAT)
    try:
        disk.lock(fd)
        boot = _BOOT_ID.read_text().strip() if _BOOT_ID.exists() else "unknown"
        write_all(disk, fd, [f"pid {os.getpid()} boot {boot}\n".encode()], 0)
    except OSError:
        disk.close(fd)
        raise
    return fd


def is_held(disk: Disk, folder: Path) -> bool:
    """Whether the shard's writer lives."""
    try:
        fd = disk.open(folder / LOCK, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        # Shared, so that two who look at once do not take each other for the writer.
        if not disk.try_shared_lock(fd):
            return True
        disk.unlock(fd)
        return False
    finally:
        disk.close(fd)
