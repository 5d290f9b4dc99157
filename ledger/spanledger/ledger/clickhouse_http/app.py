"""ClickHouse's HTTP interface as an ASGI app: `/ping` for anybody, statements for readers of all tenants.

Who asks is found out before the body is read. An answer is made whole before its first byte, so that an error has a
status; whoever leaves has its statement stopped. Nothing is cached, and nothing is sent to other origins.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from contextlib import suppress
from functools import partial
from secrets import token_hex
from threading import Event
from typing import Any, Final, NamedTuple, Protocol, TypeAlias
from uuid import uuid4

from spanledger.exporter.authentication import Peer, Principal, Role
from spanledger.exporter.failures import Throttled, TooLarge, Transient, Unauthenticated
from spanledger.exporter.receiver.otlp_http import peer_of
from spanledger.ledger.api.route import Lane, LeftError
from spanledger.ledger.api.turns import MARK_BYTES, Turns
from spanledger.ledger.clickhouse_http import encodings, frames
from spanledger.ledger.clickhouse_http.answering import Answer, Server
from spanledger.ledger.clickhouse_http.asked import (
    Asked,
    accepts_compression,
    asked_of,
    credential_headers,
    query_fields,
)
from spanledger.ledger.clickhouse_http.errors import AskedWronglyError, Failed, failed
from spanledger.ledger.clickhouse_http.media_types import media_type

# A statement written by a program, with room for a list of some ten thousand ids.
BODY_BYTES_MAX: Final = 1024 * 1024
BODY_S_MAX: Final = 30.0
# Of answers that are made and that their clients have not taken yet: some more than those under way are added at worst.
UNTAKEN_BYTES_MAX: Final = 512 * 1024 * 1024
_PIECE_BYTES: Final = 1024 * 1024
# Whoever takes less than a piece in this time has stopped to read.
PIECE_S_MAX: Final = 60.0

_Scope: TypeAlias = MutableMapping[str, Any]
_Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
_Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
_Headers: TypeAlias = tuple[tuple[bytes, bytes], ...]

_TEXT: Final = "text/plain; charset=UTF-8"
_ALWAYS: Final[_Headers] = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))


class Recognises(Protocol):
    """What an `Authenticator` does."""

    def principal(self, headers: Mapping[str, str], peer: Peer) -> Principal:
        """Who is asking, by its lower-case headers and its connection."""
        ...


class Answers(Protocol):
    """What a `Reader` does."""

    @property
    def server(self) -> Server:
        """What the engine says of itself."""
        ...

    def answer(self, asked: Asked, who: str, mark: str) -> Answer:
        """Answer one statement, in a thread of its own."""
        ...

    def stop(self, mark: str, /) -> None:
        """Stop the statement of this mark, if it runs."""
        ...


class _Reply(NamedTuple):
    status: int
    kind: str
    body: bytes
    headers: _Headers = ()


class App:
    """The ASGI app. One for each event loop."""

    def __init__(
        self,
        answers: Answers,
        recognises: Recognises,
        *,
        body_bytes_max: int = BODY_BYTES_MAX,
        untaken_bytes_max: int = UNTAKEN_BYTES_MAX,
        piece_s_max: float = PIECE_S_MAX,
    ) -> None:
        self._answers = answers
        self._recognises = recognises
        self._body_bytes_max = body_bytes_max
        self._untaken_bytes_max = untaken_bytes_max
        self._piece_s_max = piece_s_max
        self._untaken_bytes = 0
        self._turns = Turns()
        server = answers.server
        # Who is let in is told whose answer it is.
        self._server: _Headers = (
            (b"x-clickhouse-server-display-name", server.name.encode("latin-1", "replace")),
            (b"x-clickhouse-timezone", server.timezone.encode("latin-1", "replace")),
        )

    async def __call__(self, scope: _Scope, receive: _Receive, send: _Send) -> None:
        """Answer one request, whatever happens; unless whoever asked has left."""
        if scope["type"] != "http":
            return
        try:
            reply = await self._reply(scope, receive)
        except LeftError:
            return
        except Exception as failure:  # noqa: BLE001 (the table of errors decides)
            reply = _refused(failed(failure))
        length = ((b"content-length", b"%d" % len(reply.body)), (b"content-type", reply.kind.encode()))
        headers = [*reply.headers, *length, *_ALWAYS]
        body = b"" if scope["method"] == "HEAD" else reply.body
        # A connection whose answer ends early is closed.
        with suppress(OSError, TimeoutError):
            await self._send(send, {"type": "http.response.start", "status": reply.status, "headers": headers}, body)

    async def _send(self, send: _Send, start: MutableMapping[str, Any], body: bytes) -> None:
        """Send an answer in pieces, each when the one before is nearly taken. Raises `TimeoutError`, `OSError`."""
        self._untaken_bytes += len(body)
        try:
            async with asyncio.timeout(self._piece_s_max):
                await send(start)
            for at in range(0, len(body) or 1, _PIECE_BYTES):
                piece, more = body[at : at + _PIECE_BYTES], at + _PIECE_BYTES < len(body)
                async with asyncio.timeout(self._piece_s_max):
                    await send({"type": "http.response.body", "body": piece, "more_body": more})
        finally:
            self._untaken_bytes -= len(body)

    async def _reply(self, scope: _Scope, receive: _Receive) -> _Reply:
        method, path = scope["method"], scope["path"]
        if path not in {"/", "/ping"}:
            return _Reply(404, _TEXT, b"There is no handle here but / and /ping\n")
        if method not in {"GET", "HEAD", "POST"}:
            return _Reply(405, _TEXT, b"The method must be GET or POST\n", ((b"allow", b"GET, HEAD, POST"),))
        if path == "/ping" or (method != "POST" and not scope["query_string"]):
            return _Reply(200, _TEXT, b"Ok.\n")
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        principal = self._principal(headers, peer_of(scope))
        fields = query_fields(scope["query_string"])
        body = await self._body(headers, receive) if method == "POST" else b""
        asked = asked_of(fields, headers, body)
        coding = encodings.accepted(headers.get("accept-encoding", "")) if accepts_compression(fields) else ""

        if self._untaken_bytes > self._untaken_bytes_max:
            msg = "too many answers wait to be taken by who asked for them: come again in a moment"
            raise Throttled(msg)

        mark = token_hex(MARK_BYTES)

        def work() -> _Reply:
            return _told(self._answers.answer(asked, principal.name, mark), asked, coding)

        leaving = asyncio.ensure_future(_left(receive))
        try:
            stop = partial(self._answers.stop, mark)
            reply = await self._turns.answered(Lane.STORE, work, Event(), leaving, stop)
            return reply._replace(headers=(*reply.headers, *self._server))
        finally:
            leaving.cancel()

    def _principal(self, headers: Mapping[str, str], peer: Peer) -> Principal:
        shown = credential_headers(headers)
        try:
            principal = self._recognises.principal(shown, peer)
        except Unauthenticated:
            if shown:
                raise
            msg = "no credential: send a key as the password of any user, or as Authorization: Bearer KEY"
            raise AskedWronglyError(194, "REQUIRED_PASSWORD", msg) from None
        principal.require(Role.READ, all_tenants=True)
        return principal

    async def _body(self, headers: Mapping[str, str], receive: _Receive) -> bytes:
        """The body, decompressed. Raises `TooLarge`, `Permanent`, `Transient` when it is late, `LeftError`."""
        length = headers.get("content-length", "")
        if length.isdigit() and int(length) > self._body_bytes_max:
            raise TooLarge(self._too_large)
        coding = encodings.body_decoding(headers.get("content-encoding", ""), self._body_bytes_max)
        body, more = bytearray(), True
        try:
            async with asyncio.timeout(BODY_S_MAX):
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        msg = "whoever asked has left"
                        raise LeftError(msg)
                    body += coding.feed(message.get("body", b""))
                    if len(body) > self._body_bytes_max:
                        raise TooLarge(self._too_large)
                    more = message.get("more_body", False)
        except TimeoutError as error:
            msg = f"the body did not arrive within {BODY_S_MAX:g} s"
            raise Transient(msg) from error
        coding.finish()
        return bytes(body)

    @property
    def _too_large(self) -> str:
        return f"a statement is at most {self._body_bytes_max} bytes"


def _told(answer: Answer, asked: Asked, coding: str) -> _Reply:
    """The answer as it goes out; made where it was asked, not in the event loop."""
    headers: list[tuple[bytes, bytes]] = [(b"x-clickhouse-query-id", (asked.query_id or str(uuid4())).encode())]
    body = answer.body
    if answer.form:
        headers.append((b"x-clickhouse-format", answer.form.encode()))
    headers.append((b"x-clickhouse-summary", _summary(answer)))
    if asked.framed:
        body = frames.framed(body)
    elif coding and len(body) >= encodings.WORTH_BYTES:
        body = encodings.COMPRESSORS[coding](body)
        headers.append((b"content-encoding", coding.encode()))
    return _Reply(200, media_type(answer.form) if answer.form else _TEXT, body, tuple(headers))


def _summary(answer: Answer) -> bytes:
    """Numbers as texts, as a server tells them."""
    took = answer.took
    told = {
        "read_rows": took.read_rows if took else 0,
        "read_bytes": took.read_bytes if took else 0,
        "written_rows": 0,
        "written_bytes": 0,
        "total_rows_to_read": took.read_rows if took else 0,
        "result_rows": took.rows if took else 0,
        "result_bytes": len(answer.body),
        "elapsed_ns": int(took.elapsed_s * 1e9) if took else 0,
    }
    return json.dumps({name: str(value) for name, value in told.items()}).encode()


def _refused(failure: Failed) -> _Reply:
    code = (b"x-clickhouse-exception-code", b"%d" % failure.code)
    return _Reply(failure.status, _TEXT, f"{failure.text}\n".encode("utf-8", "replace"), (code, *failure.headers))


async def _left(receive: _Receive) -> None:
    """Return when whoever asked has left."""
    while (await receive())["type"] != "http.disconnect":
        pass
