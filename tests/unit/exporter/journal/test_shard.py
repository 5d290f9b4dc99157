"""Reading: every durable record, once, in order; a torn tail is the end, lost records are an alarm."""

import subprocess
import sys
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
    flip_bit,
    numbers,
    only_shard,
)

from spanledger.exporter.journal import JournalCorrupt, JournalWriter, Shard, shards
from spanledger.exporter.journal.disk import Disk
from spanledger.exporter.journal.format import (
    RECORD_HEADER_BYTES,
    SEGMENT_HEADER_BYTES,
    SegmentHeader,
    encode_segment_header,
    entry_bytes,
)

SMALL = 64 * 1024
RECORD = entry_bytes(entry(0))

WRITER = """
import sys
from pathlib import Path
from spanledger.exporter.journal import JournalWriter
from support.journal import append_all
writer = JournalWriter(Path(sys.argv[1]), segment_bytes=64 * 1024)
start = 0
for line in sys.stdin:
    append_all(writer, range(start, start + int(line)), size=1_000)
    start += int(line)
    print(start, flush=True)
"""


def abandoned(root: Path, count: int, size: int = 100) -> Shard:
    """A shard of `count` records in groups of one, cleanly closed."""
    writer = JournalWriter(root, segment_bytes=SMALL)
    append_singly(writer, range(count), size)
    writer.close()
    return only_shard(root)


def segments(shard: Shard) -> list[Path]:
    """The shard's segment files, in order."""
    return sorted(shard.path.glob("*.seg"))


def test_a_journal_that_is_not_there_has_no_shards(tmp_path: Path) -> None:
    """Nothing was ever appended: nothing to read, and nothing is made by looking."""
    assert shards(tmp_path / "journal") == []
    assert list(tmp_path.iterdir()) == []


def test_reading_starts_behind_any_record(tmp_path: Path) -> None:
    """`read_after` gives exactly the later records, across segments, whatever was read before."""
    shard = abandoned(tmp_path, 40, size=10_000)
    assert len(segments(shard)) > 3
    for seq in (0, 39, 13, 40, 41, 6, 1):
        assert [record.seq for record in shard.read_after(seq)] == list(range(seq + 1, 41))
        assert [record.seq for record in Shard(shard.path).read_after(seq)] == list(range(seq + 1, 41))


def test_a_record_larger_than_a_window_is_read(tmp_path: Path) -> None:
    """Records are read in windows of 1 MiB; one of 3 MiB between small ones comes whole."""
    writer = JournalWriter(tmp_path)
    append_singly(writer, [0], size=700_000)
    append_singly(writer, [1], size=3 * 1024 * 1024)
    append_singly(writer, [2, 3], size=500_000)
    assert numbers(list(only_shard(tmp_path).read())) == [0, 1, 2, 3]
    assert [record.seq for record in only_shard(tmp_path).read_after(2)] == [3, 4]
    writer.close()


def test_the_checkpoint_is_kept_and_never_goes_back(tmp_path: Path) -> None:
    """Every reader, now or later, goes on behind the highest number marked."""
    shard = abandoned(tmp_path, 10)
    assert shard.posted == 0
    shard.mark_posted(7)
    shard.mark_posted(3)
    assert (shard.posted, Shard(shard.path).posted) == (7, 7)
    assert [record.seq for record in Shard(shard.path).read()] == [8, 9, 10]


def test_a_damaged_checkpoint_is_an_alarm(tmp_path: Path) -> None:
    """An unreadable checkpoint is never taken for "nothing is posted yet"."""
    shard = abandoned(tmp_path, 3)
    shard.mark_posted(2)
    flip_bit(shard.path / "POSTED", 9)
    with pytest.raises(JournalCorrupt, match="POSTED at byte 0"):
        _ = shard.posted
    with pytest.raises(JournalCorrupt):
        list(shard.read())


