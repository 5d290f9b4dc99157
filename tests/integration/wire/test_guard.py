"""A guard in front of the real SDKs: what it denies is not sent, and the application sees why."""

import asyncio
import copy
import pickle
from collections.abc import Callable, Generator
from decimal import Decimal
from typing import Any

import anthropic
import groq
import openai
import pytest
from support.fake_provider import FakeProvider, Plan
from support.framework_calls import RAW
from support.guards import FORBIDDEN, OUT_OF_MONEY, OwnGuard, came
from support.metered import Metered
from support.sdk_calls import ANTHROPIC, BEDROCK, CHAT, COHERE, GOOGLE, MISTRAL, MODERATIONS, OPENAI, Call

from spanledger.instrumentation import attribution
from spanledger.instrumentation.wire.guard import FAILURES
from spanledger.instrumentation.wire.hooks import SWITCH
from spanledger.schemas import BudgetExceededError, PolicyDeniedError
from spanledger.schemas.claim import DENIED

CALLS: dict[str, Call] = {
    f"{sdk} {name}": call
    for sdk, calls in (
        ("openai", OPENAI),
        ("anthropic", ANTHROPIC),
        ("google", GOOGLE),
        ("mistral", MISTRAL),
        ("cohere", COHERE),
        ("boto3", BEDROCK),
        ("raw", RAW),
    )
    for name, call in calls.items()
}

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:Pydantic serializer warnings")

Guarded = Callable[[OwnGuard], OwnGuard]


@pytest.fixture
def guarded(metered: Metered) -> Generator[Guarded]:
    """Set a guard on the meter."""
    assert not metered.spans
    meter = SWITCH.meter
    assert meter is not None

    def put(guard: OwnGuard) -> OwnGuard:
        meter.guard = guard
        return guard

    yield put
    meter.guard = None


@pytest.mark.parametrize("call", CALLS)
def test_a_denied_call_is_not_sent_and_the_application_sees_why(
    provider: FakeProvider, metered: Metered, guarded: Guarded, call: str
) -> None:
    """Every SDK, whole and streamed, synchronous and not: the error itself, asked for once; a span says why."""
    guard = guarded(OwnGuard(OUT_OF_MONEY))
    with pytest.raises(BudgetExceededError) as caught:
        CALLS[call](provider.url)
    assert str(caught.value) == str(OUT_OF_MONEY)
    assert (caught.value.budget, caught.value.limit) == ("team-day", Decimal("5.00"))
    assert provider.seen == []
    assert len(guard.asked) == 1
    (claim,) = metered.claims()
    assert (claim.status, claim.error_type, claim.usage) == ("error", "BudgetExceededError", {})
    assert DENIED in claim.flags
    assert claim.attribution.metadata["denied_by"] == "budget:team-day"
    assert "4.98 of 5.00 USD" in claim.attribution.metadata["denial_reason"]


def test_a_denial_by_policy_is_one_of_the_sdks_own_errors_too(
    provider: FakeProvider, metered: Metered, guarded: Guarded
) -> None:
    """So the SDK lets it through; its class, name, copies and pickles are the plain error's."""
    guarded(OwnGuard(FORBIDDEN))
    with anthropic.Anthropic(base_url=provider.url, api_key="k") as client, pytest.raises(PolicyDeniedError) as caught:
        client.messages.create(model="claude-sonnet-5", max_tokens=9, messages=CHAT)
    error = caught.value
    assert isinstance(error, anthropic.AnthropicError)
    assert not isinstance(error, anthropic.APIError)
    assert (type(error).__name__, error.policy, error.reason) == ("PolicyDeniedError", "models.allow", FORBIDDEN.reason)
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error)):  # noqa: S301 (our own)
        assert type(again) is PolicyDeniedError
        assert vars(again) == vars(FORBIDDEN)
    (claim,) = metered.claims()
    assert claim.attribution.metadata["denied_by"] == "policy:models.allow"
    assert claim.attribution.metadata["denial_reason"] == FORBIDDEN.reason


def test_an_sdk_that_takes_every_exception_for_a_broken_connection_names_it_as_the_cause(
    provider: FakeProvider, guarded: Guarded
) -> None:
    """Groq's SDK, and older ones of others, have no error that passes."""
    guarded(OwnGuard(OUT_OF_MONEY))
    client = groq.Groq(base_url=provider.url, api_key="k", max_retries=0)
    with client, pytest.raises(groq.APIConnectionError) as caught:
        client.chat.completions.create(model="gpt-4o", messages=CHAT)
    assert isinstance(caught.value.__cause__, BudgetExceededError)
    assert provider.seen == []


