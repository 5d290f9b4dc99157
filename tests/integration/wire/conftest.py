"""What the tests of the wire share: a provider, and the meter that is told of it."""

from collections.abc import Generator

import pytest
from support.fake_provider import FakeProvider, fake_provider
from support.metered import Metered, metering


@pytest.fixture
def provider() -> Generator[FakeProvider]:
    """A provider on loopback."""
    with fake_provider() as running:
        yield running


@pytest.fixture
def metered(provider: FakeProvider, monkeypatch: pytest.MonkeyPatch) -> Generator[Metered]:
    """Every instrumentor on, the provider named as a host that speaks every API; our own failures are none."""
    monkeypatch.setenv("SPANLEDGER_ENDPOINTS", f"{provider.host}=openai,anthropic,gemini,bedrock,cohere,mistral")
    with metering() as running:
        yield running
