"""The HTTP door on raw requests: paths, types, encodings, answers, limits."""

import gzip
import json
import random
import socket
import zlib
from collections.abc import Generator
from contextlib import closing

import pytest
from google.rpc import code_pb2
from google.rpc.error_details_pb2 import BadRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from support.receiving import JSON, PATIENCE_S, PROTOBUF, Receiving, Response, exchange, receiving

from spanledger.exporter.failures import Permanent, TooLarge, Transient
from spanledger.exporter.journal import Signal
from spanledger.exporter.receiver import Answer, otlp_http
from spanledger.exporter.receiver.gate import Gate, Limits

ONE_SPAN = ExportTraceServiceRequest()
ONE_SPAN.resource_spans.add().scope_spans.add().spans.add(trace_id=bytes(15) + b"\x01", span_id=bytes(7) + b"\x01")
BODY = ONE_SPAN.SerializeToString()
JSON_BODY = json.dumps(
    {"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "0" * 31 + "1", "spanId": "0" * 15 + "1"}]}]}]}
).encode()
MEBIBYTE = 1024 * 1024


@pytest.fixture
def door() -> Generator[Receiving]:
    """A receiver with the default limits."""
    with receiving() as running:
        yield running


@pytest.mark.parametrize(
    ("path", "signal"),
    [("/v1/traces", Signal.TRACES), ("/v1/logs", Signal.LOGS), ("/v1/metrics", Signal.METRICS)],
)
def test_each_signal_has_its_path_with_and_without_a_slash(door: Receiving, path: str, signal: Signal) -> None:
    """C43, C44, C46, C51: both forms are served at once, with an empty response message on full success."""
    for form in (path, f"{path}/", f"{path}?key=value"):
        answered = door.post(b"", form)
        assert (answered.status, answered.body) == (200, b"")
        assert answered.headers["content-type"] == PROTOBUF
    assert [taken.signal for taken in door.intake.taken] == [signal] * 3


def test_json_arrives_as_protobuf_and_is_answered_in_json(door: Receiving) -> None:
    """C48, C50, C51: one port, told apart by Content-Type; full success in JSON is `{}`."""
    answered = door.post(JSON_BODY, content_type=JSON)
    assert (answered.status, answered.headers["content-type"], answered.body) == (200, JSON, b"{}")
    assert door.intake.taken[0].body == BODY


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", "Application/JSON", "application/json ;x=y"]
)
def test_a_content_type_is_read_as_a_media_type(door: Receiving, content_type: str) -> None:
    """C49: case and parameters do not matter."""
    assert door.post(JSON_BODY, content_type=content_type).status == 200


def test_partial_success_is_200_in_the_requests_encoding(door: Receiving) -> None:
    """C52, C27, C28: the count and the reason, as protobuf and as JSON."""
    door.intake.answer = Answer(rejected=3, message="3 rejected: no trace id")
    partial = ExportTraceServiceResponse.FromString(door.post(BODY).body).partial_success
    assert (partial.rejected_spans, partial.error_message) == (3, "3 rejected: no trace id")
    answered = json.loads(door.post(JSON_BODY, content_type=JSON).body)
    assert answered == {"partialSuccess": {"rejectedSpans": "3", "errorMessage": "3 rejected: no trace id"}}


def test_a_span_that_json_cannot_state_is_rejected_alone(door: Receiving) -> None:
    """C27, C69: the neighbour arrives; the answer counts the other one and says what is wrong with it."""
    document = json.loads(JSON_BODY)
    spans = document["resourceSpans"][0]["scopeSpans"][0]["spans"]
    spans.append({"traceId": "0" * 31 + "1", "spanId": "0" * 15 + "2", "startTimeUnixNano": str(2**64)})
    answered = json.loads(door.post(json.dumps(document).encode(), content_type=JSON).body)
    assert door.intake.taken[0].body == BODY
    assert answered["partialSuccess"]["rejectedSpans"] == "1"
    assert "Span.startTimeUnixNano" in answered["partialSuccess"]["errorMessage"]


def test_gzip_is_inflated_whatever_its_members(door: Receiving) -> None:
    """C01: one member, or several as tools that append make them."""
    for body in (gzip.compress(BODY), gzip.compress(BODY[:5]) + gzip.compress(b"") + gzip.compress(BODY[5:])):
        assert door.post(body, content_encoding="gzip").status == 200
    assert [taken.body for taken in door.intake.taken] == [BODY, BODY]


