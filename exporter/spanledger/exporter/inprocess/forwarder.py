"""Carries this process's journal to a receiver, and the shards that dead processes left in the same folder.

A record is marked posted only after the receiver's 2xx, so a crash sends it again, and the ledger counts it once.
Failed deliveries are repeated for ever; what the receiver refuses for good is set aside as OTLP files that
`spanledger import` reads. While nothing is delivered the journal keeps everything, up to its quota.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from fcntl import LOCK_EX, LOCK_NB, lockf
from pathlib import Path
from typing import Final

from spanledger.exporter.failures import Permanent
from spanledger.exporter.inprocess.counts import Counts
from spanledger.exporter.inprocess.delivery import ReceiverConnection
from spanledger.exporter.journal import JournalCorrupt, Record, RecordType, Shard, shards

# Protobuf messages concatenate, so many records travel as one request, well below a receiver's limit of 4 MiB or more.
REQUEST_BYTES_MAX: Final = 1024 * 1024

# Names beside the shards, which are all named by a UUID.
_ADOPT_LOCK: Final = ".adopt"
_REFUSED: Final = "refused"


class Forwarder:
    """The carrier to a receiver. `is_own` tells whether a shard is written by this process."""

    def __init__(
        self, root: Path, is_own: Callable[[Shard], bool], receiver: ReceiverConnection, counts: Counts
    ) -> None:
        self._root = root
        self._is_own = is_own
        self._receiver = receiver
        self._counts = counts

    def carry(self) -> None:
        """Deliver everything that waits. Raises `Undelivered` when the receiver does not take it now."""
        for shard in shards(self._root):
            self._carry(shard)

    def close(self) -> None:
        """Close the connection."""
        self._receiver.close()

    def _carry(self, shard: Shard) -> None:
        try:
            if self._is_own(shard):
                self._forward(shard)
            elif shard.abandoned:
                self._adopt(shard)
        except JournalCorrupt as error:
            # The shard stays for a human to look at; the others go on.
            self._counts.add("delivery_failures", reason=f"a journal cannot be read: {error}")

    def _adopt(self, shard: Shard) -> None:
        with (self._root / _ADOPT_LOCK).open("ab") as lock:
            try:
                # Of this kind, because a forked child does not inherit it.
                lockf(lock, LOCK_EX | LOCK_NB)
            except BlockingIOError:
                return
            self._forward(shard)
            shard.remove()

    def _forward(self, shard: Shard) -> None:
        for records in _batches(shard.read()):
            self._deliver(shard, [record for record in records if record.entry.type is RecordType.REQUEST])
            shard.mark_posted(records[-1].seq)

    def _deliver(self, shard: Shard, records: Sequence[Record]) -> None:
        if not records:
            return
        spans = sum(record.entry.elements for record in records)
        try:
            delivered = self._receiver.deliver(b"".join(record.entry.payload for record in records))
        except Permanent as error:
            if len(records) > 1:
                self._deliver(shard, records[: len(records) // 2])
                self._deliver(shard, records[len(records) // 2 :])
                return
            kept = self._set_aside(shard, records[0])
            self._counts.add("refused", spans, reason=f"{error}; set aside in {kept}")
            return
        self._counts.add("forwarded", spans - delivered.rejected)
        if delivered.rejected:
            self._counts.add("refused", delivered.rejected, reason=f"the receiver rejected spans: {delivered.message}")

    def _set_aside(self, shard: Shard, record: Record) -> Path:
        """Keep a refused request as a file of its own, durably, beside the shards."""
        folder = self._root / _REFUSED
        folder.mkdir(mode=0o700, exist_ok=True)
        path = folder / f"{shard.id}-{record.seq:016x}.otlp"
        with path.open("wb") as file:
            file.write(record.entry.payload)
            file.flush()
            os.fsync(file.fileno())
        return path


def _batches(records: Iterator[Record]) -> Iterator[list[Record]]:
    batch: list[Record] = []
    size = 0
    for record in records:
        if batch and size + len(record.entry.payload) > REQUEST_BYTES_MAX:
            yield batch
            batch, size = [], 0
        batch.append(record)
        size += len(record.entry.payload)
    if batch:
        yield batch
