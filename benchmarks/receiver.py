"""What a received span costs: a real `spanledger serve` under load over OTLP/HTTP, until all usage is in the ledger.

Requests of 512 distinct spans (`traffic.py`) from a second process; the server's CPU time (user and system, engine
threads, journal and merges included) is read from the system when every accepted usage span is in the ledger, and
the figure is printed only if requests and token sums are exactly what was sent.

    python benchmarks/receiver.py [--spans 200000] [--share 0.3] [--soak]
"""

import argparse
import http.client
import os
import platform
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from multiprocessing import Pipe, Process
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

from traffic import CACHED_TOKENS, INPUT_TOKENS, SPANS, requests

from spanledger.ledger import Ledger

CONNECTIONS: Final = 8
CHUNK: Final = 400
WARM_UP: Final = 20
POSTED_SECONDS_MAX: Final = 600
TICKS_PER_SECOND: Final = os.sysconf("SC_CLK_TCK")
SUMS: Final = "SELECT sum(requests), sum(input_tokens), sum(cache_read_tokens) FROM ledger_events FINAL"


@dataclass(slots=True)
class Server:
    """A running `spanledger serve`."""

    process: subprocess.Popen[str]
    http: str
    store: str
    expected: int = 0
    """Usage spans sent so far."""

    def cpu_s(self) -> float:
        """User and system time so far, all threads."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND

    def rss_mb(self) -> float:
        """Resident memory now."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def serve(store: str) -> Server:
    """Start a server on free ports and wait until it says that it is ready."""
    command = [sys.executable, "-m", "spanledger.ledger.cli", "serve", "--store", store]
    command += ["--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0", "--api", "127.0.0.1:0"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("spanledger ready"):
            words = dict(word.split("=", 1) for word in line.split() if "=" in word)
            return Server(process, words["http"].removeprefix("http://"), store)
    message = f"serve ended with {process.wait()}"
    raise SystemExit(message)


def load(address: str, share: float, count: int, gate: Connection) -> None:
    """Send `count` requests over `CONNECTIONS` connections; runs in a process of its own.

    Says how many usage spans it will have sent, waits for a word to start, and says when everything is answered.
    """
    bodies = requests(share, count)
    first = list(islice(bodies, CHUNK))
    connections = [http.client.HTTPConnection(address) for _ in range(CONNECTIONS)]
    gate.send(first[0][1] * count)
    gate.recv()
    with ThreadPoolExecutor(CONNECTIONS) as threads:
        while first:
            parts = [[body for body, _ in first[start::CONNECTIONS]] for start in range(CONNECTIONS)]
            list(threads.map(_post, connections, parts))
            first = list(islice(bodies, CHUNK))
    gate.send(None)


def _post(connection: http.client.HTTPConnection, bodies: list[bytes]) -> None:
    for body in bodies:
        connection.request("POST", "/v1/traces", body, {"Content-Type": "application/x-protobuf"})
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (200, b"")


def measure(share: float, spans: int, rss_at: int) -> None:
    """One server, one load, one line of figures."""
    count = max(spans // SPANS, 1)
    with tempfile.TemporaryDirectory() as folder:
        server = serve(str(Path(folder) / "store"))
        gate, far_gate = Pipe()
        sender = Process(target=load, args=(server.http, share, count, far_gate))
        sender.start()
        usage = gate.recv()
        _warm_up(server, share)
        before_s, started = server.cpu_s(), time.monotonic()
        gate.send("go")
        peaks: list[float] = []
        while not gate.poll(1.0):
            peaks.append(server.rss_mb())
        answered_s = time.monotonic() - started
        _await_posted(server, usage)
        cpu_us = (server.cpu_s() - before_s) / (count * SPANS) * 1e6
        peaks.append(server.rss_mb())
        server.process.terminate()
        assert server.process.wait(60) == 0
        sender.join()
    flat = f", RSS at a tenth {peaks[len(peaks) // rss_at]:.0f} MB" if len(peaks) > rss_at else ""
    print(
        f"{share:4.0%} GenAI: {cpu_us:6.2f} us CPU per received span,"
        f" {count * SPANS / answered_s:9,.0f} spans/s answered,"
        f" {count * SPANS:,} spans, {usage:,} of usage in the ledger, RSS {max(peaks):.0f} MB{flat}",
        flush=True,
    )


def _warm_up(server: Server, share: float) -> None:
    """Load the price catalogue and the engine's code first."""
    connection = http.client.HTTPConnection(server.http)
    warming = list(requests(share, WARM_UP))
    _post(connection, [body for body, _ in warming])
    _await_posted(server, sum(usage for _, usage in warming))


def _await_posted(server: Server, usage: int) -> None:
    """Wait until the ledger holds what was sent, exactly."""
    deadline = time.monotonic() + POSTED_SECONDS_MAX
    server.expected += usage
    expected = server.expected
    with Ledger(server.store) as ledger:
        while True:
            charged, input_tokens, cached = (int(str(value or 0)) for value in ledger.sql(SUMS).rows[0])
            if charged >= expected:
                break
            assert time.monotonic() < deadline, f"{charged} of {expected} charged"
            time.sleep(0.1)  # the ledger has no event to await from outside
    assert (charged, input_tokens, cached) == (expected, expected * INPUT_TOKENS, expected * CACHED_TOKENS)


def main() -> None:
    """Print the figures of the three shares, or of a long run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spans", type=int, default=200_000)
    parser.add_argument("--share", type=float, action="append")
    parser.add_argument("--soak", action="store_true", help="5 million spans at 30 % GenAI")
    options = parser.parse_args()
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores")
    if options.soak:
        measure(0.3, 5_000_000, 10)
        return
    for share in options.share or (0.0, 0.3, 1.0):
        measure(share, options.spans, 10)


if __name__ == "__main__":
    main()
