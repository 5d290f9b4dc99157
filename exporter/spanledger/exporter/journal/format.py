"""The journal's bytes: segment header, record, marks. Pure: no I/O, no clock; no byte is believed before its CRC32C.

Little endian, records aligned to 8 bytes. A segment starts with 64 bytes:

    0 magic 8s | 8 format u16 | 10 zero | 16 shard uuid 16s | 32 first_seq u64 | 40 epoch u64
    48 prev_segment_last_seq u64 | 56 zero | 60 crc32c u32 over bytes 0-59

A record has 64 bytes, its scope and tenant (UTF-8, zero-padded to 8 bytes), its payload (zero-padded to 8 bytes):

    0 magic 4s | 4 type u8 | 5 codec u8 | 6 flags u8 | 7 header length / 8 u8 | 8 payload length u32
    12 crc32c u32 over bytes 0-11 and from 16 to the payload's end | 16 seq u64 | 24 group_first_seq u64
    32 received_ns i64 | 40 signal u8 | 41 zero | 44 scope length u16 | 46 tenant length u16 | 48 zero
    52 elements u32 | 56 epoch u64

The epoch is drawn anew for every life of a segment file, so what a recycled file still holds never parses.
"""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple, cast

import google_crc32c

from spanledger.exporter.journal.record import Entry, Position, Record, RecordType, Signal

FORMAT: Final = 1
SEGMENT_MAGIC: Final = b"SLJRNL\0\1"
RECORD_MAGIC: Final = b"SLR1"
POSTED_MAGIC: Final = b"SLPOST\0\1"
SYNCED_MAGIC: Final = b"SLSYNC\0\1"

SEGMENT_HEADER_BYTES: Final = 64
RECORD_HEADER_BYTES: Final = 64
# The end record has neither names nor payload; every segment keeps this much room for it.
END_RECORD_BYTES: Final = RECORD_HEADER_BYTES
# The header's length is one byte in units of 8; what the fixed part leaves is for scope and tenant together.
NAMES_BYTES_MAX: Final = 255 * 8 - RECORD_HEADER_BYTES
# The largest body the receiver can be set to accept; a damaged length never makes a reader take more.
PAYLOAD_BYTES_MAX: Final = 64 * 1024 * 1024
ELEMENTS_MAX: Final = 2**32 - 1
# Below this, one buffer per record is cheaper than a scatter list of three.
_JOIN_BYTES: Final = 4096

_SEGMENT: Final = struct.Struct("<8sH6x16sQQQ4x")
_FRONT: Final = struct.Struct("<4sBBBBI")
_REST: Final = struct.Struct("<QQqB3xHH4xIQ")
_HEAD: Final = struct.Struct("<4sBBBBIIQQqB3xHH4xIQ")
_MARK: Final = struct.Struct("<8sQQQQ4x")
_CRC: Final = struct.Struct("<I")
MARK_BYTES: Final = _MARK.size + _CRC.size

# The library ships no types for its C functions.
_crc = cast("Callable[[bytes], int]", google_crc32c.value)
_crc_more = cast("Callable[[int, bytes], int]", google_crc32c.extend)


# Calling an enum is ten times as slow, and this is done for every record.
_TYPES: Final = {int(kind): kind for kind in RecordType}
_SIGNALS: Final = {int(signal): signal for signal in Signal}


class UnknownFormat(ValueError):
    """The bytes are whole, but a newer version wrote them."""


@dataclass(frozen=True, slots=True)
class SegmentHeader:
    """One life of a segment file."""

    shard: bytes
    first_seq: int
    epoch: int
    prev_last_seq: int
    """The last record of the segment before; 0 for the shard's first."""


@dataclass(frozen=True, slots=True)
class Group:
    """What the records of one commit share: they were written together and became durable together."""

    epoch: int
    first_seq: int
    received_ns: int


@dataclass(frozen=True, slots=True)
class Mark:
    """A sequence number reached, and a place at or before the record that follows it."""

    seq: int
    position: Position


NOWHERE: Final = Mark(0, Position(0, 0, 0))


