"""Segment files ready before they are needed: zero-filled in the background, or recycled.

Writing over bytes that are already allocated lets `fdatasync` skip the file system's own journal.
"""

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from errno import ECANCELED
from pathlib import Path
from typing import Final

from spanledger.exporter.failures import Transient
from spanledger.exporter.journal.disk import Disk, DiskFailed, sync, write_all
from spanledger.exporter.journal.layout import SPARE

# How much is zeroed between two looks at whether the writer has closed.
_ZEROS: Final = bytes(1024 * 1024)


@dataclass(frozen=True, slots=True)
class Spare:
    """An open file of `size` bytes that can become a segment."""

    fd: int
    path: Path
    size: int


class Spares:
    """At most one spare segment of a shard. `check_room(bytes)` raises when the quota forbids a new file."""

    def __init__(self, disk: Disk, folder: Path, size: int, check_room: Callable[[int], None]) -> None:
        self._disk = disk
        self._path = folder / SPARE
        self._size = size
        self._check_room = check_room
        self._ready: Spare | None = None
        self._failed: DiskFailed | None = None
        self._closing = False
        # Held while a spare is made, which may take a while: the writer that needs one waits for the same work.
        self._making = threading.Lock()
        self._thread: threading.Thread | None = None

    @property
    def is_ready(self) -> bool:
        """Whether one is there."""
        return self._ready is not None

    def want(self) -> None:
        """Have one made in the background, if there is none."""
        if self._ready is None and (self._thread is None or not self._thread.is_alive()):
            self._thread = threading.Thread(target=self._make_ahead, name="spanledger-journal-spare", daemon=True)
            # At the interpreter's end no thread starts any more; the writer then makes the file itself.
            with suppress(RuntimeError):
                self._thread.start()

    def take(self, size_min: int) -> Spare:
        """A file of at least `size_min` bytes. Raises `OSError` or `Transient` without room, `DiskFailed`."""
        with self._making:
            if self._failed is not None:
                raise self._failed
            if self._ready is not None and self._ready.size >= size_min:
                spare, self._ready = self._ready, None
                return spare
            self._discard()
            return self._make(max(self._size, size_min))

    def offer(self, path: Path) -> bool:
        """Keep a segment that is not needed any more, with the bytes it holds. False: there is no use for it."""
        if not self._making.acquire(blocking=False):
            return False
        try:
            if self._ready is not None:
                return False
            fd = self._disk.open(path, os.O_RDWR)
            try:
                if self._disk.size(fd) == self._size:
                    self._disk.rename(path, self._path)
                    self._ready = Spare(fd, self._path, self._size)
                return self._ready is not None
            finally:
                if self._ready is None:
                    self._disk.close(fd)
        finally:
            self._making.release()

    def close(self) -> None:
        """Stop making one, and remove what is there."""
        self._closing = True
        with self._making:
            self._discard()

    def forget(self) -> None:
        """Close the inherited file in a forked child; the parent goes on with it."""
        if self._ready is not None:
            self._disk.close(self._ready.fd)

    def _make_ahead(self) -> None:
        try:
            with self._making:
                if self._ready is None and not self._closing:
                    self._ready = self._make(self._size)
        except DiskFailed as error:
            self._failed = error
        except (OSError, Transient):
            # No room now: the writer asks again when it needs the file, and its senders get the answer.
            return

    def _make(self, size: int) -> Spare:
        self._check_room(size)
        spare = new_file(self._disk, self._path, size)
        try:
            for offset in range(0, size, len(_ZEROS)):
                if self._closing:
                    raise OSError(ECANCELED, "the journal is closing")  # noqa: TRY301 - discarded like any other
                write_all(self._disk, spare.fd, [_ZEROS[: size - offset]], offset)
            sync(self._disk, spare.fd)
        except (OSError, DiskFailed):
            discard(self._disk, spare)
            raise
        return spare

    def _discard(self) -> None:
        if self._ready is not None:
            discard(self._disk, self._ready)
            self._ready = None


def new_file(disk: Disk, path: Path, size: int) -> Spare:
    """A file with room reserved, not yet zero-filled. Raises `OSError` without room, and leaves nothing."""
    spare = Spare(disk.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC), path, size)
    try:
        disk.fallocate(spare.fd, size)
    except OSError:
        discard(disk, spare)
        raise
    return spare


def discard(disk: Disk, spare: Spare) -> None:
    """Close and remove a file that did not become a segment."""
    disk.close(spare.fd)
    with suppress(OSError):
        disk.unlink(spare.path)
