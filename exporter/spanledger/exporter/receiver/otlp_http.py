"""The HTTP door: an ASGI app for `POST /v1/traces`, `/v1/logs`, `/v1/metrics`, and `/healthz`, `/readyz`.

It never answers 3xx (stock senders take a redirect for success and lose the batch) nor 500 (they drop the batch);
every refusal is a google.rpc.Status in the request's encoding, sent after the body has been read or drained.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Final, cast

from google.rpc import code_pb2

from spanledger.exporter.authentication import Peer
from spanledger.exporter.failures import TooLarge, Transient
from spanledger.exporter.journal import Signal
from spanledger.exporter.receiver.answers import JSON, PROTOBUF, Refusal, refusal, response, with_rejections
from spanledger.exporter.receiver.gate import DEADLINE_MARGIN_S, Gate, report_bug, too_large, turn
from spanledger.exporter.receiver.inflate import Decoding, decoding
from spanledger.exporter.receiver.otlpjson import json_to_protobuf

Message = MutableMapping[str, object]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

# What a sender may still push after it was refused, so that it reads the answer instead of a reset connection.
DRAIN_BYTES_MAX: Final = 64 * 1024 * 1024
# JSON of this size converts within a few milliseconds; larger bodies would hold up every other request.
JSON_INLINE_BYTES: Final = 64 * 1024

CERTIFICATES: Final = "certificates"
"""Where a request's state has the names in its connection's verified certificate."""

_SIGNALS: Final = {"/v1/traces": Signal.TRACES, "/v1/logs": Signal.LOGS, "/v1/metrics": Signal.METRICS}


def http_app(gate: Gate, path_prefix: str = "") -> App:
    """Return the ASGI app. With a `path_prefix` such as `/tenant-a`, the OTLP paths live below it."""
    door = _HttpDoor(gate, {path_prefix + path: signal for path, signal in _SIGNALS.items()})

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await door.answer(_request(scope), receive, send)

    return app


@dataclass(frozen=True, slots=True)
class _Request:
    """What this door reads of an HTTP request. Header names are lower-case; values of equal names are joined."""

    method: str
    path: str
    headers: Mapping[str, str]
    media_type: str
    """The Content-Type without its parameters."""
    peer: Peer

    @property
    def answer_type(self) -> str:
        """The encoding of the answer: the request's own; JSON, which people can read, when it has none of ours."""
        return PROTOBUF if self.media_type == PROTOBUF else JSON


@dataclass(frozen=True, slots=True)
class _Reply:
    status: int
    content_type: str
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()


class _Disconnected(Exception):
    """The sender went away before its body was whole; nobody is left to answer."""


class _Body:
    """The body of one request, read in the chunks that the server hands over (some 64 KiB), within one deadline."""

    def __init__(self, receive: Receive, seconds_max: float) -> None:
        self._receive = receive
        self.deadline_s = asyncio.get_running_loop().time() + seconds_max
        self.started = False
        self.ended = False

    async def chunk(self) -> bytes:
        """Return the next chunk; sets `ended` with the last one."""
        self.started = True
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise _Disconnected
        self.ended = not message.get("more_body", False)
        chunk = message.get("body", b"")
        return chunk if isinstance(chunk, bytes) else b""

    async def drain(self) -> None:
        """Read on and forget, up to a bound."""
        drained = 0
        try:
            async with asyncio.timeout_at(self.deadline_s):
                while not self.ended and drained < DRAIN_BYTES_MAX:
                    drained += len(await self.chunk())
        except TimeoutError:
            return