def test_a_shard_is_abandoned_when_its_writer_is_gone(tmp_path: Path) -> None:
    """While the writer lives it keeps its shard, posted or not; afterwards it goes when it is fully posted."""
    writer = JournalWriter(tmp_path, segment_bytes=SMALL)
    append_all(writer, range(10))
    shard = only_shard(tmp_path)
    shard.mark_posted(10)
    assert (shard.abandoned, shard.remove()) == (False, False)
    append_all(writer, range(10, 12))
    writer.close()
    assert (shard.abandoned, shard.remove()) == (True, False)
    assert [record.seq for record in shard.read()] == [11, 12]
    shard.mark_posted(12)
    assert shard.remove()
    assert shards(tmp_path) == []
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]


def test_a_shard_that_somebody_else_removed_is_simply_over(tmp_path: Path) -> None:
    """Two posters may find the same shard: the slower one reads nothing, marks nothing and is not alarmed."""
    slow, fast = abandoned(tmp_path, 3), only_shard(tmp_path)
    reading = slow.read()
    assert next(reading).seq == 1
    fast.mark_posted(3)
    assert fast.remove()
    assert list(slow.read()) == []
    slow.mark_posted(3)
    assert (slow.posted, slow.pending_bytes, slow.abandoned, slow.remove()) == (0, 0, True, True)
    assert list(tmp_path.iterdir()) == [tmp_path / ".lock"]


def test_a_segment_recycled_under_a_readers_eyes_is_no_alarm(tmp_path: Path) -> None:
    """A faster poster marks, the writer gives the segment back: the slower reader goes on behind the checkpoint."""
    shard = abandoned(tmp_path, 100, size=1_000)
    second = int(segments(shard)[1].stem, 16)

    class RacingDisk(Disk):
        """The first segment is posted and gone just when it is opened."""

        def open(self, path: Path, flags: int) -> int:
            """Open, too late."""
            if path == segments(shard)[0] and shard.posted == 0:
                shard.mark_posted(second - 1)
                path.unlink()
            return super().open(path, flags)

    assert [record.seq for record in Shard(shard.path, disk=RacingDisk()).read()] == list(range(second, 101))


def test_leftovers_of_a_crash_are_swept(tmp_path: Path) -> None:
    """A shard that was never born, or half removed, is no shard, and goes with the next change."""
    shard = abandoned(tmp_path, 1)
    for name in (".0193b8a0-0000-7000-8000-000000000000.new", ".0193b8a0-0000-7000-8000-000000000001.gone"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "LOCK").touch()
    assert shards(tmp_path) != []
    assert [found.id for found in shards(tmp_path)] == [shard.id]
    shard.mark_posted(1)
    assert shard.remove()
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]


def test_pending_bytes_are_what_waits(tmp_path: Path) -> None:
    """Exact before anything is posted and after everything is; in between at most a segment too many."""
    writer = JournalWriter(tmp_path, segment_bytes=SMALL)
    append_singly(writer, range(10))
    shard = only_shard(tmp_path)
    assert shard.pending_bytes == 10 * RECORD
    list(shard.read())
    shard.mark_posted(5)
    assert 5 * RECORD <= shard.pending_bytes <= 5 * RECORD + SMALL
    append_all(writer, range(10, 1_000))
    assert 995 * RECORD <= shard.pending_bytes <= 995 * RECORD + 4 * SMALL
    shard.mark_posted(1_000)
    assert shard.pending_bytes == 0
    writer.close()


def test_a_group_is_read_only_when_it_is_durable(tmp_path: Path) -> None:
    """What is written but not yet synced may still be taken back: a reader does not see it."""
    disk = GatedDisk()
    writer = JournalWriter(tmp_path, segment_bytes=ROOMY, disk=disk)
    append_all(writer, [0])
    disk.shut()
    future = writer.append(entry(1))
    assert disk.reached.wait(WAIT_S)
    assert numbers(list(only_shard(tmp_path).read())) == [0]
    disk.gate.set()
    future.result(WAIT_S)
    assert numbers(list(only_shard(tmp_path).read())) == [0, 1]
    writer.close()


