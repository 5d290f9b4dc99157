"""A receiver in front of the real sift and journal, on any disk, and what the journal holds of its requests."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from support.journal import ROOMY, GatedDisk
from support.receiving import Receiving, receiving

from spanledger.exporter.intake import Intake
from spanledger.exporter.journal import Entry, JournalWriter, shards
from spanledger.exporter.journal.disk import DISK, Disk
from spanledger.exporter.journal.writer import QUEUE_BYTES
from spanledger.exporter.receiver import port
from spanledger.exporter.receiver.gate import Limits
from spanledger.exporter.sift import UsageRecord, sift


class Journaling:
    """A running receiver and its journal."""

    def __init__(self, door: Receiving, writer: JournalWriter, root: Path, disk: GatedDisk) -> None:
        self.door = door
        self.writer = writer
        self.disk = disk
        self._root = root
        self._seen = 0

    def new(self) -> list[Entry]:
        """What the journal has taken since this was last asked."""
        entries = [record.entry for shard in shards(self._root) for record in shard.read_after(self._seen)]
        self._seen += len(entries)
        return entries

    def new_usage(self) -> list[UsageRecord]:
        """The usage in it."""
        return [usage for entry in self.new() for usage in sift(entry.payload, entry.signal.charged or "traces").spans]


@contextmanager
def journaling(
    root: Path,
    *,
    disk: Disk = DISK,
    limits: Limits | None = None,
    queue_bytes: int = QUEUE_BYTES,
    before: Callable[[port.Intake], port.Intake] = lambda intake: intake,
) -> Generator[Journaling]:
    """A receiver that journals under `root`. Syncs wait at the gate of `disk`, if it is a `GatedDisk`.

    `before` puts something between the doors and the intake.
    """
    writer = JournalWriter(root, segment_bytes=ROOMY, queue_bytes=queue_bytes, disk=disk)
    gated = disk if isinstance(disk, GatedDisk) else GatedDisk()
    try:
        with receiving(limits=limits, into=before(Intake(writer))) as door:
            yield Journaling(door, writer, root, gated)
    finally:
        gated.gate.set()
        writer.close()
