"""What both doors share, and connections: sizes, times, what a frame may do, and what a refusal may tell."""

import asyncio
import itertools
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import cast

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from support.grpc_calls import EXPORT, calling
from support.otlp import chat, request, span
from support.receiving import JSON, PATIENCE_S, PROTOBUF, Receiving, receiving

from spanledger.exporter.credential import Credential
from spanledger.exporter.intake import Intake
from spanledger.exporter.journal import JournalWriter, Signal
from spanledger.exporter.receiver import otlp_grpc
from spanledger.exporter.receiver.answers import MESSAGE_BYTES_MAX
from spanledger.exporter.receiver.gate import Limits
from spanledger.exporter.settings import BODY_BYTES_CEILING, load
from spanledger.exporter.sift.sift import SPANS_MAX
from spanledger.schemas import ConfigurationError

MEBIBYTE = 1024 * 1024
Export = Callable[..., bytes]
SETTINGS, PING, GOAWAY = 4, 6, 7
MAX_CONCURRENT_STREAMS = 3
NO_ERROR = 0


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Generator[Receiving]:
    """A receiver that reads what it takes; its journal is never opened, because nothing of it is kept."""
    with receiving(into=Intake(JournalWriter(tmp_path_factory.mktemp("transport") / "journal"))) as running:
        yield running


def test_the_largest_body_is_a_setting() -> None:
    """C05: 16 MiB unless told, 64 MiB at most, and a wrong one is named."""
    assert load({}).body_bytes_max == 16 * MEBIBYTE
    assert load({"SPANLEDGER_BODY_BYTES_MAX": str(BODY_BYTES_CEILING)}).body_bytes_max == 64 * MEBIBYTE
    for wrong in (str(BODY_BYTES_CEILING + 1), "0", "-1", "16MiB", "1_000"):
        with pytest.raises(ConfigurationError, match="SPANLEDGER_BODY_BYTES_MAX"):
            load({"SPANLEDGER_BODY_BYTES_MAX": wrong})


def test_a_body_over_the_limit_is_413_in_either_encoding() -> None:
    """C08, C53: decided by its size, before anything is decoded."""
    with receiving(body_bytes_max=1000) as small:
        for content_type in (PROTOBUF, JSON):
            answered = small.post(b" " * 1001, content_type=content_type)
            assert (answered.status, answered.headers["content-type"]) == (413, content_type)


def test_a_hundred_thousand_rejections_make_a_small_answer(door: Receiving) -> None:
    """C09, C10, C11: counts stay whole, the message stays short, on both doors."""
    bad = span({"gen_ai.system": "openai"})
    bad.ClearField("span_id")
    count = SPANS_MAX - 1
    body = request(*[bad] * count)
    with calling(door) as call:
        answers = [call(body), door.post(body).body]
    for answer in answers:
        partial = ExportTraceServiceResponse.FromString(answer).partial_success
        assert partial.rejected_spans == count
        assert partial.error_message.startswith(f"{count} rejected: a span's span_id")
        assert len(answer) < MESSAGE_BYTES_MAX


CANARY = "canary"
_texts = st.text(max_size=30).map(lambda text: CANARY + text)


@given(
    attributes=st.dictionaries(_texts, _texts, max_size=5),
    trace_id=st.binary(max_size=20),
    name=_texts,
    broken_text=st.booleans(),
)
def test_a_message_quotes_nothing_that_was_sent(
    attributes: dict[str, str], trace_id: bytes, name: str, *, broken_text: bool
) -> None:
    """C11, C54: whatever is wrong with a span, the sender reads names of fields and counts, never its own values."""
    made = span(chat() | attributes | {"gen_ai.request.model": name})
    made.trace_id, made.name, made.span_id = trace_id, name, b""
    body = request(made, resource={"service.name": name})
    if broken_text:
        body = body.replace(b"gen_ai.request.model", b"gen_ai.request.mod\xff\xff")
    intake = Intake(JournalWriter(Path("never opened")))
    answer = asyncio.run(intake(Signal.TRACES, body, Credential("*", CANARY)))
    assert answer.rejected == 1
    assert answer.message
    assert CANARY not in answer.message


def test_metadata_over_the_limit_is_refused_and_the_next_call_is_served(door: Receiving) -> None:
    """C20: 16 KiB of metadata; more ends the call, not the door."""
    with grpc.insecure_channel(door.grpc) as channel:
        export = cast("Export", channel.unary_unary(EXPORT))
        with pytest.raises(grpc.RpcError) as raised:
            export(b"", timeout=PATIENCE_S, metadata=(("x-long", "a" * 17_000),))
        assert isinstance(raised.value, grpc.Call)
        assert raised.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert export(b"", timeout=PATIENCE_S, metadata=(("x-long", "a" * 8_000),)) == b""


