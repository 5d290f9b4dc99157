"""Which traces and charges the store may hold: a Bloom filter in front of recall. Pure.

Nearly every trace that arrives is new, and asking the store about each would cost more than all else together.
A key that was never added is certainly new; a key that looks known is looked up. Keys are random bytes already
(trace ids, digests), so their own bits are the hashes.
"""

from collections.abc import Iterable
from typing import Final

# 2²⁷ bits are 16 MB. Of keys that were never added, 0.02 % look known at 1 million keys and 2 % at 10 million.
BITS: Final = 1 << 27
_MASK: Final = BITS - 1
_SECOND: Final = 27


class Seen:
    """A set of unsigned 64-bit keys that may claim to hold one that it does not, never the reverse."""

    def __init__(self) -> None:
        self._bits = bytearray(BITS // 8)

    def add(self, keys: Iterable[int]) -> None:
        """Remember keys."""
        bits = self._bits
        for key in keys:
            first, second = key & _MASK, (key >> _SECOND) & _MASK
            bits[first >> 3] |= 1 << (first & 7)
            bits[second >> 3] |= 1 << (second & 7)

    def __contains__(self, key: int) -> bool:
        bits, first, second = self._bits, key & _MASK, (key >> _SECOND) & _MASK
        return bool(bits[first >> 3] & (1 << (first & 7)) and bits[second >> 3] & (1 << (second & 7)))


def trace_seen_key(trace_id: str) -> int:
    """The key of a trace: its first 8 bytes."""
    return int(trace_id[:16] or "0", 16)


def charge_seen_key(charge_id: bytes) -> int:
    """The key of a charge: its last 8 bytes (the first may be a time)."""
    return int.from_bytes(charge_id[8:], "big")