def test_a_guard_is_told_what_is_known_of_a_call(provider: FakeProvider, metered: Metered, guarded: Guarded) -> None:
    """Whom it is for, which model, how large it may get; its ids are the span's, and the reservation stands on it."""
    guard = guarded(OwnGuard())
    with openai.OpenAI(base_url=f"{provider.url}/v1", api_key="k") as client, attribution(tenant="acme", team="core"):
        client.chat.completions.create(model="gpt-4o", messages=CHAT, max_completion_tokens=50, n=2)
    (asked,), (span,), (claim,) = guard.asked, metered.spans, metered.claims()
    assert (asked.provider, asked.model, asked.operation) == ("openai", "gpt-4o", "chat")
    assert (asked.attributes["ledger.tenant"], asked.attributes["ledger.team"]) == ("acme", "core")
    assert asked.resource["telemetry.sdk.language"] == "python"
    assert asked.max_output_tokens == 100
    assert asked.input_tokens == len(provider.seen[0].body) // 4
    assert span.context is not None
    assert (asked.trace_id, asked.span_id) == (span.context.trace_id, span.context.span_id)
    assert claim.attribution.metadata["reservation_id"] == "r-1"
    assert (guard.tickets[0].kept, guard.tickets[0].given_back) == (1, 0)


def test_each_attempt_is_asked_for_and_what_used_nothing_is_given_back(
    provider: FakeProvider, metered: Metered, guarded: Guarded
) -> None:
    """Refused twice, then answered: two permits come back, and the charge has the third."""
    guard = guarded(OwnGuard())
    provider.plans += [Plan(status=429), Plan(status=500)]
    with openai.OpenAI(base_url=f"{provider.url}/v1", api_key="k") as client:
        client.chat.completions.create(model="gpt-4o", messages=CHAT)
    assert [ticket.given_back for ticket in guard.tickets] == [1, 1, 0]
    assert [claim.attribution.metadata.get("reservation_id") for claim in metered.claims()] == [None, None, "r-3"]


def test_a_free_call_is_not_asked_for(provider: FakeProvider, guarded: Guarded) -> None:
    """Moderations cost nothing."""
    guard = guarded(OwnGuard(OUT_OF_MONEY))
    next(iter(MODERATIONS.values()))(provider.url)
    assert len(provider.seen) == 1
    assert guard.asked == []


def test_any_other_failure_of_a_guard_is_ours(
    provider: FakeProvider, guarded: Guarded, caplog: pytest.LogCaptureFixture
) -> None:
    """It is counted, logged once, and the request goes."""
    guarded(OwnGuard(ZeroDivisionError("the guard's own")))
    with openai.OpenAI(base_url=f"{provider.url}/v1", api_key="k") as client:
        for _ in range(2):
            client.chat.completions.create(model="gpt-4o", messages=CHAT)
    assert len(provider.seen) == 2
    assert FAILURES.pop("ask the guard") == 2
    assert len([record for record in caplog.records if "ask the guard" in record.getMessage()]) == 1


def test_who_interrupts_a_waiting_guard_ends_the_call(
    provider: FakeProvider, metered: Metered, guarded: Guarded
) -> None:
    """Ctrl-C is the application's; the span of what was not sent ends."""
    guarded(OwnGuard(KeyboardInterrupt()))
    with openai.OpenAI(base_url=f"{provider.url}/v1", api_key="k") as client, pytest.raises(KeyboardInterrupt):
        client.chat.completions.create(model="gpt-4o", messages=CHAT)
    assert provider.seen == []
    (claim,) = metered.claims()
    assert (claim.error_type, claim.flags) == ("KeyboardInterrupt", ())


async def _asked(client: openai.AsyncOpenAI) -> Any:  # noqa: ANN401
    return await client.chat.completions.create(model="gpt-4o", messages=CHAT)


@pytest.mark.parametrize("denial", [None, OUT_OF_MONEY])
def test_a_loop_runs_on_while_a_guard_waits(
    provider: FakeProvider, guarded: Guarded, denial: BudgetExceededError | None
) -> None:
    """Whoever has to be asked is asked in a thread; the answer is the same."""
    guard = guarded(OwnGuard(denial, waits=True))

    async def main() -> None:
        async with openai.AsyncOpenAI(base_url=f"{provider.url}/v1", api_key="k") as client:
            call = asyncio.create_task(_asked(client))
            await came(guard)
            assert not call.done()
            guard.gate.set()
            await call

    if denial is None:
        asyncio.run(main())
    else:
        with pytest.raises(BudgetExceededError):
            asyncio.run(main())
    assert "MainThread" not in guard.threads


def test_a_call_cancelled_while_its_guard_waits_gives_its_permit_back(provider: FakeProvider, guarded: Guarded) -> None:
    """Nothing was sent."""
    guard = guarded(OwnGuard(waits=True))

    async def main() -> None:
        async with openai.AsyncOpenAI(base_url=f"{provider.url}/v1", api_key="k") as client:
            call = asyncio.create_task(_asked(client))
            await came(guard)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            guard.gate.set()
            # The pool's thread ends its work before the loop does.
            await asyncio.get_running_loop().shutdown_default_executor()

    asyncio.run(main())
    assert [ticket.given_back for ticket in guard.tickets] == [1]
    assert provider.seen == []
