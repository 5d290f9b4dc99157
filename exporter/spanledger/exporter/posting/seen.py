"""Which traces and charges the store may hold: a Bloom filter in front of recall. Pure.

Nearly every trace that arrives is new, and asking the store about each would cost more than all else together.
A key that was never added is certainly new; a key that looks known is looked up. Keys are random bytes already
(trace ids, digests), so their own bits are the hashes.
"""

from collections.abc import Iterable
from typing import Final

# 2²⁷ bits are 16 MB; at 10 million keys of 4 probes some 0.5 % look known that are not.
BITS: Final = 1 << 27
_PROBES: Final = 4
_PROBE_SHIFT: Final = 12


class Seen:
    """A set of 8-byte keys that may claim to hold one that it does not, never the reverse."""

    def __init__(self) -> None:
        self._bits = bytearray(BITS // 8)

    def add(self, keys: Iterable[int]) -> None:
        """Remember keys (unsigned 64-bit)."""
        bits, mask = self._bits, BITS - 1
        for key in keys:
            for shift in range(0, _PROBES * _PROBE_SHIFT, _PROBE_SHIFT):
                bit = (key >> shift) & mask
                bits[bit >> 3] |= 1 << (bit & 7)

    def __contains__(self, key: int) -> bool:
        bits, mask = self._bits, BITS - 1
        for shift in range(0, _PROBES * _PROBE_SHIFT, _PROBE_SHIFT):
            bit = (key >> shift) & mask
            if not bits[bit >> 3] & (1 << (bit & 7)):
                return False
        return True


def trace_seen_key(trace_id: str) -> int:
    """The key of a trace: its first 8 bytes."""
    return int(trace_id[:16] or "0", 16)


def charge_seen_key(charge_id: bytes) -> int:
    """The key of a charge: its last 8 bytes (the first may be a time)."""
    return int.from_bytes(charge_id[8:], "big")
