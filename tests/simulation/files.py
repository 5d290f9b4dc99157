"""A disk in memory that can lose power: durable bytes and names, and what was written since, by sector.

What a loss of power may leave is the widest reading of POSIX: of every 512-byte sector some prefix of the writes since
the last sync, of every file some length it had since, of every folder some prefix of the changes of its names.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

SECTOR = 512

Choose: TypeAlias = Callable[[int], int]
"""One of the whole numbers from 0 to `n`: how much of what is not durable survives."""
Flip: TypeAlias = Callable[[], bool]


@dataclass(eq=False)
class File:
    """A file: what readers see, what is durable, and the changes between the two."""

    data: bytearray = field(default_factory=bytearray)
    durable: bytearray = field(default_factory=bytearray)
    writes: list[tuple[int, bytes]] = field(default_factory=list[tuple[int, bytes]])
    sizes: list[int] = field(default_factory=list[int])
    holder: int = 0
    """Whose lock it bears; 0 for nobody's."""

    def write(self, offset: int, content: bytes) -> None:
        """Write, growing the file."""
        end = offset + len(content)
        if end > len(self.data):
            self.resize(end)
        self.data[offset:end] = content
        self.writes.append((offset, content))

    def resize(self, size: int) -> None:
        """Cut the file, or grow it with zeros."""
        if size < len(self.data):
            # What lies beyond does not come back by growing again.
            self.writes.append((size, bytes(len(self.data) - size)))
            del self.data[size:]
        else:
            self.data.extend(bytes(size - len(self.data)))
        self.sizes.append(size)

    def sync(self) -> None:
        """Make it durable as it is."""
        self.durable = bytearray(self.data)
        self.writes, self.sizes = [], []

    def drop(self, choose: Choose) -> None:
        """A sync that failed: some of it was written, the rest never will be, and readers see all of it for now."""
        self.durable = self.remains(choose, lambda: False)
        self.writes, self.sizes = [], []

    def lose_power(self, choose: Choose, flip: Flip) -> None:
        """Become what the disk holds when power returns."""
        self.data = self.remains(choose, flip)
        self.holder = 0
        self.sync()

    def remains(self, choose: Choose, flip: Flip) -> bytearray:
        """What would be on the disk if power were lost now. `flip` says whether a new piece is damaged."""
        sizes = [len(self.durable), *self.sizes]
        size = sizes[choose(len(sizes) - 1)] if self.sizes else sizes[0]
        left = bytearray(self.durable)
        by_sector: dict[int, list[tuple[int, bytes]]] = {}
        for offset, content in self.writes:
            for at, piece in _sectors(offset, content):
                by_sector.setdefault(at // SECTOR, []).append((at, piece))
        for pieces in by_sector.values():
            for at, piece in pieces[: choose(len(pieces))]:
                if at + len(piece) > len(left):
                    left.extend(bytes(at + len(piece) - len(left)))
                left[at : at + len(piece)] = piece
                if flip():
                    left[at + len(piece) // 2] ^= 0x10
        del left[size:]
        left.extend(bytes(size - len(left)))
        return left


@dataclass(eq=False)
class Folder:
    """A folder: the names as they are, the durable ones, and the changes since."""

    names: dict[str, "File | Folder"] = field(default_factory=dict[str, "File | Folder"])
    durable: dict[str, "File | Folder"] = field(default_factory=dict[str, "File | Folder"])
    changes: list[tuple[str, "File | Folder | None", str]] = field(
        default_factory=list[tuple[str, "File | Folder | None", str]]
    )
    """A name, what it names from then on (None: nothing), and the name that it had before (of a rename)."""

    def change(self, name: str, node: "File | Folder | None", former: str = "") -> None:
        """Give, take away or move a name."""
        _apply(self.names, (name, node, former))
        self.changes.append((name, node, former))

    def sync(self) -> None:
        """Make the names durable."""
        self.durable = dict(self.names)
        self.changes = []

    def lose_power(self, choose: Choose, flip: Flip) -> None:
        """Become what the disk holds when power returns, and everything inside as well."""
        names = dict(self.durable)
        for change in self.changes[: choose(len(self.changes))] if self.changes else ():
            _apply(names, change)
        self.names = names
        self.sync()
        for node in names.values():
            node.lose_power(choose, flip)


class Files:
    """A file system that survives its processes, but not always what they did not sync."""

    def __init__(self) -> None:
        self.top = Folder()

    def folder(self, path: Path) -> Folder:
        """The folder at a path. Raises `FileNotFoundError`."""
        node: File | Folder | None = self.top
        for part in path.parts[1:]:
            node = node.names.get(part) if isinstance(node, Folder) else None
        if not isinstance(node, Folder):
            raise FileNotFoundError(str(path))
        return node

    def find(self, path: Path) -> "File | Folder | None":
        """What is at a path."""
        try:
            return self.folder(path.parent).names.get(path.name) if path.name else self.top
        except FileNotFoundError:
            return None

    def every_file(self) -> Iterator[File]:
        """All files."""
        folders = [self.top]
        while folders:
            for node in folders.pop().names.values():
                if isinstance(node, File):
                    yield node
                else:
                    folders.append(node)

    def lose_power(self, choose: Choose, flip: Flip) -> None:
        """Every process is gone, and of what was not durable only some is left."""
        self.top.lose_power(choose, flip)


def _apply(names: dict[str, "File | Folder"], change: tuple[str, "File | Folder | None", str]) -> None:
    name, node, former = change
    names.pop(former, None)
    if node is None:
        names.pop(name, None)
    else:
        names[name] = node


def _sectors(offset: int, content: bytes) -> Iterator[tuple[int, bytes]]:
    """The pieces of a write that reach the disk each on its own."""
    at = 0
    while at < len(content):
        room = SECTOR - (offset + at) % SECTOR
        yield offset + at, content[at : at + room]
        at += room
