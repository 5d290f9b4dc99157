"""Servers that take alerts, over HTTP(S) and SMTP, on loopback; and alerts to send."""

import asyncio
import ssl
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

import msgspec
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from support.certificates import Signed

from spanledger.ledger.alerts.alert import Alert, Happening, Kind, Notice, Severity, key_of
from spanledger.ledger.alerts.network import Network

NOON = datetime(2026, 4, 1, 12, tzinfo=UTC)
HOST = "hooks.example.com"
WAIT_S_MAX = 30.0


def alert(name: str = "gpt-x", kind: Kind = "unpriced_model", severity: Severity = "critical", **more: object) -> Alert:
    """One alert; the name makes its key."""
    title, text = f"no price for {name}", "It has none."
    plain = Alert(kind=kind, key=key_of(kind, name), severity=severity, title=title, text=text, at=NOON)
    return msgspec.structs.replace(plain, **more)


def notice(happening: Happening = "fired", **more: object) -> Notice:
    """One notice."""
    return Notice(happening, msgspec.structs.replace(alert(), **more))


def at_loopback(context: ssl.SSLContext | None = None, exchange_s: float = 15.0) -> Network:
    """A network in which every name is this machine."""
    context = context or ssl.create_default_context()
    return Network(resolve=lambda _host, _port: ["127.0.0.1"], context=context, exchange_s=exchange_s)


@dataclass
class Taken:
    """What an HTTP server was sent, and what it answers: each of `answers` once, then the last for ever."""

    port: int = 0
    answers: Sequence[tuple[int, dict[str, str]]] = ((204, {}),)
    requests: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    arrived: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    hold: threading.Event | None = None
    """Until it is set nobody is answered."""

    def wait(self) -> tuple[str, dict[str, str], bytes]:
        """The next request that nobody waited for yet."""
        assert self.arrived.acquire(timeout=WAIT_S_MAX), "no request came"
        return self.requests[-1]


@contextmanager
def taking(
    signed: Signed | None = None,
    answers: Sequence[tuple[int, dict[str, str]]] = ((204, {}),),
    hold: threading.Event | None = None,
) -> Generator[Taken]:
    """An HTTP server, with TLS if it has a certificate."""
    taken = Taken(answers=answers, hold=hold)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            """Take it."""
            body = self.rfile.read(int(self.headers["content-length"]))
            status, headers = taken.answers[min(len(taken.requests), len(taken.answers) - 1)]
            taken.requests.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
            taken.arrived.release()
            if taken.hold:
                taken.hold.wait(WAIT_S_MAX)
            self.send_response(status)
            for name, value in {"content-length": "0", **headers}.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the library's name)
            """Stay silent."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """Clients that go away are what some tests are about."""

    server = Server(("127.0.0.1", 0), Handler)
    if signed:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(signed.certificate, signed.key)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    taken.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield taken
    finally:
        if taken.hold:
            taken.hold.set()
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class Mailbox:
    """What an SMTP server took: envelopes with their messages."""

    port: int = 0
    refuses: frozenset[str] = frozenset()
    """Recipients that it does not know."""
    messages: list[tuple[str, list[str], EmailMessage]] = field(default_factory=list)
    arrived: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    async def handle_RCPT(  # noqa: N802 (the library's name)
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Take a recipient, or not."""
        if address in self.refuses:
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Take a message."""
        parsed = message_from_bytes(cast("bytes", envelope.content), policy=default)
        self.messages.append((envelope.mail_from or "", envelope.rcpt_tos, parsed))
        self.arrived.release()
        return "250 OK"


class _AnyPort(Controller):
    """On a port that the system chose."""

    def _trigger_server(self) -> None:
        assert isinstance(self.server, asyncio.Server)
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@contextmanager
def mailing(
    signed: Signed | None = None, password: str = "", refuses: frozenset[str] = frozenset()
) -> Generator[Mailbox]:
    """An SMTP server; with a certificate it takes nothing before STARTTLS, with a password nobody without it."""
    mailbox = Mailbox(refuses=refuses)
    options: dict[str, Any] = {}
    if signed:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(signed.certificate, signed.key)
        options |= {"tls_context": context, "require_starttls": True}
    if password:

        def known(_server: object, _session: object, _envelope: object, _mechanism: object, said: object) -> AuthResult:
            is_right = isinstance(said, LoginPassword) and said.password == password.encode()
            return AuthResult(success=is_right, handled=False)

        options |= {"authenticator": known, "auth_required": True}
    controller = _AnyPort(mailbox, hostname="127.0.0.1", port=0, **options)
    controller.start()
    mailbox.port = controller.port
    try:
        yield mailbox
    finally:
        controller.stop()
