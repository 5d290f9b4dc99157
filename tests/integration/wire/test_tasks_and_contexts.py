"""Calls that are waited for impatiently, given up, or made beside others: each is metered for itself."""

import asyncio
import contextvars

import aiohttp
import httpx
import pytest
from support.fake_provider import FakeProvider, Plan
from support.metered import Metered
from support.truths import assert_metered

BODY = {"model": "gpt-4o", "messages": [{"role": "user", "content": "count"}]}
STREAM = {**BODY, "stream": True, "stream_options": {"include_usage": True}}


@pytest.fixture
def url(provider: FakeProvider, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where a chat is asked for."""
    monkeypatch.setenv("SPANLEDGER_ENDPOINTS", f"{provider.host}=openai")
    return f"{provider.url}/v1/chat/completions"


def test_who_gives_up_waiting_and_reads_on_has_all_of_it(provider: FakeProvider, url: str, metered: Metered) -> None:
    """A heartbeat around each read: a wait that is cancelled is not the end of the stream."""
    plan = Plan(wait_after=2)
    provider.plans.append(plan)

    async def read() -> None:
        async with aiohttp.ClientSession() as session, session.post(url, json=STREAM) as response:
            waiting = True
            while not response.content.at_eof():
                reading = asyncio.ensure_future(response.content.readany())
                done, _ = await asyncio.wait([reading], timeout=0.05 if waiting else None)
                if not done:
                    reading.cancel()
                    await asyncio.gather(reading, return_exceptions=True)
                    plan.gate.set()
                    waiting = False

    asyncio.run(read())
    assert plan.gate.is_set()
    assert_metered(provider, metered)


def test_headers_may_be_pairs_and_bodies_stay_compressed(provider: FakeProvider, url: str, metered: Metered) -> None:
    """Both are aiohttp's own ways."""
    provider.plans.append(Plan(encoding="gzip"))

    async def read() -> None:
        async with aiohttp.ClientSession(auto_decompress=False) as session:
            pairs = [("accept-encoding", "gzip"), ("x-a", "b")]
            async with session.post(url, json=BODY, headers=pairs) as response:
                assert (await response.read())[:2] == b"\x1f\x8b"

    asyncio.run(read())
    assert_metered(provider, metered)


def test_a_task_that_starts_while_another_sends_is_metered(provider: FakeProvider, url: str, metered: Metered) -> None:
    """It has its parent's context, in which somebody was sending."""

    async def work() -> None:
        tasks: list[asyncio.Task[None]] = []
        sent = asyncio.Event()

        async def later() -> None:
            await sent.wait()
            async with httpx.AsyncClient() as client:
                await client.post(url, json=BODY)

        async def begin(_request: httpx.Request) -> None:
            tasks.append(asyncio.create_task(later()))

        async with httpx.AsyncClient(event_hooks={"request": [begin]}) as client:
            await client.post(url, json=BODY)
        sent.set()
        await asyncio.gather(*tasks)

    asyncio.run(work())
    assert len(metered.spans) == len(provider.seen) == 2


@pytest.mark.usefixtures("metered")
def test_a_call_that_is_closed_elsewhere_ends_quietly(url: str) -> None:
    """A coroutine that began in one context and is given up in another."""

    class Never(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            del request
            await asyncio.sleep(0)
            raise AssertionError

    call = httpx.AsyncClient(transport=Never()).post(url, json=BODY)
    contextvars.copy_context().run(call.send, None)
    call.close()
