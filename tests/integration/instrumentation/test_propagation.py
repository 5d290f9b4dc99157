"""Real clients, the official instrumentations and real requests: only hosts of ours are told whom work is for."""

# ruff: noqa: ANN401
# Requests are the libraries'.

# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false

import asyncio
from collections.abc import Callable, Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor
from opentelemetry.propagate import inject
from support.attributing import provider, tracer

from spanledger.instrumentation import attribution
from spanledger.instrumentation.attributing.trust import HOSTS
from spanledger.schemas import attributes as a

aiohttp = pytest.importorskip("aiohttp")
httpx = pytest.importorskip("httpx")
requests = pytest.importorskip("requests")

Get = Callable[[str], None]
"""One request that follows redirects."""

TOLD = "ledger.tenant=acme"


class Received(ThreadingHTTPServer):
    """A server that remembers the baggage of each request, and redirects where its path says."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.baggage: list[tuple[str, str]] = []

    def url(self, host: str, redirect: str = "") -> str:
        """Its address by this name of its own."""
        return f"http://{host}:{self.server_port}/{redirect}"


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        """Remember, and send on."""
        server = self.server
        assert isinstance(server, Received)
        server.baggage.append((self.headers["Host"].partition(":")[0], self.headers.get("baggage", "")))
        redirect = self.path[1:]
        self.send_response(302 if redirect else 200)
        if redirect:
            self.send_header("Location", redirect)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base's name)
        """Say nothing."""


@pytest.fixture
def received() -> Generator[Received]:
    """A server on loopback."""
    with Received() as server:
        serving = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        yield server
        server.shutdown()
        serving.join()


@contextmanager
def instrumented(instrumentor: BaseInstrumentor) -> Generator[None]:
    """The official instrumentation of a library, on while the block runs."""
    instrumentor.instrument(tracer_provider=provider)
    try:
        yield
    finally:
        instrumentor.uninstrument()


def by_httpx(url: str) -> None:
    """As most providers' SDKs do."""
    with httpx.Client(follow_redirects=True) as client:
        client.get(url)


def by_async_httpx(url: str) -> None:
    """Their async twins."""

    async def get() -> None:
        async with httpx.AsyncClient(follow_redirects=True) as client:
            await client.get(url)

    asyncio.run(get())


def by_requests(url: str) -> None:
    """The plainest client."""
    requests.get(url, timeout=60)


def by_aiohttp(url: str) -> None:
    """With its tracing signals, as its instrumentation has it, which is not released for every version."""

    async def told(_session: object, _context: object, request: Any) -> None:
        await asyncio.sleep(0)
        with tracer.start_as_current_span("GET", attributes={a.HTTP_URL: str(request.url)}):
            inject(request.headers)

    async def told_again(_session: object, _context: object, request: Any) -> None:
        location = request.response.headers["Location"]
        with tracer.start_as_current_span("GET", attributes={a.HTTP_URL: location}):
            inject(request.headers)
        await asyncio.sleep(0)

    async def get() -> None:
        traced = aiohttp.TraceConfig()
        traced.on_request_start.append(told)
        traced.on_request_redirect.append(told_again)
        async with aiohttp.ClientSession(trace_configs=[traced]) as session, session.get(url):
            pass

    asyncio.run(get())


@pytest.fixture(params=[by_httpx, by_async_httpx, by_requests, by_aiohttp])
def get(request: pytest.FixtureRequest) -> Generator[Get]:
    """Each client, instrumented."""
    from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor  # noqa: PLC0415
    from opentelemetry.instrumentation.requests import RequestsInstrumentor  # noqa: PLC0415

    with instrumented(HTTPXClientInstrumentor()), instrumented(RequestsInstrumentor()):
        yield request.param


def test_only_hosts_of_ours_are_told(get: Get, received: Received, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same server by a name that is ours, and by one that is not."""
    monkeypatch.setenv(HOSTS, "127.0.0.1")
    with attribution(tenant="acme"):
        get(received.url("127.0.0.1"))
        get(received.url("localhost"))
    get(received.url("127.0.0.1"))
    assert received.baggage == [("127.0.0.1", TOLD), ("localhost", ""), ("127.0.0.1", "")]


def test_a_redirect_does_not_pass_it_on(get: Get, received: Received, monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients send the headers of a request again where it is redirected to."""
    monkeypatch.setenv(HOSTS, "127.0.0.1")
    with attribution(tenant="acme"):
        get(received.url("127.0.0.1", received.url("localhost")))
    assert received.baggage == [("127.0.0.1", TOLD), ("localhost", "")]
