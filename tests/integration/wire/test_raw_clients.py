"""HTTP clients without any SDK: each is metered once, whole and streamed, sync and async."""

import asyncio
import json
from collections.abc import Callable

import aiohttp
import httpx
import httpx2
import pytest
import requests
import urllib3
from support.fake_provider import FakeProvider, Plan
from support.metered import Metered
from support.truths import assert_metered

URL = "/v1/chat/completions"
WHOLE = json.dumps({"model": "gpt-4o", "messages": []}).encode()
STREAM = json.dumps({"model": "gpt-4o", "stream": True, "stream_options": {"include_usage": True}}).encode()
HEADERS = {"content-type": "application/json", "accept-encoding": "gzip"}


def _httpx(url: str, body: bytes) -> bytes:
    with httpx.Client() as client, client.stream("POST", url, content=body, headers=HEADERS) as response:
        return b"".join(response.iter_bytes())


def _httpx_at_once(url: str, body: bytes) -> bytes:
    return httpx.post(url, content=body, headers=HEADERS).content


def _httpx2(url: str, body: bytes) -> bytes:
    with httpx2.Client() as client, client.stream("POST", url, content=body, headers=HEADERS) as response:
        return b"".join(line.encode() + b"\n" for line in response.iter_lines())


def _requests(url: str, body: bytes) -> bytes:
    return requests.post(url, data=body, headers=HEADERS, timeout=9).content


def _requests_streamed(url: str, body: bytes) -> bytes:
    with requests.post(url, data=body, headers=HEADERS, stream=True, timeout=9) as response:
        return b"".join(response.iter_content(64))


def _urllib3(url: str, body: bytes) -> bytes:
    with urllib3.PoolManager() as pool:
        return pool.request("POST", url, body=body, headers=HEADERS).data


def _urllib3_streamed(url: str, body: bytes) -> bytes:
    with urllib3.PoolManager() as pool:
        response = pool.request("POST", url, body=body, headers=HEADERS, preload_content=False)
        return b"".join(response.stream(50, decode_content=True))


def _urllib3_read(url: str, body: bytes) -> bytes:
    with urllib3.PoolManager() as pool:
        response = pool.request("POST", url, body=body, headers=HEADERS, preload_content=False)
        data = response.read(decode_content=True)
        response.release_conn()
        return data


def _aiohttp(url: str, body: bytes) -> bytes:
    async def run() -> bytes:
        async with aiohttp.ClientSession() as session, session.post(url, data=body, headers=HEADERS) as response:
            return await response.read()

    return asyncio.run(run())


def _aiohttp_streamed(url: str, body: bytes) -> bytes:
    async def run() -> bytes:
        async with (
            aiohttp.ClientSession() as session,
            session.post(url, json=json.loads(body), headers=HEADERS) as response,
        ):
            return b"".join([line async for line in response.content])

    return asyncio.run(run())


CLIENTS: dict[str, Callable[[str, bytes], bytes]] = {
    call.__name__.strip("_"): call
    for call in (
        _httpx,
        _httpx_at_once,
        _httpx2,
        _requests,
        _requests_streamed,
        _urllib3,
        _urllib3_streamed,
        _urllib3_read,
        _aiohttp,
        _aiohttp_streamed,
    )
}
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