class _HttpDoor:
    """Answers requests: the probes by itself, OTLP through the gate."""

    def __init__(self, gate: Gate, signals: Mapping[str, Signal]) -> None:
        self._gate = gate
        self._signals = signals
        # One large JSON body at a time: parsed values take several times the bytes of their text.
        self._converting = asyncio.Semaphore(1)

    async def answer(self, request: _Request, receive: Receive, send: Send) -> None:
        """Answer one request, whatever happens."""
        body = _Body(receive, self._gate.limits.body_s)
        try:
            reply = self._probe(request) or await self._export(request, body)
            if not body.ended:
                await _drain(request, body)
        except _Disconnected:
            return
        await _send(send, request, reply, keep_alive=body.ended)

    def _probe(self, request: _Request) -> _Reply | None:
        """Answer `/healthz` (the process lives) and `/readyz` (requests can be made durable)."""
        if request.path not in {"/healthz", "/readyz"}:
            return None
        if request.method not in {"GET", "HEAD"}:
            return _refused(request, _not_allowed("GET, HEAD"))
        ready = request.path == "/healthz" or self._gate.ready
        return _Reply(200 if ready else 503, "text/plain; charset=utf-8", b"ok\n" if ready else b"not ready\n")

    async def _export(self, request: _Request, body: _Body) -> _Reply:
        signal = self._signals.get(request.path.removesuffix("/"))
        coding = decoding(request.headers.get("content-encoding", ""), self._gate.limits.body_bytes)
        refused = _unsuitable(request, signal, coding)
        if refused is not None or signal is None or coding is None:
            return _refused(request, refused or _NOT_FOUND)
        try:
            return await self._admit(request, signal, coding, body)
        except _Disconnected:
            raise
        except Exception as failure:  # noqa: BLE001 - the server would answer 500, and senders drop on it
            report_bug(failure)
            return _refused(request, refusal(failure))

    async def _admit(self, request: _Request, signal: Signal, coding: Decoding, body: _Body) -> _Reply:
        self._gate.check_open()
        credential = self._gate.authenticate(request.headers, request.peer)
        self._check_length(request)
        reasons: list[str] = []
        with self._gate.in_flight.reading() as grow:
            payload = await self._read(coding, body, grow)
            begun_s = time.monotonic()
            if request.media_type == JSON:
                payload, reasons = await self._converted(signal, payload)
        # What the conversion took is gone from the time that the sender still waits.
        waits_s = self._gate.limits.answer_s + DEADLINE_MARGIN_S - (time.monotonic() - begun_s)
        answer = with_rejections(await self._gate.admit(signal, payload, credential, waits_s), reasons)
        return _Reply(200, request.answer_type, response(signal, answer, request.answer_type))

    async def _read(self, coding: Decoding, body: _Body, grow: Callable[[int], None]) -> bytes:
        chunks: list[bytes] = []
        try:
            async with asyncio.timeout_at(body.deadline_s):
                while not body.ended:
                    chunk = coding.feed(await body.chunk())
                    grow(len(chunk))
                    chunks.append(chunk)
        except TimeoutError as error:
            msg = f"the body did not arrive within {self._gate.limits.body_s:g} s"
            raise Transient(msg) from error
        coding.finish()
        return b"".join(chunks)

    async def _converted(self, signal: Signal, body: bytes) -> tuple[bytes, list[str]]:
        if len(body) <= JSON_INLINE_BYTES:
            return json_to_protobuf(signal, body)
        async with turn(self._converting, self._gate.limits.answer_s):
            return await asyncio.to_thread(json_to_protobuf, signal, body)

    def _check_length(self, request: _Request) -> None:
        """Refuse a body whose declared length is over the limit (a compressed one is then over it as well)."""
        length = request.headers.get("content-length", "")
        if length.isdigit() and int(length) > self._gate.limits.body_bytes:
            raise TooLarge(too_large(self._gate.limits.body_bytes))


_NOT_FOUND: Final = Refusal(code_pb2.NOT_FOUND, 404, "no such path: OTLP is taken at /v1/traces, /v1/logs, /v1/metrics")


def _unsuitable(request: _Request, signal: Signal | None, coding: Decoding | None) -> Refusal | None:
    """Return why a request is refused by its head alone."""
    if signal is None:
        return _NOT_FOUND
    if request.method != "POST":
        return _not_allowed("POST")
    if request.media_type not in {PROTOBUF, JSON}:
        return Refusal(code_pb2.INVALID_ARGUMENT, 415, f"Content-Type must be {PROTOBUF} or {JSON}")
    if coding is None:
        return Refusal(code_pb2.INVALID_ARGUMENT, 415, "Content-Encoding must be gzip, deflate or identity")
    return None


async def _drain(request: _Request, body: _Body) -> None:
    # Who waits for "100 Continue" has not sent the body, and will not.
    waits = "100-continue" in request.headers.get("expect", "").lower() and not body.started
    if not waits:
        await body.drain()


def _not_allowed(allow: str) -> Refusal:
    return Refusal(code_pb2.UNIMPLEMENTED, 405, f"the method must be {allow}", allow=allow)


def _refused(request: _Request, refused: Refusal) -> _Reply:
    return _Reply(refused.http_status, request.answer_type, refused.body(request.answer_type), tuple(refused.headers()))


def _request(scope: Message) -> _Request:
    headers: dict[str, str] = {}
    for name, value in cast("Iterable[tuple[bytes, bytes]]", scope["headers"]):
        key, text = name.decode("latin-1"), value.decode("latin-1")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    return _Request(str(scope["method"]), str(scope["path"]), headers, media_type, peer_of(scope))


def peer_of(scope: Message) -> Peer:
    """The other end of a request's connection."""
    client = cast("tuple[str, int] | None", scope.get("client"))
    state = cast("Mapping[str, tuple[str, ...]]", scope.get("state", {}))
    return Peer(client[0] if client else "", state.get(CERTIFICATES, ()))


async def _send(send: Send, request: _Request, reply: _Reply, *, keep_alive: bool) -> None:
    headers = [
        (b"content-type", reply.content_type.encode()),
        (b"content-length", b"%d" % len(reply.body)),
        *reply.headers,
    ]
    if not keep_alive:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if request.method == "HEAD" else reply.body})
