"""The real `anthropic` package: cache times, server tools and tiers as they were answered."""

import asyncio
from collections.abc import Generator

import anthropic
import pytest
from support.fake_provider import FakeProvider, Plan
from support.metered import Metered
from support.truths import assert_metered

from spanledger.schemas import units as u

MESSAGES: list[anthropic.types.MessageParam] = [{"role": "user", "content": "count to three"}]
MODEL = "claude-sonnet-5"


@pytest.fixture
def client(provider: FakeProvider) -> Generator[anthropic.Anthropic]:
    """A client of the fake provider."""
    with anthropic.Anthropic(base_url=provider.url, api_key="k", max_retries=0) as made:
        yield made


def test_a_library_over_another_makes_one_span(provider: FakeProvider, metered: Metered) -> None:
    """The SDK's client over aiohttp: both libraries are hooked, and the outer one owns the attempt."""

    async def run() -> None:
        http = anthropic.DefaultAioHttpClient()
        async with anthropic.AsyncAnthropic(base_url=provider.url, api_key="k", http_client=http) as client:
            await client.messages.create(model=MODEL, max_tokens=9, messages=MESSAGES)
            async with client.messages.stream(model=MODEL, max_tokens=9, messages=MESSAGES) as stream:
                await stream.get_final_message()

    asyncio.run(run())
    assert_metered(provider, metered)


def test_a_broken_stream_keeps_the_input_and_estimates_the_output(
    provider: FakeProvider, metered: Metered, client: anthropic.Anthropic
) -> None:
    """The connection is lost after four pieces of text: the first event has stated the input."""
    provider.plans.append(Plan(cut_after=7))
    with pytest.raises(Exception, match="peer closed connection"):
        list(client.messages.create(model=MODEL, max_tokens=9, messages=MESSAGES, stream=True))
    (claim,) = metered.claims()
    truth = provider.truths[0].usage
    assert claim.usage[u.INPUT_TOKENS] == truth[u.INPUT_TOKENS]
    assert claim.usage[u.CACHE_WRITE_1H_TOKENS] == truth[u.CACHE_WRITE_1H_TOKENS]
    assert claim.usage[u.OUTPUT_TOKENS] == 4
    assert (claim.usage_source, claim.status) == ("estimated", "error")
    assert "RemoteProtocolError" in claim.error_type


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd"])
def test_compressed_answers_are_read(
    provider: FakeProvider, metered: Metered, client: anthropic.Anthropic, encoding: str
) -> None:
    """Whole and streamed, whatever the encoding, in pieces that break it anywhere."""
    provider.plans += [Plan(encoding=encoding), Plan(encoding=encoding, piece_bytes=5)]
    client.messages.create(model=MODEL, max_tokens=9, messages=MESSAGES)
    list(client.messages.create(model=MODEL, max_tokens=9, messages=MESSAGES, stream=True))
    assert_metered(provider, metered)
