"""Whom a request names as its user is the user, where nobody said otherwise."""

import openai
import pytest
from opentelemetry.sdk.trace import TracerProvider
from support.fake_provider import FakeProvider
from support.metered import claims_of
from support.sdk import Ended

from spanledger.instrumentation import AttributionSpanProcessor, attribution, instrument, uninstrument


def test_the_requests_user_is_the_user(provider: FakeProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    """A block around the call is nearer to the application than what it tells the provider."""
    monkeypatch.setenv("SPANLEDGER_ENDPOINTS", f"{provider.host}=openai")
    traced, ended = TracerProvider(shutdown_on_exit=False), Ended()
    for processor in (AttributionSpanProcessor(), ended):
        traced.add_span_processor(processor)
    instrument(tracer_provider=traced)
    try:
        with openai.OpenAI(base_url=f"{provider.url}/v1", api_key="k") as client:
            client.embeddings.create(model="text-embedding-3-small", input="count", user="u-7")
            with attribution(user_id="u-1"):
                client.embeddings.create(model="text-embedding-3-small", input="count", user="u-7")
    finally:
        uninstrument()
    users = [claim.attribution.user_id for span in ended.spans for claim in claims_of(span)]
    assert users == ["u-7", "u-1"]