def test_deflate_and_identity_are_known(door: Receiving) -> None:
    """C02: `deflate` is a zlib stream, as the Python exporter sends it."""
    for body, coding in ((zlib.compress(BODY), "deflate"), (BODY, "identity"), (zlib.compress(BODY), "Deflate")):
        assert door.post(body, content_encoding=coding).status == 200
    assert {taken.body for taken in door.intake.taken} == {BODY}


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, gzip", "gzip, identity"])
def test_an_unknown_or_nested_content_encoding_is_415(door: Receiving, coding: str) -> None:
    """C03, H01: refused before a byte is inflated, with a Status that lists what is known."""
    answered = door.post(b"x", content_encoding=coding)
    assert answered.status == 415
    assert "gzip, deflate or identity" in answered.failure().message


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b'{"resourceSpans": [', {"content_type": JSON}),
        (b'{"resourceSpans": "\xff"}', {"content_type": JSON}),
        (b"[]", {"content_type": JSON}),
        (b"", {"content_type": JSON}),
        (b"not gzip", {"content_encoding": "gzip"}),
        (gzip.compress(BODY)[:-4], {"content_encoding": "gzip"}),
        (zlib.compress(BODY) + b"more", {"content_encoding": "deflate"}),
    ],
    ids=[
        "cut JSON",
        "JSON not in UTF-8",
        "a JSON array",
        "no JSON",
        "not gzip",
        "cut gzip",
        "more than one zlib stream",
    ],
)
def test_a_body_that_cannot_be_decoded_is_400(door: Receiving, body: bytes, headers: dict[str, str]) -> None:
    """C55, C71, C74: bad JSON, bad UTF-8, bad or cut compression; nothing reaches the intake."""
    answered = door.post(body, **headers)
    assert answered.status == 400
    assert "retry-after" not in answered.headers
    assert door.intake.calls == 0


def test_what_the_intake_cannot_decode_is_400_with_a_bad_request(door: Receiving) -> None:
    """C55, C33: the Status says what is wrong with the body."""
    door.intake.failures = [Permanent("the body is not a protobuf request")]
    answered = door.post(b"\x0a\xff")
    violation = BadRequest()
    assert (answered.status, answered.failure().code) == (400, code_pb2.INVALID_ARGUMENT)
    assert answered.failure().details[0].Unpack(violation)
    assert violation.field_violations[0].description == "the body is not a protobuf request"


def test_every_refusal_is_a_status_in_the_requests_encoding(door: Receiving) -> None:
    """C50, C53: 400, 404, 405, 413, 415 and 503, as protobuf and as JSON."""
    for content_type in (PROTOBUF, JSON):
        body = JSON_BODY if content_type == JSON else BODY
        door.intake.failures = [Permanent("no"), TooLarge("no"), Transient("no"), ZeroDivisionError("no")]
        answers = [door.post(body, content_type=content_type) for _ in range(4)]
        answers.append(door.post(body, "/v1/other", content_type=content_type))
        answers.append(door.post(b"", method="GET", content_type=content_type))
        answers.append(door.post(body, content_type=content_type, content_encoding="br"))
        assert [answered.status for answered in answers] == [400, 413, 503, 503, 404, 405, 415]
        for answered in answers:
            _assert_status(answered, content_type)


def test_a_type_we_do_not_know_is_415_and_explained_in_json(door: Receiving) -> None:
    """C47: a person who forgot the header can read the answer."""
    for content_type in ("text/plain", "application/x-www-form-urlencoded", ""):
        answered = door.post(BODY, content_type=content_type)
        assert answered.status == 415
        assert "application/x-protobuf" in json.loads(answered.body)["message"]


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_another_method_is_405_with_allow(door: Receiving, method: str) -> None:
    """C47, C62: also a browser's preflight; no CORS header is ever sent."""
    answered = door.post(b"", method=method)
    assert (answered.status, answered.headers["allow"]) == (405, "POST")
    assert not any(name.startswith("access-control-") for name in answered.headers)


def test_profiles_and_unknown_paths_are_404(door: Receiving) -> None:
    """C44, C47: what is not taken is said not to be there."""
    for path in ("/", "/v1", "/v1development/profiles", "/v1/traces/x", "/v1/traces//", "//v1/traces", "/V1/TRACES"):
        assert door.post(BODY, path).status == 404


