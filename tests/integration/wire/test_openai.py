"""Streams of the real `openai` package that state no usage, that are left, or that nobody closes."""

import httpx2
import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam
from support.fake_provider import FakeProvider, Plan
from support.metered import Metered
from support.truths import assert_metered

from spanledger.schemas import units as u

MESSAGES: list[ChatCompletionMessageParam] = [{"role": "user", "content": "count to three"}]


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


@pytest.mark.parametrize(
    ("path", "last", "body"),
    [
        ("/v1/chat/completions", b'"choices":[]', {"stream_options": {"include_usage": True}}),
        ("/v1/responses", b"response.completed", {"input": "count"}),
        ("/v1/messages", b"message_delta", {"max_tokens": 9}),
    ],
)
def test_a_stream_that_has_said_all_ends_its_span(
    provider: FakeProvider, metered: Metered, path: str, last: bytes, body: dict[str, object]
) -> None:
    """Many readers stop at the event that says so, and keep the response: what it cost does not wait for them."""
    asked = {"model": "m", "messages": MESSAGES, "stream": True, **body}
    with httpx2.Client() as client, client.stream("POST", provider.url + path, json=asked) as response:
        pieces = response.iter_raw()
        assert not metered.spans
        while last not in next(pieces):
            pass
        assert_metered(provider, metered)
    assert len(metered.spans) == 1
