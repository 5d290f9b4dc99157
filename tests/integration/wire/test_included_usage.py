"""Streams of OpenAI's own host are asked for their usage, and the application sees the stream it would have seen."""

import asyncio
import json

import httpx2
import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam
from support.fake_provider import FakeProvider, Plan
from support.metered import Metered, metering
from support.public_host import AsyncDelivering, Delivering
from support.truths import assert_metered

MESSAGES: list[ChatCompletionMessageParam] = [{"role": "user", "content": "count to three"}]

PLANS = {
    "as it is": Plan(),
    "cut anywhere": Plan(piece_bytes=7),
    "in one piece": Plan(piece_bytes=10**6),
    "compressed against our wish": Plan(encoding="gzip"),
}


def _client(provider: FakeProvider) -> openai.OpenAI:
    return openai.OpenAI(api_key="k", http_client=httpx2.Client(transport=Delivering(provider.port)))


def _chunks(client: openai.OpenAI) -> list[dict[str, object]]:
    stream = client.chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True)
    # `to_dict` leaves out what the wire left out: a null that we caused would show.
    return [{**chunk.to_dict(), "id": ""} for chunk in stream]


@pytest.mark.parametrize("plan", PLANS)
def test_the_stream_is_the_same_with_and_without_us(
    provider: FakeProvider, monkeypatch: pytest.MonkeyPatch, plan: str
) -> None:
    """The parsed chunks are equal, and the usage is the provider's."""
    monkeypatch.delenv("SPANLEDGER_ENDPOINTS", raising=False)
    with _client(provider) as client:
        without = _chunks(client)
    provider.truths.clear()
    with metering() as metered, _client(provider) as client:
        provider.plans.append(PLANS[plan])
        assert _chunks(client) == without
        assert_metered(provider, metered)
    assert json.loads(provider.seen[1].body)["stream_options"] == {"include_usage": True}


def test_asynchronous_streams_are_asked_too(provider: FakeProvider) -> None:
    """The asynchronous client; the application's request and its response's request stay its own."""

    async def run(metered: Metered) -> None:
        transport = AsyncDelivering(provider.port)
        async with (
            httpx2.AsyncClient(transport=transport) as http,
            openai.AsyncOpenAI(api_key="k", http_client=http) as client,
        ):
            stream = await client.chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True)
            assert len([chunk async for chunk in stream]) == 8
            assert b"stream_options" not in stream.response.request.content
        assert_metered(provider, metered)

    with metering() as metered:
        asyncio.run(run(metered))


def test_one_setting_turns_it_off(provider: FakeProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    """`SPANLEDGER_INCLUDE_USAGE=false`: the request leaves as it was, and the usage is an estimate."""
    monkeypatch.setenv("SPANLEDGER_INCLUDE_USAGE", "false")
    with metering() as metered, _client(provider) as client:
        _chunks(client)
        assert b"stream_options" not in provider.seen[0].body
        assert [claim.usage_source for claim in metered.claims()] == ["estimated"]


def test_a_named_host_is_asked_only_if_the_user_says_so(
    provider: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`host=openai,include_usage` opts a compatible server in."""
    monkeypatch.setenv("SPANLEDGER_ENDPOINTS", f"{provider.host}=openai,include_usage")
    with metering() as metered, openai.OpenAI(api_key="k", base_url=f"{provider.url}/v1") as client:
        assert len(_chunks(client)) == 8
        assert_metered(provider, metered)


def test_what_the_application_said_of_the_stream_is_kept(provider: FakeProvider) -> None:
    """Other stream options stay beside ours, and a declined usage stays declined."""
    with metering(), _client(provider) as client:
        for options in ({"include_obfuscation": False}, {"include_usage": False}):
            body: dict[str, object] = {"stream_options": options}
            list(client.chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True, extra_body=body))
    asked = [json.loads(seen.body)["stream_options"] for seen in provider.seen]
    assert asked == [{"include_obfuscation": False, "include_usage": True}, {"include_usage": False}]


def test_an_error_names_the_applications_request(provider: FakeProvider) -> None:
    """An exception of a call that we changed carries the request that the application made."""

    class Failing(httpx2.BaseTransport):
        def handle_request(self, request: httpx2.Request) -> httpx2.Response:
            msg = "as planned"
            raise httpx2.ReadTimeout(msg, request=request)

    body: dict[str, object] = {"model": "gpt-4o", "messages": MESSAGES, "stream": True}
    with metering() as metered, httpx2.Client(transport=Failing()) as client:
        request = client.build_request("POST", "https://api.openai.com/v1/chat/completions", json=body)
        with pytest.raises(httpx2.ReadTimeout) as caught:
            client.send(request, stream=True)
        assert caught.value.request is request
        (claim,) = metered.claims()
        assert (claim.status, claim.error_type) == ("error", "httpx2.ReadTimeout")
    assert provider.seen == []
