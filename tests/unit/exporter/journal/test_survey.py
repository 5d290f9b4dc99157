"""Damage that is really in the files: exactly what is unreadable is told, and everything else is read."""

import os
import shutil
from pathlib import Path

import pytest
from support.journal import ROOMY, WAIT_S, GatedDisk, append_all, append_singly, entry, flip_bit, numbers, only_shard

from spanledger.exporter.journal import JournalCorrupt, JournalWriter, Shard
from spanledger.exporter.journal.disk import DISK
from spanledger.exporter.journal.format import (
    RECORD_HEADER_BYTES,
    SEGMENT_HEADER_BYTES,
    Group,
    SegmentHeader,
    decode_segment_header,
    encode_record,
    encode_segment_header,
    entry_bytes,
)
from spanledger.exporter.journal.mending import keep, mend_checkpoint, mend_header
from spanledger.exporter.journal.survey import Damage, Kind, survey

SMALL = 64 * 1024
RECORD = entry_bytes(entry(0))


class Shelf:
    """Journals that were written once, and are damaged as copies: syncs are what takes time here."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        singles = JournalWriter(folder / "singles", segment_bytes=SMALL)
        append_singly(singles, range(6))
        singles.close()
        full = JournalWriter(folder / "full", segment_bytes=SMALL)
        for start in range(0, 200, 20):
            append_all(full, range(start, start + 20), 1_000)
        full.close()

    def singles(self, root: Path) -> Shard:
        """Entries 0 to 5 as records 1 to 6 of one segment, in groups of one."""
        return only_shard(shutil.copytree(self._folder / "singles", root / "singles"))

    def full(self, root: Path) -> Shard:
        """200 records of a kilobyte in several segments."""
        return only_shard(shutil.copytree(self._folder / "full", root / "full"))


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    """Two journals, cleanly closed."""
    return Shelf(tmp_path_factory.mktemp("shelf"))


def segments(shard: Shard) -> list[Path]:
    """The shard's segment files, in order."""
    return sorted(shard.path.glob("*.seg"))


def place(seq: int) -> int:
    """Where a record lies in the first segment."""
    return SEGMENT_HEADER_BYTES + (seq - 1) * RECORD


def epoch_of(shard: Shard) -> int:
    """Of its first segment's present life."""
    header = decode_segment_header(segments(shard)[0].read_bytes())
    assert header is not None
    return header.epoch


def read_on(shard: Shard) -> tuple[list[int], list[Damage]]:
    """All that can be read behind the checkpoint as a poster would, mending each damage; and the damages."""
    read: list[int] = []
    mended: list[Damage] = []
    while True:
        seq = 0
        try:
            for record in Shard(shard.path).read():
                read.append(*numbers([record]))
                seq = record.seq
        except JournalCorrupt:
            Shard(shard.path).mark_posted(seq)
            damage = survey(shard.path).damages[0]
            keep(DISK, shard.path, damage)
            if damage.kind is Kind.HEADER:
                mend_header(DISK, shard.path, damage)
            else:
                assert damage.first_seq == shard.posted + 1
                Shard(shard.path).mark_posted(damage.last_seq)
            mended.append(damage)
        else:
            Shard(shard.path).mark_posted(seq)
            return read, mended


@pytest.mark.parametrize(
    "inside",
    [0, 4, 8, 9, 12, 16, 24, 56, RECORD_HEADER_BYTES, RECORD_HEADER_BYTES + 50],
    ids=["magic", "type", "short", "long", "crc", "number", "group", "epoch", "names", "payload"],
)
def test_one_record_with_a_flipped_bit_is_all_that_is_lost(shelf: Shelf, tmp_path: Path, inside: int) -> None:
    """Wherever the bit is, also in a length that leads astray; a reader that remembers nothing finds the rest."""
    shard = shelf.singles(tmp_path)
    flip_bit(segments(shard)[0], place(3) + inside)
    found = survey(shard.path)
    assert found.waiting_records == 5
    read, mended = read_on(shard)
    assert read == [0, 1, 3, 4, 5]
    assert mended == found.damages
    (damage,) = mended
    assert (damage.first_seq, damage.last_seq, damage.records, damage.bytes) == (3, 3, 1, RECORD)
    assert shard.remove()


