"""Disks that are full or lie: refuse honestly, lose nothing that was acknowledged, recover alone, or stop for good."""

import os
import subprocess
import threading
from collections.abc import Generator, Sequence
from errno import ENOSPC
from pathlib import Path

import pytest
from support.journal import (
    ROOMY,
    WAIT_S,
    BadDisk,
    SmallDisk,
    append_all,
    append_singly,
    entry,
    numbers,
    only_shard,
)

from spanledger.exporter.failures import Transient
from spanledger.exporter.journal import JournalWriter, shards
from spanledger.exporter.journal.disk import DISK, Disk
from spanledger.exporter.journal.format import entry_bytes
from spanledger.exporter.journal.own_shard import OwnShard, Terms

SMALL = 64 * 1024


@pytest.fixture
def tiny_folder(tmp_path: Path) -> Generator[Path]:
    """A file system of 1 MiB."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    mount = ["/bin/mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("mounting a small tmpfs needs root")
    yield folder
    subprocess.run(["/bin/umount", str(folder)], check=True)


def test_a_full_disk_refuses_and_recovers_by_itself(tmp_path: Path) -> None:
    """Groups that do not fit are refused, the tail is as before; with room again the numbers go on without a gap."""
    disk = SmallDisk(30_000)
    writer = JournalWriter(tmp_path, segment_bytes=SMALL, disk=disk)
    accepted: list[int] = []
    refused: list[int] = []
    for number in range(40):
        failure = writer.append(entry(number, 1_000)).exception(WAIT_S)
        (refused if failure else accepted).append(number)
        assert failure is None or isinstance(failure, Transient)
    assert refused[0] == accepted[-1] + 1
    assert numbers(list(only_shard(tmp_path).read())) == accepted
    disk.free_bytes = 10**9
    assert append_singly(writer, [100, 101], size=1_000) == [len(accepted) + 1, len(accepted) + 2]
    writer.close()
    assert numbers(list(only_shard(tmp_path).read())) == [*accepted, 100, 101]
    assert not writer.failed.is_set()


def test_half_a_refused_group_is_never_read(tmp_path: Path) -> None:
    """A group of which some records did reach the disk is refused whole; their numbers are given to others."""
    disk = SmallDisk(10**9)
    writer = JournalWriter(tmp_path, segment_bytes=SMALL, disk=disk)
    append_all(writer, [0])
    for half in (100, 1_000, 2_000, 5_000):
        disk.free_bytes = half
        assert isinstance(writer.append(entry(1, 6_000)).exception(WAIT_S), Transient)
        assert numbers(list(only_shard(tmp_path).read())) == [0]
    disk.free_bytes = 10**9
    assert append_singly(writer, [2, 3]) == [2, 3]
    writer.close()
    assert numbers(list(only_shard(tmp_path).read())) == [0, 2, 3]


def test_a_refused_group_leaves_nothing_behind(tmp_path: Path) -> None:
    """Two of its three records did reach the disk; not even a crash right after the next group brings them back."""
    disk = SmallDisk(10**9)
    writer = JournalWriter(tmp_path, segment_bytes=ROOMY, disk=disk)
    append_all(writer, [0])
    disk.shut()
    before = writer.append(entry(1, 1_000))
    assert disk.reached.wait(WAIT_S)
    group = [writer.append(entry(number, 1_000)) for number in (2, 3, 4)]
    # SYNCED is written too, before the group.
    disk.free_bytes = 2_500
    disk.gate.set()
    assert before.result(WAIT_S) == 2
    assert [type(future.exception(WAIT_S)) for future in group] == [Transient] * 3
    disk.free_bytes = 10**9
    assert append_all(writer, [5], size=1_000) == [3]
    writer.close()
    assert numbers(list(only_shard(tmp_path).read())) == [0, 1, 5]


def test_a_disk_too_full_for_a_new_segment_refuses_and_recovers(tmp_path: Path) -> None:
    """At a roll nothing is given up before the next segment is there."""
    disk = SmallDisk(SMALL)
    writer = JournalWriter(tmp_path, segment_bytes=SMALL, disk=disk)
    accepted = [number for number in range(100) if writer.append(entry(number, 2_000)).exception(WAIT_S) is None]
    disk.free_bytes = 10**9
    append_singly(writer, [500], size=2_000)
    assert numbers(list(only_shard(tmp_path).read())) == [*accepted, 500]
    writer.close()


def test_a_real_full_file_system_refuses_and_recovers(tiny_folder: Path) -> None:
    """On a tmpfs of 1 MiB, filled and freed three times: what was acknowledged is what is there."""
    root = tiny_folder / "journal"
    writer = JournalWriter(root, segment_bytes=SMALL)
    accepted: list[int] = []
    for cycle in range(3):
        sent = range(1_000 * cycle, 1_000 * cycle + 150)
        accepted += [number for number in sent if writer.append(entry(number, 10_000)).exception(WAIT_S) is None]
        assert len(accepted) < 150 * (cycle + 1)
        shard = only_shard(root)
        records = list(shard.read())
        assert numbers(records) == accepted[-len(records) :]
        shard.mark_posted(records[-1].seq)
    writer.close()
    assert not writer.failed.is_set()


def test_the_quota_is_honest(tmp_path: Path) -> None:
    """Over the quota of the whole journal senders are told to come back; posting makes room without anybody's help."""
    writer = JournalWriter(tmp_path, segment_bytes=SMALL, quota_bytes=5 * SMALL)
    accepted = [number for number in range(500) if writer.append(entry(number, 1_000)).exception(WAIT_S) is None]
    assert 3 * SMALL < len(accepted) * 1_000 < 5 * SMALL
    refusal = writer.append(entry(1_000, 1_000)).exception(WAIT_S)
    assert isinstance(refusal, Transient)
    assert f"quota of {5 * SMALL} bytes" in str(refusal)
    second = JournalWriter(tmp_path, segment_bytes=SMALL, quota_bytes=5 * SMALL)
    assert isinstance(second.append(entry(1)).exception(WAIT_S), Transient)
    shard = only_shard(tmp_path)
    assert numbers(list(shard.read())) == accepted
    shard.mark_posted(len(accepted))
    assert append_singly(writer, [2_000], size=1_000) == [len(accepted) + 1]
    assert append_all(second, [1]) == [1]
    for one in (writer, second):
        one.close()
    assert sum(path.stat().st_size for path in tmp_path.rglob("*.seg")) <= 5 * SMALL


