"""Writing: what an answer promises, what is refused, and that nothing exists before it is needed."""

import asyncio
import os
import threading
from pathlib import Path

import pytest
from support.journal import (
    ROOMY,
    WAIT_S,
    GatedDisk,
    append_all,
    append_singly,
    entry,
    numbers,
    only_shard,
)

from spanledger.exporter.failures import Permanent, Transient
from spanledger.exporter.journal import Entry, JournalWriter, RecordType, Signal, shards
from spanledger.exporter.journal.format import RECORD_MAGIC

SMALL = 64 * 1024


def test_nothing_exists_before_the_first_append(tmp_path: Path) -> None:
    """A writer that is never used leaves no folder, file or thread behind, opened and closed."""
    threads = threading.active_count()
    writer = JournalWriter(tmp_path / "journal")
    assert writer.flush(WAIT_S)
    assert writer.shard_path is None
    writer.close()
    assert threading.active_count() == threads
    assert list(tmp_path.iterdir()) == []


def test_an_answer_is_a_number_and_the_record_is_there(tmp_path: Path) -> None:
    """Entries come back whole, numbered from 1 in the order they were appended."""
    writer = JournalWriter(tmp_path / "a" / "journal", segment_bytes=SMALL)
    entries = [
        Entry(b"request", Signal.LOGS, "scope ü", "tenant €", 7),
        Entry(b"", Signal.TRACES, "*", "unattributed", 0, RecordType.TICK),
        Entry(b"", Signal.TRACES, "*", "unattributed", 0, RecordType.CLOSE),
    ]
    assert [writer.append(one).result(WAIT_S) for one in entries] == [1, 2, 3]
    records = list(only_shard(tmp_path / "a" / "journal").read())
    assert [record.entry for record in records] == entries
    assert [record.seq for record in records] == [1, 2, 3]
    writer.close()


def test_everything_that_waits_is_one_group(tmp_path: Path) -> None:
    """While one sync is under way the queue fills; the next sync makes all of it durable."""
    disk = GatedDisk()
    writer = JournalWriter(tmp_path, segment_bytes=ROOMY, disk=disk)
    append_all(writer, [0])
    syncs = disk.syncs
    disk.shut()
    first = writer.append(entry(1))
    assert disk.reached.wait(WAIT_S)
    rest = [writer.append(entry(number)) for number in range(2, 100)]
    assert not first.done()
    assert writer.committer.fork_lock.locked(), "a fork would not wait for the group"
    disk.gate.set()
    assert [future.result(WAIT_S) for future in (first, *rest)] == list(range(2, 101))
    assert disk.syncs == syncs + 2
    writer.close()


def test_the_clock_never_falls_within_a_shard(tmp_path: Path) -> None:
    """A wall clock that jumps back is held; the reader sees the time each group was received."""
    ticks = iter([5_000, 5_000, 9_000, 3_000, 9_500])
    writer = JournalWriter(tmp_path, clock_ns=lambda: next(ticks))
    append_singly(writer, range(4))
    assert [record.received_ns for record in only_shard(tmp_path).read()] == [5_000, 9_000, 9_000, 9_500]
    writer.close()


def test_a_listener_is_called_when_the_group_can_be_read(tmp_path: Path) -> None:
    """Whoever is woken finds the records, and their sender has been answered."""
    writer = JournalWriter(tmp_path)
    called = threading.Event()
    seen: list[int] = []

    def listen() -> None:
        seen.extend(record.seq for record in only_shard(tmp_path).read())
        called.set()

    writer.add_listener(listen)
    future = writer.append(entry(1))
    assert called.wait(WAIT_S)
    assert (seen, future.done()) == ([1], True)
    writer.close()


