"""Metering switched on by name, before or after a client is made."""

import anthropic
import openai
import pytest
from opentelemetry.sdk.trace import TracerProvider
from support.fake_provider import FakeProvider
from support.sdk import Ended

from spanledger.instrumentation import instrument, patch_anthropic, patch_openai, uninstrument


def _call_both(provider: FakeProvider) -> None:
    with openai.OpenAI(base_url=f"{provider.url}/v1", api_key="k") as client:
        client.embeddings.create(model="text-embedding-3-small", input="count")
    with anthropic.Anthropic(base_url=provider.url, api_key="k") as client:
        client.messages.create(model="claude-sonnet-5", max_tokens=9, messages=[{"role": "user", "content": "x"}])


def test_what_is_named_is_metered_and_nothing_else(provider: FakeProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    """`instrument("openai")`, then Anthropic besides, then none of them."""
    monkeypatch.setenv("SPANLEDGER_ENDPOINTS", f"{provider.host}=openai,anthropic")
    ended = Ended()
    tracers = TracerProvider(shutdown_on_exit=False)
    tracers.add_span_processor(ended)
    made_before = openai.OpenAI(base_url=f"{provider.url}/v1", api_key="k")
    try:
        instrument("openai", tracer_provider=tracers)
        made_before.embeddings.create(model="text-embedding-3-small", input="count")
        _call_both(provider)
        assert [span.name for span in ended.spans] == ["embeddings text-embedding-3-small"] * 2
        patch_anthropic()
        _call_both(provider)
        assert len(ended.spans) == 4
        uninstrument("openai")
        _call_both(provider)
        assert [span.name for span in ended.spans[4:]] == ["chat claude-sonnet-5"]
        patch_openai()
        _call_both(provider)
        assert len(ended.spans) == 7
    finally:
        uninstrument()
        made_before.close()
    _call_both(provider)
    assert len(ended.spans) == 7


def test_one_may_be_left_out_of_all(provider: FakeProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    """`uninstrument("anthropic")` after `instrument()`: the others go on."""
    monkeypatch.setenv("SPANLEDGER_ENDPOINTS", f"{provider.host}=openai,anthropic")
    ended = Ended()
    tracers = TracerProvider(shutdown_on_exit=False)
    tracers.add_span_processor(ended)
    try:
        instrument(tracer_provider=tracers)
        uninstrument("anthropic")
        _call_both(provider)
        assert [span.name for span in ended.spans] == ["embeddings text-embedding-3-small"]
        instrument("anthropic")
        _call_both(provider)
        assert len(ended.spans) == 3
    finally:
        uninstrument()