def test_no_path_is_ever_redirected(door: Receiving) -> None:
    """C46, F4: 400 odd paths on one connection, and never a 3xx, which stock senders count as success."""
    chance = random.Random(4)  # noqa: S311 - a fixed seed, for a test that repeats
    pieces = ["/", "//", "v1", "traces", "logs", ".", "..", "%2f", "%2e", "?", "&", "=", ";", "a", "%00", "http:", "*"]
    with closing(door.connect()) as connection:
        for _ in range(400):
            path = "/" + "".join(chance.choices(pieces, k=chance.randrange(6)))
            status = exchange(connection, BODY, path, method=chance.choice(["POST", "GET"])).status
            assert status in {200, 404, 405}, path


def test_a_prefix_moves_the_otlp_paths() -> None:
    """C45: behind a proxy the same process may live below a path."""
    with receiving(http_prefix="/tenant-a") as door:
        assert door.post(BODY, "/tenant-a/v1/traces").status == 200
        assert door.post(BODY, "/v1/traces").status == 404
        assert door.post(b"", "/healthz", method="GET").status == 200


@pytest.mark.parametrize("failure", [Transient("the journal is full"), RuntimeError("a secret"), MemoryError()])
def test_what_may_pass_is_503_with_whole_seconds(door: Receiving, failure: Exception) -> None:
    """C56, C57, C58, C54: a full journal and a bug of ours alike; the text of a bug stays inside."""
    door.intake.failures = [failure]
    answered = door.post(BODY)
    assert (answered.status, answered.headers["retry-after"]) == (503, "3")
    assert answered.failure().code == code_pb2.UNAVAILABLE
    assert any(detail.TypeName() == "google.rpc.RetryInfo" for detail in answered.failure().details)
    assert b"secret" not in answered.body
    assert b"Traceback" not in answered.body


def test_a_bug_at_any_stage_is_503(door: Receiving, monkeypatch: pytest.MonkeyPatch) -> None:
    """C58: authentication, conversion and admission each fail once with an exception nobody expected."""

    def broken(*_arguments: object) -> None:
        raise LookupError(*["a secret"])

    for owner, name in ((Gate, "authenticate"), (otlp_http, "json_to_protobuf"), (Gate, "admit"), (Gate, "check_open")):
        with monkeypatch.context() as patched:
            patched.setattr(owner, name, broken)
            answered = door.post(JSON_BODY, content_type=JSON)
        assert (answered.status, answered.headers["retry-after"]) == (503, "3")
        assert b"secret" not in answered.body


def test_a_body_over_the_limit_is_413_however_it_is_sent() -> None:
    """C05, C07, C08: with a length, in chunks, inflated; one byte less is taken."""
    with receiving(body_bytes_max=1000) as door:
        assert door.post(bytes(1000)).status == 200
        assert door.post(bytes(1001)).status == 413
        assert door.post(gzip.compress(bytes(1001)), content_encoding="gzip").status == 413
        assert door.post(zlib.compress(bytes(1001)), content_encoding="deflate").status == 413
        chunked = b"3e9\r\n" + bytes(1001) + b"\r\n0\r\n\r\n"
        assert _raw(door, _head("Transfer-Encoding: chunked") + chunked).startswith(b"HTTP/1.1 413 ")
        assert len(door.intake.taken) == 1


def test_an_early_answer_is_read_by_a_sender_that_is_still_sending() -> None:
    """C59: a refused upload of 8 MiB is drained, so that the sender reads 413 and not a reset; the connection stays."""
    with receiving(body_bytes_max=1000) as door, closing(door.connect()) as connection:
        assert exchange(connection, bytes(8 * MEBIBYTE)).status == 413
        assert exchange(connection, bytes(8 * MEBIBYTE), content_encoding="br").status == 415
        assert exchange(connection, BODY).status == 200


def test_a_thousand_requests_use_one_connection(door: Receiving) -> None:
    """C16: keep-alive."""
    with closing(door.connect()) as connection:
        assert {exchange(connection, BODY).status for _ in range(1000)} == {200}
    assert len(door.intake.taken) == 1000


def test_a_response_is_never_compressed(door: Receiving) -> None:
    """C60: answers are a few bytes; `Accept-Encoding` does not change them."""
    assert "content-encoding" not in door.post(BODY, accept_encoding="gzip").headers


def test_a_chunked_body_is_taken(door: Receiving) -> None:
    """C61: `Transfer-Encoding: chunked`, in chunks of one byte."""
    chunks = b"".join(b"1\r\n" + BODY[at : at + 1] + b"\r\n" for at in range(len(BODY)))
    answered = _raw(door, _head("Transfer-Encoding: chunked") + chunks + b"0\r\n\r\n")
    assert answered.startswith(b"HTTP/1.1 200 ")
    assert door.intake.taken[0].body == BODY


