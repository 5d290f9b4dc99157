"""The journal's disk port as one simulated process sees it: every call may fail, or be the process's last."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from errno import EIO, ENOSPC
from itertools import count
from pathlib import Path
from random import Random

from simulation.files import File, Files, Folder

from spanledger.exporter.journal.disk import Disk

_DESCRIPTORS = count(1000)
# Fewer dice: what a disk does is asked some thousand times a world.
_NEVER = 0.0


class Killed(BaseException):
    """The process died in the middle of something; nobody in it may catch this."""


@dataclass
class Weather:
    """What can go wrong with a disk now, as chances by call."""

    chance: Random
    death: float = _NEVER
    sync_error: float = _NEVER
    write_error: float = _NEVER
    full: bool = False
    """No room for anything that grows."""
    full_for_all: bool = False
    """On such a file system (copy on write) nor for what overwrites."""

    def happens(self, probability: float) -> bool:
        """Whether something of this chance happens now."""
        return probability > 0 and self.chance.random() < probability


@dataclass
class _Open:
    file: File
    locked: bool = False


@dataclass
class SimDisk(Disk):
    """One process's view of the files: dies with it."""

    files: Files
    weather: Weather
    on_step: Callable[[], None] = lambda: None
    """Called before every call that changes something; may raise `Killed`."""
    dead: bool = False
    _fds: dict[int, _Open] = field(default_factory=dict[int, _Open])

    def die(self) -> None:
        """Let go of everything, as the system does for a process that is gone."""
        self.dead = True
        for opened in self._fds.values():
            if opened.locked:
                opened.file.holder = 0
        self._fds.clear()

    def open(self, path: Path, flags: int) -> int:
        """Open a file."""
        self._alive()
        node = self.files.find(path)
        if isinstance(node, Folder):
            raise IsADirectoryError(str(path))
        if node is None:
            if not flags & os.O_CREAT:
                raise FileNotFoundError(str(path))
            folder = self.files.folder(path.parent)
            self._changing()
            if self.weather.full:
                raise OSError(ENOSPC, "No space left on device")
            node = File()
            folder.change(path.name, node)
        elif flags & os.O_TRUNC and node.data:
            self._changing()
            node.resize(0)
        fd = next(_DESCRIPTORS)
        self._fds[fd] = _Open(node)
        return fd

    def close(self, fd: int) -> None:
        """Close; what a process that is gone closes, the system has closed already."""
        opened = self._fds.pop(fd, None)
        if opened is not None and opened.locked:
            opened.file.holder = 0

    def size(self, fd: int) -> int:
        """The length of a file."""
        return len(self._file(fd).data)

    def pread(self, fd: int, size: int, offset: int) -> bytes:
        """What readers see, durable or not."""
        return bytes(self._file(fd).data[offset : offset + size])

    def pwritev(self, fd: int, buffers: Sequence[bytes | memoryview], offset: int) -> int:
        """Write; a death or a full disk may come in the middle."""
        file, content = self._file(fd), b"".join(buffers)
        self.on_step()
        if self.weather.happens(self.weather.death):
            file.write(offset, content[: self.weather.chance.randint(0, len(content))])
            raise Killed
        if self.weather.happens(self.weather.write_error):
            raise OSError(EIO, "Input/output error")
        grows = offset + len(content) > len(file.data)
        if self.weather.full and (grows or self.weather.full_for_all):
            part = content[: self.weather.chance.choice((0, len(content) // 3, len(content) // 2))]
            if not part:
                raise OSError(ENOSPC, "No space left on device")
            content = part
        file.write(offset, content)
        return len(content)

    def fdatasync(self, fd: int) -> None:
        """Sync; a failure is told once, and drops what was not written."""
        file = self._file(fd)
        self._changing()
        if self.weather.happens(self.weather.sync_error):
            file.drop(lambda most: self.weather.chance.randint(0, most))
            raise OSError(EIO, "Input/output error")
        file.sync()

    def fallocate(self, fd: int, size: int) -> None:
        """Reserve room."""
        file = self._file(fd)
        self._changing()
        if self.weather.full:
            raise OSError(ENOSPC, "No space left on device")
        if size > len(file.data):
            file.resize(size)

    def truncate(self, fd: int, size: int) -> None:
        """Cut a file."""
        file = self._file(fd)
        self._changing()
        file.resize(size)

    def rename(self, source: Path, target: Path) -> None:
        """Rename within a folder."""
        assert source.parent == target.parent
        folder = self.files.folder(source.parent)
        node = folder.names.get(source.name)
        self._changing()
        if node is None:
            raise FileNotFoundError(str(source))
        folder.change(target.name, node, source.name)

    def unlink(self, path: Path) -> None:
        """Remove a file's name."""
        folder = self.files.folder(path.parent)
        self._changing()
        if path.name not in folder.names:
            raise FileNotFoundError(str(path))
        folder.change(path.name, None)

    def mkdir(self, path: Path) -> None:
        """Make a folder."""
        folder = self.files.folder(path.parent)
        self._changing()
        if path.name in folder.names:
            raise FileExistsError(str(path))
        if self.weather.full:
            raise OSError(ENOSPC, "No space left on device")
        folder.change(path.name, Folder())

    def rmdir(self, path: Path) -> None:
        """Remove an empty folder."""
        folder = self.files.folder(path.parent)
        self._changing()
        assert not self.files.folder(path).names
        folder.change(path.name, None)

    def names(self, folder: Path) -> list[str]:
        """The names in a folder."""
        self._alive()
        node = self.files.find(folder)
        return list(node.names) if isinstance(node, Folder) else []

    def is_folder(self, path: Path) -> bool:
        """Whether there is such a folder."""
        self._alive()
        return isinstance(self.files.find(path), Folder)

    def length(self, path: Path) -> int:
        """A file's length."""
        self._alive()
        node = self.files.find(path)
        return len(node.data) if isinstance(node, File) else 0

    def space(self, folder: Path) -> tuple[int, int]:
        """Whether it is full is told by the calls that find out."""
        return 10**12, 10**12

    def lock(self, fd: int) -> None:
        """Take a lock. Processes take turns at whole steps, so nobody else can be holding it."""
        opened = self._fds[fd]
        assert not opened.file.holder, "a lock was left held"
        opened.file.holder, opened.locked = fd, True

    def try_shared_lock(self, fd: int) -> bool:
        """Whether nobody holds the lock."""
        return not self._fds[fd].file.holder

    def unlock(self, fd: int) -> None:
        """Let go of a lock."""
        opened = self._fds.get(fd)
        if opened is not None and opened.locked:
            opened.file.holder, opened.locked = 0, False

    def fsync_dir(self, path: Path) -> None:
        """Make a folder's names durable."""
        folder = self.files.folder(path)
        self._changing()
        if self.weather.happens(self.weather.sync_error):
            raise OSError(EIO, "Input/output error")
        folder.sync()

    def _file(self, fd: int) -> File:
        self._alive()
        return self._fds[fd].file

    def _changing(self) -> None:
        self._alive()
        self.on_step()
        if self.weather.happens(self.weather.death):
            raise Killed

    def _alive(self) -> None:
        if self.dead:
            raise Killed
