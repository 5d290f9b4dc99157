"""Storms of duplicates and jumps of the clock: nothing is booked twice, and the journal's own time never goes back."""

import random
import tempfile
from pathlib import Path
from typing import Final

from faults.senders import body
from faults.stores import compare
from faults.table import Line
from support.desk import Desk
from support.journal import WAIT_S, entry
from support.otlp import NOON_NS

from spanledger.exporter.journal import JournalWriter, shards
from spanledger.exporter.store import open_store
from spanledger.exporter.store.migrations import migrate

_SECOND_NS: Final = 10**9
_DAY_NS: Final = 86_400 * _SECOND_NS
_DAYS: Final = 40
_SENDS_PER_POSTING: Final = 200
_NEW: Final = 1 / 3
_JUMPS_NS: Final = (3_600 * _SECOND_NS, 3_650 * _DAY_NS, _SECOND_NS, 1, 0)
_SEGMENT_BYTES: Final = 64 * 1024


class _Clock:
    """A wall clock that somebody sets."""

    def __init__(self) -> None:
        self.now_ns = NOON_NS

    def __call__(self) -> int:
        return self.now_ns


def duplicate_storms(runs: int) -> Line:
    """So many sends to two receivers over forty days, two of three of what was sent before, however long ago."""
    line = Line("duplicates, reordered, at two receivers over 40 days", runs)
    chance = random.Random(20_26)
    clock, calls = _Clock(), 0
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(f"{folder}/store")
        try:
            migrate(store)
            desks = [_desk(Desk(store, Path(folder) / name, shared=True), clock) for name in ("one", "other")]
            for run in range(1, runs + 1):
                clock.now_ns = NOON_NS + run * _DAYS * _DAY_NS // runs
                calls += (new := chance.random() < _NEW or not calls)
                chance.choice(desks).receive(body(calls if new else chance.randint(1, calls)))
                if run % _SENDS_PER_POSTING == 0 or run == runs:
                    for desk in chance.sample(desks, 2):
                        desk.post()
            compare(line, desks[0], calls)
            for desk in desks:
                desk.writer.close()
        finally:
            store.close()
    line.note = f"{calls} calls"
    return line


def clock_jumps(runs: int) -> Line:
    """The wall clock is set between groups, by up to ten years, either way; what is posted is given back meanwhile."""
    line = Line("jumps of the wall clock", runs)
    chance, clock = random.Random(20_26), _Clock()
    with tempfile.TemporaryDirectory() as folder:
        writer = JournalWriter(Path(folder), segment_bytes=_SEGMENT_BYTES, clock_ns=clock)
        seen, before_ns = 0, 0
        for run in range(runs):
            clock.now_ns = max(0, clock.now_ns + chance.choice(_JUMPS_NS) * chance.choice((1, -1)))
            for future in [writer.append(entry(3 * run + each, 2_000)) for each in range(3)]:
                future.result(WAIT_S)
            (shard,) = shards(Path(folder))
            if chance.random() < _NEW or run == runs - 1:
                for record in shard.read():
                    if record.entry.elements != seen:
                        line.blame(f"lost: {record.entry.elements} comes where {seen} belongs")
                    if record.received_ns < before_ns:
                        line.wrong.append(f"the journal's time goes back at {record.seq}")
                    seen, before_ns = record.entry.elements + 1, record.received_ns
                shard.mark_posted(seen)
        if seen != 3 * runs:
            line.blame(f"lost: {3 * runs - seen} records")
        writer.close()
    return line


def _desk(desk: Desk, clock: _Clock) -> Desk:
    desk.writer.close()
    desk.writer = JournalWriter(desk.root, clock_ns=clock)
    return desk
