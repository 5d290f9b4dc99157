"""The journal's bytes: pinned, round-tripped, and attacked. What is not whole is never taken for a record."""

import struct
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spanledger.exporter.journal import Entry, Record, RecordType, Signal
from spanledger.exporter.journal.format import (
    NAMES_BYTES_MAX,
    POSTED_MAGIC,
    SEGMENT_HEADER_BYTES,
    SYNCED_MAGIC,
    Group,
    Mark,
    SegmentHeader,
    UnknownFormat,
    bytes_wanted,
    decode_mark,
    decode_segment_header,
    encode_end,
    encode_mark,
    encode_record,
    encode_segment_header,
    entry_bytes,
    scan,
    skip,
)
from spanledger.exporter.journal.record import Position
from spanledger.exporter.journal.search import find_epoch, find_later_group, find_record

EPOCH = 0x1122334455667788
SECTOR = 512


def repeated(size: int, unit: bytes) -> bytes:
    """A payload of `size` bytes that costs the generator only a few."""
    return (unit * size)[:size]


ENTRIES = st.builds(
    Entry,
    payload=st.builds(repeated, st.integers(0, 5000), st.binary(min_size=1, max_size=8)),
    signal=st.sampled_from(Signal),
    scope=st.text(st.characters(codec="utf-8"), max_size=10),
    tenant=st.text(st.characters(codec="utf-8"), max_size=10),
    elements=st.integers(0, 2**32 - 1),
    type=st.sampled_from([RecordType.REQUEST, RecordType.TICK, RecordType.CLOSE, RecordType.REPLAY]),
)
PROPERTY = settings(deadline=None, max_examples=150)
GROUPS = st.lists(st.lists(ENTRIES, min_size=1, max_size=4), min_size=1, max_size=5)


@dataclass(frozen=True)
class Written:
    """Groups as a segment holds them: every record, where each one ends, and where the last group begins."""

    content: bytes
    records: list[Record]
    ends: list[int]
    last_group_at: int
    last_group_seq: int


def write(groups: list[list[Entry]], epoch: int = EPOCH) -> Written:
    """Encode groups one behind the other, numbered from 1."""
    content, records, ends, group_at, seq = b"", list[Record](), list[int](), 0, 1
    first_seq = 1
    for number, entries in enumerate(groups):
        group_at, first_seq = len(content), seq
        group = Group(epoch, first_seq, 1000 + number)
        for entry in entries:
            content += b"".join(encode_record(entry, seq=seq, group=group))
            records.append(Record(seq, 1000 + number, entry))
            ends.append(len(content))
            seq += 1
    return Written(content, records, ends, group_at, first_seq)


def read(content: bytes, epoch: int = EPOCH) -> list[Record]:
    """What a scan from the start believes."""
    return [record for record, _ in scan(content, epoch=epoch, seq=1)]


def crc32c(content: bytes) -> int:
    """CRC-32C bit by bit, from its definition (RFC 3720, B.4), so that nothing rests on the library alone."""
    crc = 0xFFFFFFFF
    for byte in content:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def test_a_record_has_the_bytes_the_format_says() -> None:
    """Every field stands at its documented offset; a journal written today is readable for ever."""
    entry = Entry(b"payload", Signal.LOGS, "*", "acmé", 3, RecordType.TICK)
    front = b"SLR1" + bytes([2, 0, 0, 9]) + struct.pack("<I", 7)
    rest = struct.pack("<QQq", 12, 10, 1_700_000_000_000_000_000)
    rest += b"\x02\0\0\0" + struct.pack("<HH", 1, 5) + bytes(4) + struct.pack("<IQ", 3, EPOCH)
    rest += b"*acm\xc3\xa9\0\0"
    crc = struct.pack("<I", crc32c(front + rest + b"payload"))
    group = Group(EPOCH, 10, 1_700_000_000_000_000_000)
    assert b"".join(encode_record(entry, seq=12, group=group)) == front + crc + rest + b"payload\0"
    assert entry_bytes(entry) == 80


def test_a_segment_header_has_the_bytes_the_format_says() -> None:
    """64 bytes: magic, format 1, shard, first number, epoch, the last number before, CRC."""
    front = b"SLJRNL\0\x01" + struct.pack("<H6x", 1) + b"0123456789abcdef" + struct.pack("<QQQ4x", 5, EPOCH, 4)
    header = SegmentHeader(b"0123456789abcdef", 5, EPOCH, 4)
    assert encode_segment_header(header) == front + struct.pack("<I", crc32c(front))
    assert decode_segment_header(encode_segment_header(header)) == header


