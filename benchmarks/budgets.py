"""What a reservation costs whoever asks: reserve and settle over HTTP from 16 processes, one request in flight each.

Target: 25 ms for both together in the 99th percentile. Every promise is durable when it is answered. The sum of what
was settled is checked at the end, to the cent.
"""

import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from http.client import HTTPConnection
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from pathlib import Path
from statistics import quantiles
from typing import Any, Final

PROCESSES: Final = 16
PAIRS: Final = 200
WARM_PAIRS: Final = 20
AMOUNT: Final = "0.01"

_COMMAND: Final = (sys.executable, "-m", "spanledger.ledger.cli")
_CALL: Final = {"team": "search", "provider": "openai", "model": "gpt-4o"}


def main() -> None:
    """Measure and print."""
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    with tempfile.TemporaryDirectory() as folder:
        store = str(Path(folder) / "store")
        key = _key(store)
        command = [*_COMMAND, "serve", "--store", store, "--grpc", "0", "--http", "0", "--api", "0"]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
            try:
                _measure(_api(server), key, server.pid)
            finally:
                server.send_signal(signal.SIGTERM)


def _measure(api: str, key: str, server: int) -> None:
    connection = HTTPConnection(api)
    terms = {"limit": "1000000", "scope": {"team": "search"}, "window": "month", "hard": True}
    _ask(connection, key, "/v1/budgets/search", terms, "PUT")
    context = get_context("spawn")
    together = context.Barrier(PROCESSES)
    with context.Pool(PROCESSES, _begin, (together,)) as pool:
        begun, used_s = time.perf_counter(), _cpu_s(server)
        found = pool.starmap(_pairs, [(api, key)] * PROCESSES, chunksize=1)
        took_s, used_s = time.perf_counter() - begun, _cpu_s(server) - used_s
    reserves, settles = ([each for one in found for each in one[place]] for place in (0, 1))
    pairs = [first + second for first, second in zip(reserves, settles, strict=True)]
    for what, seconds in (("reserve", reserves), ("settle", settles), ("reserve and settle", pairs)):
        cuts = quantiles(seconds, n=100)
        print(
            f"{what:20} p50 {cuts[49] * 1000:6.2f} ms   p90 {cuts[89] * 1000:6.2f} ms   p99 {cuts[98] * 1000:6.2f} ms"
        )
    requests = PROCESSES * (PAIRS + WARM_PAIRS) * 2
    print(
        f"{requests / took_s:.0f} requests in a second, {used_s / requests * 1e6:.0f} µs of the server's CPU for each"
    )
    state = _ask(connection, key, "/v1/budgets/search", None, "GET")
    count = PROCESSES * (PAIRS + WARM_PAIRS)
    assert state["held"] == f"{count / 100:g}", state
    connection.close()


def _cpu_s(process: int) -> float:
    """What a process has used so far."""
    times = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(times[11]) + int(times[12])) / os.sysconf("SC_CLK_TCK")


def _begin(together: Barrier) -> None:
    globals()["_together"] = together


def _pairs(api: str, key: str) -> tuple[list[float], list[float]]:
    """Seconds of each request, those of the warming left out."""
    connection = HTTPConnection(api)
    _ask(connection, key, "/v1/budgets", None, "GET")
    globals()["_together"].wait()
    reserves: list[float] = []
    settles: list[float] = []
    for _ in range(WARM_PAIRS + PAIRS):
        begun = time.perf_counter()
        held = _ask(connection, key, "/v1/reservations", {"call": _CALL, "amount": AMOUNT})
        reserved = time.perf_counter()
        _ask(connection, key, f"/v1/reservations/{held['reservation_id']}/settle", {"amount": AMOUNT})
        reserves.append(reserved - begun)
        settles.append(time.perf_counter() - reserved)
    connection.close()
    return reserves[WARM_PAIRS:], settles[WARM_PAIRS:]


def _ask(connection: HTTPConnection, key: str, path: str, body: object, method: str = "POST") -> dict[str, Any]:
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    connection.request(method, path, None if body is None else json.dumps(body), headers)
    answer = connection.getresponse()
    told = answer.read()
    assert answer.status == 200, told
    return json.loads(told)


def _key(store: str) -> str:
    command = [*_COMMAND, "keys", "create", "--tenant", "*", "--default-tenant", "acme", "--role", "admin"]
    done = subprocess.run([*command, "--store", store], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def _api(server: subprocess.Popen[str]) -> str:
    for line in server.stderr or ():
        if " ready " in line:
            return line.partition("api=")[2].split()[0]
    sys.exit("the server did not start")


if __name__ == "__main__":
    main()
