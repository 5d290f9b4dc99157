"""Real processes that die: `serve` over the embedded engine, killed at random moments, and on a disk that fails."""

import random
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
        server = Serve(store)
        senders.finish(server.http)
        if server.stop() != 0:
            line.blame("serve did not stop cleanly in the end")
        server.close()
        compare(line, senders, booked(store))
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
