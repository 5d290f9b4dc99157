"""What the journal holds, as plain values. Pure: no bytes, no I/O, no clock."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from spanledger.schemas import SpanledgerError, claim


class RecordType(IntEnum):
    """What a record is. The numbers are on disk and never change."""

    REQUEST = 1
    """The allow-listed elements of one accepted request, as an OTLP protobuf request."""
    TICK = 2
    """A mark of the clock: nothing arrived, but time passed."""
    CLOSE = 3
    """Close the settling window: what waits for evidence will get no more of it."""
    SEGMENT_END = 4
    """The last record of a full segment; the writer's own, never seen outside the journal."""
    REPLAY = 5
    """Something out of quarantine, to be booked if it can be now; it was accepted, and counted, before."""


class Signal(IntEnum):
    """Which OTLP signal a payload carries. The numbers are on disk and never change."""

    TRACES = 1
    LOGS = 2
    METRICS = 3

    @property
    def charged(self) -> claim.Signal | None:
        """Its name in a claim; None for metrics, whose sums repeat what spans and log records state one by one."""
        return _CHARGED.get(self)


_CHARGED: Final[dict[Signal, claim.Signal]] = {Signal.TRACES: "traces", Signal.LOGS: "logs"}


@dataclass(frozen=True, slots=True)
class Entry:
    """What a caller hands to the journal."""

    payload: bytes
    signal: Signal
    scope: str
    """The credential's scope; `*` for the open loopback."""
    tenant: str
    """The credential's default tenant."""
    elements: int
    """How many accepted elements (spans, log records) the request carried: the accounting starts from it."""
    type: RecordType = RecordType.REQUEST


@dataclass(frozen=True, slots=True)
class Record:
    """An entry as the journal kept it."""

    seq: int
    """Dense within the shard, from 1."""
    received_ns: int
    """Wall clock when its group was written, in UTC nanoseconds; never falls within a shard."""
    entry: Entry


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a shard: record `seq` begins (or will begin) at byte `offset` of segment `segment`."""

    segment: int
    """The segment's first sequence number, which is its file's name."""
    offset: int
    seq: int


class JournalCorrupt(SpanledgerError):
    """Bytes that were durable cannot be read any more; a human decides, nothing is skipped in silence."""

    def __init__(self, path: str, offset: int, reason: str) -> None:
        super().__init__(f"{path} at byte {offset}: {reason} (spanledger journal inspect tells what is lost)")
        self.path = path
        self.offset = offset
        self.reason = reason
