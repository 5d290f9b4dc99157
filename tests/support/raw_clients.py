"""HTTP clients as applications use them, without any SDK: each sends a body and gives back what it read."""

import asyncio
import json
from collections.abc import Callable
from typing import Final

import aiohttp
import httpx
import httpx2
import requests
import urllib3

WHOLE: Final = json.dumps({"model": "gpt-4o", "messages": []}).encode()
STREAM: Final = json.dumps({"model": "gpt-4o", "stream": True, "stream_options": {"include_usage": True}}).encode()
HEADERS: Final = {"content-type": "application/json", "accept-encoding": "gzip"}


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


CLIENTS: Final[dict[str, Callable[[str, bytes], bytes]]] = {
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
