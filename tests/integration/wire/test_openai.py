"""The real `openai` package against a provider whose truth is known: what is metered is what was answered."""

import asyncio
from collections.abc import Callable

import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionStreamOptionsParam
from support.fake_provider import FakeProvider, Plan
from support.metered import Metered
from support.truths import assert_metered

from spanledger.schemas import units as u

MESSAGES: list[ChatCompletionMessageParam] = [{"role": "user", "content": "count to three"}]

CALLS: dict[str, Callable[[openai.OpenAI], object]] = {
    "chat": lambda client: client.chat.completions.create(model="gpt-4o", messages=MESSAGES),
    "chat_stream": lambda client: list(
        client.chat.completions.create(
            model="gpt-4o", messages=MESSAGES, stream=True, stream_options={"include_usage": True}
        )
    ),
    "responses": lambda client: client.responses.create(model="gpt-4o", input="count"),
    "responses_stream": lambda client: list(client.responses.create(model="gpt-4o", input="count", stream=True)),
    "embeddings": lambda client: client.embeddings.create(model="text-embedding-3-small", input="count"),
    "images": lambda client: client.images.generate(model="gpt-image-1", prompt="three"),
    "transcription": lambda client: client.audio.transcriptions.create(model="whisper-1", file=("a.wav", b"RIFF")),
    "speech": lambda client: client.audio.speech.create(model="tts-1", voice="alloy", input="one two three").content,
}


@pytest.mark.parametrize("call", CALLS)
def test_a_call_is_metered_as_it_was_answered(provider: FakeProvider, metered: Metered, call: str) -> None:
    """Every count, id, model and tier of the answer stands in the claim, and nothing else."""
    with openai.OpenAI(base_url=f"{provider.url}/v1", api_key="k") as client:
        CALLS[call](client)
    assert_metered(provider, metered)


def test_a_moderation_is_free_and_makes_no_claim(provider: FakeProvider, metered: Metered) -> None:
    """Moderation states no usage because it costs nothing; it must not look like a loss."""
    with openai.OpenAI(base_url=f"{provider.url}/v1", api_key="k") as client:
        client.moderations.create(input="count")
    (span,) = metered.spans
    assert span.name == "moderation"
    assert metered.claims() == []


def test_every_attempt_is_a_span_and_the_last_is_the_charge(provider: FakeProvider, metered: Metered) -> None:
    """The SDK retries 429 and 500 by itself: three attempts left the process, one was answered."""
    provider.plans += [Plan(status=429), Plan(status=500)]
    with openai.OpenAI(base_url=f"{provider.url}/v1", api_key="k", max_retries=2) as client:
        client.chat.completions.create(model="gpt-4o", messages=MESSAGES)
    claims = metered.claims()
    assert [(claim.attempt, claim.status, claim.error_type) for claim in claims] == [
        (0, "error", "429"),
        (1, "error", "500"),
        (2, "ok", ""),
    ]
    assert [bool(claim.usage) for claim in claims] == [False, False, True]


def test_asynchronous_calls_are_metered_alike(provider: FakeProvider, metered: Metered) -> None:
    """The asynchronous client, plain and streamed."""

    async def run() -> None:
        async with openai.AsyncOpenAI(base_url=f"{provider.url}/v1", api_key="k") as client:
            await client.chat.completions.create(model="gpt-4o", messages=MESSAGES)
            options: ChatCompletionStreamOptionsParam = {"include_usage": True}
            stream = await client.chat.completions.create(
                model="gpt-4o", messages=MESSAGES, stream=True, stream_options=options
            )
            assert len([chunk async for chunk in stream]) == 9

    asyncio.run(run())
    assert_metered(provider, metered)


def test_a_stream_that_states_no_usage_is_an_estimate_that_says_so(provider: FakeProvider, metered: Metered) -> None:
    """Hosts other than OpenAI's are not asked for usage: the pieces are counted, and called an estimate."""
    with openai.OpenAI(base_url=f"{provider.url}/v1", api_key="k") as client:
        list(client.chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True))
    (claim,) = metered.claims()
    assert claim.usage_source == "estimated"
    # Six words and the two chunks without one, each with a delta.
    assert claim.usage[u.OUTPUT_TOKENS] == 8
    assert claim.response_id == provider.truths[0].response_id


def test_an_abandoned_stream_ends_its_span_once(provider: FakeProvider, metered: Metered) -> None:
    """Closing after the first chunk: what was read is an estimate."""
    provider.plans.append(Plan(wait_after=3))
    gate = provider.plans[0].gate
    with openai.OpenAI(base_url=f"{provider.url}/v1", api_key="k") as client:
        stream = client.chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True)
        next(stream)
        stream.close()
        gate.set()
    (claim,) = metered.claims()
    assert (claim.usage_source, claim.status) == ("estimated", "ok")
