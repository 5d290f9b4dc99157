import json
import socket
import threading
from collections.abc import Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import cast

import grpc
import pytest
from google.rpc import code_pb2
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpanExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpSpanExporter
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.trace import SpanContext
from support.keys import Keys
from support.receiving import JSON, PATIENCE_S, PROTOBUF, Receiving, receiving

from spanledger.exporter.authentication import Authenticator, Peer, Principal
from spanledger.exporter.authentication.api_key import new_key
from spanledger.exporter.authentication.failures_by_source import BURST
from spanledger.exporter.authentication.key_ring import BELIEVED_S_MAX, LOOK_S
from spanledger.exporter.credential import Credential
from spanledger.exporter.failures import Transient

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    """An empty key store."""
    return Keys(tmp_path / "keys.sqlite")


@pytest.fixture
def asking(keys: Keys) -> Generator[Receiving]:
    """A receiver that asks for keys."""
    with receiving(authenticator=keys.authenticator) as running:
        yield running


def call(receiver: Receiving, body: bytes, **metadata: str) -> tuple[grpc.StatusCode, Status | None]:
    """One Export over gRPC: its code, and the google.rpc.Status of a refusal."""
    with grpc.insecure_channel(receiver.grpc) as channel:
        export: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(EXPORT)
        try:
            export(
                body, timeout=10, metadata=tuple((name.replace("_", "-"), value) for name, value in metadata.items())
            )
        except grpc.RpcError as error:
            refused = cast("grpc.Call", error)
            trailers = dict(refused.trailing_metadata() or ())
            return refused.code(), Status.FromString(cast("bytes", trailers["grpc-status-details-bin"]))
    return grpc.StatusCode.OK, None


def test_a_key_opens_both_doors_for_its_tenant(asking: Receiving, keys: Keys) -> None:
    """Its scope and default tenant go with the request, whichever header it came in."""
    acme, several = keys.create("acme"), keys.create("a,b")
    assert asking.post(b"", authorization=f"Bearer {acme.text}").status == 200
    assert asking.post(b"", x_api_key=several.text).status == 200
    assert asking.post(b"", api_key=acme.text).status == 200
    assert call(asking, b"", authorization=f"Bearer {several.text}")[0] is grpc.StatusCode.OK
    assert call(asking, b"", x_api_key=acme.text)[0] is grpc.StatusCode.OK
    one, two = Credential("acme", "acme"), Credential("a,b", "a")
    assert [taken.credential for taken in asking.intake.taken] == [one, two, one, two, one]


@pytest.mark.parametrize("role", [None, "read"])
def test_who_may_not_send_is_told_so_in_the_requests_encoding(asking: Receiving, keys: Keys, role: str | None) -> None:
    """A wrong key is 401 and UNAUTHENTICATED, a right one without the role 403 and PERMISSION_DENIED: for good."""
    key = keys.create(role=role) if role else new_key()
    http, code = (403, code_pb2.PERMISSION_DENIED) if role else (401, code_pb2.UNAUTHENTICATED)
    shown = f"Bearer {key.text}"
    protobuf = asking.post(b"x" * 1000, authorization=shown)
    assert (protobuf.status, protobuf.failure().code) == (http, code)
    readable = asking.post(b"{}", authorization=shown, content_type=JSON)
    assert (readable.status, readable.headers["content-type"]) == (http, JSON)
    assert json.loads(readable.body)["code"] == code
    assert protobuf.headers.get("www-authenticate") == (None if role else "Bearer")
    assert "retry-after" not in protobuf.headers
    status, details = call(asking, b"x" * 1000, authorization=shown)
    assert status.value[0] == code
    assert details is not None
    assert (details.code, list(details.details)) == (code, [])
    assert key.secret.encode() not in protobuf.body + readable.body + details.SerializeToString()
    assert asking.intake.calls == 0


def test_without_a_key_only_health_is_answered(asking: Receiving) -> None:
    """Probes have none; every OTLP path asks for one, and what is no path says nothing of keys."""
    for path in ("/v1/traces", "/v1/logs", "/v1/metrics"):
        assert asking.post(b"", path).status == 401
    assert asking.post(b"", "/healthz", method="GET").status == 200
    assert asking.post(b"", "/readyz", method="GET").status == 200
    assert asking.post(b"", "/v1/none").status == 404
    assert call(asking, b"")[0] is grpc.StatusCode.UNAUTHENTICATED


