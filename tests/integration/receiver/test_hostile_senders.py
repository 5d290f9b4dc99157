"""Senders that bomb, dawdle or never end: what they cost, and that the next one is served."""

import gzip
import json
import socket
import zlib
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from google.rpc import code_pb2
from support.receiving import JSON, PATIENCE_S, PROTOBUF, Receiving, receiving

from spanledger.exporter.receiver import http_edge
from spanledger.exporter.receiver.gate import Limits

MEBIBYTE = 1024 * 1024
PAGE_BYTES = 4096


@pytest.mark.parametrize(
    ("coding", "bomb"),
    [
        ("gzip", gzip.compress(bytes(64 * MEBIBYTE))),
        ("gzip", gzip.compress(bytes(MEBIBYTE)) * 10_000),
        ("gzip", gzip.compress(b"") * 100_000),
        ("deflate", zlib.compress(bytes(64 * MEBIBYTE))),
    ],
    ids=["one gzip member of 64 MiB", "10 000 gzip members of 1 MiB", "100 000 empty gzip members", "zlib of 64 MiB"],
)
def test_a_compression_bomb_is_refused_at_once(coding: str, bomb: bytes) -> None:
    """C07, C55, H01: refused for good, in bounded memory, before anything reaches the intake."""
    with receiving() as door:
        before = _resident_bytes()
        answered = door.post(bomb, content_encoding=coding)
        assert answered.status in {400, 413}
        assert _resident_bytes() - before < 48 * MEBIBYTE
        assert door.intake.calls == 0


@pytest.mark.parametrize(
    "bomb",
    [
        b'{"a":' * 100_000,
        b"[" * 1_000_000,
        b'{"resourceSpans":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"resourceSpans":[' + b"{}," * 4_000_000 + b"{}]}",
        b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"startTimeUnixNano":' + b"9" * 1_000_000 + b"}]}]}]}",
    ],
    ids=[
        "deep objects",
        "deep arrays, never closed",
        "deep arrays",
        "4 000 000 resources",
        "a number of a million digits",
    ],
)
def test_a_json_bomb_is_refused_for_good(bomb: bytes) -> None:
    """C70, C71, H02, H03: depth, count and digits are bounded before a parser builds anything of them."""
    with receiving() as door:
        before = _resident_bytes()
        answered = door.post(bomb, content_type=JSON)
        assert answered.status in {400, 413}
        assert json.loads(answered.body)["message"]
        assert _resident_bytes() - before < 128 * MEBIBYTE
        assert door.post(b"{}", content_type=JSON).status == 200


@pytest.mark.parametrize(
    "head",
    [
        "X-Long: " + "a" * 17_000 + "\r\n\r\n",
        "".join(f"X-{number}: a\r\n" for number in range(101)) + "\r\n",
        "X-Endless: " + "a" * 300_000,
    ],
    ids=["17 000 bytes", "101 fields", "without an end"],
)
def test_a_head_over_the_limit_is_431(head: str) -> None:
    """C20: 16 KiB and 100 fields; the answer is a Status all the same, and the connection ends."""
    with receiving() as door, _connected(door) as connection:
        connection.sendall(f"POST /v1/traces HTTP/1.1\r\nContent-Type: {JSON}\r\n{head}".encode())
        answered, _, body = _until_closed(connection).partition(b"\r\n\r\n")
        assert answered.startswith(b"HTTP/1.1 431 ")
        assert json.loads(body)["code"] == code_pb2.INVALID_ARGUMENT


def test_trailers_without_an_end_are_refused() -> None:
    """C20: what follows the last chunk of a body is a head as well, with the same limit; then the connection ends."""
    with receiving() as door, _connected(door) as connection:
        connection.sendall(
            f"POST /v1/traces HTTP/1.1\r\nContent-Type: {PROTOBUF}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
        )
        connection.sendall(b"0\r\nX-Endless: " + b"a" * 1_000_000)
        assert _until_closed(connection).startswith(b"HTTP/1.1 431 ")
        assert door.intake.calls == 0


def test_half_a_head_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """C20: 200 connections that never finish a head are closed after its time (10 s; here 0.3 s); others are served."""
    monkeypatch.setattr(http_edge, "HEAD_S_MAX", 0.3)
    with receiving() as door, ExitStack() as stack:
        begun = [stack.enter_context(_connected(door)) for _ in range(200)]
        for number, connection in enumerate(begun):
            connection.sendall((b"", b"POST /v1/tra", b"\r\n", b"POST / HTTP/1.1\r\nHost: x\r\n")[number % 4])
        assert door.post(b"").status == 200
        assert {_until_closed(connection) for connection in begun} == {b""}


def test_an_idle_connection_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """C20: after an answer, a connection may be idle for its time (60 s; here 0.2 s)."""
    monkeypatch.setattr(http_edge, "IDLE_S_MAX", 0.2)
    with receiving() as door, _connected(door) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert _until_closed(connection).endswith(b"ok\n")


def test_a_body_that_does_not_arrive_is_answered_and_cut() -> None:
    """C20, C57: after the body's time (30 s; here 0.2 s) 503 with the hint, since 408 makes senders drop."""
    with receiving(limits=Limits(body_bytes=1000, body_s=0.2)) as door, _connected(door) as connection:
        connection.sendall(
            f"POST /v1/traces HTTP/1.1\r\nContent-Type: {PROTOBUF}\r\nContent-Length: 100\r\n\r\nhalf".encode()
        )
        answered = _until_closed(connection)
        assert answered.startswith(b"HTTP/1.1 503 ")
        assert b"retry-after: 3" in answered
        assert b"connection: close" in answered


def test_a_sender_that_goes_away_leaves_nothing_behind() -> None:
    """C39: half a body and then silence: nothing reaches the intake, and its bytes are given back."""
    with receiving() as door:
        for _ in range(20):
            with _connected(door) as connection:
                connection.sendall(
                    f"POST /v1/traces HTTP/1.1\r\nContent-Type: {PROTOBUF}\r\nContent-Length: 9999\r\n\r\nhalf".encode()
                )
        assert door.post(b"").status == 200
        door.run(door.receiver.drain())
        assert [taken.body for taken in door.intake.taken] == [b""]
        assert door.receiver.gate.in_flight.bytes == 0


@contextmanager
def _connected(door: Receiving) -> Generator[socket.socket]:
    address = door.receiver.http_address
    with socket.create_connection((address.host, address.port), PATIENCE_S) as connection:
        yield connection


def _until_closed(connection: socket.socket) -> bytes:
    """Read to the end of the connection; a reset after the last byte is an end as well."""
    received = b""
    try:
        while chunk := connection.recv(65536):
            received += chunk
    except ConnectionResetError:
        pass
    return received


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_BYTES
