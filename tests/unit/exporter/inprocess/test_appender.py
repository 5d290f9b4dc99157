from collections.abc import Callable
from pathlib import Path

import pytest
from support.disks import DyingDisk, FullDisk, StalledDisk

from spanledger.exporter.inprocess import appender as module
from spanledger.exporter.inprocess.appender import Appender
from spanledger.exporter.inprocess.counts import Counts
from spanledger.exporter.journal import Entry, JournalWriter, Signal, shards
from spanledger.exporter.journal.disk import DISK, Disk

SECONDS_MAX = 10.0
SEGMENT_BYTES = 64 * 1024


def entry(payload: bytes, elements: int = 1) -> Entry:
    """An entry with this payload."""
    return Entry(payload, Signal.TRACES, "*", "acme", elements)


def appender_on(root: Path, counts: Counts, disk: Disk = DISK) -> Appender:
    """An appender to a journal under `root` on this disk."""
    return Appender(lambda: JournalWriter(root, segment_bytes=SEGMENT_BYTES, disk=disk), counts)


def payloads(root: Path) -> list[bytes]:
    """Everything in the journal, sorted."""
    return sorted(record.entry.payload for shard in shards(root) for record in shard.read())


def repeat(retry: Callable[[], None], settled: Callable[[], bool]) -> None:
    """Retry until everything is settled: a new shard may fail once more than the disk did."""
    for _ in range(10):
        retry()
        if settled():
            return
    pytest.fail("never settled")


def test_what_is_settled_is_durable(tmp_path: Path) -> None:
    """After True the journal's reader has it, and it is counted."""
    counts = Counts()
    appender = appender_on(tmp_path, counts)
    appender.add(entry(b"one", 2))
    appender.add(entry(b"two"))
    assert appender.settle(SECONDS_MAX)
    assert payloads(tmp_path) == [b"one", b"two"]
    assert counts.read() == {"journaled": 3}
    assert appender.waiting == 0
    appender.close()


def test_nothing_is_made_before_the_first_entry(tmp_path: Path) -> None:
    """An application that never calls a model leaves no trace."""
    appender = appender_on(tmp_path / "journal", Counts())
    assert appender.settle(SECONDS_MAX)
    appender.close()
    assert not (tmp_path / "journal").exists()


def test_a_full_disk_keeps_entries_waiting_until_there_is_room(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What came before and while it was full is journaled once it is not, each once."""
    disk, counts = FullDisk(), Counts()
    appender = appender_on(tmp_path, counts, disk)
    appender.add(entry(b"one"))
    assert not appender.settle(SECONDS_MAX)
    assert appender.refusing
    appender.add(entry(b"two"))
    assert appender.waiting == 2
    disk.room.set()
    repeat(appender.retry, lambda: appender.settle(SECONDS_MAX))
    assert payloads(tmp_path) == [b"one", b"two"]
    assert counts.read()["journaled"] == 2
    assert counts.read()["journal_failures"] >= 1
    assert len([record for record in caplog.records if record.name == "spanledger.exporter"]) == 1
    appender.close()


def test_a_journal_that_failed_for_good_is_replaced(tmp_path: Path) -> None:
    """A failed sync ends the shard, not the metering: the entry goes into a new one."""
    counts = Counts()
    appender = appender_on(tmp_path, counts, DyingDisk())
    appender.add(entry(b"one"))
    assert not appender.settle(SECONDS_MAX)
    repeat(appender.retry, lambda: appender.settle(SECONDS_MAX))
    assert b"one" in payloads(tmp_path)
    assert counts.read()["journaled"] == 1
    appender.close()


def test_a_stalled_disk_does_not_hold_the_caller(tmp_path: Path) -> None:
    """Settling returns after its time; what is on its way is neither lost nor sent twice."""
    disk, counts = StalledDisk(), Counts()
    appender = appender_on(tmp_path, counts, disk)
    appender.add(entry(b"one"))
    assert not appender.settle(0.01)
    assert not appender.refusing
    assert appender.waiting == 1
    disk.goes_on.set()
    assert appender.settle(SECONDS_MAX)
    assert payloads(tmp_path) == [b"one"]
    appender.close()


def test_over_the_memory_bound_the_newest_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted as lost, and the bound counts again what became durable."""
    monkeypatch.setattr(module, "WAITING_BYTES_MAX", 10)
    disk, counts = FullDisk(), Counts()
    appender = appender_on(tmp_path, counts, disk)
    appender.add(entry(b"12345678"))
    appender.add(entry(b"123", 5))
    assert counts.read() == {"lost": 5}
    disk.room.set()
    appender.settle(SECONDS_MAX)
    repeat(appender.retry, lambda: appender.settle(SECONDS_MAX))
    appender.add(entry(b"later"))
    assert appender.settle(SECONDS_MAX)
    assert payloads(tmp_path) == [b"12345678", b"later"]
    appender.close()


def test_an_entry_the_format_cannot_hold_is_refused(tmp_path: Path) -> None:
    """It is not tried for ever: the entries behind it go on."""
    counts = Counts()
    appender = appender_on(tmp_path, counts)
    appender.add(Entry(b"x", Signal.TRACES, "*", "t" * 5000, 1))
    appender.add(entry(b"good"))
    assert appender.settle(SECONDS_MAX)
    assert payloads(tmp_path) == [b"good"]
    assert counts.read() == {"journaled": 1, "refused": 1}
    appender.close()


def test_it_knows_its_own_shard(tmp_path: Path) -> None:
    """Of two writers in one folder each claims one shard."""
    one, two = appender_on(tmp_path, Counts()), appender_on(tmp_path, Counts())
    one.add(entry(b"one"))
    two.add(entry(b"two"))
    assert one.settle(SECONDS_MAX)
    assert two.settle(SECONDS_MAX)
    assert [[appender.is_own(shard) for shard in shards(tmp_path)].count(True) for appender in (one, two)] == [1, 1]
    one.close()
    two.close()