def test_a_damaged_segment_header_is_not_believed() -> None:
    """A flipped bit or a short file gives None, a newer format says so."""
    whole = encode_segment_header(SegmentHeader(b"0123456789abcdef", 5, EPOCH, 4))
    for at in range(len(whole)):
        assert decode_segment_header(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]) is None
        assert decode_segment_header(whole[:at]) is None
    newer = whole[:8] + b"\x02" + whole[9:60]
    with pytest.raises(UnknownFormat):
        decode_segment_header(newer + struct.pack("<I", crc32c(newer)))


def test_a_mark_is_believed_only_whole_and_in_its_own_file() -> None:
    """A mark comes back as it was; half of one, a damaged one, or another file's gives None."""
    mark = Mark(77, Position(64, 4096, 70))
    content = encode_mark(POSTED_MAGIC, mark)
    assert decode_mark(POSTED_MAGIC, content) == mark
    assert decode_mark(SYNCED_MAGIC, content) is None
    for at in range(len(content)):
        assert decode_mark(POSTED_MAGIC, content[:at]) is None
        assert decode_mark(POSTED_MAGIC, content[:at] + bytes([content[at] ^ 8]) + content[at + 1 :]) is None


@PROPERTY
@given(GROUPS)
def test_what_is_written_is_read(groups: list[list[Entry]]) -> None:
    """Any entries in any grouping come back in order, and take the room that was foretold."""
    written = write(groups)
    assert list(scan(written.content, epoch=EPOCH, seq=1)) == list(zip(written.records, written.ends, strict=True))
    assert len(written.content) == sum(entry_bytes(record.entry) for record in written.records)
    assert find_later_group(written.content, 0, epoch=EPOCH, seq=written.last_group_seq) is None


@PROPERTY
@given(GROUPS, st.data())
def test_damage_hides_what_follows_and_nothing_before(groups: list[list[Entry]], data: st.DataObject) -> None:
    """Wherever bytes are flipped or cut, a scan gives the records before in full, then true ones only."""
    written = write(groups)
    at = data.draw(st.integers(0, len(written.content) - 1))
    if data.draw(st.booleans()):
        damaged = written.content[:at]
    else:
        noise = data.draw(st.binary(min_size=1, max_size=64).filter(any))
        hit = bytes(a ^ b for a, b in zip(written.content[at:], noise, strict=False))
        damaged = written.content[:at] + hit + written.content[at + len(hit) :]
    seen = read(damaged)
    assert seen == written.records[: len(seen)]
    assert len(seen) >= sum(end <= at for end in written.ends)


@PROPERTY
@given(GROUPS, GROUPS, st.data())
def test_a_torn_group_is_told_from_lost_records(
    groups: list[list[Entry]], before: list[list[Entry]], data: st.DataObject
) -> None:
    """Power fails in the last group: any of its sectors may be missing, older bytes of a recycled file in their place.

    All groups before are read, and nothing looks like lost records.
    """
    written = write(groups)
    stale = write(before, epoch=EPOCH + 1).content * 3
    torn = bytearray(written.content)
    for sector in range(0, len(torn), SECTOR):
        start, end = max(sector, written.last_group_at), min(sector + SECTOR, len(torn))
        if start < end and data.draw(st.booleans()):
            torn[start:end] = (stale + bytes(len(torn)))[start:end]
    seen = read(bytes(torn) + stale)
    assert seen == written.records[: len(seen)]
    assert len(seen) >= written.last_group_seq - 1
    if len(seen) < len(written.records):
        reached = written.ends[len(seen) - 1] if seen else 0
        assert find_later_group(bytes(torn) + stale, reached, epoch=EPOCH, seq=len(seen) + 1) is None


@PROPERTY
@given(GROUPS, st.data())
def test_a_damaged_group_is_told_from_a_torn_one(groups: list[list[Entry]], data: st.DataObject) -> None:
    """When a group that was followed by another cannot be read, the one that follows gives it away."""
    written = write([*groups, [Entry(b"x", Signal.TRACES, "", "", 1)]])
    at = data.draw(st.integers(0, written.last_group_at - 1))
    damaged = written.content[:at] + bytes([written.content[at] ^ 0x40]) + written.content[at + 1 :]
    seen = read(damaged)
    reached = written.ends[len(seen) - 1] if seen else 0
    if len(seen) == len(written.records):
        # The bit fell into padding, which means nothing.
        assert seen == written.records
    else:
        assert find_later_group(damaged, reached, epoch=EPOCH, seq=len(seen) + 1) is not None


