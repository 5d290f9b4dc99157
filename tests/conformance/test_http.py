"""OTLP/HTTP in front of the real sift and journal, and the settings of its door."""

import json
import socket
import threading
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from google.protobuf.json_format import MessageToDict
from google.rpc import code_pb2
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from support.journal import BadDisk
from support.journaling import Journaling, journaling
from support.otlp import chat, request, span
from support.receiving import JSON, PATIENCE_S, PROTOBUF, MemoryIntake, receiving

from spanledger.exporter.journal import Signal
from spanledger.exporter.pipeline import Pipeline
from spanledger.exporter.receiver import otlp_http
from spanledger.exporter.receiver.gate import Limits
from spanledger.exporter.receiver.server import Receiver
from spanledger.exporter.settings import Settings, load
from spanledger.exporter.store import Store
from spanledger.ledger.endpoint_file import Endpoint
from spanledger.ledger.serving import published_endpoint
from spanledger.schemas import ConfigurationError


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Generator[Journaling]:
    """One receiver for all."""
    with journaling(tmp_path_factory.mktemp("http")) as started:
        yield started


def otlp_json(body: bytes) -> bytes:
    """A request in OTLP's JSON: protobuf's own, with hexadecimal ids and numbered enums."""
    message = ExportTraceServiceRequest.FromString(body)
    document = MessageToDict(message, use_integers_for_enums=True)
    [scope], [read] = document["resourceSpans"][0]["scopeSpans"], message.resource_spans[0].scope_spans
    for stated, each in zip(scope["spans"], read.spans, strict=True):
        stated |= {"traceId": each.trace_id.hex().upper(), "spanId": each.span_id.hex()}
    return json.dumps(document).encode()


def test_one_batch_is_one_record_in_either_encoding(running: Journaling) -> None:
    """C48, C51, C64, C68: the journal cannot tell which way it came, and each is answered in its own encoding."""
    body = request(span(chat(), span_id=1), span(chat(gen_ai__request__temperature=0.5), span_id=2, error=True))
    binary, text = running.door.post(body), running.door.post(otlp_json(body), content_type=JSON)
    assert (binary.status, binary.body, text.status, text.body) == (200, b"", 200, b"{}")
    first, second = running.new()
    assert first == second


def test_one_bad_span_of_ten_is_counted_in_either_encoding(running: Journaling) -> None:
    """C27, C52: 200, one rejected, nine kept."""
    spans = [span(chat(), span_id=number) for number in range(1, 11)]
    spans[4].span_id = bytes(8)
    body = request(*spans)
    partial = ExportTraceServiceResponse.FromString(running.door.post(body).body).partial_success
    stated = json.loads(running.door.post(otlp_json(body), content_type=JSON).body)["partialSuccess"]
    assert (partial.rejected_spans, stated["rejectedSpans"]) == (1, "1")
    assert (
        partial.error_message
        == stated["errorMessage"]
        == ("1 rejected: a span's span_id is not 8 bytes with at least one that is not zero")
    )
    assert len(running.new_usage()) == 18


def test_what_cannot_be_decoded_is_400(running: Journaling) -> None:
    """C55: cut protobuf, through the real sift, for each signal."""
    for path in ("/v1/traces", "/v1/logs", "/v1/metrics"):
        answered = running.door.post(request(span(chat()))[:-3], path)
        assert (answered.status, answered.failure().code) == (400, code_pb2.INVALID_ARGUMENT)
    assert running.new() == []


def test_a_journal_that_failed_for_good_is_not_ready_and_alive(tmp_path: Path) -> None:
    """C63, C57: `/readyz` 503, `/healthz` 200, and senders are told to come again, here or elsewhere."""
    disk = BadDisk("fdatasync")
    with journaling(tmp_path, disk=disk) as broken:
        ready = Receiver(_settings(), MemoryIntake(), ready=lambda: not broken.writer.failed.is_set())
        assert ready.ready
        disk.broken = True
        assert broken.door.post(request(span(chat()))).status == 503
        assert broken.writer.failed.wait(PATIENCE_S)
        assert not ready.ready
        assert broken.door.post(b"", "/healthz", method="GET").status == 200


