"""Results of batches, downloaded by the real SDKs and by raw clients: a span an answer, whatever the file is called."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import anthropic
import groq
import httpx
import httpx2
import openai
import pytest
import requests
import urllib3
from google import genai
from mistralai.client import Mistral
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from support.batch_files import (
    CHAT,
    EMBEDDINGS,
    IMAGES,
    OCR,
    RESPONSES,
    Given,
    anthropic_file,
    google_batch,
    google_file,
    openai_background,
    openai_file,
)
from support.desk import Desk
from support.fake_answers import Reply, Truth
from support.fake_provider import FakeProvider, Plan
from support.metered import Metered
from support.truths import assert_metered

from spanledger.exporter.store import Store
from spanledger.instrumentation import attribution
from spanledger.schemas import attributes as a
from spanledger.schemas import units as u

FILE = "/v1/files/f-1/content"
RESULTS = "/v1/messages/batches/b-1/results"


def _openai(url: str) -> bytes:
    with openai.OpenAI(base_url=f"{url}/v1", api_key="k") as client:
        return client.files.content("f-1").read()


def _openai_streamed(url: str) -> bytes:
    with (
        openai.OpenAI(base_url=f"{url}/v1", api_key="k") as client,
        client.files.with_streaming_response.content("f-1") as response,
    ):
        return b"".join(response.iter_bytes(7))


def _openai_async(url: str) -> bytes:
    async def run() -> bytes:
        async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="k") as client:
            return (await client.files.content("f-1")).read()

    return asyncio.run(run())


def _groq(url: str) -> bytes:
    with groq.Groq(base_url=url, api_key="k") as client:
        return client.files.content("f-1").read()


def _mistral(url: str) -> bytes:
    with Mistral(server_url=url, api_key="k") as client:
        return client.files.download(file_id="f-1").read()


@pytest.mark.parametrize(
    ("download", "path"),
    [
        (_openai, FILE),
        (_openai_streamed, FILE),
        (_openai_async, FILE),
        (_groq, "/openai/v1/files/f-1/content"),
        (_mistral, FILE),
    ],
)
def test_an_output_file_is_a_span_an_answer(
    provider: FakeProvider, metered: Metered, download: Callable[[str], bytes], path: str
) -> None:
    """Chats, responses, embeddings, images and documents, each read as its own call's answer; failed ones are none."""
    provider.files[path] = file = openai_file(CHAT, RESPONSES, EMBEDDINGS, IMAGES, OCR, CHAT)
    assert download(provider.url) == file[0].body
    assert_metered(provider, metered)
    assert [(span.attributes or {})[a.OPERATION_NAME] for span in metered.spans] == [
        "chat",
        "chat",
        "embeddings",
        "generate_content",
        "generate_content",
        "chat",
    ]


def _anthropic(url: str) -> list[str]:
    with anthropic.Anthropic(base_url=url, api_key="k") as client:
        return [each.custom_id for each in client.messages.batches.results("b-1")]


def _anthropic_async(url: str) -> list[str]:
    async def run() -> list[str]:
        async with anthropic.AsyncAnthropic(base_url=url, api_key="k") as client:
            return [each.custom_id async for each in await client.messages.batches.results("b-1")]

    return asyncio.run(run())


@pytest.mark.parametrize("download", [_anthropic, _anthropic_async])
def test_a_message_batch_is_a_span_a_message(
    provider: FakeProvider, metered: Metered, download: Callable[[str], list[str]]
) -> None:
    """The SDK asks where the results are, then streams them; errored, expired and cancelled ones cost nothing."""
    batch = {"id": "b-1", "processing_status": "ended", "results_url": provider.url + RESULTS}
    provider.files["/v1/messages/batches/b-1"] = (Reply(Truth(), json.dumps(batch).encode()), [])
    provider.files[RESULTS] = anthropic_file(3)
    assert download(provider.url) == ["failed", "r-0", "r-1", "r-2", "expired", "canceled"]
    assert_metered(provider, metered)


def _gemini_file(client: genai.Client) -> None:
    client.files.download(file="files/f-1")


def _gemini_batch(client: genai.Client) -> None:
    client.batches.get(name="batches/b-1")


