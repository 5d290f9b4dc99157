"""Answers that lie or cannot be read: the application sees what it would have seen, and our failure is counted."""

import gc
import gzip
import logging
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import httpx2
import pytest
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from support.fake_provider import FakeProvider, Plan
from support.metered import metering

from spanledger.instrumentation import instrument, uninstrument
from spanledger.instrumentation.wire.guard import FAILURES

BODY: dict[str, Any] = {"model": "gpt-4o", "messages": [], "stream": True}
HUGE_BYTES = 200 * 1024 * 1024

BODIES = {
    "no JSON": b"<html>",
    "half a JSON": b'{"id":"chatcmpl-1","usage":{"prompt_tok',
    "an array": b"[1,2,3]",
    "usage of a wrong type": b'{"id":"chatcmpl-1","usage":[1]}',
    "deep": b"[" * 100_000,
    "empty": b"",
    "not UTF-8": b'{"id":"\xff\xfe","usage":{"prompt_tokens":3}}',
}


def _read(url: str) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    with httpx.Client() as client, client.stream("POST", url, json=BODY) as response:
        headers = [pair for pair in response.headers.raw if pair[0].lower() != b"date"]
        return response.status_code, headers, b"".join(response.iter_raw())


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("kind", ["application/json", "text/event-stream", "application/vnd.amazon.eventstream"])
def test_the_application_sees_the_same_bytes(
    provider: FakeProvider, monkeypatch: pytest.MonkeyPatch, body: str, kind: str
) -> None:
    """Byte for byte, header for header; the claim says that the usage is missing."""
    monkeypatch.setenv("SPANLEDGER_ENDPOINTS", f"{provider.host}=openai")
    url = f"{provider.url}/v1/chat/completions"
    provider.plans += [Plan(body=BODIES[body], content_type=kind) for _ in range(2)]
    without = _read(url)
    with metering(failures=True) as metered:
        assert _read(url) == without
        (claim,) = metered.claims()
    assert claim.usage_source == "missing"
    assert claim.usage == {}


def test_a_body_that_lies_about_its_encoding(provider: FakeProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    """Said to be gzip, and cut: the application's own error, and missing usage."""
    monkeypatch.setenv("SPANLEDGER_ENDPOINTS", f"{provider.host}=openai")
    provider.plans.append(Plan(body=b"no gzip", content_type="application/json"))
    headers = {"content-encoding": "gzip", "content-type": "application/json"}
    transport = httpx2.MockTransport(
        lambda _: httpx2.Response(200, headers=headers, stream=Pieces(gzip.compress(b"{}")[:9], b"rubbish"))
    )
    url = f"{provider.url}/v1/chat/completions"
    with metering(failures=True) as metered:
        with httpx2.Client(transport=transport) as client, pytest.raises(httpx2.DecodingError):
            client.post(url, json=BODY)
        (claim,) = metered.claims()
    assert (claim.usage, claim.usage_source, claim.error_type) == ({}, "missing", "httpx2.DecodingError")


def test_a_body_of_200_megabytes_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """It passes; what we hold of it is given up at our bound."""
    monkeypatch.setenv("SPANLEDGER_ENDPOINTS", "big=openai")
    piece = b"x" * 2**20
    pieces = Pieces(*[piece] * (HUGE_BYTES // len(piece)))
    transport = httpx2.MockTransport(
        lambda _: httpx2.Response(200, headers={"content-type": "application/json"}, stream=pieces)
    )
    with metering() as metered, httpx2.Client(transport=transport) as client:
        with client.stream("POST", "http://big/v1/chat/completions", json=BODY) as response:
            assert sum(len(chunk) for chunk in response.iter_raw()) == HUGE_BYTES
        (claim,) = metered.claims()
    assert claim.usage_source == "missing"


def test_a_stream_that_nobody_closes_ends_its_span_when_it_is_collected(
    provider: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Read halfway, then dropped."""
    monkeypatch.setenv("SPANLEDGER_ENDPOINTS", "dropped=openai")
    line = b'data: {"id":"c","model":"m","choices":[{"delta":{"content":"x"},"finish_reason":null}]}\n\n'
    transport = httpx2.MockTransport(
        lambda _: httpx2.Response(200, headers={"content-type": "text/event-stream"}, stream=Pieces(*[line] * 5))
    )
    with metering() as metered, httpx2.Client(transport=transport) as client:
        request = client.build_request("POST", "http://dropped/v1/chat/completions", json=BODY)
        response = client.send(request, stream=True)
        pieces = response.iter_raw()
        next(pieces)
        assert metered.spans == []
        del pieces, response
        gc.collect()
        (claim,) = metered.claims()
    assert (claim.usage_source, claim.response_id) == ("estimated", "c")
    assert provider.seen == []


class RaisesAtStart(SpanProcessor):
    """A processor of the application's that is broken."""

    def on_start(self, span: object, parent_context: object = None) -> None:
        """Raise."""
        del span, parent_context
        msg = "a secret"
        raise RuntimeError(msg)


class RaisesAtEnd(SpanProcessor):
    """Another one."""

    def on_end(self, span: object) -> None:
        """Raise."""
        RaisesAtStart().on_start(span)


@pytest.mark.parametrize(
    ("broken", "where"), [(RaisesAtStart, "recognise a request"), (RaisesAtEnd, "end a span")], ids=["start", "end"]
)
def test_our_own_failure_is_counted_and_logged_once(
    provider: FakeProvider,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    broken: type[SpanProcessor],
    where: str,
) -> None:
    """A span processor that raises: every call goes on, read at once, streamed or refused; one line is logged."""
    with socket.create_server(("127.0.0.1", 0)) as gone:
        nobody = f"127.0.0.1:{gone.getsockname()[1]}"
    monkeypatch.setenv("SPANLEDGER_ENDPOINTS", f"{provider.host}=openai;{nobody}=openai")
    tracers = TracerProvider(shutdown_on_exit=False)
    tracers.add_span_processor(broken())
    FAILURES.clear()
    try:
        instrument(tracer_provider=tracers)
        with caplog.at_level(logging.WARNING, logger="spanledger"):
            assert httpx.post(f"{provider.url}/v1/chat/completions", json=BODY).status_code == 200
            assert _read(f"{provider.url}/v1/chat/completions")[0] == 200
            with pytest.raises(httpx.ConnectError):
                httpx.post(f"http://{nobody}/v1/chat/completions", json=BODY)
    finally:
        uninstrument()
    assert {where: 3} == FAILURES
    assert len(caplog.records) == 1
    assert "a secret" not in caplog.text


class Pieces(httpx2.SyncByteStream):
    """A body in given pieces."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._pieces)