def test_a_sender_reads_the_refusal_of_a_large_body(asking: Receiving) -> None:
    """15 MiB with a bad key: the status arrives, not a reset connection, at both doors."""
    body, shown = bytes(15 * 1024 * 1024), f"Bearer {new_key().text}"
    assert asking.post(body, authorization=shown).status == 401
    assert call(asking, body, authorization=shown)[0] is grpc.StatusCode.UNAUTHENTICATED


def test_a_refused_chunked_body_is_read_before_the_answer(asking: Receiving) -> None:
    """64 MiB in chunks: the sender never meets a reset while it still writes, and reads 401."""
    address = asking.receiver.http_address
    with closing(socket.create_connection((address.host, address.port), timeout=20)) as connection:
        head = f"POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: {PROTOBUF}\r\ntransfer-encoding: chunked\r\n\r\n"
        connection.sendall(head.encode())
        chunk = b"10000\r\n" + bytes(0x10000) + b"\r\n"
        for _ in range(1023):
            connection.sendall(chunk)
        connection.sendall(b"0\r\n\r\n")
        assert connection.recv(64).startswith(b"HTTP/1.1 401 ")


def test_an_unreadable_key_store_is_not_the_senders_fault(asking: Receiving, keys: Keys) -> None:
    """Right and wrong keys alike are told to come again, with the hints; nothing is lost once it is readable."""
    key = keys.create()
    assert asking.post(b"", authorization=f"Bearer {key.text}").status == 200
    hidden = keys.store.file.rename(keys.store.file.with_name("hidden"))
    keys.clock.advance(LOOK_S + BELIEVED_S_MAX)
    for shown in (key, new_key()):
        refused = asking.post(b"", authorization=f"Bearer {shown.text}")
        assert (refused.status, refused.headers["retry-after"]) == (503, "3")
        status, details = call(asking, b"", authorization=f"Bearer {shown.text}")
        assert status is grpc.StatusCode.UNAVAILABLE
        assert details is not None
        assert details.details[0].Unpack(RetryInfo())
    hidden.rename(keys.store.file)
    keys.clock.advance(LOOK_S)
    assert asking.post(b"", authorization=f"Bearer {key.text}").status == 200


def test_a_source_without_a_key_is_slowed_down(asking: Receiving, keys: Keys) -> None:
    """429 with a hint after a burst of failures; a sender with a right key at the same address notices nothing."""
    key = keys.create()
    assert {asking.post(b"").status for _ in range(int(BURST))} == {401}
    slowed = asking.post(b"")
    assert (slowed.status, slowed.headers["retry-after"]) == (429, "3")
    assert slowed.failure().code == code_pb2.RESOURCE_EXHAUSTED
    assert call(asking, b"")[0] is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert asking.post(b"", authorization=f"Bearer {key.text}").status == 200


class Watching(Authenticator):
    """Says when somebody was told to come again."""

    def __init__(self, keys: Keys) -> None:
        super().__init__(keys=keys.ring, clock=keys.clock)
        self.told = threading.Event()

    def principal(self, headers: Mapping[str, str], peer: Peer) -> Principal:
        """As ever."""
        try:
            return super().principal(headers, peer)
        except Transient:
            self.told.set()
            raise


@pytest.mark.parametrize("door", ["grpc", "http"])
def test_a_stock_exporter_keeps_its_spans_while_the_key_store_is_away(
    keys: Keys, monkeypatch: pytest.MonkeyPatch, door: str
) -> None:
    """With the key where any SDK is told it, `OTEL_EXPORTER_OTLP_HEADERS`: nothing is lost, and it need not know."""
    key, authenticator = keys.create("acme"), Watching(keys)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", f"authorization=Bearer%20{key.text}")
    hidden = keys.store.file.with_name("hidden")
    with receiving(authenticator=authenticator) as receiver, ThreadPoolExecutor(1) as thread:
        exporter = (
            GrpcSpanExporter(endpoint=receiver.grpc, insecure=True)
            if door == "grpc"
            else HttpSpanExporter(endpoint=f"{receiver.http}/v1/traces")
        )
        spans = [ReadableSpan("chat", SpanContext(1, 1, is_remote=False))]
        assert exporter.export(spans) is SpanExportResult.SUCCESS
        keys.store.file.rename(hidden)
        keys.clock.advance(LOOK_S + BELIEVED_S_MAX)
        under_way = thread.submit(exporter.export, spans)
        assert authenticator.told.wait(PATIENCE_S)
        hidden.rename(keys.store.file)
        keys.clock.advance(LOOK_S)
        assert under_way.result(PATIENCE_S) is SpanExportResult.SUCCESS
        exporter.shutdown()
        assert [taken.credential.tenant for taken in receiver.intake.taken] == ["acme", "acme"]
