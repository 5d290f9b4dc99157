"""How long a running `serve` takes for what each view of the page asks, over a million events.

    python benchmarks/page.py [--events 1000000] [--folder DIR] [--store DIR]

The events are those of `queries.py`, thirty days, their sums kept. The server is a process of its own and asked over
HTTP by the token that `spanledger open` gives a browser; a view's questions are asked together, as a browser does.
Beside the time stands what the server used of its cores meanwhile, and how many times the time is that of a question
to no store (`/healthz`). Figures are printed only after the answers of the overview were found to agree.
"""

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from decimal import Decimal
from http.client import HTTPConnection
from pathlib import Path
from statistics import quantiles
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from queries import fill

from spanledger.exporter.store import migrate, open_store
from spanledger.exporter.store.rollup import Rollup
from spanledger.ledger.endpoint_file import find

RUNS: Final = 15
CONNECTIONS: Final = 6
"""What a browser opens to one server."""
TARGET_MS: Final = 300
CLEAN_S_MAX: Final = 900

_COMMAND: Final = (sys.executable, "-m", "spanledger.ledger.cli")
_TOTALS: Final = "requests,attempts,errors,input_tokens,output_tokens,cost"
_TOKENS: Final = "requests,input_tokens,cache_read_tokens,cache_write_tokens,output_tokens,reasoning_tokens"
_LATENCY: Final = "duration_p50_ms,duration_p95_ms,time_to_first_token_p50_ms,time_to_first_token_p95_ms"
# The month so far, as the page bounds it: from a midnight to the next minute.
_MONTH: Final = {"since": "2026-04-01T00:00:00+00:00", "until": "2026-04-30T15:17:00+00:00"}
_BEFORE: Final = {"since": "2026-03-02T08:43:00+00:00", "until": "2026-04-01T00:00:00+00:00"}
_DAY: Final = {"since": "2026-04-29T16:00:00+00:00", "until": "2026-04-30T15:17:00+00:00"}
_YEAR: Final = {"since": "2025-05-01T00:00:00+00:00", "until": "2026-05-01T00:00:00+00:00"}

_Question = tuple[str, dict[str, object]]