@pytest.mark.parametrize("call", ["fdatasync", "pwritev"])
def test_a_disk_error_is_final(tmp_path: Path, call: str) -> None:
    """After EIO nothing is acknowledged any more, even when the disk seems well again; what was durable stays."""
    disk = BadDisk(call)
    writer = JournalWriter(tmp_path, segment_bytes=SMALL, disk=disk)
    append_all(writer, [0, 1])
    assert not writer.failed.is_set()
    disk.broken = True
    assert isinstance(writer.append(entry(2)).exception(WAIT_S), Transient)
    assert writer.failed.wait(WAIT_S)
    disk.broken = False
    assert isinstance(writer.append(entry(3)).exception(WAIT_S), Transient)
    assert not writer.flush(WAIT_S)
    assert numbers(list(only_shard(tmp_path).read())) == [0, 1]
    writer.close()
    assert only_shard(tmp_path).abandoned


def test_a_folder_that_cannot_be_synced_is_final_too(tmp_path: Path) -> None:
    """A new segment whose name may be lost acknowledges nothing."""
    disk = BadDisk("fsync_dir")
    writer = JournalWriter(tmp_path, segment_bytes=SMALL, disk=disk)
    append_all(writer, [0])
    disk.broken = True
    accepted = [number for number in range(1, 200) if writer.append(entry(number, 1_000)).exception(WAIT_S) is None]
    assert writer.failed.is_set()
    assert len(accepted) < SMALL // 1_000
    writer.close()
    assert numbers(list(only_shard(tmp_path).read()))[: len(accepted) + 1] == [0, *accepted]


def test_a_journal_that_cannot_be_made_refuses_until_it_can(tmp_path: Path) -> None:
    """A path that is a file, for instance: nothing fails for good, and once it is free the writer starts."""
    blocked = tmp_path / "journal"
    blocked.write_text("in the way")
    writer = JournalWriter(blocked)
    assert isinstance(writer.append(entry(1)).exception(WAIT_S), Transient)
    assert shards(tmp_path / "elsewhere") == []
    blocked.unlink()
    assert append_all(writer, [1]) == [1]
    writer.close()


