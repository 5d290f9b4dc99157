"""A receiver on ephemeral loopback ports, in a thread of its own, in front of an intake that keeps what it takes."""

import asyncio
import threading
from collections.abc import Coroutine, Generator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import TypeVar

from google.rpc.status_pb2 import Status

from spanledger.exporter.access_settings import AccessSettings, TlsSettings
from spanledger.exporter.authentication import Authenticator
from spanledger.exporter.credential import Credential
from spanledger.exporter.journal import Signal
from spanledger.exporter.receiver import Answer, Intake
from spanledger.exporter.receiver.gate import Limits
from spanledger.exporter.receiver.server import Receiver
from spanledger.exporter.settings import BODY_BYTES_MAX, Address, Settings

PROTOBUF = "application/x-protobuf"
JSON = "application/json"
ANY_PORT = Address("127.0.0.1", 0)
PATIENCE_S = 10.0
"""How long a test waits for what must happen."""

_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Taken:
    """A request that was taken."""

    signal: Signal
    body: bytes
    credential: Credential


class MemoryIntake:
    """Takes every request, unless there is a failure left to raise; waits inside while it is held."""

    def __init__(self) -> None:
        self.taken: list[Taken] = []
        self.answer = Answer()
        self.failures: list[Exception] = []
        self.calls = 0
        self.entered = threading.Semaphore(0)
        """Released once for each request that came in."""
        self.released = asyncio.Event()
        self.released.set()

    async def __call__(self, signal: Signal, body: bytes, credential: Credential) -> Answer:
        """Take a request."""
        self.calls += 1
        self.entered.release()
        if self.failures:
            raise self.failures.pop(0)
        await self.released.wait()
        self.taken.append(Taken(signal, body, credential))
        return self.answer


@dataclass(frozen=True)
class Response:
    """What HTTP answered. Header names are lower-case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def failure(self) -> Status:
        """The google.rpc.Status of a protobuf answer."""
        assert self.headers["content-type"] == PROTOBUF
        return Status.FromString(self.body)


class Receiving:
    """A started receiver, driven from the test's own thread."""

    def __init__(self, receiver: Receiver, intake: MemoryIntake, loop: asyncio.AbstractEventLoop) -> None:
        self.receiver = receiver
        self.intake = intake
        self._loop = loop

    @property
    def grpc(self) -> str:
        """The gRPC target."""
        return str(self.receiver.grpc_address)

    @property
    def http(self) -> str:
        """The base URL."""
        return f"http://{self.receiver.http_address}"

    def run(self, work: Coroutine[object, object, _Result]) -> _Result:
        """Run a coroutine in the receiver's loop and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE_S)

    def hold(self) -> None:
        """Make requests wait inside the intake."""
        self._loop.call_soon_threadsafe(self.intake.released.clear)
        self.run(asyncio.sleep(0))

    def release(self) -> None:
        """Let them go on."""
        self._loop.call_soon_threadsafe(self.intake.released.set)

    def connect(self) -> HTTPConnection:
        """A connection to the HTTP door."""
        address = self.receiver.http_address
        return HTTPConnection(address.host, address.port, timeout=PATIENCE_S)

    def post(self, body: bytes, path: str = "/v1/traces", *, method: str = "POST", **headers: str) -> Response:
        """Send one request on a connection of its own; `_` in a header's keyword stands for `-`."""
        with closing(self.connect()) as connection:
            return exchange(connection, body, path, method=method, **headers)


def exchange(
    connection: HTTPConnection, body: bytes, path: str = "/v1/traces", *, method: str = "POST", **headers: str
) -> Response:
    """Send one request on a connection that stays open."""
    named = {"content-type": PROTOBUF} | {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, body or None, named)
    response = connection.getresponse()
    return Response(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())


@contextmanager
def receiving(
    *,
    limits: Limits | None = None,
    ready: bool = True,
    http_prefix: str = "",
    body_bytes_max: int = BODY_BYTES_MAX,
    into: Intake | None = None,
    authenticator: Authenticator | None = None,
    tls: TlsSettings | None = None,
) -> Generator[Receiving]:
    """A receiver that is started, and drained at the end; `into` takes its requests in the place of memory."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="receiver")
    thread.start()
    intake = MemoryIntake()
    unused = Path("unused")
    settings = Settings(
        store="unused",
        data=unused,
        grpc=ANY_PORT,
        http=ANY_PORT,
        body_bytes_max=body_bytes_max,
        http_prefix=http_prefix,
        access=AccessSettings(tls=tls),
    )
    receiver = Receiver(settings, into or intake, ready=lambda: ready, limits=limits, authenticator=authenticator)
    running = Receiving(receiver, intake, loop)
    try:
        running.run(receiver.start())
        yield running
    finally:
        running.release()
        running.run(receiver.drain(1.0))
        loop.call_soon_threadsafe(loop.stop)
        thread.join(PATIENCE_S)
        loop.close()