def test_two_lengths_of_one_body_are_refused(door: Receiving) -> None:
    """C61: Content-Length beside Transfer-Encoding smuggles requests past proxies: 400, and the connection ends."""
    for lengths in (
        "Content-Length: 3\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 3",
    ):
        answered = _raw(door, _head(lengths) + b"0\r\n\r\n")
        assert answered.startswith(b"HTTP/1.1 400 ")
        assert b"content-type: application/x-protobuf" in answered
    assert door.intake.calls == 0


def test_a_sender_that_asks_first_is_told_to_continue(door: Receiving) -> None:
    """C61: `Expect: 100-continue` is answered when the body is wanted."""
    with _connected(door) as connection:
        connection.sendall(_head(f"Content-Length: {len(BODY)}\r\nExpect: 100-continue", close=False))
        assert connection.recv(1024) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(BODY)
        assert connection.recv(1024).startswith(b"HTTP/1.1 200 ")


def test_a_sender_that_asks_first_is_refused_before_it_sends(door: Receiving) -> None:
    """C59, C61: who waits for 100 gets the final answer, and the connection ends: its body never comes."""
    answered = _raw(door, _head(f"Content-Length: {64 * MEBIBYTE}\r\nExpect: 100-continue", close=False))
    assert answered.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in answered


def test_an_offer_of_http2_is_passed_over(door: Receiving) -> None:
    """C15: a client that offers h2c on its first request is served in HTTP/1.1, also for the next one."""
    offer = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQ"
    with _connected(door) as connection:
        for headers in (offer, "X-Next: 1"):
            connection.sendall(_head(f"Content-Length: {len(BODY)}\r\n{headers}", close=False) + BODY)
            assert connection.recv(1024).startswith(b"HTTP/1.1 200 ")


def test_what_is_not_http_is_refused_with_a_status(door: Receiving) -> None:
    """C53: also what never becomes a request is answered in JSON, without a word about the server."""
    answered = _raw(door, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n")
    head, _, body = answered.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"server:" not in head.lower()
    assert json.loads(body)["code"] == code_pb2.INVALID_ARGUMENT


def test_bytes_in_flight_are_bounded() -> None:
    """C19: what all bodies hold together is limited; one more is told to come again, and fits once they are gone."""
    limits = Limits(body_bytes=MEBIBYTE, in_flight_bytes=2 * MEBIBYTE)
    with receiving(limits=limits) as door:
        door.hold()
        with closing(door.connect()) as held:
            held.request("POST", "/v1/traces", bytes(MEBIBYTE - 1), {"content-type": PROTOBUF})
            assert door.intake.entered.acquire(timeout=PATIENCE_S)
            refused = door.post(BODY)
            assert (refused.status, refused.headers["retry-after"]) == (503, "3")
            door.release()
            assert held.getresponse().status == 200
        assert door.post(BODY).status == 200


def test_the_probes_tell_alive_from_ready() -> None:
    """C63: `/healthz` is 200 while the process lives, `/readyz` 503 while nothing can be journaled; both are mute."""
    with receiving(ready=False) as door:
        answers = [door.post(b"", path, method="GET") for path in ("/healthz", "/readyz")]
        assert [(answered.status, answered.body) for answered in answers] == [(200, b"ok\n"), (503, b"not ready\n")]
        assert door.post(b"", "/healthz").status == 405
    with receiving() as door:
        assert door.post(b"", "/readyz", method="GET").status == 200
        assert door.post(b"", "/readyz", method="HEAD").body == b""


def _assert_status(answered: Response, content_type: str) -> None:
    """Check that a refusal's body is a google.rpc.Status with a sentence and nothing from inside."""
    assert answered.headers["content-type"] == content_type
    message = json.loads(answered.body)["message"] if content_type == JSON else answered.failure().message
    assert message
    assert "Traceback" not in message


def _head(headers: str, *, close: bool = True) -> bytes:
    connection = "Connection: close\r\n" if close else ""
    return f"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: {PROTOBUF}\r\n{connection}{headers}\r\n\r\n".encode()


def _connected(door: Receiving) -> socket.socket:
    address = door.receiver.http_address
    return socket.create_connection((address.host, address.port), PATIENCE_S)


def _raw(door: Receiving, request: bytes) -> bytes:
    """Send bytes as they are; return everything up to the end of the connection."""
    with _connected(door) as connection:
        connection.sendall(request)
        return connection.makefile("rb").read()
