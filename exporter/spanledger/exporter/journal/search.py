"""Whole records among bytes that are damaged. Pure; what does not stand by its CRC32C is passed over."""

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from spanledger.exporter.journal.format import RECORD_MAGIC, SEGMENT_HEADER_BYTES, Head, read_head, whole_payload


def find_later_group(buffer: bytes, at: int, *, epoch: int, seq: int) -> int | None:
    """Where a whole record lies whose group began after number `seq`, or None.

    A group is written only after the one before is durable. So when record `seq` is unreadable, a record of a later
    group proves that durable bytes were lost; without one, the last group was torn, and nobody was told OK for it.
    """
    later = (place for place, head in _whole(buffer, at, epoch) if head.group_first_seq > seq)
    return next(later, None)


class Found(NamedTuple):
    """Where a search came to."""

    behind: int
    """The end of the last whole record with a lower number."""
    at: int | None
    """The first whole record with the number or a higher one, of whatever group; None without one."""
    seq: int


def find_record(buffer: bytes, *, epoch: int, seq: int) -> Found:
    """Look for record `seq` in a segment, or for the next one that is whole."""
    behind = SEGMENT_HEADER_BYTES
    for place, head in _whole(buffer, behind, epoch):
        if head.seq >= seq:
            return Found(behind, place, head.seq)
        behind = place + head.record_bytes
    return Found(behind, None, 0)


def find_epoch(buffer: bytes, *, seq: int) -> int | None:
    """The epoch of a segment that begins with number `seq`, told by its records alone; None when none is whole.

    What a recycled file holds of its former lives has lower numbers. Most records decide: a payload may imitate one.
    """
    epochs = Counter(head.epoch for _, head in _whole(buffer, SEGMENT_HEADER_BYTES, None) if head.seq >= seq)
    return epochs.most_common(1)[0][0] if epochs else None


def _whole(buffer: bytes, at: int, epoch: int | None) -> Iterator[tuple[int, Head]]:
    """Every whole record from `at` on, of one life of the file or of any, of kinds from the future too."""
    while (at := buffer.find(RECORD_MAGIC, at)) >= 0:
        head = read_head(buffer, at, epoch) if at % 8 == 0 else None
        whole = head is not None and whole_payload(buffer, at, head) is not None
        if head is not None and whole:
            yield at, head
        at += head.record_bytes if head is not None and whole else 1
