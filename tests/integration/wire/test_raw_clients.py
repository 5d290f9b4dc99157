"""HTTP clients without any SDK: each is metered once, whole and streamed, sync and async."""

from collections.abc import Callable

import pytest
from support.fake_provider import FakeProvider, Plan
from support.metered import Metered
from support.raw_clients import CLIENTS, STREAM, WHOLE
from support.truths import assert_metered

URL = "/v1/chat/completions"
PLANS: dict[str, Callable[[], Plan]] = {
    "plain": Plan,
    "gzip": lambda: Plan(encoding="gzip"),
    "cut": lambda: Plan(piece_bytes=9),
}


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("body", [WHOLE, STREAM], ids=["whole", "stream"])
@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_is_metered_once(
    provider: FakeProvider, metered: Metered, client: str, body: bytes, plan: str
) -> None:
    """One attempt, one span, the provider's counts."""
    provider.plans.append(PLANS[plan]())
    data = CLIENTS[client](provider.url + URL, body)
    assert b'"usage":{"prompt_tokens":1001' in data
    assert_metered(provider, metered)
    (claim,) = metered.claims()
    first_ns = claim.time_to_first_token_ns
    if body is WHOLE:
        assert first_ns is None
    else:
        assert first_ns is None or 0 < first_ns <= claim.end_ns - claim.start_ns
        assert first_ns is not None or not client.endswith("_streamed")


@pytest.mark.parametrize("client", CLIENTS)
def test_an_error_is_an_attempt(provider: FakeProvider, metered: Metered, client: str) -> None:
    """A refused request: an attempt without usage."""
    provider.plans.append(Plan(status=503))
    CLIENTS[client](provider.url + URL, WHOLE)
    (claim,) = metered.claims()
    assert (claim.status, claim.error_type, claim.usage) == ("error", "503", {})


@pytest.mark.parametrize("client", ["httpx", "requests_streamed", "urllib3_streamed", "aiohttp_streamed"])
def test_a_broken_stream_is_an_estimate(provider: FakeProvider, metered: Metered, client: str) -> None:
    """The connection is lost: the application's exception is its own, and the span ends once."""
    provider.plans.append(Plan(cut_after=4))
    with pytest.raises(Exception):  # noqa: B017, PT011 (each library has its own)
        CLIENTS[client](provider.url + URL, STREAM)
    (claim,) = metered.claims()
    assert claim.usage_source == "estimated"
    assert claim.response_id == "chatcmpl-1"