def test_bytes_of_an_earlier_life_never_parse() -> None:
    """The same file with another epoch: not one record is read, although all are whole."""
    old = write([[Entry(b"old", Signal.TRACES, "*", "acme", 1)]])
    assert read(old.content, EPOCH) == old.records
    assert read(old.content, EPOCH + 1) == []
    assert find_later_group(old.content, 0, epoch=EPOCH + 1, seq=0) is None


def test_a_number_out_of_turn_ends_the_scan() -> None:
    """A whole record with another number than the next is no continuation."""
    two = write([[Entry(b"a", Signal.TRACES, "", "", 1), Entry(b"b", Signal.TRACES, "", "", 1)]])
    assert [record.seq for record, _ in scan(two.content, two.ends[0], epoch=EPOCH, seq=2)] == [2]
    assert list(scan(two.content, two.ends[0], epoch=EPOCH, seq=1)) == []


def test_the_end_record_ends_the_scan() -> None:
    """It carries the number the next segment begins with, and hides what lies behind it."""
    written = write([[Entry(b"a", Signal.TRACES, "", "", 1)]])
    content = written.content + encode_end(seq=2, received_ns=5, epoch=EPOCH) + written.content
    assert [record.entry.type for record in read(content)] == [RecordType.REQUEST, RecordType.SEGMENT_END]
    assert skip(content, 0, epoch=EPOCH, seq=1, until=9) == (written.ends[0], 2)


def test_a_kind_from_the_future_is_an_error_not_an_end() -> None:
    """A whole record of an unknown type, signal or codec must not be taken for a torn tail."""
    whole = write([[Entry(b"a", Signal.TRACES, "", "", 1)]]).content
    for at in (4, 5, 6, 40):
        changed = bytearray(whole)
        changed[at] = 99
        changed[12:16] = struct.pack("<I", crc32c(bytes(changed[:12] + changed[16:65])))
        with pytest.raises(UnknownFormat):
            read(bytes(changed))


def test_a_window_that_cuts_a_record_tells_how_much_it_needs() -> None:
    """A reader asks for the whole record; for bytes that are no record it asks for nothing."""
    written = write([[Entry(bytes(500), Signal.TRACES, "", "", 1)]])
    size = written.ends[0]
    assert bytes_wanted(written.content[:20], 0, epoch=EPOCH, seq=1) == 64
    assert bytes_wanted(written.content[:100], 0, epoch=EPOCH, seq=1) == size
    assert bytes_wanted(written.content, 0, epoch=EPOCH, seq=1) == 0
    assert bytes_wanted(written.content[:100], 0, epoch=EPOCH, seq=2) == 0
    assert bytes_wanted(bytes(100), 0, epoch=EPOCH, seq=1) == 0


@pytest.mark.parametrize(
    "entry",
    [
        Entry(b"", Signal.TRACES, "s" * NAMES_BYTES_MAX, "t", 1),
        Entry(b"", Signal.TRACES, "", "", -1),
        Entry(b"", Signal.TRACES, "", "", 2**32),
        Entry(b"", Signal.TRACES, "\ud800", "", 1),
        Entry(bytes(64 * 1024 * 1024 + 1), Signal.TRACES, "", "", 1),
    ],
    ids=["names", "negative", "too many", "lone surrogate", "payload"],
)
def test_an_entry_the_format_cannot_hold_is_refused(entry: Entry) -> None:
    """Limits are checked before anything is written."""
    with pytest.raises(ValueError, match=r"bytes|range|surrogates"):
        entry_bytes(entry)


def test_a_payload_that_imitates_records_is_not_taken_for_them() -> None:
    """However often one repeats a record, with a right checksum and a number to come: a whole record is passed over."""
    forged = b"".join(encode_record(Entry(b"x", Signal.TRACES, "*", "victim", 1), seq=9, group=Group(7, 9, 0)))
    entries = [Entry(forged * 5, Signal.TRACES, "*", "acme", 1), Entry(b"y", Signal.TRACES, "*", "acme", 1)]
    head = bytes(SEGMENT_HEADER_BYTES)
    records = [b"".join(encode_record(each, seq=seq, group=Group(EPOCH, 1, 0))) for seq, each in enumerate(entries, 1)]
    assert find_epoch(head + b"".join(records), seq=1) == EPOCH
    assert find_record(head + b"".join(records), epoch=EPOCH, seq=2) == (64 + len(records[0]), 64 + len(records[0]), 2)
