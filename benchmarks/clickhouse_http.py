"""How fast ClickHouse's HTTP interface answers: `SELECT 1` over a connection that stays, beside `/ping` and the engine.

    python benchmarks/clickhouse_http.py [--requests 2000]

A real `spanledger serve` is asked from another process, as a driver would; the engine is asked in this one, without
anything between. Every answer is compared before its time counts.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from support.clickhouse_door import basic
from support.commands import serving

from spanledger.exporter.store import open_store
from spanledger.ledger.endpoint_file import find

WARM: Final = 100
NATIVE: Final = "/?default_format=Native&client_protocol_version=54460"
HELLO: Final = "SELECT displayName(), version(), revision(), timezone()"


def main() -> None:
    """Ask each the same, and print the middle and the slow end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=2_000)
    requests = int(parser.parse_args().requests)
    with tempfile.TemporaryDirectory() as folder:
        with serving(Path(folder) / "store", "--clickhouse-http", "0") as server:
            endpoint = find(Path(folder) / "store")
            assert endpoint is not None
            connection = HTTPConnection(server.clickhouse)
            headers = {"Authorization": basic(endpoint.token)}

            def ask(method: str, path: str, sql: str = "") -> bytes:
                connection.request(method, path, sql.encode() or None, headers)
                response = connection.getresponse()
                body = response.read()
                assert response.status == 200, body
                return body

            ping = _measured("/ping", requests, lambda: ask("GET", "/ping") == b"Ok.\n")
            one = _measured("SELECT 1", requests, lambda: ask("POST", "/", "SELECT 1") == b"1\n")
            _measured(
                "SELECT 1, Native of a later client", requests, lambda: b"UInt8" in ask("POST", NATIVE, "SELECT 1")
            )
            _measured("a driver's first question", requests, lambda: b"timezone()" in ask("POST", NATIVE, HELLO))
            connection.close()
        store = open_store(str(Path(folder) / "store"))
        raw = store.raw_connection()
        engine = _measured("the engine alone", requests, lambda: raw.query("SELECT 1").body == b"1\n")
        raw.close()
        store.close()
    print(f"SELECT 1 takes {one / ping:.1f} times as long as /ping, and {one / engine:.1f} times the engine alone")


def _measured(what: str, requests: int, right: Callable[[], bool]) -> float:
    """Ask so often, after a few that do not count: the middle of all, in milliseconds."""
    times: list[float] = []
    for number in range(WARM + requests):
        begun_s = time.perf_counter()
        assert right(), what
        if number >= WARM:
            times.append((time.perf_counter() - begun_s) * 1_000)
    middle = statistics.median(times)
    print(f"{what}: {middle:.2f} ms, of a hundred 95 within {statistics.quantiles(times, n=20)[-1]:.2f} ms", flush=True)
    return middle


if __name__ == "__main__":
    main()
