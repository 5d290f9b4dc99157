"""One process at a time holds an embedded store: an exclusive flock on STORE/LOCK, which names the holder's pid.

The kernel frees the lock when the holder ends, however it ends; a file left behind locks nothing.
"""

import fcntl
import os
import weakref
from pathlib import Path
from typing import Final

from spanledger.schemas import StoreLockedError, StoreUnavailableError

NAME: Final = "LOCK"
_PID_BYTES_MAX: Final = 32


class FolderLock:
    """Holds the lock from creation to `close`. Raises `StoreLockedError` when another holds it."""

    def __init__(self, folder: Path) -> None:
        path = folder / NAME
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            msg = f"cannot write {path} ({error.strerror}): give this user write access, or name another store folder"
            raise StoreUnavailableError(msg) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, _PID_BYTES_MAX, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(descriptor)
            msg = (
                f"another process (pid {holder}) holds the store {folder}: use it through `spanledger serve`, "
                "or wait until that process has ended"
            )
            raise StoreLockedError(msg) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._descriptor = descriptor
        _held.add(self)

    def close(self) -> None:
        """Free the lock. Calling it again does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
            _held.discard(self)


def _forget_in_child() -> None:
    """A forked child drops its copy, so that the lock ends with the process that took it."""
    for held in list(_held):
        held.close()


_held: weakref.WeakSet[FolderLock] = weakref.WeakSet()
os.register_at_fork(after_in_child=_forget_in_child)