def main() -> None:
    """Fill a ledger unless one is given, serve it, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--folder", help="where the ledger lies meanwhile: some 300 bytes an event")
    parser.add_argument("--store", help="a ledger that this made before")
    arguments = parser.parse_args()
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    print(f"{machine}, load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        store = arguments.store or str(Path(folder) / "store")
        if not arguments.store:
            _made(store, arguments.events)
        command = [*_COMMAND, "serve", "--store", store, "--grpc", "0", "--http", "0", "--api", "0"]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
            try:
                _measure(store, server)
            finally:
                server.send_signal(signal.SIGTERM)


def _made(location: str, count: int) -> None:
    store = open_store(location)
    migrate(store)
    rollup = Rollup(store, quiet_s=0)
    rollup.mark_dirty(fill(store, count))
    while rollup.refresh():
        pass
    # A server that starts makes those sums again that became clean within a day; this ledger was left alone so long.
    store.command(
        "ALTER TABLE ledger_dirty_days UPDATE written_at = written_at - toIntervalDay(2) WHERE cleaned = 1"
        " SETTINGS mutations_sync = 1"
    )
    store.close()


def views(event: str, trace: str) -> dict[str, list[_Question]]:
    """What each view asks."""

    def overview(by: str, **time: object) -> list[_Question]:
        then = time | _BEFORE
        return [
            ("series", {"by": by, "measures": "cost", **time}),
            ("report", {"measures": _TOTALS, **time}),
            ("report", {"measures": _TOTALS, **then}),
            ("report", {"by": by, "measures": "cost,requests,input_tokens,output_tokens", "limit": 50, **time}),
            ("movers", {"by": by, "limit": 8, **time}),
            ("forecast", {}),
            ("budgets", {}),
        ]

    return {
        "overview by tenant": overview("tenant", **_MONTH),
        "overview by model": overview("model", **_MONTH),
        "overview by feature": overview("feature", **_MONTH),
        "overview by user, 20 000 of them": overview("user_id", **_MONTH),
        "overview by tenant, of one model": overview("tenant", **_MONTH, **{"where.model": "gpt-4o"}),
        "overview by tenant, a day": overview("tenant", **_DAY),
        "overview by tenant, a year": overview("tenant", **_YEAR),
        "overview by tenant, another zone": overview("tenant", **_MONTH, tz="Asia/Tokyo"),
        "tokens": [
            ("series", {"measures": _TOKENS, **_MONTH}),
            ("report", {"measures": _TOKENS, **_MONTH}),
            ("report", {"by": "model", "measures": _TOKENS, **_MONTH}),
        ],
        "reliability": [
            ("series", {"measures": "requests,attempts,errors", **_MONTH}),
            ("report", {"measures": "requests,attempts,errors", **_MONTH}),
            ("report", {"measures": "requests,attempts,errors", **_BEFORE}),
            ("report", {"measures": "duration_p50_ms,duration_p95_ms", **_MONTH}),
            ("report", {"by": "model", "measures": f"requests,attempts,errors,success_rate,{_LATENCY}", **_MONTH}),
        ],
        "events": [("events", {"newest": "true", "limit": 50, **_MONTH})],
        "event": [(f"events/{event}", {})],
        "trace": [(f"chains/{trace}", {}), ("events", {"where.trace_id": trace, "limit": 200})],
        "budgets": [("budgets", {})],
    }


class _Browser:
    """Asks as a browser does: a few at a time, over connections that are kept."""

    def __init__(self, address: str, key: str, process: int) -> None:
        self._address, self._key, self.process = address, key, process
        self._threads = ThreadPoolExecutor(CONNECTIONS)
        self._idle: list[HTTPConnection] = []

    def ask(self, question: _Question) -> Any:  # noqa: ANN401 (JSON)
        """One answer."""
        path, asked = question
        url = path if path.startswith("/") else f"/v1/{path}"
        return self._asked("GET", f"{url}?{urlencode(asked)}" if asked else url, None)

    def post(self, question: _Question) -> Any:  # noqa: ANN401 (JSON)
        """One answer to a body."""
        path, asked = question
        return self._asked("POST", f"/v1/{path}", json.dumps(asked).encode())

    def _asked(self, method: str, url: str, body: bytes | None) -> Any:  # noqa: ANN401 (JSON)
        connection = self._idle.pop() if self._idle else HTTPConnection(self._address)
        connection.request(method, url, body, {"authorization": self._key})
        response = connection.getresponse()
        told = response.read()
        assert response.status == 200, (url, told)
        self._idle.append(connection)
        return json.loads(told)

    def view(self, questions: Sequence[_Question]) -> list[Any]:
        """All answers of a view, asked together."""
        return list(self._threads.map(self.ask, questions))

    def close(self) -> None:
        """Keep nothing."""
        self._threads.shutdown()
        for connection in self._idle:
            connection.close()


def _measure(store: str, server: "subprocess.Popen[str]") -> None:
    assert server.stderr is not None
    next(line for line in server.stderr if "spanledger ready" in line)
    endpoint = find(Path(store))
    assert endpoint is not None
    with closing(_Browser(urlsplit(endpoint.address).netloc, f"Bearer {endpoint.page}", server.pid)) as browser:
        [last] = browser.ask(("events", {"newest": "true", "limit": 1}))["events"]
        _wait_until_clean(browser)
        asked = views(last["event_id"], last["trace_id"])
        _check(browser, asked["overview by tenant"])
        nothing_ms = _timed(browser, [("/healthz", {})])[0]
        print(f"a question to no store: {nothing_ms:.1f} ms; target of a view: {TARGET_MS} ms")
        for name, questions in asked.items():
            p50, p95, cpu = _timed(browser, questions)
            alone = max(_timed(browser, [question], 5)[0] for question in questions)
            print(
                f"  {name:34} p50 {p50:6.0f} ms   p95 {p95:6.0f} ms   {p50 / nothing_ms:5.0f} times;"
                f" {cpu:5.0f} ms CPU, {len(questions)} questions, the slowest alone {alone:.0f} ms",
                flush=True,
            )


def _wait_until_clean(browser: _Browser) -> None:
    """A server that starts mistrusts sums that are a day old at most, and makes them again."""
    begun_s = time.perf_counter()
    dirty: _Question = ("query", {"sql": "SELECT count() AS days FROM ledger_dirty_days FINAL WHERE cleaned = 0"})
    while browser.post(dirty)["rows"][0][0]:
        time.sleep(1)
        assert time.perf_counter() - begun_s < CLEAN_S_MAX, "the days do not become clean"


def _timed(browser: _Browser, questions: Sequence[_Question], runs: int = RUNS) -> tuple[float, float, float]:
    """The median and the 95th percentile in milliseconds, and the server's CPU of one."""
    browser.view(questions)
    taken: list[float] = []
    used_s = _cpu_s(browser.process)
    for _ in range(runs):
        begun_s = time.perf_counter()
        browser.view(questions)
        taken.append((time.perf_counter() - begun_s) * 1000)
    cuts = quantiles(taken, n=20, method="inclusive")
    return cuts[9], cuts[18], (_cpu_s(browser.process) - used_s) / runs * 1000


def _check(browser: _Browser, questions: Sequence[_Question]) -> None:
    """The lines of the chart, its sum and the report are the same money."""
    series, totals, _, groups, *_ = browser.view(questions)
    lines = sum(Decimal(line["sums"]["cost"]) for line in series["groups"])
    [total] = totals["rows"]
    assert Decimal(total["cost"]) == Decimal(series["sums"]["cost"]) == lines, (total, series["sums"], lines)
    largest = [(row["tenant"], row["cost"]) for row in groups["rows"][:8]]
    assert largest == [(line["name"], line["sums"]["cost"]) for line in series["groups"][:8]]


def _cpu_s(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