def entry_bytes(entry: Entry) -> int:
    """The room an entry takes in a segment. Raises `ValueError` for one that the format cannot hold."""
    names = len(entry.scope.encode()) + len(entry.tenant.encode())
    if names > NAMES_BYTES_MAX:
        msg = f"scope and tenant together take {names} bytes, more than {NAMES_BYTES_MAX}"
        raise ValueError(msg)
    if len(entry.payload) > PAYLOAD_BYTES_MAX:
        msg = f"the request keeps {len(entry.payload)} bytes, more than {PAYLOAD_BYTES_MAX}"
        raise ValueError(msg)
    if not 0 <= entry.elements <= ELEMENTS_MAX:
        msg = f"{entry.elements} elements in one request are out of range"
        raise ValueError(msg)
    return RECORD_HEADER_BYTES + aligned(names) + aligned(len(entry.payload))


def aligned(size: int) -> int:
    """`size` rounded up to the 8 bytes every part of a segment is aligned to."""
    return (size + 7) & ~7


def encode_record(entry: Entry, *, seq: int, group: Group) -> tuple[bytes, ...]:
    """One record as the buffers to write one after the other; a small one comes joined."""
    scope, tenant, size = entry.scope.encode(), entry.tenant.encode(), len(entry.payload)
    names = (scope + tenant).ljust(aligned(len(scope) + len(tenant)), b"\0")
    front = _FRONT.pack(RECORD_MAGIC, entry.type, 0, 0, (RECORD_HEADER_BYTES + len(names)) // 8, size)
    fixed = _REST.pack(
        seq, group.first_seq, group.received_ns, entry.signal, len(scope), len(tenant), entry.elements, group.epoch
    )
    crc = _crc_more(_crc_more(_crc_more(_crc(front), fixed), names), entry.payload)
    head = front + _CRC.pack(crc) + fixed + names
    padding = bytes(-size % 8)
    return (head + entry.payload + padding,) if size < _JOIN_BYTES else (head, entry.payload, padding)


def encode_end(*, seq: int, received_ns: int, epoch: int) -> bytes:
    """The end record of a full segment. It takes no number of its own: `seq` is where the next segment begins."""
    end = Entry(b"", Signal.TRACES, "", "", 0, RecordType.SEGMENT_END)
    return b"".join(encode_record(end, seq=seq, group=Group(epoch, seq, received_ns)))


class Head(NamedTuple):
    """The fixed part of a record as it lies in a buffer; nothing in it is checked against the CRC yet."""

    magic: bytes
    type: int
    codec: int
    flags: int
    header_eighths: int
    payload_bytes: int
    crc: int
    seq: int
    group_first_seq: int
    received_ns: int
    signal: int
    scope_bytes: int
    tenant_bytes: int
    elements: int
    epoch: int

    @property
    def record_bytes(self) -> int:
        """From the record's first byte to the next record's."""
        return self.header_eighths * 8 + aligned(self.payload_bytes)


def read_head(buffer: bytes, at: int, epoch: int | None) -> Head | None:
    """The head at `at` when it could be a record of this life of the segment (of any, without one), else None."""
    if len(buffer) - at < RECORD_HEADER_BYTES:
        return None
    head = Head._make(_HEAD.unpack_from(buffer, at))
    plausible = (
        head.magic == RECORD_MAGIC
        and (epoch is None or head.epoch == epoch)
        and head.payload_bytes <= PAYLOAD_BYTES_MAX
        and head.header_eighths * 8 >= RECORD_HEADER_BYTES + head.scope_bytes + head.tenant_bytes
    )
    return head if plausible else None


def read_record(buffer: bytes, at: int, head: Head) -> Record | None:
    """The record whose head lies at `at`, or None when it is cut or damaged.

    Raises `UnknownFormat` for a whole record of a kind this version does not know.
    """
    names = at + RECORD_HEADER_BYTES
    payload = whole_payload(buffer, at, head)
    if payload is None:
        return None
    tenant = names + head.scope_bytes
    signal, kind = _SIGNALS.get(head.signal), _TYPES.get(head.type)
    if signal is None or kind is None or head.codec or head.flags:
        msg = f"record {head.seq} is of a kind that this version does not know"
        raise UnknownFormat(msg)
    scope, default_tenant = buffer[names:tenant].decode(), buffer[tenant : tenant + head.tenant_bytes].decode()
    return Record(head.seq, head.received_ns, Entry(payload, signal, scope, default_tenant, head.elements, kind))


def whole_payload(buffer: bytes, at: int, head: Head) -> bytes | None:
    """The payload of the record whose head lies at `at`, or None when the record is cut or damaged."""
    body = at + head.header_eighths * 8
    end = body + head.payload_bytes
    if end > len(buffer):
        return None
    payload = buffer[body:end]
    crc = _crc_more(_crc_more(_crc(buffer[at : at + 12]), buffer[at + 16 : body]), payload)
    return payload if crc == head.crc else None


def scan(buffer: bytes, at: int = 0, *, epoch: int, seq: int) -> Iterator[tuple[Record, int]]:
    """The records from `at` on, numbered from `seq`, each with the offset behind it, up to the first that is not whole.

    An end record is yielded too, and ends the scan.
    """
    while (head := read_head(buffer, at, epoch)) is not None and head.seq == seq:
        record = read_record(buffer, at, head)
        if record is None:
            return
        at, seq = at + head.record_bytes, seq + 1
        yield record, at
        if record.entry.type is RecordType.SEGMENT_END:
            return


def skip(buffer: bytes, at: int, *, epoch: int, seq: int, until: int) -> tuple[int, int]:
    """Pass over records already read, by their heads alone, up to number `until`: (offset, number) reached.

    The offset may lie behind the buffer's end.
    """
    while seq < until and (head := read_head(buffer, at, epoch)) is not None:
        if head.seq != seq or head.type == RecordType.SEGMENT_END:
            break
        at, seq = at + head.record_bytes, seq + 1
    return at, seq


def bytes_wanted(buffer: bytes, at: int, *, epoch: int, seq: int) -> int:
    """How many bytes from `at` the next record needs when the buffer only cuts it off; 0 when it is no record."""
    if len(buffer) - at < RECORD_HEADER_BYTES:
        return RECORD_HEADER_BYTES
    head = read_head(buffer, at, epoch)
    wanted = head.record_bytes if head is not None and head.seq == seq else 0
    return wanted if wanted > len(buffer) - at else 0


def encode_segment_header(header: SegmentHeader) -> bytes:
    """The 64 bytes a segment begins with."""
    front = _SEGMENT.pack(SEGMENT_MAGIC, FORMAT, header.shard, header.first_seq, header.epoch, header.prev_last_seq)
    return front + _CRC.pack(_crc(front))


def decode_segment_header(buffer: bytes) -> SegmentHeader | None:
    """A segment's header, or None when it is damaged. Raises `UnknownFormat` for a newer format."""
    front = buffer[: _SEGMENT.size]
    if len(buffer) < SEGMENT_HEADER_BYTES or _CRC.unpack_from(buffer, _SEGMENT.size)[0] != _crc(front):
        return None
    fields: tuple[bytes, int, bytes, int, int, int] = _SEGMENT.unpack(front)
    magic, version, shard, first_seq, epoch, prev_last_seq = fields
    if magic != SEGMENT_MAGIC or version != FORMAT:
        msg = f"journal format {version} is newer than this version's {FORMAT}"
        raise UnknownFormat(msg)
    return SegmentHeader(shard, first_seq, epoch, prev_last_seq)


def encode_mark(magic: bytes, mark: Mark) -> bytes:
    """A mark as the whole content of its file."""
    place = mark.position
    front = _MARK.pack(magic, mark.seq, place.segment, place.offset, place.seq)
    return front + _CRC.pack(_crc(front))


def decode_mark(magic: bytes, content: bytes) -> Mark | None:
    """The mark a file holds, or None when it is damaged or half-written."""
    front = content[: _MARK.size]
    if len(content) != MARK_BYTES or _CRC.unpack_from(content, _MARK.size)[0] != _crc(front):
        return None
    fields: tuple[bytes, int, int, int, int] = _MARK.unpack(front)
    found, seq, segment, offset, at_seq = fields
    return Mark(seq, Position(segment, offset, at_seq)) if found == magic else None