def test_readable_records_of_the_same_group_are_not_skipped(tmp_path: Path) -> None:
    """A group of four, its first and its third damaged: two of it, and the group behind it, are read."""
    disk = GatedDisk()
    writer = JournalWriter(tmp_path, segment_bytes=ROOMY, disk=disk)
    append_all(writer, [0])
    disk.shut()
    first = writer.append(entry(1))
    assert disk.reached.wait(WAIT_S)
    group = [writer.append(entry(number)) for number in (2, 3, 4, 5)]
    disk.gate.set()
    assert [future.result(WAIT_S) for future in (first, *group)] == [2, 3, 4, 5, 6]
    append_all(writer, [6])
    writer.close()
    shard = only_shard(tmp_path)
    for seq in (3, 5):
        flip_bit(segments(shard)[0], place(seq) + 80)
    assert [(damage.first_seq, damage.last_seq) for damage in survey(shard.path).damages] == [(3, 3), (5, 5)]
    assert read_on(shard)[0] == [0, 1, 3, 5, 6]


def test_a_truncated_middle_is_lost_up_to_the_next_segment(shelf: Shelf, tmp_path: Path) -> None:
    """Of several segments the second is cut: what is before the cut, and all behind it, is read."""
    shard = shelf.full(tmp_path)
    first, second, third = (int(path.stem, 16) for path in segments(shard)[:3])
    cut = SEGMENT_HEADER_BYTES + 10 * entry_bytes(entry(0, 1_000)) + 7
    os.truncate(segments(shard)[1], cut)
    read, (damage,) = read_on(shard)
    assert first == 1
    assert (damage.first_seq, damage.last_seq) == (second + 10, third - 1)
    assert read == [*range(second + 9), *range(third - 1, 200)]
    assert damage.bytes == 7


def test_a_stretch_over_records_is_one_damage(shelf: Shelf, tmp_path: Path) -> None:
    """Zeroed from the middle of one record into another: kept byte by byte, and once however often it is kept."""
    shard = shelf.singles(tmp_path)
    path = segments(shard)[0]
    content = bytearray(path.read_bytes())
    content[place(2) + 30 : place(5) + 5] = bytes(place(5) + 5 - place(2) - 30)
    path.write_bytes(content)
    read, (damage,) = read_on(shard)
    assert read == [0, 5]
    assert (damage.offset, damage.records, damage.bytes) == (place(2), 4, 4 * RECORD)
    kept = [keep(DISK, shard.path, damage) for _ in range(2)]
    assert kept[0] == kept[1]
    assert [file.read_bytes() for file in kept[0]] == [bytes(content[place(2) : place(6)])]
    assert kept[0][0].parent == shard.path.parent / "unreadable" / shard.id


@pytest.mark.parametrize("nth", [0, 1, -1], ids=["first", "middle", "newest"])
def test_a_missing_segment_is_lost_and_no_more(shelf: Shelf, tmp_path: Path, nth: int) -> None:
    """Its neighbours tell its numbers; of the newest SYNCED does."""
    shard = shelf.full(tmp_path)
    bounds = [*(int(path.stem, 16) for path in segments(shard)), 201]
    first, following = (bounds[-2], 201) if nth == -1 else (bounds[nth], bounds[nth + 1])
    segments(shard)[nth].unlink()
    read, (damage,) = read_on(shard)
    assert read == [number for number in range(200) if not first <= number + 1 < following]
    assert (damage.first_seq, damage.last_seq, damage.bytes) == (first, following - 1, 0)


def test_a_missing_newest_segment_that_nothing_tells_of_is_one_record_at_least(shelf: Shelf, tmp_path: Path) -> None:
    """Without SYNCED only the end record before it says that there was one."""
    shard = shelf.full(tmp_path)
    first = int(segments(shard)[-1].stem, 16)
    segments(shard)[-1].unlink()
    (shard.path / "SYNCED").unlink()
    read, (damage,) = read_on(shard)
    assert (read, damage.records) == ([*range(first - 1)], 1)


@pytest.mark.parametrize("offset", [0, 8, 17, 33, 41, 61], ids=["magic", "format", "shard", "first", "epoch", "crc"])
@pytest.mark.parametrize("nth", [0, -1], ids=["first", "newest"])
def test_a_damaged_header_costs_no_record(shelf: Shelf, tmp_path: Path, offset: int, nth: int) -> None:
    """The records beneath tell their own life; stale ones of a former life in the same file are not taken for it."""
    shard = shelf.full(tmp_path)
    flip_bit(segments(shard)[nth], offset)
    assert survey(shard.path).waiting_records == 200
    read, (damage,) = read_on(shard)
    assert read == [*range(200)]
    assert (damage.kind, damage.records) == (Kind.HEADER, 0)