def test_another_process_reads_a_live_shard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader follows a writer in another process, posts behind it, and finds its segments recycled."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))
    program = [sys.executable, "-c", WRITER, str(tmp_path)]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdin is not None
        assert writer.stdout is not None
        seen: list[int] = []
        for count in [1, 200, 3, 150, 150, 150]:
            print(count, file=writer.stdin, flush=True)
            total = int(writer.stdout.readline())
            shard = only_shard(tmp_path)
            assert not shard.abandoned
            seen += numbers(list(shard.read()))
            assert seen == list(range(total))
            shard.mark_posted(total)
        assert len(segments(shard)) < 5
        writer.kill()
    assert shard.abandoned
    assert shard.remove()


def test_a_torn_tail_is_the_end(tmp_path: Path) -> None:
    """The last group was not answered when its writer died: wherever it is torn, what was durable before is read."""
    shard = abandoned(tmp_path, 5)
    last = SEGMENT_HEADER_BYTES + 4 * RECORD
    whole = segments(shard)[0].read_bytes()
    # SYNCED itself is never synced: after a power failure it may be anything, and then it says nothing.
    (shard.path / "SYNCED").write_bytes(b"unreadable")
    # The last 16 bytes are not all zero, so that a zeroed tail differs from the record.
    for torn in (last, last + 1, last + RECORD_HEADER_BYTES, last + RECORD - 16):
        segments(shard)[0].write_bytes(whole[:torn])
        assert numbers(list(shard.read())) == [0, 1, 2, 3]
        segments(shard)[0].write_bytes(whole[:torn] + bytes(len(whole) - torn))
        assert numbers(list(shard.read())) == [0, 1, 2, 3]
    segments(shard)[0].write_bytes(whole)
    assert numbers(list(shard.read())) == [0, 1, 2, 3, 4]


def test_a_record_lost_in_the_middle_is_an_alarm(tmp_path: Path) -> None:
    """A later group proves that the unreadable one was durable: file and offset are named, nothing is skipped."""
    shard = abandoned(tmp_path, 5)
    (shard.path / "SYNCED").unlink()
    third = SEGMENT_HEADER_BYTES + 2 * RECORD
    flip_bit(segments(shard)[0], third + 70)
    reading = shard.read()
    assert [next(reading).seq, next(reading).seq] == [1, 2]
    with pytest.raises(JournalCorrupt) as caught:
        next(reading)
    assert (caught.value.path, caught.value.offset) == (str(segments(shard)[0]), third)
    assert str(caught.value).startswith(f"{segments(shard)[0]} at byte {third}: ")
    assert not shard.remove()


def test_a_durable_record_lost_at_the_tail_is_an_alarm(tmp_path: Path) -> None:
    """SYNCED says that the last record was durable: an unreadable one is then no torn tail, even at the end."""
    shard = abandoned(tmp_path, 5)
    flip_bit(segments(shard)[0], SEGMENT_HEADER_BYTES + 4 * RECORD + 20)
    with pytest.raises(JournalCorrupt, match="records 5 to 5 were durable"):
        list(shard.read())


def test_damage_in_a_live_shard_is_an_alarm_too(tmp_path: Path) -> None:
    """The reader does not wait for the writer's end to say so."""
    writer = JournalWriter(tmp_path, segment_bytes=SMALL)
    append_singly(writer, range(3))
    shard = only_shard(tmp_path)
    with segments(shard)[0].open("r+b") as file:
        file.seek(SEGMENT_HEADER_BYTES + RECORD)
        file.write(b"XXXX")
    with pytest.raises(JournalCorrupt, match="record"):
        list(shard.read())
    writer.close()


@pytest.mark.parametrize("nth", [0, 1, -1], ids=["first", "middle", "newest"])
def test_a_missing_segment_is_an_alarm(tmp_path: Path, nth: int) -> None:
    """Whichever file is gone, its neighbours give it away: the newest by the end record before it."""
    shard = abandoned(tmp_path, 400, size=1_000)
    assert len(segments(shard)) > 3
    (shard.path / "SYNCED").unlink()
    segments(shard)[nth].unlink()
    with pytest.raises(JournalCorrupt, match=r"missing|cannot be read"):
        list(shard.read())


