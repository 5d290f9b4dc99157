"""HTTP clients without any SDK: each is metered once, whole and streamed, sync and async."""

import gc
import pickle
import threading
import weakref
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import replace
from io import BytesIO
from typing import Any

import pytest
import requests
import urllib3
from requests.adapters import BaseAdapter
from support.fake_provider import FakeProvider, Plan
from support.metered import Metered
from support.raw_clients import CLIENTS, HEADERS, STREAM, WHOLE
from support.truths import assert_metered

URL = "/v1/chat/completions"
PLANS: dict[str, Callable[[], Plan]] = {
    "plain": Plan,
    "gzip": lambda: Plan(encoding="gzip"),
    "cut": lambda: Plan(piece_bytes=9),
}


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("body", [WHOLE, STREAM], ids=["whole", "stream"])
@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_is_metered_once(
    provider: FakeProvider, metered: Metered, client: str, body: bytes, plan: str
) -> None:
    """One attempt, one span, the provider's counts."""
    provider.plans.append(PLANS[plan]())
    data = CLIENTS[client](provider.url + URL, body)
    assert b'"usage":{"prompt_tokens":1001' in data
    assert_metered(provider, metered)
    (claim,) = metered.claims()
    first_ns = claim.time_to_first_token_ns
    if body is WHOLE:
        assert first_ns is None
    else:
        assert first_ns is None or 0 < first_ns <= claim.end_ns - claim.start_ns
        assert first_ns is not None or not client.endswith("_streamed")


@pytest.mark.parametrize("client", CLIENTS)
def test_an_error_is_an_attempt(provider: FakeProvider, metered: Metered, client: str) -> None:
    """A refused request: an attempt without usage."""
    provider.plans.append(Plan(status=503))
    CLIENTS[client](provider.url + URL, WHOLE)
    (claim,) = metered.claims()
    assert (claim.status, claim.error_type, claim.usage) == ("error", "503", {})


@pytest.mark.parametrize("client", ["httpx", "requests_streamed", "urllib3_streamed", "aiohttp_streamed"])
def test_a_broken_stream_is_an_estimate(provider: FakeProvider, metered: Metered, client: str) -> None:
    """The connection is lost: the application's exception is its own, and the span ends once."""
    provider.plans.append(Plan(cut_after=4))
    with pytest.raises(Exception):  # noqa: B017, PT011 (each library has its own)
        CLIENTS[client](provider.url + URL, STREAM)
    (claim,) = metered.claims()
    assert claim.usage_source == "estimated"
    assert claim.response_id == "chatcmpl-1"


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd"])
def test_a_body_that_is_preloaded_as_it_came_is_inflated_for_us(
    provider: FakeProvider, metered: Metered, encoding: str
) -> None:
    """The application wants the compressed bytes and gets them; the counts are the provider's."""
    provider.plans.append(Plan(encoding=encoding))
    with urllib3.PoolManager() as pool:
        response = pool.request("POST", provider.url + URL, body=WHOLE, headers=HEADERS, decode_content=False)
    assert b"usage" not in response.data
    assert_metered(provider, metered)


@pytest.mark.parametrize("encoding", ["none that we know", "gzip, gzip"])
def test_a_preloaded_body_of_another_encoding_is_missing(
    provider: FakeProvider, metered: Metered, encoding: str
) -> None:
    """What we cannot undo passes, and is no failure."""
    body = (
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-encoding: %b\r\ncontent-length: 3\r\n\r\n\0\1\2"
    )
    provider.plans.append(Plan(raw=body % encoding.encode()))
    with urllib3.PoolManager() as pool:
        response = pool.request("POST", provider.url + URL, body=WHOLE, headers=HEADERS, decode_content=False)
    assert response.data == b"\0\1\2"
    assert [(claim.usage, claim.usage_source) for claim in metered.claims()] == [({}, "missing")]


def _impatient(raw: Any) -> None:  # noqa: ANN401 (what lies beneath has no public name)
    """From now on a read that has to wait at all is a read timeout."""
    raw._fp.fp.raw._sock.settimeout(0.01)


def _stream_of_urllib3(url: str, *, chunked: bool) -> None:
    with urllib3.PoolManager(retries=False) as pool:
        response = pool.request("POST", url, body=STREAM, headers=HEADERS, preload_content=False)
        assert response.chunked is chunked
        pieces = iter(response.stream(len(_EVENT)))
        next(pieces)
        _impatient(response)
        list(pieces)


def _stream_of_requests(url: str, *, chunked: bool) -> None:
    with requests.post(url, data=STREAM, headers=HEADERS, stream=True, timeout=9) as response:
        assert ("transfer-encoding" in response.headers) is chunked
        pieces = response.iter_content(len(_EVENT))
        next(pieces)
        _impatient(response.raw)
        list(pieces)


_EVENT = b'data: {"id":"chatcmpl-1","model":"gpt-4o","choices":[{"delta":{"content":"x"}}]}\n\n'
_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
_CHUNKED = _HEAD + b"transfer-encoding: chunked\r\n\r\n%x\r\n%b\r\n" % (len(_EVENT), _EVENT)
_OF_A_LENGTH = _HEAD + b"content-length: 9999\r\n\r\n" + _EVENT