@pytest.mark.parametrize(
    ("path", "given", "download"),
    [
        ("/v1/files/f-1:download", google_file(3), _gemini_file),
        ("/v1/batches/b-1", google_batch(3), _gemini_batch),
    ],
)
def test_geminis_batches_are_read_from_files_and_from_the_batch(
    provider: FakeProvider, metered: Metered, path: str, given: Given, download: Callable[[genai.Client], None]
) -> None:
    """As the provider keeps them: small ones in the batch itself, which is asked for until it is done."""
    provider.files[path] = given
    with genai.Client(api_key="k", http_options={"base_url": provider.url}) as client:
        download(client)
    assert_metered(provider, metered)


def test_the_first_line_may_be_one_that_failed(provider: FakeProvider, metered: Metered) -> None:
    """Of Gemini's file, and of OpenAI's where it does not even say that there is no response."""
    reply, truths = google_file(3)
    *answered, failed = reply.body.splitlines(keepends=True)
    provider.files["/v1/files/f-1:download"] = (replace(reply, body=b"".join((failed, *answered))), truths)
    with genai.Client(api_key="k", http_options={"base_url": provider.url}) as client:
        _gemini_file(client)
    reply, truths = openai_file(CHAT)
    expired = json.dumps({"id": "b", "custom_id": "r", "error": {"code": "batch_expired"}}).encode()
    provider.files[FILE] = (replace(reply, body=expired + b"\n" + reply.body), truths)
    _openai(provider.url)
    assert_metered(provider, metered)


def test_a_response_in_the_background_may_be_followed(provider: FakeProvider, metered: Metered) -> None:
    """By the real SDK, from where a stream of it broke off: the event that ends it has the usage."""
    reply, truths = openai_background(done=True)
    delta = {"type": "response.output_text.delta", "sequence_number": 8, "item_id": "m", "output_index": 0}
    delta |= {"content_index": 0, "delta": '"response.completed"', "logprobs": []}
    done = {"type": "response.completed", "sequence_number": 9, "response": json.loads(reply.body)}
    body = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in (delta, done))
    provider.files["/v1/responses/resp_1"] = (Reply(Truth(), body, content_type="text/event-stream"), truths)
    with (
        openai.OpenAI(base_url=f"{provider.url}/v1", api_key="k") as client,
        client.responses.retrieve("resp_1", stream=True, starting_after=7) as events,
    ):
        assert [event.type for event in events] == [delta["type"], done["type"]]
    assert_metered(provider, metered)


def test_a_response_in_the_background_is_metered_once_it_is_done(provider: FakeProvider, metered: Metered) -> None:
    """By the real SDK, which asks again and again; at the response's own tier, under its own id."""
    path = "/v1/responses/resp_1"
    with openai.OpenAI(base_url=f"{provider.url}/v1", api_key="k") as client:
        provider.files[path] = openai_background(done=False)
        assert client.responses.retrieve("resp_1").status == "in_progress"
        assert not metered.spans
        provider.files[path] = openai_background(done=True)
        assert client.responses.retrieve("resp_1").status == "completed"
    assert_metered(provider, metered)
    body = json.loads(provider.files[path][0].body) | {"background": False}
    provider.files[path] = (Reply(Truth(), json.dumps(body).encode()), [])
    with openai.OpenAI(base_url=f"{provider.url}/v1", api_key="k") as client:
        client.responses.retrieve("resp_1")
    assert len(metered.spans) == 1, "what was waited for was metered then"


def _aiohttp(url: str) -> bytes:
    async def run() -> bytes:
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            return b"".join([chunk async for chunk in response.content.iter_any()])

    return asyncio.run(run())


def _streamed(library: Any) -> Callable[[str], bytes]:  # noqa: ANN401
    def run(url: str) -> bytes:
        with library.Client() as client, client.stream("GET", url) as response:
            return b"".join(response.iter_bytes())

    return run


def _urllib3(url: str) -> bytes:
    with urllib3.PoolManager() as pool:
        return b"".join(pool.request("GET", url, preload_content=False).stream(50))


