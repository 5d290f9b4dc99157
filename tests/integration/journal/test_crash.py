"""kill -9 at random moments, also while the journal starts and rolls: what was acknowledged is there."""

import random
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from support.journal import WAIT_S, numbers

from spanledger.exporter.journal import Shard, shards

KILLS = 24
# Every fourth dies while it starts, or soon after; the others some time after their first answer.
START_S_MAX = 0.3
LIFE_S_MAX = 0.2

# Four threads append records of various sizes to small segments, and say so when one is acknowledged.
SENDERS = """
import os, sys, threading
from pathlib import Path
from spanledger.exporter.journal import JournalWriter
from support.journal import entry

writer = JournalWriter(Path(sys.argv[1]), segment_bytes=64 * 1024)
start = int(sys.argv[2])

def send(first):
    for number in range(first, start + 1_000_000, 4):
        seq = writer.append(entry(number, 50 + number * 7919 % 9_000)).result()
        os.write(1, b"%d %d\\n" % (number, seq))

threads = [threading.Thread(target=send, args=(start + nth,)) for nth in range(4)]
for thread in threads:
    thread.start()
"""


def test_what_was_acknowledged_survives_kill_9(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """24 kills: every acknowledged record is read back under its number, and nothing that was never sent is read."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    moments = random.Random(20_26)  # noqa: S311 - the same moments in every run, as far as a machine can repeat them
    acknowledged: dict[int, int] = {}
    with_records = 0
    for kill in range(KILLS):
        early = kill % 4 == 0
        life_s = moments.uniform(0, START_S_MAX if early else LIFE_S_MAX)
        acks = run_and_kill(tmp_path, kill * 1_000_000, life_s, early=early)
        with_records += bool(acks)
        acknowledged |= acks
    assert with_records >= KILLS * 3 // 4
    found = shards(tmp_path)
    assert len(found) >= with_records
    seen: dict[int, int] = {}
    for shard in found:
        assert shard.abandoned
        seen |= drain(shard)
    assert {number: seen.get(number) for number in acknowledged} == acknowledged
    assert shards(tmp_path) == []


def run_and_kill(root: Path, start: int, life_s: float, *, early: bool) -> dict[int, int]:
    """Let the senders live for a while, from their start (`early`) or their first answer on.

    Gives what they told before they died, as entry to sequence number.
    """
    program = [sys.executable, "-c", SENDERS, str(root), str(start)]
    with subprocess.Popen(program, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        told = b"" if early else process.stdout.readline()
        assassin = threading.Timer(life_s, process.kill)
        assassin.start()
        lines = (told + process.stdout.read()).split(b"\n")
        process.wait(WAIT_S)
        assassin.join()
    # The last piece has no line end: it may be cut, and its sender cannot have read it.
    return {int(number): int(seq) for number, seq in (line.split() for line in lines[:-1])}


def drain(shard: Shard) -> dict[int, int]:
    """Read a dead process's shard in two parts, as a poster would, and remove it."""
    first = [record for record, _ in zip(shard.read(), range(20), strict=False)]
    if first:
        shard.mark_posted(first[-1].seq)
    rest = list(Shard(shard.path).read())
    records = [*first, *rest]
    assert [record.seq for record in records] == list(range(1, len(records) + 1))
    times = [record.received_ns for record in records]
    assert times == sorted(times)
    shard.mark_posted(len(records))
    assert shard.remove()
    return {number: record.seq for number, record in zip(numbers(records), records, strict=True)}
