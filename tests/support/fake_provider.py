"""A provider on loopback that answers as the real ones do and remembers what it answered: the truth to be metered.

What goes wrong is planned request by request: an error status, a stream that is cut or that waits, a compressed body.
Nothing waits for time: a stream that waits goes on when the test says so.
"""

import gzip
import threading
import zlib
from collections import deque
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

import brotli
from backports import zstd
from support.fake_answers import Reply, Truth, answer

ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstd.compress,
}
GATE_SECONDS_MAX = 30


@dataclass
class Plan:
    """How one request is answered."""

    status: int = 200
    encoding: str = ""
    cut_after: int | None = None
    """Close the connection after this many events."""
    wait_after: int | None = None
    """Wait for `gate` after this many events."""
    piece_bytes: int | None = None
    """Write the body in pieces of this size, cutting events anywhere."""
    body: bytes | None = None
    """Answer this instead."""
    raw: bytes | None = None
    """Write these bytes instead of any HTTP of ours, and close the connection."""
    held: bool = False
    """Wait for `gate` before the connection is closed."""
    content_type: str = ""
    gate: threading.Event = field(default_factory=threading.Event)


@dataclass
class Seen:
    """One request as it arrived."""

    path: str
    headers: dict[str, str]
    body: bytes


class FakeProvider:
    """One server. `plans` are used up request by request; without one a request is answered well."""

    def __init__(self) -> None:
        self.truths: list[Truth] = []
        self.seen: list[Seen] = []
        self.plans: deque[Plan] = deque()
        self.files: dict[str, tuple[Reply, list[Truth]]] = {}
        """What a GET of a path is answered, and the truths in it."""
        self._lock = threading.Lock()
        self._server = _Server(self)
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.host = f"127.0.0.1:{self.port}"

    def next_plan(self, seen: Seen) -> tuple[Plan, int]:
        """The plan of this request and its number."""
        with self._lock:
            self.seen.append(seen)
            return (self.plans.popleft() if self.plans else Plan()), len(self.seen)

    def serve(self) -> None:
        """Answer until it is closed."""
        self._server.serve_forever(poll_interval=0.01)

    def close(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def fake_provider() -> Generator[FakeProvider]:
    """A provider that answers while the block runs."""
    provider = FakeProvider()
    thread = threading.Thread(target=provider.serve, daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        provider.close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, provider: FakeProvider) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.provider = provider

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        """Answer one request by its plan."""
        provider = cast("_Server", self.server).provider
        chunked = self.headers.get("transfer-encoding", "") == "chunked"
        body = self._chunks() if chunked else self.rfile.read(int(self.headers.get("content-length", 0)))
        seen = Seen(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
        plan, number = provider.next_plan(seen)
        if plan.raw is not None:
            self.close_connection = True
            self.wfile.write(plan.raw)
            if plan.held:
                plan.gate.wait(GATE_SECONDS_MAX)
            return
        if plan.status >= 400:
            provider.truths.append(Truth(status=plan.status))
            self._whole(plan, Reply(Truth(), b'{"error":{"type":"planned","message":"as planned"}}'))
            return
        reply = answer(seen.path, seen.headers, body, number)
        provider.truths.append(reply.truth)
        if plan.body is not None:
            self._whole(plan, replace(reply, body=plan.body))
        elif reply.events is None:
            self._whole(plan, reply)
        else:
            self._stream(plan, reply, reply.events)

    def do_GET(self) -> None:
        """Give out a file by its plan."""
        provider = cast("_Server", self.server).provider
        path = self.path.partition("?")[0]
        plan, _ = provider.next_plan(Seen(path, {name.lower(): value for name, value in self.headers.items()}, b""))
        reply, truths = provider.files[path]
        if plan.status >= 400:
            self._whole(plan, Reply(Truth(), b'{"error":{"type":"planned","message":"as planned"}}'))
            return
        provider.truths += truths
        if plan.piece_bytes is None and plan.cut_after is None:
            self._whole(plan, reply)
        else:
            self._stream(plan, reply, reply.body.splitlines(keepends=True))

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401 (the base's signature)
        """Tests are quiet."""

    def _chunks(self) -> bytes:
        whole = b""
        while size := int(self.rfile.readline(), 16):
            whole += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return whole

    def _begin(self, plan: Plan, reply: Reply, headers: dict[str, str]) -> None:
        self.send_response(plan.status)
        encoded = {"content-encoding": plan.encoding} if plan.encoding else {}
        waits = {"retry-after-ms": "1"} if plan.status >= 429 else {}
        kind = {"content-type": plan.content_type or reply.content_type}
        for name, value in {**reply.headers, **encoded, **waits, **kind, **headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def _whole(self, plan: Plan, reply: Reply) -> None:
        body = ENCODERS[plan.encoding](reply.body) if plan.encoding else reply.body
        self._begin(plan, reply, {"content-length": str(len(body))})
        self.wfile.write(body)

    def _stream(self, plan: Plan, reply: Reply, events: list[bytes]) -> None:
        self._begin(plan, reply, {"transfer-encoding": "chunked"})
        if plan.encoding:
            events = [ENCODERS[plan.encoding](b"".join(events))]
        if plan.piece_bytes:
            events = list(_cut(b"".join(events), plan.piece_bytes))
        for number, event in enumerate(events):
            if number == plan.cut_after:
                self.close_connection = True
                return
            if number == plan.wait_after:
                plan.gate.wait(GATE_SECONDS_MAX)
            try:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))
                self.wfile.flush()
            except OSError:
                self.close_connection = True
                return
        self.wfile.write(b"0\r\n\r\n")


def _cut(data: bytes, size: int) -> Iterable[bytes]:
    return (data[begin : begin + size] for begin in range(0, len(data), size))
