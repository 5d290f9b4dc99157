"""Every SDK and framework, whole and streamed, synchronous and not: what is metered is what was answered."""

import gc
from collections.abc import Generator

import pytest
from support.fake_provider import FakeProvider, Plan
from support.framework_calls import let_go
from support.metered import Metered
from support.sdk_calls import MODERATIONS, Call
from support.sdks import RETRYING, SDKS
from support.truths import assert_metered

CALLS: dict[str, Call] = {f"{sdk} {name}": call for sdk, calls in SDKS.items() for name, call in calls.items()}

# SDKs and frameworks use what their own dependencies have deprecated; a client that is left open is a failure.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:Pydantic serializer warnings")


@pytest.fixture(scope="module", autouse=True)
def _left_behind() -> Generator[None]:
    """What they keep of their clients goes here, not in the middle of another test."""
    yield
    let_go()
    gc.collect()


@pytest.mark.parametrize("call", CALLS)
def test_a_call_is_metered_as_it_was_answered(provider: FakeProvider, metered: Metered, call: str) -> None:
    """One attempt, one span; every count, id, model, tier and finish reason is the provider's."""
    CALLS[call](provider.url)
    assert len(provider.truths) == 1
    assert_metered(provider, metered)


@pytest.mark.parametrize("sdk", RETRYING)
def test_every_attempt_of_a_retrying_sdk_is_a_claim(provider: FakeProvider, metered: Metered, sdk: str) -> None:
    """Two refusals, then an answer: three claims, numbered where the SDK numbers its attempts."""
    provider.plans += [Plan(status=429), Plan(status=500)]
    next(iter(SDKS[sdk].values()))(provider.url)
    claims = metered.claims()
    assert [(claim.attempt, claim.status, bool(claim.usage)) for claim in claims] == [
        (0, "error", False),
        (1, "error", False),
        (2, "ok", True),
    ]
    assert claims[2].usage == provider.truths[2].usage


@pytest.mark.parametrize("call", MODERATIONS)
def test_a_moderation_is_free_and_makes_no_claim(provider: FakeProvider, metered: Metered, call: str) -> None:
    """Moderation states no usage because it costs nothing; it must not look like a loss."""
    MODERATIONS[call](provider.url)
    (span,) = metered.spans
    assert span.name == "moderation"
    assert metered.claims() == []
