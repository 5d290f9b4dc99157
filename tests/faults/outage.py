"""The store away, and back: senders notice nothing, the journal catches up, and every span is charged once.

A real server of ClickHouse's protocol over the engine is killed while spans come in at a steady rate, and started
anew on the same port. Raises `AssertionError` where a sender was refused.
"""

import http.client
import subprocess
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path
from typing import Final

from faults.stores import endpoint_behind_proxy
from faults.table import Line
from support import clickhouse_http
from support.commands import Serve, answer
from traffic import INPUT_TOKENS, SPANS, requests

SPANS_PER_SECOND: Final = 2_000
CAUGHT_UP_S_MAX: Final = 300
_STEADY_S: Final = 3
_SLOW_S: Final = 2.0
_SUMS: Final = "SELECT sum(requests) AS requests, sum(input_tokens) AS input FROM ledger_events FINAL"
_TWICE: Final = "SELECT count() - uniqExact(event_id) AS twice FROM ledger_events"


class Store:
    """A ClickHouse endpoint that can go away and come back with all it had."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = 0
        self._process: subprocess.Popen[str] | None = None
        self.come()
        self.url = f"clickhouse://default@127.0.0.1:{self._port}/ledger"

    def come(self) -> None:
        """Listen; the second time, where it listened the first."""
        command = [sys.executable, clickhouse_http.__file__, str(self._folder), "default", "", str(self._port)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self._port = int(self._process.stdout.readline().rpartition(":")[2])

    def go(self) -> None:
        """Die at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            assert self._process.stdout is not None
            self._process.stdout.close()


class Sender:
    """One connection that sends at a steady rate and takes no refusal."""

    def __init__(self, address: str) -> None:
        self._connection = http.client.HTTPConnection(address)
        self._bodies = requests(1.0, sys.maxsize)
        self.spans = 0
        self.slowest_s = 0.0

    def send(self, seconds: float) -> None:
        """Send for so long."""
        begun = time.monotonic()
        for number, (body, usage) in enumerate(islice(self._bodies, int(seconds * SPANS_PER_SECOND / SPANS)), 1):
            asked = time.monotonic()
            self._connection.request("POST", "/v1/traces", body, {"Content-Type": "application/x-protobuf"})
            reply = self._connection.getresponse()
            assert (reply.status, reply.read()) == (200, b""), reply.status
            now = time.monotonic()
            self.slowest_s = max(self.slowest_s, now - asked)
            self.spans += usage
            # The rate is what is asked for here: nothing is waited for.
            time.sleep(max(0.0, begun + number * SPANS / SPANS_PER_SECOND - now))


def outage(away_s: int) -> Line:
    """A store that is away for so many seconds, under load before, meanwhile and after."""
    line = Line("a store that is away, and comes back")
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "engine")
        serve = Serve(store.url, "--data", str(Path(folder) / "journal"))
        try:
            sender = Sender(serve.http.removeprefix("http://"))
            sender.send(_STEADY_S)
            store.go()
            sender.send(away_s)
            store.come()
            back = time.monotonic()
            while _charged(store.url) < sender.spans - _STEADY_S * SPANS_PER_SECOND:
                if time.monotonic() > back + CAUGHT_UP_S_MAX:
                    line.wrong.append(f"the journal has not caught up within {CAUGHT_UP_S_MAX} s")
                    break
                sender.send(1)
            caught_up_s = time.monotonic() - back
            assert serve.stop() == 0, serve.told
            _compare(line, store.url, sender.spans)
        finally:
            serve.close()
            store.go()
    line.runs = sender.spans
    line.note = f"away {away_s} s, caught up in {caught_up_s:.0f} s, slowest answer {sender.slowest_s:.2f} s"
    return line


def slow_store(seconds: int) -> Line:
    """Every insert takes two seconds longer, for so many seconds under load: senders notice nothing, nobody hurries."""
    line = Line("a store whose every insert is slow")
    with tempfile.TemporaryDirectory() as folder, endpoint_behind_proxy(Path(folder)) as proxy:
        url = f"clickhouse://127.0.0.1:{proxy.server_port}/ledger"
        serve = Serve(url, "--data", str(Path(folder) / "journal"))
        try:
            proxy.slow_s = _SLOW_S
            sender = Sender(serve.http.removeprefix("http://"))
            sender.send(seconds)
            proxy.slow_s = 0.0
            assert serve.stop() == 0, serve.told
            _compare(line, url, sender.spans)
        finally:
            serve.close()
    line.runs = sender.spans
    line.note = f"slowest answer {sender.slowest_s:.2f} s"
    if sender.slowest_s >= _SLOW_S:
        line.wrong.append("a sender waited as long as an insert")
    if proxy.overlaps:
        line.wrong.append(f"{proxy.overlaps} inserts began while another was under way")
    return line


def _compare(line: Line, url: str, sent: int) -> None:
    """The rest is posted by whoever asks next."""
    line.lost = sent - _charged(url)
    line.doubled = int(answer("sql", "--store", url, _TWICE)[0]["twice"])


def _charged(url: str) -> int:
    """How many requests are charged, each with its tokens."""
    (row,) = answer("sql", "--store", url, _SUMS)
    charged, tokens = int(row["requests"] or 0), int(row["input"] or 0)
    assert tokens == charged * INPUT_TOKENS
    return charged
