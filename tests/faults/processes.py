"""Real processes that die: `serve` over the embedded engine, killed at random moments, and on a disk that fails."""

import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Final

from faults.senders import Senders, booked, compare
from faults.table import Line
from support.commands import Serve

_THREADS: Final = 4
_LIFE_SECONDS_MAX: Final = 0.8
_BIRTH_SECONDS_MAX: Final = 1.5
_STOP_SECONDS: Final = 30.0
_POINT_SECONDS_MAX: Final = 3.0
_FAILS_WITHIN_SECONDS: Final = 10.0

FAILING_DISK: Final = """
import errno, itertools, sys, threading
from spanledger.exporter.journal.disk import Disk

call, nth = sys.argv[2], int(sys.argv[3])
whole, calls = getattr(Disk, call), itertools.count(1)

def failing(self, *arguments):
    if threading.current_thread().name == "spanledger-journal" and next(calls) == nth:
        raise OSError(errno.EIO, "Input/output error")
    return whole(self, *arguments)

setattr(Disk, call, failing)
from spanledger.ledger.cli import main
sys.exit(main(["serve", "--store", sys.argv[1], "--grpc", "0", "--http", "0", "--api", "0"]))
"""
"""A serve whose disk fails the journal's writer once, at the n-th call of one kind, and is well again."""
_DISK_ERRORS: Final = (("fdatasync", 2), ("fdatasync", 40), ("pwritev", 6), ("pwritev", 30))
"""Syncs and writes of groups (between two of them lies a write of SYNCED, which may fail): some early, some late."""


_DYING: Final = """
import itertools, os, signal, sys
from spanledger.exporter.journal.disk import Disk
from spanledger.exporter.posting.tables import LedgerTables

room, call, when, nth = sys.argv[2], sys.argv[3], sys.argv[4], int(sys.argv[5])
owner = {"disk": Disk, "tables": LedgerTables}[room]
whole, calls = getattr(owner, call), itertools.count(1)

def dying(self, *arguments, **more):
    last = next(calls) == nth
    if last and when == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    answer = whole(self, *arguments, **more)
    if last:
        os.kill(os.getpid(), signal.SIGKILL)
    return answer

setattr(owner, call, dying)
from spanledger.ledger.cli import main
sys.exit(main(["serve", "--store", sys.argv[1], "--grpc", "0", "--http", "0", "--api", "0"]))
"""
"""A serve that kills itself before or after the n-th call of one kind to the journal's disk or to the store."""
_CALLS: Final = {
    "disk": ("fallocate", "fdatasync", "fsync_dir", "pwritev", "rename", "rmdir", "unlink"),
    "tables": ("append_events", "insert_claims", "insert_postings", "make_durable", "refresh_rollup", "reverse"),
}
_POINTS: Final = tuple(
    (room, call, when, nth)
    for nth in (1, 2)
    for room, calls in _CALLS.items()
    for call in calls
    for when in ("before", "after")
)


def kills(runs: int) -> Line:
    """Kill -9 `serve` under four senders; every third time while it starts."""
    line = Line("kill -9 of serve under concurrent senders", runs)
    moments = random.Random(20_26)
    senders = Senders(_THREADS)
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "store"
        for run in range(runs):
            if run % 3 == 2:
                _kill_at_birth(store, moments.uniform(0, _BIRTH_SECONDS_MAX))
            else:
                _kill_at_work(store, senders, moments.uniform(0, _LIFE_SECONDS_MAX))
        _end(line, store, senders)
    return line


def kills_at_points(runs: int) -> Line:
    """Every process dies at a named point, chosen by a seed, and the next one finds what it left."""
    line = Line("kill -9 of serve at named points", runs)
    chance = random.Random(20_26)
    points = list(_POINTS)
    senders, passed = Senders(_THREADS), 0
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "store"
        for run in range(runs):
            if run % len(points) == 0:
                chance.shuffle(points)
            passed += _dies_at(store, senders, points[run % len(points)])
        _end(line, store, senders)
    line.note += f", {passed} lived past a point that did not come"
    return line


def drains(runs: int) -> Line:
    """SIGTERM under load, every third time twice: it ends in time, and what was answered is booked."""
    line = Line("SIGTERM of serve under concurrent senders", runs)
    moments = random.Random(20_26)
    senders = Senders(_THREADS)
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "store"
        for run in range(runs):
            twice = run % 3 == 2
            server = Serve(store)
            over = threading.Event()
            threads = senders.send_to(server.http, over)
            time.sleep(moments.uniform(0, _LIFE_SECONDS_MAX))
            server.process.send_signal(signal.SIGTERM)
            if twice:
                server.process.send_signal(signal.SIGTERM)
            try:
                code = server.process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                code = None
            over.set()
            for thread in threads:
                thread.join()
            server.close()
            # Two signals that come as one are one; the second may also come too late to matter.
            if code not in ({0, 1} if twice else {0}):
                line.blame(f"SIGTERM number {run} ended serve with {code}")
        _end(line, store, senders)
    return line


def disk_errors(runs: int) -> Line:
    """A failed sync or write ends the process with a code; the next one finds all that was acknowledged."""
    line = Line("EIO under serve: it ends itself, the next one goes on", runs)
    senders = Senders(_THREADS)
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "store"
        for run in range(runs):
            call, nth = _DISK_ERRORS[run % len(_DISK_ERRORS)]
            server = Serve(store, program=(FAILING_DISK, str(store), call, str(nth)))
            over = threading.Event()
            timer = threading.Timer(_FAILS_WITHIN_SECONDS, over.set)
            timer.start()
            for thread in senders.send_to(server.http, over):
                thread.join()
            timer.cancel()
            try:
                code = server.process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                code = 0
            if code == 0:
                line.blame(f"serve went on after EIO of {call} number {nth}")
            server.close()
        server = Serve(store)
        senders.finish(server.http)
        server.stop()
        server.close()
        compare(line, senders, booked(store))
    return line


def _end(line: Line, store: Path, senders: Senders) -> None:
    """One more server takes what was not answered; then all is looked at."""
    server = Serve(store)
    senders.finish(server.http)
    if server.stop() != 0:
        line.blame("serve did not stop cleanly in the end")
    server.close()
    compare(line, senders, booked(store))


def _dies_at(store: Path, senders: Senders, point: tuple[str, str, str, int]) -> bool:
    """Whether it lived: not every life comes to every point."""
    room, call, when, nth = point
    try:
        server = Serve(store, program=(_DYING, str(store), room, call, when, str(nth)))
    except AssertionError:
        # It died before it was ready: what an earlier one left is posted at the start.
        return False
    over = threading.Event()
    threads = senders.send_to(server.http, over)
    try:
        server.process.wait(_POINT_SECONDS_MAX)
        lived = False
    except subprocess.TimeoutExpired:
        lived = True
        server.process.kill()
    over.set()
    for thread in threads:
        thread.join()
    server.close()
    return lived


def _kill_at_birth(store: Path, after_s: float) -> None:
    ports = ("--grpc", "0", "--http", "0", "--api", "0")
    command = [sys.executable, "-m", "spanledger.ledger.cli", "serve", "--store", str(store), *ports]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        time.sleep(after_s)
        process.kill()


def _kill_at_work(store: Path, senders: Senders, after_s: float) -> None:
    server = Serve(store)
    over = threading.Event()
    threads = senders.send_to(server.http, over)
    time.sleep(after_s)
    server.process.kill()
    over.set()
    for thread in threads:
        thread.join()
    server.close()