CLIENTS: dict[str, Callable[[str], bytes]] = {
    "httpx": _streamed(httpx),
    "httpx2": _streamed(httpx2),
    "requests": lambda url: requests.get(url, timeout=9).content,
    "urllib3": _urllib3,
    "aiohttp": _aiohttp,
}


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("plan", [Plan(), Plan(piece_bytes=11), Plan(encoding="gzip")], ids=["whole", "cut", "gzip"])
def test_however_it_is_read_the_file_is_metered(
    provider: FakeProvider, metered: Metered, client: str, plan: Plan
) -> None:
    """Whole, cut anywhere and compressed: the application has the file, the ledger its answers."""
    provider.files[FILE] = file = openai_file(CHAT, RESPONSES)
    provider.plans.append(plan)
    assert CLIENTS[client](provider.url + FILE + "?x=1") == file[0].body
    assert_metered(provider, metered)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b"%PDF-1.7\n" + b"\x00{" * 10_000,
        b'{"custom_id":"r-1","method":"POST","url":"/v1/chat/completions","body":{"usage":{"prompt_tokens":1}}}\n' * 9,
        b'{"messages":[{"role":"user","content":"x"}]}\n' * 9,
        json.dumps({"pages": ["x" * 100_000], "custom_id": "r", "response": None}).encode(),
        b'{"custom_id":1,"response":{"status_code":200,"body":{"usage":{"prompt_tokens":1}}}}\n',
        b'["custom_id","response"]',
    ],
    ids=["empty", "blank", "pdf", "input file", "training file", "json", "no name", "array"],
)
def test_another_file_is_not_metered(provider: FakeProvider, metered: Metered, content: bytes) -> None:
    """The first line says that it is none of a batch's results, and nothing fails."""
    provider.files[FILE] = (Reply(Truth(), content), [])
    for client in CLIENTS.values():
        assert client(provider.url + FILE) == content
    assert not metered.spans


def test_what_was_not_read_is_not_metered(provider: FakeProvider, metered: Metered) -> None:
    """A download that broke off, or was refused, charges the lines that came; another try brings the others."""
    provider.files[FILE] = openai_file(CHAT, CHAT, CHAT)
    provider.plans += [Plan(status=500), Plan(cut_after=2)]
    assert requests.get(provider.url + FILE, timeout=9).status_code == 500
    with pytest.raises(httpx.RemoteProtocolError):
        CLIENTS["httpx"](provider.url + FILE)
    assert [claim.response_id for claim in metered.claims()] == ["chatcmpl-40", "chatcmpl-41"]


def test_downloading_twice_is_charging_once(
    provider: FakeProvider, metered: Metered, store: Store, tmp_path: Path
) -> None:
    """The results are those of whoever downloads them first, at the batches' price, however often they are fetched.

    gpt-4o's batches cost 1.25 USD a million tokens in, from cache or not, and 5 USD out: 1040 * 1.25 + 240 * 5 = 2500
    millionths. An answer of embeddings has no id of its own; its line has.
    """
    reply, truths = openai_file(CHAT, CHAT, EMBEDDINGS)
    known = reply.body.replace(b"gpt-4o-2026-01-01", b"gpt-4o-2024-08-06")
    provider.files[FILE] = (replace(reply, body=known), truths)
    with attribution(tenant="acme"), httpx2.stream("GET", provider.url + FILE) as response:
        chunks = response.iter_raw()
        # Read elsewhere, and charged all the same to whom it was asked for.
        with attribution(tenant="globex"):
            list(chunks)
    first = encode_spans(metered.spans).SerializeToString()
    requests.get(provider.url + FILE, timeout=9)
    desk = Desk(store, tmp_path / "journal")
    try:
        desk.post(first)
        query = "SELECT tenant, model, service_tier, requests, input_tokens, cost_state, toString(cost) FROM charges"
        booked = store.query(f"{query} ORDER BY input_tokens")
        assert booked == [
            ("acme", "gpt-4o", "batch", 1, 82, "priced", "0.0001025"),
            ("acme", "gpt-4o-2024-08-06", "batch", 1, 1040, "priced", "0.0025"),
            ("acme", "gpt-4o-2024-08-06", "batch", 1, 1041, "priced", "0.00250625"),
        ]
        desk.post(encode_spans(metered.spans[3:]).SerializeToString())
        assert store.query(f"{query} ORDER BY input_tokens") == booked
    finally:
        desk.writer.close()
    assert len(metered.claims()) == 6
    assert metered.claims()[0].usage[u.INPUT_TOKENS] == 1040
