"""Answers whose framing lies, through every client: bytes or exception, the application gets what it would have got."""

import asyncio
import gc
import re
from collections.abc import Callable

import aiohttp
import httpx
import pytest
import requests
from support.fake_provider import FakeProvider, Plan
from support.metered import Metered, metering
from support.raw_clients import CLIENTS, STREAM

URL = "/v1/chat/completions"
JSON = b'{"id":"c","usage":{"prompt_tokens":3,"completion_tokens":4}}'
CHUNK = b'data: {"id":"c","choices":[{"delta":{"content":"x"},"finish_reason":null}]}\n\n'

# Clients leave the connections of broken answers to the collector.
pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.usefixtures("frozen")]


def _head(*headers: bytes) -> bytes:
    return b"\r\n".join((b"HTTP/1.1 200 OK", b"content-type: application/json", *headers, b"", b""))


LIES = {
    "longer than it is": _head(b"content-length: 500") + JSON,
    "shorter than it is": _head(b"content-length: 20") + JSON,
    "a length that is none": _head(b"content-length: many") + JSON,
    "chunks that are none": _head(b"transfer-encoding: chunked") + b"zz\r\n" + JSON,
    "a chunk that is cut": _head(b"transfer-encoding: chunked") + b"%x\r\n" % (len(JSON) + 9) + JSON,
    "gzip that is none": _head(b"content-encoding: gzip", b"content-length: %d" % len(JSON)) + JSON,
    "an encoding nobody knows": _head(b"content-encoding: rot13", b"content-length: %d" % len(JSON)) + JSON,
    "two encodings": _head(b"content-encoding: gzip, gzip", b"content-length: %d" % len(JSON)) + JSON,
    "another charset": _head(b"content-type: application/json; charset=utf-16") + JSON,
    "no answer": b"",
    "no HTTP": b"hello",
    "a stream that is JSON": _head().replace(b"application/json", b"text/event-stream") + JSON,
    "a JSON that is a stream": _head() + CHUNK * 3,
}


def _outcome(call: Callable[[str, bytes], bytes], url: str) -> object:
    """What the application has in its hands: the bytes, or the exception and what it says."""
    try:
        return call(url, STREAM)
    except Exception as error:  # noqa: BLE001 (each library has its own)
        # Ports and addresses of objects differ from call to call.
        return type(error), re.sub(r"0x[0-9a-f]+|port=\d+|:\d+", "", str(error))


@pytest.mark.parametrize("lie", LIES)
@pytest.mark.parametrize("client", CLIENTS)
def test_bytes_and_exceptions_are_the_same(
    provider: FakeProvider, monkeypatch: pytest.MonkeyPatch, client: str, lie: str
) -> None:
    """With us and without us; one attempt, one span, and no count that the provider did not make."""
    monkeypatch.setenv("SPANLEDGER_ENDPOINTS", f"{provider.host}=openai")
    provider.plans += [Plan(raw=LIES[lie]) for _ in range(2)]
    without = _outcome(CLIENTS[client], provider.url + URL)
    with metering(failures=True) as metered:
        assert _outcome(CLIENTS[client], provider.url + URL) == without
        # A response that nobody closed after its exception ends with its last reference.
        gc.collect()
        (claim,) = metered.claims()
    assert len(provider.seen) == 2
    assert set(claim.usage.values()) <= {3, 4, 18, 19}


def test_a_provider_nobody_knows_is_left_alone(provider: FakeProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not named, not public: the request leaves as it is and no span is made."""
    monkeypatch.delenv("SPANLEDGER_ENDPOINTS", raising=False)
    sent: list[dict[str, str]] = []
    for on in (False, True):
        if on:
            with metering() as metered:
                data = [call(provider.url + URL, STREAM) for call in CLIENTS.values()]
            assert metered.spans == []
        else:
            data = [call(provider.url + URL, STREAM) for call in CLIENTS.values()]
        assert all(b"chatcmpl-" in each for each in data)
        sent.append({name: value for seen in provider.seen for name, value in seen.headers.items()})
        assert all(seen.body == STREAM for seen in provider.seen if "aiohttp" not in seen.headers["user-agent"].lower())
        provider.seen.clear()
    assert sent[0] == sent[1]


class Planned(Exception):
    """What the application raises."""


def _raises(*_: object, **__: object) -> None:
    raise Planned


def _httpx_hook(url: str) -> None:
    with httpx.Client(event_hooks={"response": [_raises]}) as client:
        client.post(url, content=STREAM)


def _httpx_loop(url: str) -> None:
    with httpx.Client() as client, client.stream("POST", url, content=STREAM) as response:
        for _ in response.iter_raw():
            raise Planned


def _requests_hook(url: str) -> None:
    requests.post(url, data=STREAM, hooks={"response": _raises}, timeout=9)


def _aiohttp_loop(url: str) -> None:
    async def run() -> None:
        async with aiohttp.ClientSession() as session, session.post(url, data=STREAM) as response:
            async for _ in response.content:
                raise Planned

    asyncio.run(run())


def _aiohttp_trace(url: str) -> None:
    async def ended(*_: object) -> None:
        raise Planned

    async def run() -> None:
        trace = aiohttp.TraceConfig()
        trace.on_request_end.append(ended)
        async with aiohttp.ClientSession(trace_configs=[trace]) as session:
            await session.post(url, data=STREAM)

    asyncio.run(run())


@pytest.mark.parametrize("call", [_httpx_hook, _httpx_loop, _requests_hook, _aiohttp_loop, _aiohttp_trace])
def test_a_callback_that_raises_is_the_applications(
    provider: FakeProvider, metered: Metered, call: Callable[[str], None]
) -> None:
    """Its own exception reaches it, and the attempt ends once."""
    with pytest.raises(Planned):
        call(provider.url + URL)
    assert len(metered.spans) == 1