def test_a_full_queue_refuses_and_recovers(tmp_path: Path) -> None:
    """What waits for the disk is bounded in bytes; the sender is told to come back, and then it is taken."""
    disk = GatedDisk()
    writer = JournalWriter(tmp_path, segment_bytes=ROOMY, queue_bytes=10_000, disk=disk)
    append_all(writer, [0])
    disk.shut()
    waiting = [writer.append(entry(number, 4_000)) for number in (1, 2)]
    refused = writer.append(entry(3, 4_000))
    assert isinstance(refused.exception(0), Transient)
    disk.gate.set()
    assert [future.result(WAIT_S) for future in waiting] == [2, 3]
    assert writer.flush(WAIT_S)
    assert writer.append(entry(3, 4_000)).result(WAIT_S) == 4
    assert numbers(list(only_shard(tmp_path).read())) == [0, 1, 2, 3]
    writer.close()


def test_one_entry_larger_than_the_queue_is_taken(tmp_path: Path) -> None:
    """The bound is on what waits: an empty queue takes anything the format holds."""
    writer = JournalWriter(tmp_path, queue_bytes=1_000)
    assert append_all(writer, [1], size=5_000) == [1]
    writer.close()


def test_coroutines_are_answered_in_their_own_loop(tmp_path: Path) -> None:
    """A hundred coroutines append at once; each gets its own number, a refused one its refusal."""
    writer = JournalWriter(tmp_path)

    async def send() -> list[int]:
        loop = asyncio.get_running_loop()
        with pytest.raises(Permanent):
            await writer.append_async(Entry(b"", Signal.TRACES, "", "", -1), loop)
        return await asyncio.gather(*(writer.append_async(entry(number), loop) for number in range(100)))

    assert sorted(asyncio.run(send())) == list(range(1, 101))
    assert numbers(list(only_shard(tmp_path).read())) == list(range(100))
    writer.close()


def test_a_sender_that_gave_up_disturbs_nobody(tmp_path: Path) -> None:
    """Cancelled futures, and a loop that is gone, are passed over; their neighbours are answered."""
    disk = GatedDisk()
    writer = JournalWriter(tmp_path, segment_bytes=ROOMY, disk=disk)
    append_all(writer, [0])
    disk.shut()
    assert writer.append(entry(1)).cancel()
    loop = asyncio.new_event_loop()
    writer.append_async(entry(2), loop).cancel()
    loop.close()
    last = writer.append(entry(3))
    disk.gate.set()
    assert last.result(WAIT_S) == 4
    assert append_all(writer, [4]) == [5]
    writer.close()


def test_flush_waits_for_what_was_appended_and_no_longer(tmp_path: Path) -> None:
    """False while the disk hangs, true when everything is answered."""
    disk = GatedDisk()
    writer = JournalWriter(tmp_path, segment_bytes=ROOMY, disk=disk)
    append_all(writer, [0])
    disk.shut()
    future = writer.append(entry(1))
    assert not writer.flush(0.01)
    disk.gate.set()
    assert writer.flush(WAIT_S)
    assert future.done()
    writer.close()


def test_close_writes_what_waits_and_refuses_the_rest(tmp_path: Path) -> None:
    """A clean stop loses nothing; closing twice is closing once."""
    writer = JournalWriter(tmp_path)
    futures = [writer.append(entry(number)) for number in range(50)]
    writer.close()
    writer.close()
    assert [future.result(0) for future in futures] == list(range(1, 51))
    assert isinstance(writer.append(entry(51)).exception(0), Transient)
    assert numbers(list(only_shard(tmp_path).read())) == list(range(50))


@pytest.mark.parametrize(
    "unwritable",
    [
        Entry(b"", Signal.TRACES, "s" * 3000, "t", 1),
        Entry(b"", Signal.TRACES, "*", "acme", 0, RecordType.SEGMENT_END),
    ],
    ids=["names", "segment end"],
)
def test_what_the_format_cannot_hold_is_refused_for_good(tmp_path: Path, unwritable: Entry) -> None:
    """Sending the same again will not help; nothing was created for it."""
    writer = JournalWriter(tmp_path / "journal")
    assert isinstance(writer.append(unwritable).exception(0), Permanent)
    assert not (tmp_path / "journal").exists()
    writer.close()


def test_segments_that_are_too_small_are_a_mistake(tmp_path: Path) -> None:
    """A segment must hold more than its own header."""
    with pytest.raises(ValueError, match="smaller than 4096"):
        JournalWriter(tmp_path, segment_bytes=100)