BREAKS = {
    "silent, chunked": (Plan(wait_after=2), True, "ReadTimeoutError"),
    "silent, of a length": (Plan(raw=_OF_A_LENGTH, held=True), False, "ReadTimeoutError"),
    "lost between chunks": (Plan(raw=_CHUNKED), True, "ProtocolError"),
    "lost in a chunk": (Plan(raw=_CHUNKED + b"FF\r\ndata"), True, "ProtocolError"),
    "lost, of a length": (Plan(raw=_OF_A_LENGTH), False, "ProtocolError"),
    "no chunk": (Plan(raw=_CHUNKED + b"no length\r\n"), True, "ProtocolError"),
}


@pytest.mark.parametrize("breaks", BREAKS)
@pytest.mark.parametrize(
    ("stream", "raises"),
    [
        (_stream_of_urllib3, urllib3.exceptions.HTTPError),
        (_stream_of_requests, requests.exceptions.RequestException),
    ],
    ids=["urllib3", "requests"],
)
def test_what_breaks_a_stream_off_is_named(
    provider: FakeProvider,
    metered: Metered,
    stream: Callable[..., None],
    raises: type[Exception],
    breaks: str,
) -> None:
    """A read timeout, a connection that is lost, a body that is none: an estimate, and urllib3's name of the error."""
    template, chunked, error = BREAKS[breaks]
    plan = replace(template, gate=threading.Event())
    provider.plans.append(plan)
    try:
        with pytest.raises(raises):
            stream(provider.url + URL, chunked=chunked)
    finally:
        plan.gate.set()
    (claim,) = metered.claims()
    assert (claim.error_type, claim.status) == (f"urllib3.exceptions.{error}", "error")
    assert (claim.usage_source, claim.response_id) == ("estimated", "chatcmpl-1")


@pytest.mark.parametrize("close", [True, False], ids=["closed", "left"])
def test_a_stream_that_the_application_leaves_is_no_error(
    provider: FakeProvider, metered: Metered, *, close: bool
) -> None:
    """It wants no more: nothing broke."""
    with urllib3.PoolManager() as pool:
        response = pool.request("POST", provider.url + URL, body=STREAM, headers=HEADERS, preload_content=False)
        pieces = response.stream()
        next(iter(pieces))
        if close:
            response.close()
        del pieces
    (claim,) = metered.claims()
    assert (claim.error_type, claim.usage_source) == ("", "estimated")


@pytest.mark.parametrize("read", [False, True], ids=["dropped", "read and dropped"])
@pytest.mark.parametrize("client", ["urllib3", "requests"])
def test_a_response_that_is_dropped_is_gone_at_once(
    provider: FakeProvider, metered: Metered, client: str, *, read: bool
) -> None:
    """Its connection with it, and without a collection of garbage; the span ends then."""
    with _uncollected(), urllib3.PoolManager() as pool, requests.Session() as session:
        if client == "urllib3":
            response = pool.request("POST", provider.url + URL, body=STREAM, headers=HEADERS, preload_content=False)
        else:
            response = session.post(provider.url + URL, data=STREAM, headers=HEADERS, stream=True, timeout=9).raw
        if read:
            response.read()
        gone = weakref.ref(response)
        del response
        assert gone() is None
        (claim,) = metered.claims()
    assert claim.usage_source == ("provider" if read else "missing")


def test_a_response_is_of_its_own_class_and_lives_as_long_as_its_methods(
    provider: FakeProvider, metered: Metered
) -> None:
    """To everybody who asks for its class; whoever has its `close` has the response."""
    with urllib3.PoolManager() as pool:
        response = pool.request("POST", provider.url + URL, body=STREAM, headers=HEADERS, preload_content=False)
        assert response.__class__ is urllib3.HTTPResponse
        assert repr(response).startswith("<urllib3.response.HTTPResponse object")
        close, alive = response.close, weakref.ref(response)
        del response
        assert alive() is not None
        assert metered.spans == []
        close()
    assert len(metered.claims()) == 1


class Mocking(BaseAdapter):
    """An adapter that answers by itself, as those of mocks do."""

    def send(self, *_: object, **__: object) -> requests.Response:
        """Answer."""
        response = requests.Response()
        response.status_code = 200
        response.raw = urllib3.HTTPResponse(
            BytesIO(_EVENT), {"content-type": "text/event-stream"}, preload_content=False
        )
        return response

    def close(self) -> None:
        """Nothing is open."""


def test_a_mocked_response_is_pickled_as_without_us(provider: FakeProvider, metered: Metered) -> None:
    """What comes of it is nobody's to look at; the first is metered."""
    with requests.Session() as session:
        session.mount("http://", Mocking())
        raw = session.post(provider.url + URL, data=STREAM, headers=HEADERS, stream=True).raw
        again = pickle.loads(pickle.dumps(raw))  # noqa: S301 (our own)
        assert type(again) is urllib3.HTTPResponse
        assert again.read() == _EVENT
        again.close()
        assert metered.spans == []
        assert raw.read() == _EVENT
        raw.close()
    assert len(metered.claims()) == 1


@contextmanager
def _uncollected() -> Generator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