def test_the_door_states_how_many_calls_it_serves_on_one_connection(door: Receiving) -> None:
    """C19: 128 streams, in the first frame that a client reads."""
    with _http2(door) as connection:
        payload = next(payload for kind, payload in _frames(connection) if kind == SETTINGS)
    stated = dict(struct.iter_unpack(">HI", payload))
    assert stated[MAX_CONCURRENT_STREAMS] == 128


def test_a_ping_now_and_then_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    """C17: also without a call, as often as the interval allows (10 s; here 0); what comes faster is a flood."""
    monkeypatch.setattr(otlp_grpc, "PING_INTERVAL_MS", 0)
    with receiving() as door, _http2(door) as connection:
        for number in range(20):
            connection.sendall(b"\0\0\x08\x06\0\0\0\0\0" + number.to_bytes(8))
            kind, payload = next(frame for frame in _frames(connection) if frame[0] in {PING, GOAWAY})
            assert (kind, payload) == (PING, number.to_bytes(8))


def test_an_old_connection_is_renewed_without_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """C17: after its age (5 min; here 0.2 s) GOAWAY without blame; a client connects anew and notices nothing."""
    monkeypatch.setattr(otlp_grpc, "CONNECTION_AGE_MS", 200)
    with receiving() as door, calling(door) as call:
        with _http2(door) as connection:
            payload = next(payload for kind, payload in _frames(connection) if kind == GOAWAY)
            assert struct.unpack_from(">I", payload, 4) == (NO_ERROR,)
            assert b"max_age" in payload
            assert call(b"first") == b""
        assert call(b"second") == b""
        assert [taken.body for taken in door.intake.taken] == [b"first", b"second"]


def test_a_connection_that_says_nothing_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """C20: 100 connections to the gRPC door without a preface end after its time (10 s; here 0.2 s)."""
    monkeypatch.setattr(otlp_grpc, "HANDSHAKE_MS_MAX", 200)
    with receiving() as door:
        address = door.receiver.grpc_address
        silent = [socket.create_connection((address.host, address.port), PATIENCE_S) for _ in range(100)]
        with calling(door) as call:
            assert call(b"") == b""
        for connection in silent:
            with connection:
                *_, (kind, payload) = _frames(connection)
                assert (kind, b"handshake timeout" in payload) == (GOAWAY, True)


@pytest.mark.slow
def test_a_thousand_calls_of_a_mebibyte_stay_within_the_allowance() -> None:
    """C19: 1 000 at once over eight connections: each is taken or told to come again, in bounded memory."""
    limits = Limits(body_bytes=16 * MEBIBYTE, in_flight_bytes=64 * MEBIBYTE)
    with receiving(limits=limits) as door:
        before = _resident_bytes()
        door.hold()
        command = (sys.executable, "-c", _THOUSAND, door.grpc)
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as sent:
            assert sent.stdout is not None
            refused = list(itertools.islice(sent.stdout, 1000 - 32))
            grown = _resident_bytes() - before
            door.release()
            taken = list(sent.stdout)
    assert (set(refused), taken) == ({"UNAVAILABLE\n"}, ["OK\n"] * 32)
    assert grown < 4 * limits.in_flight_bytes


def _http2(door: Receiving) -> socket.socket:
    """A connection that has sent the preface and its settings."""
    address = door.receiver.grpc_address
    connection = socket.create_connection((address.host, address.port), PATIENCE_S)
    connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\x04\0\0\0\0\0")
    return connection


def _frames(connection: socket.socket) -> Iterator[tuple[int, bytes]]:
    """Kind and payload of each HTTP/2 frame, without those that acknowledge our settings."""
    stream = connection.makefile("rb")
    while head := stream.read(9):
        payload = stream.read(int.from_bytes(head[:3]))
        if not (head[3] == SETTINGS and head[4] == 1):
            yield head[3], payload


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


_THOUSAND = f"""
import sys, threading, grpc
saying, said = threading.Lock(), threading.Semaphore(0)
def tell(call):
    with saying:
        print(call.code().name, flush=True)
    said.release()
body = bytes({MEBIBYTE})
channels = [grpc.insecure_channel(sys.argv[1], (("grpc.use_local_subchannel_pool", 1),)) for _ in range(8)]
calls = [
    channels[number % 8].unary_unary({EXPORT!r}).future(body, wait_for_ready=True) for number in range(1000)
]
for call in calls:
    call.add_done_callback(tell)
for call in calls:
    said.acquire()
"""
