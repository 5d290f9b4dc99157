"""A thousand senders at once, half over gRPC and half over HTTP, each with a connection of its own.

None is refused, every acknowledged span is charged once, and what the server holds stays bounded. Raises
`AssertionError` where a sender was refused.
"""

import asyncio
import tempfile
import time
from itertools import chain, islice
from pathlib import Path
from statistics import quantiles
from typing import TYPE_CHECKING, Final, cast

import grpc.aio
from faults.table import Line
from support.commands import Serve, answer
from traffic import requests

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

REQUESTS: Final = 10
"""Of each sender, one after another."""
SPANS: Final = 8
"""Of each request, all with usage."""
POSTED_S_MAX: Final = 600
_EXPORT: Final = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
_HEAD: Final = (
    "POST /v1/traces HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-protobuf\r\nContent-Length: {}\r\n\r\n"
)
_SUMS: Final = "SELECT sum(requests) AS charged, count() - uniqExact(event_id) AS twice FROM ledger_events"
_OPTIONS: Final = (("grpc.use_local_subchannel_pool", 1),)


def crowd(senders: int) -> Line:
    """So many senders at once."""
    line = Line("senders at once", senders)
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "store"
        serve = Serve(store)
        try:
            taken = asyncio.run(_all(serve.grpc, serve.http.removeprefix("http://"), senders))
            spans, until = sum(map(len, taken)) * SPANS, time.monotonic() + POSTED_S_MAX
            while _charged(store)[0] < spans:
                assert time.monotonic() < until, f"the ledger has {_charged(store)} of {spans}"
            rss_mb = _peak_kb(serve.process.pid) / 1024
            assert serve.stop() == 0, serve.told
        finally:
            serve.close()
        charged, line.doubled = _charged(store)
    line.lost = spans - charged
    over_http, over_grpc = map(_p99, taken)
    line.note = (
        f"{spans} spans, acknowledged in {_p99(taken[0] + taken[1]):.2f} s"
        f" (p99; over HTTP {over_http:.2f} s, over gRPC {over_grpc:.2f} s), {rss_mb:.0f} MB"
    )
    return line


async def _all(grpc_address: str, http_address: str, senders: int) -> tuple[list[float], list[float]]:
    """The seconds that each acknowledgement took over HTTP, and over gRPC."""
    bodies = requests(1.0, senders * REQUESTS, SPANS)
    # To make the connections takes this client, which shares the cores, seconds: nobody sends before they stand.
    all_are_there = asyncio.Barrier(senders)
    asking: list[Coroutine[object, object, list[float]]] = []
    for number in range(senders):
        own = [body for body, _ in islice(bodies, REQUESTS)]
        over, address = (_over_http, http_address) if number % 2 else (_over_grpc, grpc_address)
        asking.append(over(address, own, all_are_there))
    taken = await asyncio.gather(*asking)
    return list(chain(*taken[1::2])), list(chain(*taken[::2]))


async def _over_grpc(address: str, bodies: list[bytes], all_are_there: asyncio.Barrier) -> list[float]:
    taken: list[float] = []
    async with grpc.aio.insecure_channel(address, _OPTIONS) as channel:
        export = cast("Callable[[bytes], Awaitable[object]]", channel.unary_unary(_EXPORT))
        await channel.channel_ready()
        await all_are_there.wait()
        for body in bodies:
            asked = time.monotonic()
            assert await export(body) == b""
            taken.append(time.monotonic() - asked)
    return taken


async def _over_http(address: str, bodies: list[bytes], all_are_there: asyncio.Barrier) -> list[float]:
    taken: list[float] = []
    reader, writer = await asyncio.open_connection(*address.split(":"))
    await all_are_there.wait()
    for body in bodies:
        asked = time.monotonic()
        writer.write(_HEAD.format(len(body)).encode() + body)
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 "), head
        taken.append(time.monotonic() - asked)
    writer.close()
    await writer.wait_closed()
    return taken


def _p99(taken: list[float]) -> float:
    return quantiles(taken, n=100)[98]


def _charged(store: Path) -> tuple[int, int]:
    """How many requests are charged, and how many of them twice."""
    (row,) = answer("sql", "--store", str(store), _SUMS)
    return int(row["charged"] or 0), int(row["twice"])


def _peak_kb(pid: int) -> int:
    return int(Path(f"/proc/{pid}/status").read_text().partition("VmHWM:")[2].split()[0])