def test_a_listener_that_raises_stops_the_journal_loudly(tmp_path: Path) -> None:
    """A bug in the writer's thread is a failure that the process sees, never a thread that died in silence."""
    writer = JournalWriter(tmp_path)

    def broken() -> None:
        msg = "a bug"
        raise RuntimeError(msg)

    writer.add_listener(broken)
    assert append_all(writer, [1]) == [1]
    assert writer.failed.wait(WAIT_S)
    refusal = writer.append(entry(2)).exception(WAIT_S)
    assert isinstance(refusal, Transient)
    assert "a bug" in str(refusal)
    writer.close()


class DeafDisk(Disk):
    """Takes no write to SYNCED while `deaf`; notes which files are synced."""

    def __init__(self) -> None:
        self.deaf = False
        self.synced: list[str] = []
        self._names: dict[int, str] = {}

    def open(self, path: Path, flags: int) -> int:
        """Open, and remember the name."""
        fd = super().open(path, flags)
        self._names[fd] = path.name
        return fd

    def pwritev(self, fd: int, buffers: Sequence[bytes | memoryview], offset: int) -> int:
        """Write, or fail."""
        if self.deaf and self._names[fd] == "SYNCED":
            raise OSError(ENOSPC, "No space left on device")
        return super().pwritev(fd, buffers, offset)

    def fdatasync(self, fd: int) -> None:
        """Note and sync."""
        self.synced.append(self._names[fd])
        super().fdatasync(fd)


def own_shard(root: Path, disk: Disk) -> OwnShard:
    """A shard that this process writes."""
    terms = Terms(root=root, segment_bytes=SMALL, quota_bytes=10**9, clock_ns=lambda: 10**18, disk=disk)
    return OwnShard(terms)


def test_readers_are_told_later_what_a_full_disk_kept_from_them(tmp_path: Path) -> None:
    """A durable record does not wait for the next one, which may never come: the idle writer tells again."""
    disk = DeafDisk()
    shard = own_shard(tmp_path, disk)
    disk.deaf = True
    shard.commit([entry(1)], entry_bytes(entry(1)))
    assert numbers(list(only_shard(tmp_path).read())) == []
    assert shard.has_chores
    disk.deaf = False
    shard.reclaim()
    assert numbers(list(only_shard(tmp_path).read())) == [1]
    assert not shard.has_chores
    shard.close()


def test_what_a_dead_writer_did_not_sync_is_synced_before_it_is_handed_out(tmp_path: Path) -> None:
    """Posted and then lost with the power, it would leave a ledger that was corrected by what never was."""
    shard = own_shard(tmp_path, DISK)
    shard.commit([entry(1)], entry_bytes(entry(1)))
    disk = DeafDisk()
    reader = only_shard(tmp_path, disk)
    assert numbers(list(reader.read())) == [1]
    assert disk.synced == []
    shard.close()
    assert numbers([next(reader.read())]) == [1]
    assert disk.synced == ["0000000000000001.seg"]


class NarrowDisk(Disk):
    """A file system of 8 MiB of which `left` bytes are left."""

    def __init__(self, left: int) -> None:
        self.left = left
        self.asked = threading.Event()

    def space(self, folder: Path) -> tuple[int, int]:
        """What is left, and all there is."""
        assert folder.is_dir()
        self.asked.set()
        return self.left, 8 * 1024 * 1024


def test_the_journal_leaves_room_for_the_ledger(tmp_path: Path) -> None:
    """No new segment below the floor (an eighth of a small disk); with room again nobody has to ask for it."""
    disk = NarrowDisk(2 * 1024 * 1024)
    writer = JournalWriter(tmp_path, segment_bytes=SMALL, disk=disk)
    append_all(writer, [0])
    assert writer.accepting.is_set()
    disk.left = 1024 * 1024
    sent = range(1, 200)
    accepted = [number for number in sent if writer.append(entry(number, 1_000)).exception(WAIT_S) is None]
    assert len(accepted) < 3 * SMALL // 1_000
    refusal = writer.append(entry(500, 1_000)).exception(WAIT_S)
    assert isinstance(refusal, Transient)
    assert "leaves 1048576 for the ledger" in str(refusal)
    disk.asked.clear()
    assert disk.asked.wait(WAIT_S)
    assert not writer.accepting.is_set()
    disk.left = 2 * 1024 * 1024
    assert writer.accepting.wait(WAIT_S)
    append_all(writer, [600])
    writer.close()
    assert numbers(list(only_shard(tmp_path).read())) == [0, *accepted, 600]
