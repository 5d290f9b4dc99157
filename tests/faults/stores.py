"""A store that does not tell: a proxy between the poster and a ClickHouse endpoint that drops answers of inserts."""

import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

from faults.senders import body, input_tokens
from faults.table import Line
from support.desk import Desk

from spanledger.exporter.store import open_store
from spanledger.exporter.store.migrations import migrate
from spanledger.schemas import SpanledgerError

_ENDPOINT: Final = Path(__file__).parents[1] / "support" / "clickhouse_http.py"
_CALLS_PER_POSTING: Final = 5
_SECONDS_MAX: Final = 1_800.0
_LOSING: Final = 0.7
_ATTEMPTS_MAX: Final = 10
_PASSED_ON: Final = ("authorization", "content-type", "content-encoding", "accept-encoding")


class Proxy(ThreadingHTTPServer):
    """Passes statements on; may be slow with inserts, and lose the answers of some after they were carried out."""

    daemon_threads = True

    def __init__(self, upstream: str) -> None:
        super().__init__(("127.0.0.1", 0), _Passing)
        self.upstream = upstream
        self.chance = random.Random(20_26)
        self.losing = 0.0
        self.lost = 0
        self.slow_s = 0.0
        """How long each insert takes longer."""
        self._inserting = threading.Lock()
        self.overlaps = 0
        """Inserts that began while another was under way."""

    @contextmanager
    def inserting(self) -> Generator[None]:
        """Carry out one insert, slowly."""
        alone = self._inserting.acquire(blocking=False)
        self.overlaps += not alone
        try:
            time.sleep(self.slow_s)
            yield
        finally:
            if alone:
                self._inserting.release()


class _Passing(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # An answer in two packets would wait for the first to be acknowledged: 40 ms.
    disable_nagle_algorithm = True
    server: Proxy  # pyright: ignore[reportIncompatibleVariableOverride] - this handler serves no other

    def do_GET(self) -> None:
        """Pass on."""
        self._pass_on(b"")

    def do_POST(self) -> None:
        """Pass on; then perhaps hang up."""
        content = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if b"INSERT INTO" not in content[:200] and "INSERT" not in self.path:
            self._pass_on(content)
            return
        with self.server.inserting():
            self._pass_on(content, inserts=True)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Say nothing."""

    def _pass_on(self, content: bytes, *, inserts: bool = False) -> None:
        connection = HTTPConnection(self.server.upstream, timeout=60)
        headers = {name: value for name, value in self.headers.items() if name.lower() in _PASSED_ON}
        connection.request(self.command, self.path, content or None, headers)
        response = connection.getresponse()
        answer = response.read()
        connection.close()
        if inserts and response.status == 200 and self.server.chance.random() < self.server.losing:
            self.server.lost += 1
            self.close_connection = True
            return
        self.send_response(response.status)
        for name, value in response.getheaders():
            if name.lower() in _PASSED_ON or name.lower().startswith("x-clickhouse"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)


@contextmanager
def endpoint_behind_proxy(folder: Path) -> Generator[Proxy]:
    """A ClickHouse endpoint over the engine, and the only way to it."""
    command = [sys.executable, str(_ENDPOINT), str(folder / "chdb")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as endpoint:
        assert endpoint.stdout is not None
        proxy = Proxy(endpoint.stdout.readline().strip())
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        try:
            yield proxy
        finally:
            proxy.shutdown()
            proxy.server_close()
            endpoint.kill()


def ambiguous_inserts(runs: int) -> Line:
    """Post until so many answers were lost after their inserts were carried out; then look."""
    line = Line("inserts whose answer is lost")
    with tempfile.TemporaryDirectory() as folder, endpoint_behind_proxy(Path(folder)) as proxy:
        _post_through(line, proxy, Path(folder) / "journal", runs)
    return line


def _post_through(line: Line, proxy: Proxy, journal: Path, runs: int) -> None:
    store = open_store(f"clickhouse://127.0.0.1:{proxy.server_port}/ledger")
    migrate(store)
    desk = Desk(store, journal)
    calls = 0
    patience = time.monotonic() + _SECONDS_MAX
    while proxy.lost < runs and time.monotonic() < patience:
        for _ in range(_CALLS_PER_POSTING):
            calls += 1
            desk.receive(body(calls))
            if calls % 3 == 0:
                # A sender that did not hear us.
                desk.receive(body(calls - 2))
        proxy.losing = _LOSING
        _post(desk)
        if calls % 20 == 0:
            desk.restart()
    proxy.losing = 0.0
    desk.poster.post_waiting()
    compare(line, desk, calls)
    desk.writer.close()
    store.close()
    line.runs = proxy.lost
    line.note = f"{calls} calls"


def _post(desk: Desk) -> None:
    """As the background poster does: again and again, though not for ever."""
    for _ in range(_ATTEMPTS_MAX):
        try:
            desk.poster.post_waiting()
        except SpanledgerError:
            continue
        return


def compare(line: Line, desk: Desk, calls: int) -> None:
    """Calls 1 to `calls` are booked, once and with their tokens; and nothing else."""
    rows = desk.store.query(
        "SELECT response_id, sum(requests), sum(input_tokens) FROM ledger_events FINAL GROUP BY response_id"
    )
    found = {str(name): numbers for name, *numbers in rows}
    for number in range(1, calls + 1):
        booked = found.pop(f"call-{number}", None)
        if booked is None:
            line.blame(f"lost: call {number}")
        elif booked != [1, input_tokens(number)]:
            line.blame(f"doubled: call {number} is booked as {booked}")
    for name in found:
        line.blame(f"{name} was never sent")
