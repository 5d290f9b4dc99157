"""Beside the other instrumentors of OpenAI's SDK, each alone and all at once: one call is one charge, at its price.

The real ones, on real calls. Whichever of their claims and ours arrives first, what stands in the end is the same.
"""

from collections.abc import Callable, Generator
from itertools import permutations
from typing import Any

import pytest
from openai import OpenAI
from openinference.instrumentation.openai import OpenAIInstrumentor as OpenInference
from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor as Official
from opentelemetry.instrumentation.openai import OpenAIInstrumentor as OpenLLMetry
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from support.fake_provider import FakeProvider, Plan
from support.metered import claims_of
from support.sdk import Ended
from support.settling import still_open

from spanledger.exporter.rate import catalogue
from spanledger.exporter.settle import Charge, Settler, stand
from spanledger.instrumentation import instrument, uninstrument
from spanledger.schemas import attributes as a
from spanledger.schemas.claim import Claim
from spanledger.schemas.money import format_amount

# What they deprecate is their own.
pytestmark = pytest.mark.filterwarnings("default")

OTHERS: dict[str, tuple[Any, ...]] = {
    "official": (Official,),
    "OpenLLMetry": (OpenLLMetry,),
    "OpenInference": (OpenInference,),
    "all": (Official, OpenLLMetry, OpenInference),
}
MESSAGES: Any = [{"role": "user", "content": "count to three"}]
NOW_NS = 1_795_264_800 * 10**9  # 2026-11-21


def _chat(client: OpenAI) -> None:
    client.chat.completions.create(model="gpt-4o", messages=MESSAGES)


def _chat_stream(client: OpenAI) -> None:
    list(client.chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True, stream_options=ASKED))


def _responses(client: OpenAI) -> None:
    client.responses.create(model="gpt-4o", input="count to three")


def _responses_stream(client: OpenAI) -> None:
    list(client.responses.create(model="gpt-4o", input="count to three", stream=True))


def _embeddings(client: OpenAI) -> None:
    client.embeddings.create(model="text-embedding-3-small", input="count to three")


ASKED: Any = {"include_usage": True}
SILENT = (OpenLLMetry, "responses_stream")
"""Who tells nothing of which call."""

CALLS = {call.__name__.strip("_"): call for call in (_chat, _chat_stream, _responses, _responses_stream, _embeddings)}


class Told:
    """What all of them told of a call."""

    def __init__(self, others: str, provider: FakeProvider, ended: Ended) -> None:
        self.others = others
        self.provider = provider
        self._ended = ended

    def by(self, call: Callable[[OpenAI], None]) -> list[Claim]:
        """The claims that a call makes."""
        with OpenAI(base_url=f"{self.provider.url}/v1", api_key="k") as client:
            call(client)
        return [claim for span in self._ended.spans for claim in claims_of(span)]


@pytest.fixture(params=OTHERS)
def told(request: pytest.FixtureRequest, provider: FakeProvider, monkeypatch: pytest.MonkeyPatch) -> Generator[Told]:
    """Ours, and others, on."""
    monkeypatch.setenv("SPANLEDGER_ENDPOINTS", f"{provider.host}=openai")
    ended = Ended()
    tracers = TracerProvider(resource=Resource({a.SERVICE_NAME: "shop"}), shutdown_on_exit=False)
    tracers.add_span_processor(ended)
    others = [make() for make in OTHERS[request.param]]
    try:
        for other in others:
            other.instrument(tracer_provider=tracers)
        instrument(tracer_provider=tracers)
        yield Told(request.param, provider, ended)
    finally:
        uninstrument()
        for other in reversed(others):
            other.uninstrument()


def _settled(claims: tuple[Claim, ...]) -> list[Charge]:
    """What stands when each arrives by itself, in this order."""
    settler = Settler()
    last = len(claims) - 1
    received = enumerate(claims)
    return still_open(*(settler.settle([stand(each, NOW_NS)], NOW_NS, close=at == last) for at, each in received))


@pytest.mark.parametrize("call", CALLS)
def test_one_call_is_one_charge_whoever_tells_first(told: Told, call: str) -> None:
    """With the counts that the provider stated."""
    claims = told.by(CALLS[call])
    (truth,) = told.provider.truths
    others = [other for other in OTHERS[told.others] if (other, call) != SILENT]
    assert len({claim.call.dialect for claim in claims}) == 1 + len(others), "somebody told of nothing"
    for order in permutations(claims):
        (charge,) = _settled(order)
        assert (charge.kind, charge.claim.usage_source) == ("charge", "provider")
        assert {unit: number for unit, number in charge.claim.usage.items() if number} == {
            unit: number for unit, number in truth.usage.items() if number
        }


@pytest.mark.parametrize("call", ["chat", "chat_stream"])
def test_it_costs_what_it_costs_once(told: Told, call: str) -> None:
    """1 001 in, of them 301 cached, and 201 out at 2.50, 1.25 and 10 dollars a million."""
    for order in permutations(told.by(CALLS[call])):
        (charge,) = _settled(order)
        rated = catalogue().rate(charge.claim.usage, provider="openai", model="gpt-4o", at_ns=NOW_NS)
        assert format_amount(rated.cost or 0) == "0.00413625"


def test_refused_tries_are_attempts_and_the_answer_is_the_charge(told: Told) -> None:
    """429, 500, then an answer: the others tell of one call, ours of three attempts, and one of all is charged."""
    told.provider.plans += [Plan(status=429), Plan(status=500)]
    claims = told.by(_chat)
    truth = told.provider.truths[-1]
    for order in permutations(claims):
        settled = _settled(order)
        (charge,) = (each for each in settled if each.kind == "charge")
        assert charge.claim.response_id == truth.response_id
        assert sorted(each.claim.error_type for each in settled if each.kind == "attempt") == ["429", "500"]