def test_a_missing_segment_that_was_posted_is_missed_by_nobody(tmp_path: Path) -> None:
    """What is in the ledger is not read again."""
    shard = abandoned(tmp_path, 400, size=1_000)
    second = int(segments(shard)[1].stem, 16)
    shard.mark_posted(second - 1)
    segments(shard)[0].unlink()
    assert [record.seq for record in shard.read()] == list(range(second, 401))


@pytest.mark.parametrize("offset", [0, 8, 17, 33, 61], ids=["magic", "format", "shard", "first", "crc"])
def test_a_damaged_segment_header_is_an_alarm(tmp_path: Path, offset: int) -> None:
    """The header is durable before the file has its name, so that no crash leaves half of one."""
    shard = abandoned(tmp_path, 1)
    flip_bit(segments(shard)[0], offset)
    with pytest.raises(JournalCorrupt, match="header"):
        list(shard.read())


def test_a_segment_of_another_shard_is_an_alarm(tmp_path: Path) -> None:
    """Files that a restore put into the wrong folder are not read as its own."""
    shard, other = abandoned(tmp_path / "a", 1), abandoned(tmp_path / "b", 1)
    segments(shard)[0].write_bytes(segments(other)[0].read_bytes())
    with pytest.raises(JournalCorrupt, match="header"):
        list(shard.read())


def test_a_newer_format_is_an_alarm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A segment of a later version is named as such, not called damaged."""
    shard = abandoned(tmp_path, 1)
    content = segments(shard)[0].read_bytes()
    monkeypatch.setattr("spanledger.exporter.journal.format.FORMAT", 2)
    newer = encode_segment_header(SegmentHeader(content[16:32], 1, 7, 0))
    monkeypatch.undo()
    segments(shard)[0].write_bytes(newer + content[SEGMENT_HEADER_BYTES:])
    with pytest.raises(JournalCorrupt, match="newer"):
        list(shard.read())


def test_an_empty_newest_segment_carries_the_number_on(tmp_path: Path) -> None:
    """A crash right after a roll leaves a segment without records: the shard ends there, complete."""
    shard = abandoned(tmp_path, 100, size=1_000)
    newest = segments(shard)[-1]
    first_seq = int(newest.stem, 16)
    content = newest.read_bytes()
    newest.write_bytes(content[:SEGMENT_HEADER_BYTES] + bytes(len(content) - SEGMENT_HEADER_BYTES))
    (shard.path / "SYNCED").unlink()
    assert [record.seq for record in shard.read()] == list(range(1, first_seq))
    shard.mark_posted(first_seq - 1)
    assert shard.remove()


KILLED = """
import os, signal, sys, threading
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from spanledger.exporter.journal import JournalWriter
from support.journal import append_all
append_all(JournalWriter(Path(sys.argv[1]), segment_bytes=64 * 1024), range(40), size=1_000)
for thread in threading.enumerate():
    if thread.name == "spanledger-journal-spare":
        thread.join()
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_writer_s_spare_segment_is_given_back(tmp_path: Path) -> None:
    """The next writer removes it, keeps what was acknowledged, and leaves the spare of one that lives."""
    for _ in range(2):
        subprocess.run([sys.executable, "-c", KILLED, tmp_path, str(Path(__file__).parents[3])], check=False)
        assert len(list(tmp_path.glob("*/SPARE"))) == 1
    [dead] = tmp_path.glob("*/SPARE")
    living = JournalWriter(tmp_path, segment_bytes=SMALL)
    append_all(living, range(40), size=1_000)
    assert not dead.exists()
    for thread in threading.enumerate():
        if thread.name == "spanledger-journal-spare":
            thread.join()
    another = JournalWriter(tmp_path, segment_bytes=SMALL)
    append_all(another, range(3))
    assert len(list(tmp_path.glob("*/SPARE"))) == 1
    assert [len(list(shard.read())) for shard in shards(tmp_path)] == [40, 40, 40, 3]
    another.close()
    living.close()
