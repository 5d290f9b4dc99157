"""Streams of OpenAI's own host are asked for their usage, and the application sees the stream it would have seen."""

import asyncio
import gzip
import json
from contextlib import closing

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
    "of a type in other letters": Plan(content_type="text/Event-Stream"),
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


def _request(client: httpx2.Client, headers: dict[str, str] | None = None) -> httpx2.Request:
    body: dict[str, object] = {"model": "gpt-4o", "messages": MESSAGES, "stream": True}
    return client.build_request("POST", "https://api.openai.com/v1/chat/completions", json=body, headers=headers)


def test_a_stream_that_is_read_at_once_is_not_asked(provider: FakeProvider) -> None:
    """The application that has its stream read for it sends what it sent and sees what it saw."""
    with metering(), httpx2.Client(transport=Delivering(provider.port)) as client:
        response = client.send(_request(client))
    assert b"stream_options" not in provider.seen[0].body
    assert b'"choices":[]' not in response.content


def test_a_stream_that_a_hook_has_read_is_without_what_we_asked_for(provider: FakeProvider) -> None:
    """Content and text are the application's, whoever read them before; the usage is the provider's."""

    def read(response: httpx2.Response) -> None:
        response.read()
        assert response.text

    transport = Delivering(provider.port)
    with metering() as metered, httpx2.Client(transport=transport, event_hooks={"response": [read]}) as client:
        response = client.send(_request(client), stream=True)
        assert b"[DONE]" in response.content
        assert b'"choices":[]' not in response.content
        assert response.text.encode() == response.content
        assert_metered(provider, metered)


def test_a_compressed_stream_passes_as_it_came(provider: FakeProvider) -> None:
    """Compressed against our wish: the bytes and the header are the provider's, and so is the usage."""
    provider.plans.append(Plan(encoding="gzip"))
    with metering() as metered, httpx2.Client(transport=Delivering(provider.port)) as client:
        with closing(client.send(_request(client), stream=True)) as response:
            raw = b"".join(response.iter_raw())
        assert response.headers["content-encoding"] == "gzip"
        assert b"[DONE]" in gzip.decompress(raw)
        assert_metered(provider, metered)


def test_a_compressed_stream_that_is_broken_fails_as_the_library_has_it(provider: FakeProvider) -> None:
    """What cannot be inflated is the library's own error, as without us."""
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-encoding: gzip\r\ncontent-length: 8\r\n\r\n"
    provider.plans.append(Plan(raw=head + b"not gzip"))
    with (
        metering(failures=True),
        httpx2.Client(transport=Delivering(provider.port)) as client,
        closing(client.send(_request(client), stream=True)) as response,
        pytest.raises(httpx2.DecodingError),
    ):
        response.read()


def test_a_body_has_one_length(provider: FakeProvider) -> None:
    """A request that the application meant to send in chunks leaves with the length of the body that asks."""
    with metering(), httpx2.Client(transport=Delivering(provider.port)) as client:
        whole = _request(client)
        headers = {"content-type": "application/json"}
        request = client.build_request("POST", whole.url, content=iter([whole.content]), headers=headers)
        request.read()
        assert request.headers["transfer-encoding"] == "chunked"
        with closing(client.send(request, stream=True)) as response:
            response.read()
    (seen,) = provider.seen
    assert "transfer-encoding" not in seen.headers
    assert int(seen.headers["content-length"]) == len(seen.body)
