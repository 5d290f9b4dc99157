"""Loss of power at every call of the disk: what may be left then is enumerated, and read by the real recovery.

A writer fills segments, rolls, recycles; what it wrote is posted up to a checkpoint now and then. It is stopped at one
of its calls; of what was not durable nothing, everything, or some of it is left, torn at 512 bytes. Every record that
was acknowledged and is not covered by a checkpoint must be read back, and nothing that was not written.
"""

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from random import Random

from simulation.disk import Killed, SimDisk, Weather
from simulation.files import Choose, Files

from spanledger.exporter.journal import Entry, JournalCorrupt, Shard, Signal, shards
from spanledger.exporter.journal.format import entry_bytes
from spanledger.exporter.journal.own_shard import OwnShard, Terms

ROOT = Path("/data/journal")
SEGMENT_BYTES = 4096
GROUPS = 24
_NOW_NS = 1_800_000_000 * 10**9


class Story:
    """A journal's life up to one of its calls to the disk, and what it had acknowledged by then."""

    def __init__(self, seed: int, stop_at: int) -> None:
        """Live until call number `stop_at`. The same seed gives the same life, so far."""
        self._chance = Random(seed)
        self.files = Files()
        SimDisk(self.files, Weather(Random(0))).mkdir(Path("/data"))
        self.files.top.sync()
        self._steps = count(1)
        self._stop_at = stop_at
        self.written: set[bytes] = set()
        self.acknowledged: dict[int, bytes] = {}
        self.over = False
        disk = SimDisk(self.files, Weather(Random(0)), self._count)
        try:
            self._live(disk)
            self.over = True
        except Killed:
            disk.die()

    def _count(self) -> None:
        if next(self._steps) == self._stop_at:
            raise Killed

    def _live(self, disk: SimDisk) -> None:
        chance = self._chance
        # Half of the lives have records of one size: then what a recycled file still holds lies where a new record may.
        sizes = (400,) if chance.random() < 0.5 else (40, 400, 900)
        shard = OwnShard(_terms(disk, chance))
        for _ in range(GROUPS):
            entries = [self._entry(chance.choice(sizes)) for _ in range(chance.randint(1, 3))]
            self.written.update(entry.payload for entry in entries)
            first = shard.commit(entries, sum(map(entry_bytes, entries)))
            self.acknowledged.update((seq, entry.payload) for seq, entry in enumerate(entries, first))
            if chance.random() < 0.4:
                Shard(shard.folder, disk=disk).mark_posted(max(self.acknowledged) - chance.randint(0, 2))

    def _entry(self, size: int) -> Entry:
        return Entry(self._chance.randbytes(size), Signal.TRACES, "*", "acme", 1)


def _terms(disk: SimDisk, chance: Random) -> Terms:
    return Terms(
        root=ROOT,
        segment_bytes=SEGMENT_BYTES,
        quota_bytes=10**9,
        clock_ns=lambda: _NOW_NS,
        disk=disk,
        chance=chance.randbytes,
    )


def states(seed: int, stop_at: int, variants: int) -> Iterator[str | None]:
    """The verdict on each state that a loss of power at this call may leave: None, or what is wrong.

    Nothing at all when the journal's life is over before that call.
    """
    for variant in range(variants):
        story = Story(seed, stop_at)
        if story.over:
            return
        story.files.lose_power(_choice(variant, Random(f"{seed} {stop_at} {variant}")), lambda: False)
        yield verdict(story)


def verdict(story: Story) -> str | None:
    """What recovery makes of what is left."""
    calm = SimDisk(story.files, Weather(Random(0)))
    found: dict[int, bytes] = {}
    posted = 0
    try:
        for shard in shards(ROOT, disk=calm):
            posted = shard.posted
            found = {record.seq: record.entry.payload for record in shard.read()}
    except JournalCorrupt as error:
        return f"what a loss of power left is taken for damage: {error}"
    if lost := [seq for seq, payload in story.acknowledged.items() if seq > posted and found.get(seq) != payload]:
        return f"record {lost[0]} was acknowledged and is lost"
    if set(found.values()) - story.written:
        return "a record is read that was never written"
    if sorted(found) != list(range(posted + 1, posted + 1 + len(found))):
        return "the numbers have a gap"
    return None


def _choice(variant: int, chance: Random) -> Choose:
    """Nothing is left, then everything; then each piece by the toss of a coin that is fair or not."""
    if variant < 2:
        return lambda most: most * variant
    fair = chance.random()
    return lambda most: sum(chance.random() < fair for _ in range(most))
