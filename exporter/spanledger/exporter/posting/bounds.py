"""Between which ids and times the events of a posting lie, so that a sum tells whether they are in the store. Pure.

Postings follow on one another in time of reception, while ids begin with a call's start and overlap.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from spanledger.schemas.event import LedgerEvent


class Bounds(NamedTuple):
    """Event ids and times of reception, the last ones included."""

    first: bytes
    last: bytes
    since_ns: int
    until_ns: int


def bounds_of(events: Sequence[LedgerEvent]) -> Bounds:
    """The narrowest bounds of some events, at least one."""
    ids, received_ns = [event.event_id for event in events], [event.ingest_time for event in events]
    return Bounds(min(ids), max(ids), min(received_ns), max(received_ns))


def sum_of(ids: Iterable[bytes]) -> int:
    """The sum of the ids' last 8 bytes, modulo 2⁶⁴, as the engine adds."""
    return sum(int.from_bytes(event_id[8:], "little") for event_id in ids) & (1 << 64) - 1