def test_a_segment_of_another_shard_is_lost_and_kept_whole(shelf: Shelf, tmp_path: Path) -> None:
    """What a restore put into the wrong place is never read as its own, and none of its bytes is lost."""
    shard, other = shelf.singles(tmp_path), shelf.full(tmp_path)
    foreign = segments(other)[0].read_bytes()
    shutil.copy(segments(other)[0], segments(shard)[0])
    read, (header, damage) = read_on(shard)
    assert (read, header.kind, damage.records) == ([], Kind.HEADER, 6)
    (kept,) = (shard.path.parent / "unreadable" / shard.id).glob("*.seg.0.*")
    assert kept.read_bytes() == foreign


def test_damage_in_a_live_shard_is_passed_while_its_writer_goes_on(tmp_path: Path) -> None:
    """Also at the very end, where what comes next is not written yet."""
    writer = JournalWriter(tmp_path, segment_bytes=SMALL)
    append_singly(writer, range(3))
    shard = only_shard(tmp_path)
    for seq in (2, 3):
        with segments(shard)[0].open("r+b") as file:
            file.seek(place(seq) + 9)
            file.write(b"\xff")
    read, (damage,) = read_on(shard)
    assert (read, damage.first_seq, damage.last_seq) == ([0], 2, 3)
    append_singly(writer, range(3, 6))
    assert read_on(shard) == ([3, 4, 5], [])
    for number in range(6, 12):
        append_all(writer, [number], size=30_000)
    writer.close()
    assert read_on(shard) == ([*range(6, 12)], [])
    assert shard.remove()


def test_what_is_not_durable_yet_is_never_skipped(tmp_path: Path) -> None:
    """Behind the damage a live writer has a group under way: its numbers are not given up, whatever it looks like."""
    disk = GatedDisk()
    writer = JournalWriter(tmp_path, segment_bytes=ROOMY, disk=disk)
    append_all(writer, [0])
    append_all(writer, [1])
    shard = only_shard(tmp_path)
    disk.shut()
    first = writer.append(entry(2))
    assert disk.reached.wait(WAIT_S)
    with segments(shard)[0].open("r+b") as file:
        for seq in (2, 3):
            file.seek(place(seq) + 80)
            file.write(b"\xff")
        # As if more of the group had reached the file than its beginning.
        file.seek(place(4))
        file.write(b"".join(encode_record(entry(3), seq=4, group=Group(epoch_of(shard), 3, 1))))
    assert [(damage.first_seq, damage.last_seq) for damage in survey(shard.path).damages] == [(2, 2)]
    disk.gate.set()
    assert first.result(WAIT_S) == 3
    writer.close()


def test_a_torn_tail_is_no_damage(shelf: Shelf, tmp_path: Path) -> None:
    """Nobody was answered for it, so nobody has to decide about it."""
    shard = shelf.singles(tmp_path)
    (shard.path / "SYNCED").unlink()
    flip_bit(segments(shard)[0], place(6) + 70)
    found = survey(shard.path)
    assert (found.waiting_records, found.damages) == (5, [])


def test_a_damaged_checkpoint_hides_the_rest_until_it_is_mended(shelf: Shelf, tmp_path: Path) -> None:
    """It is kept, and what the ledger knows takes its place."""
    shard = shelf.singles(tmp_path)
    shard.mark_posted(2)
    flip_bit(shard.path / "POSTED", 9)
    found = survey(shard.path)
    assert (found.posted, [damage.kind for damage in found.damages]) == (None, [Kind.CHECKPOINT])
    (kept,) = keep(DISK, shard.path, found.damages[0])
    assert kept.read_bytes() == (shard.path / "POSTED").read_bytes()
    mend_checkpoint(DISK, shard.path, 3)
    assert read_on(shard) == ([3, 4, 5], [])


def test_what_a_newer_version_wrote_is_not_called_damaged(
    shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing behind it is looked at, and nothing of it may be skipped."""
    shard = shelf.singles(tmp_path)
    content = segments(shard)[0].read_bytes()
    monkeypatch.setattr("spanledger.exporter.journal.format.FORMAT", 2)
    newer = encode_segment_header(SegmentHeader(content[16:32], 1, 7, 0))
    monkeypatch.undo()
    segments(shard)[0].write_bytes(newer + content[SEGMENT_HEADER_BYTES:])
    assert [damage.kind for damage in survey(shard.path).damages] == [Kind.NEWER]
