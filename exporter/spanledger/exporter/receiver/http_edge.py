"""The HTTP listener: uvicorn's HTTP/1.1 protocol, with the limits that it has no knob for.

A head must be whole within 10 s and 16 KiB; an idle connection is closed after 60 s. What is refused here has not
reached the app, and is answered with a google.rpc.Status all the same. No signal handler, no access log.
"""

import asyncio
import logging
import ssl
from contextlib import suppress
from email.utils import formatdate
from typing import Final

from google.rpc import code_pb2
from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.server import ServerState

from spanledger.exporter.receiver.answers import JSON, PROTOBUF, Refusal
from spanledger.exporter.receiver.listening import cannot_listen
from spanledger.exporter.receiver.otlp_http import CERTIFICATES, App
from spanledger.exporter.receiver.tls import HANDSHAKE_S_MAX, SHUTDOWN_S_MAX, shown_names
from spanledger.exporter.settings import Address

HEAD_BYTES_MAX: Final = 16 * 1024
HEADERS_MAX: Final = 100
HEAD_S_MAX: Final = 10.0
IDLE_S_MAX: Final = 60
# Connections that wait to be accepted: a thousand senders may start at once.
BACKLOG: Final = 2048

# A hostile byte must not write a line into our log each time; the sender is told, and that is enough.
_QUIET: Final = logging.getLogger("spanledger.receiver.http")
_QUIET.setLevel(logging.CRITICAL)


class HttpEdge:
    """An ASGI app served on one address, which the command's option `flag` chooses."""

    def __init__(self, app: App, flag: str = "--http", tls: ssl.SSLContext | None = None) -> None:
        self._flag = flag
        self._tls = tls
        self._config = Config(
            app,
            http=_Connection,
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=IDLE_S_MAX,
        )
        self._state = ServerState()
        self._server: asyncio.Server | None = None
        self._clock: asyncio.TimerHandle | None = None

    async def start(self, address: Address) -> Address:
        """Listen; return the bound address. Raises `ConfigurationError` when it cannot be had."""
        self._config.load()
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(
                self._connection,
                address.host,
                address.port,
                backlog=BACKLOG,
                ssl=self._tls,
                ssl_handshake_timeout=HANDSHAKE_S_MAX if self._tls else None,
                ssl_shutdown_timeout=SHUTDOWN_S_MAX if self._tls else None,
            )
        except OSError as error:
            raise cannot_listen(address, self._flag, error) from error
        self._set_date()
        return Address(address.host, self._server.sockets[0].getsockname()[1])

    async def drain(self, grace_s: float) -> None:
        """Take no new connection, let requests under way end for `grace_s` seconds, then cut what is left."""
        if self._server is None:
            return
        self._server.close()
        for connection in list(self._state.connections):
            connection.shutdown()
        if self._state.tasks:
            await asyncio.wait(set(self._state.tasks), timeout=grace_s)
        # A reset, unlike an answer of 500, makes the sender try again.
        for connection in list(self._state.connections):
            # A TLS transport that was closed twice has let go of its connection, and cannot say so.
            with suppress(AttributeError):
                connection.transport.abort()
        if self._clock is not None:
            self._clock.cancel()

    def _connection(self) -> asyncio.Protocol:
        return _Connection(self._config, self._state, {})

    def _set_date(self) -> None:
        """Renew the Date header each second (RFC 9110 6.6.1)."""
        self._state.default_headers = [(b"date", formatdate(usegmt=True).encode())]
        self._clock = asyncio.get_running_loop().call_later(1.0, self._set_date)


class _HeadTooLarge(Exception):
    """Raised inside the parser to stop it."""


class _Connection(HttpToolsProtocol):
    """One connection: uvicorn's own, with a limit on the size and the time of a request's head."""

    def __init__(self, config: Config, server_state: ServerState, app_state: dict[str, object]) -> None:
        super().__init__(config, server_state, app_state)
        self.logger = _QUIET
        self._head_timer: asyncio.TimerHandle | None = None
        self._progress = False
        self._unfinished_bytes = 0
        self._refusal = _MALFORMED

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Wait for the first head. What the certificate of the other end says goes with every request."""
        super().connection_made(transport)
        certificates = shown_names(transport.get_extra_info("ssl_object"))
        if certificates:
            self.app_state[CERTIFICATES] = certificates
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the head that was waited for."""
        self._head_is_whole()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse. The parser keeps what it cannot finish, of a head or of trailers, so that is counted here."""
        self._progress = False
        super().data_received(data)
        self._unfinished_bytes = 0 if self._progress else self._unfinished_bytes + len(data)
        if self.transport.is_closing():
            return
        if self._unfinished_bytes > HEAD_BYTES_MAX:
            self._refusal = _TOO_LARGE
            self.send_400_response("")
        elif not self.cycle or self.cycle.response_complete:
            # Also a lone line end begins a head: it has ended the wait of an idle connection.
            self._expect_head()

    def on_body(self, body: bytes) -> None:
        """Pass a piece of a body on."""
        self._progress = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Pass the end of a body on."""
        self._progress = True
        super().on_message_complete()

    def on_headers_complete(self) -> None:
        """Hand the request to the app, if its head is within the limits."""
        self._progress = True
        self._head_is_whole()
        size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if size > HEAD_BYTES_MAX or len(self.headers) > HEADERS_MAX:
            self._refusal = _TOO_LARGE
            raise _HeadTooLarge
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what never became a request, and close."""
        del msg
        protobuf = any(value.startswith(PROTOBUF.encode()) for value in self._values(b"content-type"))
        content_type = PROTOBUF if protobuf else JSON
        body = self._refusal.body(content_type)
        head = STATUS_LINE[self._refusal.http_status] + (
            f"content-type: {content_type}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n".encode()
        )
        self.transport.write(head + body)
        self.transport.close()

    def _values(self, header: bytes) -> list[bytes]:
        return [value for name, value in self.headers or () if name == header]

    def _expect_head(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_S_MAX, self._close_late)

    def _head_is_whole(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _close_late(self) -> None:
        self.transport.close()


_MALFORMED: Final = Refusal(code_pb2.INVALID_ARGUMENT, 400, "the request is not HTTP/1.1")
_TOO_LARGE: Final = Refusal(
    code_pb2.INVALID_ARGUMENT,
    431,
    f"the head is larger than {HEAD_BYTES_MAX} bytes or has more than {HEADERS_MAX} fields",
)
