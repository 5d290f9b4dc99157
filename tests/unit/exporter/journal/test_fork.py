"""Forks: parent and children each keep a shard of their own, and no record is lost, doubled or shared."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from support.journal import WAIT_S, numbers

from spanledger.exporter.journal import shards

# Threads append while the process forks, again and again; children fork a grandchild. Nobody may hang or lose a record.
FAMILY = """
import json, os, sys, threading
from pathlib import Path
from spanledger.exporter.journal import JournalWriter
from support.journal import append_all

writer = JournalWriter(Path(sys.argv[1]), segment_bytes=64 * 1024)
stop = threading.Event()

def chatter(start):
    number = start
    while not stop.is_set():
        append_all(writer, range(number, number + 5), size=500)
        number += 5
    ends.append((start, number))

def child(nth):
    append_all(writer, range(nth * 1000, nth * 1000 + 50), size=500)
    pid = os.fork()
    append_all(writer, range(nth * 1000 + (500 if pid else 700), nth * 1000 + (520 if pid else 720)), size=500)
    writer.close()
    if pid:
        os.waitpid(pid, 0)
    os._exit(0)

ends = []
threads = [threading.Thread(target=chatter, args=(start,)) for start in (1_000_000, 2_000_000)]
for thread in threads:
    thread.start()
append_all(writer, [1])
pids = []
for nth in range(1, 9):
    pid = os.fork()
    if pid == 0:
        child(nth)
    pids.append(pid)
    append_all(writer, [nth * 10_000_000])
codes = [os.waitpid(pid, 0)[1] for pid in pids]
stop.set()
for thread in threads:
    thread.join()
writer.close()
print(json.dumps([codes, ends]))
"""

# The child holds what it inherited and never appends; the parent ends.
IDLE_CHILD = """
import os, sys
from pathlib import Path
from spanledger.exporter.journal import JournalWriter
from support.journal import append_all

writer = JournalWriter(Path(sys.argv[1]), segment_bytes=64 * 1024)
append_all(writer, [1, 2, 3])
if os.fork() == 0:
    os.write(1, b"!")
    sys.stdin.read()
    append_all(writer, [4])
    os._exit(0)
os._exit(0)
"""

# A `clone` from C: no hook of Python's runs in the child.
CLONE = """
import ctypes, os, sys
from pathlib import Path
from spanledger.exporter.journal import JournalWriter
from support.journal import append_all

writer = JournalWriter(Path(sys.argv[1]), segment_bytes=64 * 1024)
append_all(writer, [1, 2])
pid = ctypes.PyDLL(None).fork()
append_all(writer, [4] if pid == 0 else [3])
if pid == 0:
    os._exit(0)
os.waitpid(pid, 0)
writer.close()
"""

# Another thread of the parent marks a shard as posted (it holds the root's lock) while the process forks.
LOCKED = """
import os, sys, threading
from pathlib import Path
from spanledger.exporter.journal import JournalWriter
from spanledger.exporter.journal.disk import DISK
from spanledger.exporter.journal.locks import root_lock
from support.journal import append_all

root = Path(sys.argv[1])
writer = JournalWriter(root, segment_bytes=64 * 1024)
append_all(writer, [1])
held, forked = threading.Event(), threading.Event()

def hold():
    with root_lock(DISK, root):
        held.set()
        forked.wait()

thread = threading.Thread(target=hold)
thread.start()
held.wait()
pid = os.fork()
if pid == 0:
    append_all(writer, [2])
    os._exit(0)
forked.set()
thread.join()
sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
"""

CLOSED = """
import os, sys
from pathlib import Path
from spanledger.exporter.failures import Transient
from spanledger.exporter.journal import JournalWriter
from support.journal import append_all, entry

writer = JournalWriter(Path(sys.argv[1]))
append_all(writer, [1])
writer.close()
if os.fork() == 0:
    os._exit(0 if isinstance(writer.append(entry(2)).exception(0), Transient) else 1)
sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
"""


@pytest.fixture(autouse=True)
def _programs_find_the_support(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))
    # Python 3.12 warns of any fork with threads; what it warns of is what is tested here.
    monkeypatch.setenv("PYTHONWARNINGS", "ignore::DeprecationWarning")


def test_a_family_of_forks_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """Eight forks under load, a grandchild each: every process has its own shard, every record is there once."""
    program = [sys.executable, "-c", FAMILY, str(tmp_path)]
    output = subprocess.run(program, check=True, capture_output=True, text=True, timeout=WAIT_S).stdout
    codes, ends = json.loads(output)
    assert codes == [0] * 8
    expected = {1}
    for nth in range(1, 9):
        own = nth * 1000
        expected |= {*range(own, own + 50), *range(own + 500, own + 520), *range(own + 700, own + 720)}
        expected.add(nth * 10_000_000)
    for start, end in ends:
        assert end > start
        expected |= set(range(start, end))
    found = shards(tmp_path)
    assert len(found) == 1 + 8 + 8
    seen = [number for shard in found for number in numbers(list(shard.read()))]
    assert len(seen) == len(set(seen))
    assert set(seen) == expected
    for shard in found:
        shard.mark_posted(max((record.seq for record in shard.read()), default=0))
        assert shard.remove()


def test_a_child_that_does_nothing_does_not_keep_its_parents_shard(tmp_path: Path) -> None:
    """The parent is gone, its child lives: the shard is abandoned, and the child's first append makes its own."""
    program = [sys.executable, "-c", IDLE_CHILD, str(tmp_path)]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        assert parent.stdout.read(1) == b"!"
        assert parent.wait(WAIT_S) == 0
        (shard,) = shards(tmp_path)
        assert numbers(list(shard.read())) == [1, 2, 3]
        assert shard.abandoned
        shard.mark_posted(3)
        assert shard.remove()
        assert parent.stdin is not None
        parent.stdin.close()
        # The child has the other end: it is over when it is closed.
        assert parent.stdout.read() == b""
    assert [numbers(list(shard.read())) for shard in shards(tmp_path)] == [[4]]


@pytest.mark.parametrize(
    ("program", "expected"),
    [(CLONE, [[1, 2, 3], [4]]), (LOCKED, [[1], [2]]), (CLOSED, [[1]])],
    ids=["clone", "locked", "closed"],
)
def test_a_child_keeps_off_its_parents_shard(tmp_path: Path, program: str, expected: list[list[int]]) -> None:
    """Also without hooks; and a journal that was closed stays closed in a child."""
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True, timeout=WAIT_S)
    assert [numbers(list(shard.read())) for shard in shards(tmp_path)] == expected
