import socket
from collections.abc import Generator

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceResponse,
)
from support.scripted_receiver import Reply, ScriptedReceiver, scripted_receiver

from spanledger.exporter.failures import Permanent
from spanledger.exporter.inprocess.courier import Undelivered
from spanledger.exporter.inprocess.delivery import Delivered, ReceiverConnection


@pytest.fixture
def receiver() -> Generator[ScriptedReceiver]:
    """A receiver that takes everything until it is told otherwise."""
    with scripted_receiver() as receiver:
        yield receiver


def deliver(receiver: ScriptedReceiver, *replies: Reply) -> Delivered:
    """Send one body to a receiver that gives these answers."""
    receiver.replies.extend(replies)
    connection = ReceiverConnection(receiver.endpoint, "")
    try:
        return connection.deliver(b"body")
    finally:
        connection.close()


def test_a_request_is_plain_otlp_over_http(receiver: ScriptedReceiver) -> None:
    """To the base URL's traces path, as protobuf, with the key as a bearer token; the connection is kept."""
    connection = ReceiverConnection(f"{receiver.endpoint}/base/", "secret")
    assert connection.deliver(b"one") == Delivered(0, "")
    assert connection.deliver(b"two") == Delivered(0, "")
    connection.close()
    assert [(sent.path, sent.body) for sent in receiver.sent] == [
        ("/base/v1/traces", b"one"),
        ("/base/v1/traces", b"two"),
    ]
    assert receiver.sent[0].headers["Content-Type"] == "application/x-protobuf"
    assert receiver.sent[0].headers["Authorization"] == "Bearer secret"


def test_without_a_key_no_authorization_is_sent(receiver: ScriptedReceiver) -> None:
    """An open receiver gets no empty token."""
    deliver(receiver)
    assert "Authorization" not in receiver.sent[0].headers


@pytest.mark.parametrize("status", [200, 202, 204])
def test_any_2xx_is_success(receiver: ScriptedReceiver, status: int) -> None:
    """A proxy may answer with another one than 200."""
    assert deliver(receiver, Reply(status)) == Delivered(0, "")


def test_a_partial_success_tells_what_was_rejected(receiver: ScriptedReceiver) -> None:
    """The rest was taken; sending again would not help."""
    partial = ExportTracePartialSuccess(rejected_spans=3, error_message="broken ids")
    body = ExportTraceServiceResponse(partial_success=partial).SerializeToString()
    assert deliver(receiver, Reply(200, body)) == Delivered(3, "broken ids")


def test_a_2xx_with_an_unreadable_body_is_success(receiver: ScriptedReceiver) -> None:
    """The status alone says that it was taken."""
    assert deliver(receiver, Reply(200, b"OK\xff")) == Delivered(0, "")


@pytest.mark.parametrize("status", [400, 413, 415, 422])
def test_a_refusal_of_the_body_is_permanent(receiver: ScriptedReceiver, status: int) -> None:
    """Sending the same again will not help."""
    with pytest.raises(Permanent, match=str(status)):
        deliver(receiver, Reply(status))


@pytest.mark.parametrize("status", [301, 302, 307, 308, 401, 403, 404, 405, 407, 408, 425, 429, 500, 502, 503, 504])
def test_everything_else_is_tried_again(receiver: ScriptedReceiver, status: int) -> None:
    """Overload, a wrong key or address, and a redirect, which is never followed."""
    with pytest.raises(Undelivered, match=str(status)):
        deliver(receiver, Reply(status, headers={"Location": f"{receiver.endpoint}/elsewhere"}))
    assert len(receiver.sent) == 1


@pytest.mark.parametrize(
    ("hint", "seconds"), [("3", 3.0), ("86400", 60.0), ("Wed, 21 Oct 2026 07:28:00 GMT", 0.0), ("-1", 0.0)]
)
def test_the_receivers_hint_is_passed_on_within_bounds(receiver: ScriptedReceiver, hint: str, seconds: float) -> None:
    """Seconds are respected up to a minute; a date, or nonsense, is no hint."""
    with pytest.raises(Undelivered) as caught:
        deliver(receiver, Reply(429, headers={"Retry-After": hint}))
    assert caught.value.retry_after_s == seconds


def test_nobody_there_is_tried_again() -> None:
    """A receiver that is not up yet refuses nothing."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(Undelivered, match="does not answer"):
        ReceiverConnection(f"http://127.0.0.1:{port}", "").deliver(b"body")


def test_a_connection_cut_short_is_opened_again(receiver: ScriptedReceiver) -> None:
    """After any failure the next delivery starts with a fresh connection."""
    receiver.replies.extend([Reply(503)])
    connection = ReceiverConnection(receiver.endpoint, "")
    with pytest.raises(Undelivered):
        connection.deliver(b"body")
    assert connection.deliver(b"body") == Delivered(0, "")
    connection.close()
