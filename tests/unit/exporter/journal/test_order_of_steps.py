"""The order in which bytes and names become durable, which is what a power failure tests: final, so written down."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from support.journal import WAIT_S, append_all, append_singly, only_shard

from spanledger.exporter.journal import JournalWriter
from spanledger.exporter.journal.disk import Disk

SMALL = 64 * 1024


class RecordingDisk(Disk):
    """Keeps what the writer's thread does to which file; a shard's folder is called `shard`."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self._names: dict[int, str] = {}
        self.preparing = threading.Event()

    def open(self, path: Path, flags: int) -> int:
        """Open, and remember the name."""
        fd = super().open(path, flags)
        self._names[fd] = path.name
        return fd

    def pwritev(self, fd: int, buffers: Sequence[bytes | memoryview], offset: int) -> int:
        """Note and write."""
        self._note(f"write {self._names[fd]}")
        return super().pwritev(fd, buffers, offset)

    def fdatasync(self, fd: int) -> None:
        """Note and sync."""
        self._note(f"sync {self._names[fd]}")
        super().fdatasync(fd)

    def mkdir(self, path: Path) -> None:
        """Note and make."""
        self._note(f"mkdir {_called(path)}")
        super().mkdir(path)

    def rename(self, source: Path, target: Path) -> None:
        """Note and rename; an open file is known by its new name from then on."""
        self._note(f"rename {_called(source)} {_called(target)}")
        self._names = {fd: target.name if name == source.name else name for fd, name in self._names.items()}
        super().rename(source, target)

    def unlink(self, path: Path) -> None:
        """Note and remove."""
        self._note(f"unlink {path.name}")
        super().unlink(path)

    def fsync_dir(self, path: Path) -> None:
        """Note and sync."""
        self._note(f"sync names in {_called(path)}")
        super().fsync_dir(path)

    def during(self, action: Callable[[], object]) -> list[str]:
        """The steps of one action."""
        self.steps = []
        action()
        return self.steps

    def _note(self, step: str) -> None:
        if threading.current_thread().name == "spanledger-journal":
            self.steps.append(step)
        else:
            self.preparing.set()


def _called(path: Path) -> str:
    if path.name.endswith(".new"):
        return "unborn shard"
    return "shard" if len(path.name) == 36 else path.name


def test_a_shard_is_born_whole(tmp_path: Path) -> None:
    """It gets its name when its lock and its first segment are in it, and answers nobody before that is durable.

    The folders above are there: whoever made them may have died before their names were durable.
    """
    disk = RecordingDisk()
    writer = JournalWriter(tmp_path / "journal", segment_bytes=SMALL, disk=disk)
    assert disk.during(lambda: append_all(writer, [1])) == [
        *(f"sync names in {above.name}" for above in reversed(tmp_path.parents)),
        "mkdir journal",
        f"sync names in {tmp_path.name}",
        "mkdir unborn shard",
        "write LOCK",
        "write SPARE",
        "sync SPARE",
        "rename SPARE 0000000000000001.seg",
        "sync names in unborn shard",
        "write SYNCED",
        "rename unborn shard shard",
        "sync names in journal",
        "write 0000000000000001.seg",
        "sync 0000000000000001.seg",
        "write SYNCED",
    ]
    assert disk.during(lambda: append_all(writer, [2])) == [
        "write 0000000000000001.seg",
        "sync 0000000000000001.seg",
        "write SYNCED",
    ]
    writer.close()


def test_a_segment_follows_another(tmp_path: Path) -> None:
    """The new header and its name are durable before the old segment says that it has a successor, and before a record.

    Then the posted one is recycled, but only after the checkpoint that allows it is durable under its name.
    """
    disk = RecordingDisk()
    writer = JournalWriter(tmp_path, segment_bytes=SMALL, disk=disk)
    append_singly(writer, [1, 2], size=25_000)
    # The spare is being made in the background: from here on the writer waits for it and makes none itself.
    assert disk.preparing.wait(WAIT_S)
    steps = disk.during(lambda: append_singly(writer, [3], size=25_000))
    assert steps == [
        "write SPARE",
        "sync SPARE",
        "rename SPARE 0000000000000003.seg",
        "sync names in shard",
        "write 0000000000000001.seg",
        "sync 0000000000000001.seg",
        "write 0000000000000003.seg",
        "sync 0000000000000003.seg",
        "write SYNCED",
    ]
    only_shard(tmp_path).mark_posted(2)
    assert disk.during(lambda: append_singly(writer, [4], size=25_000)) == [
        "write 0000000000000003.seg",
        "sync 0000000000000003.seg",
        "write SYNCED",
        "sync names in shard",
        "rename 0000000000000001.seg SPARE",
    ]
    writer.close()


def test_closing_writes_nothing(tmp_path: Path) -> None:
    """A clean end and kill -9 leave the same shard."""
    disk = RecordingDisk()
    writer = JournalWriter(tmp_path, segment_bytes=SMALL, disk=disk)
    append_all(writer, [1])
    assert disk.during(writer.close) == []


def test_a_checkpoint_is_replaced_whole(tmp_path: Path) -> None:
    """Its content is durable before it takes the name, its name before anybody may rely on it."""
    writer = JournalWriter(tmp_path, segment_bytes=SMALL)
    append_all(writer, [1])
    disk = RecordingDisk()
    poster = threading.Thread(target=lambda: only_shard(tmp_path, disk).mark_posted(1), name="spanledger-journal")

    def post() -> None:
        poster.start()
        poster.join()

    assert disk.during(post) == [
        "write POSTED.tmp",
        "sync POSTED.tmp",
        "rename POSTED.tmp POSTED",
        "sync names in shard",
    ]
    writer.close()