def test_a_journal_without_room_is_not_ready(store: Store, tmp_path: Path) -> None:
    """C63: at its quota or at the floor of its disk, which the journal finds out and takes back by itself."""
    composed = Pipeline(Settings(store=store.url, data=tmp_path / "not yet" / "journal"), store)
    assert composed.ready()
    composed.writer.accepting.clear()
    assert not composed.ready()
    composed.writer.accepting.set()
    assert composed.ready()
    composed.writer.close()


def test_a_large_json_body_does_not_hold_others_beyond_their_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """C38: large bodies convert one at a time; who would wait too long (8 s; here 0.2 s) is told so."""
    begun, goes_on = threading.Event(), threading.Event()

    def slow(_signal: Signal, _body: bytes) -> tuple[bytes, list[str]]:
        begun.set()
        assert goes_on.wait(PATIENCE_S)
        return b"", []

    monkeypatch.setattr(otlp_http, "json_to_protobuf", slow)
    large = b" " * (otlp_http.JSON_INLINE_BYTES + 1)
    limits = Limits(body_bytes=2 * len(large), answer_s=0.2)
    with receiving(limits=limits) as door, ThreadPoolExecutor() as threads:
        first = threads.submit(door.post, large, content_type=JSON)
        assert begun.wait(PATIENCE_S)
        second = door.post(large, content_type=JSON)
        assert (second.status, second.headers["retry-after"]) == (503, "3")
        assert door.post(b"x").status == 200
        goes_on.set()
        assert first.result(PATIENCE_S).status in {200, 503}


def test_a_request_smuggled_behind_another_is_not_taken(running: Journaling) -> None:
    """C61: lengths that two readers may understand differently: what follows is never a request of its own."""
    inner = b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n"
    for lengths in (
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: +5",
        "Content-Length: 5, 5",
        "Content-Length: 0x5",
        "Content-Length: -1",
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding : chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        "Content-Length: 5\r\n Transfer-Encoding: chunked",
    ):
        head = f"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: {PROTOBUF}\r\n{lengths}\r\n\r\n".encode()
        answers = _until_closed(running, head + b"0\r\n\r\n" + inner)
        assert answers.count(b"HTTP/1.1 ") == 1, (lengths, answers)
        assert answers.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 501 ")), (lengths, answers)
    assert running.new() == []


def test_a_preflight_gets_no_permission(running: Journaling) -> None:
    """C62: browsers of other origins may not send; the refusal is the same as for any other method."""
    answered = running.door.post(
        b"", method="OPTIONS", origin="https://example.com", access_control_request_method="POST"
    )
    assert answered.status == 405
    assert not [name for name in answered.headers if name.startswith("access-control-") or name == "vary"]


def test_the_paths_prefix_is_a_setting() -> None:
    """C45: with or without a slash at its end; what is no path is named."""
    assert load({}).http_prefix == ""
    assert load({"SPANLEDGER_HTTP_PREFIX": "/ledger/eu-1/"}).http_prefix == "/ledger/eu-1"
    for wrong in ("ledger", "/", "//x", "/a b", "/a?b", "http://x/", "/a\n"):
        with pytest.raises(ConfigurationError, match="SPANLEDGER_HTTP_PREFIX"):
            load({"SPANLEDGER_HTTP_PREFIX": wrong})


def test_commands_are_told_the_prefix() -> None:
    """C45: `demo` sends where `serve` listens."""
    settings = replace(_settings(), http_prefix="/ledger")
    stated = Endpoint(address="", token="", pid=1, store="", data="")
    published = published_endpoint(settings, stated, Receiver(settings, MemoryIntake()))
    assert published.http == "http://127.0.0.1:4318/ledger"


def _settings() -> Settings:
    return Settings(store="unused", data=Path("unused"))


def _until_closed(running: Journaling, sent: bytes) -> bytes:
    """Send bytes and end the sending; everything that comes back."""
    address = running.door.receiver.http_address
    with socket.create_connection((address.host, address.port), PATIENCE_S) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        return connection.makefile("rb").read()