def test_records_continue_over_many_segments(tmp_path: Path) -> None:
    """A full segment is followed by the next, whose name is its first number; readers notice nothing."""
    writer = JournalWriter(tmp_path, segment_bytes=SMALL)
    assert append_all(writer, range(500), size=1_000) == list(range(1, 501))
    shard = only_shard(tmp_path)
    names = sorted(int(path.stem, 16) for path in shard.path.glob("*.seg"))
    assert len(names) >= 500 * 1_000 // SMALL
    assert names[0] == 1
    assert numbers(list(shard.read())) == list(range(500))
    writer.close()


def test_a_record_larger_than_a_segment_gets_one_of_its_own(tmp_path: Path) -> None:
    """Small segments bound no request: also as the very first record, and between small ones."""
    writer = JournalWriter(tmp_path, segment_bytes=SMALL)
    append_singly(writer, [0], size=3 * SMALL)
    append_singly(writer, [1, 2])
    append_singly(writer, [3], size=2 * SMALL)
    append_singly(writer, [4])
    assert numbers(list(only_shard(tmp_path).read())) == [0, 1, 2, 3, 4]
    writer.close()
    assert numbers(list(only_shard(tmp_path).read())) == [0, 1, 2, 3, 4]


def test_posted_segments_are_recycled(tmp_path: Path) -> None:
    """With posting in step, a shard stays at a few files; what they held before is never read again."""
    writer = JournalWriter(tmp_path, segment_bytes=SMALL)
    seen: list[int] = []
    for start in range(0, 2_000, 50):
        append_all(writer, range(start, start + 50), size=1_000)
        shard = only_shard(tmp_path)
        records = list(shard.read())
        seen += numbers(records)
        shard.mark_posted(records[-1].seq)
        assert len(list(shard.path.glob("*.seg"))) <= 3
    assert seen == list(range(2_000))
    newest = max(only_shard(tmp_path).path.glob("*.seg"))
    first_seq, stale = int(newest.stem, 16), newest.read_bytes().count(RECORD_MAGIC)
    assert stale > 2_000 - first_seq + 1, "the newest segment holds records of an earlier life"
    writer.close()
    assert list(only_shard(tmp_path).read()) == []


def test_posted_segments_are_given_back_without_traffic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a backlog is posted the disk is free again, although nothing arrives any more."""
    monkeypatch.setattr("spanledger.exporter.journal.committer._IDLE_S", 0.01)
    writer = JournalWriter(tmp_path, segment_bytes=SMALL)
    append_all(writer, range(1_000), size=1_000)
    shard = only_shard(tmp_path)
    shard.mark_posted(1_000)
    emptied = threading.Event()
    for _ in range(WAIT_S * 100):
        if len(list(shard.path.glob("*.seg"))) == 1:
            emptied.set()
            break
        emptied.wait(0.01)
    assert emptied.is_set()
    assert append_all(writer, [1]) == [1_001]
    writer.close()


def test_the_files_are_for_their_owner_only(tmp_path: Path) -> None:
    """Who used what is nobody else's business."""
    writer = JournalWriter(tmp_path / "journal", segment_bytes=SMALL)
    append_all(writer, [1])
    paths = [tmp_path / "journal", *(tmp_path / "journal").rglob("*")]
    assert [path for path in paths if path.stat().st_mode & 0o077] == []
    assert (only_shard(tmp_path / "journal").path / "LOCK").read_text().startswith(f"pid {os.getpid()} boot ")
    writer.close()


def test_two_writers_of_one_process_have_a_shard_each(tmp_path: Path) -> None:
    """Shards are listed in the order they were made."""
    clock = iter(range(10**18, 2 * 10**18, 10**9))
    writers = [JournalWriter(tmp_path, segment_bytes=SMALL, clock_ns=lambda: next(clock)) for _ in range(3)]
    for number, writer in enumerate(writers):
        append_all(writer, [number])
    assert [numbers(list(shard.read())) for shard in shards(tmp_path)] == [[0], [1], [2]]
    assert [shard.path for shard in shards(tmp_path)] == [writer.shard_path for writer in writers]
    for writer in writers:
        writer.close()
