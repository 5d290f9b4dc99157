"""Instrumentation libraries, gateways and SDKs in the corpus: what each span claims is what the provider answered."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, TypeAlias, cast

import pytest
from support.decoding import claims_in

from spanledger.schemas import units as u
from spanledger.schemas.claim import Claim

CORPUS: Final = Path(__file__).parents[3] / "corpus"
Answer: TypeAlias = Mapping[str, str | int | bool | None]

LIFETIMES: Final = frozenset({u.CACHE_WRITE_5M_TOKENS, u.CACHE_WRITE_1H_TOKENS})
CACHES: Final = frozenset({u.CACHE_READ_TOKENS, u.CACHE_WRITE_TOKENS})
DETAILS: Final = CACHES | LIFETIMES | {u.REASONING_TOKENS}

UNSTATED: Final[Mapping[str, frozenset[str]]] = {
    "anthropic-sdk": frozenset(),
    "litellm": frozenset(),
    "litellm-routed": frozenset(),
    "openinference-clients": LIFETIMES,
    "openinference-langchain": LIFETIMES,
    "openinference-openai-agents": DETAILS,
    "openlit-exclusive": LIFETIMES | {u.REASONING_TOKENS},
    "openlit-openai": frozenset({u.REASONING_TOKENS}),
    "otel-botocore": LIFETIMES,
    "otel-genai": LIFETIMES,
    "otel-openai": DETAILS,
    "traceloop": frozenset({u.CACHE_WRITE_TOKENS}),
    "traceloop-anthropic": LIFETIMES | {u.REASONING_TOKENS},
    "traceloop-langchain": LIFETIMES | {u.CACHE_WRITE_TOKENS, u.REASONING_TOKENS},
    "traceloop-openai": frozenset({u.CACHE_WRITE_TOKENS, u.REASONING_TOKENS}),
}
"""Dialect → what it may leave open. Nothing may be stated wrongly, and the rest must be stated."""

EMITTERS: Final = ("anthropic-sdk", "gateway", "js-", "litellm", "openinference", "openlit", "openllmetry", "otel-")

SCENARIOS: Final = sorted(
    f"{path.parent.name}/{path.name.removesuffix('.truth.json')}"
    for path in CORPUS.glob("*/*.truth.json")
    if path.parent.name.startswith(EMITTERS)
)
LOST: Final = {
    "js-openinference/chat_stream_usage",
    "js-openinference/embeddings",
    "openinference-crewai/nested_crew_openai",
    "openinference-langchain-only/nested_lc_embeddings",
    "otel-botocore-bedrock/invoke_model_anthropic_cache",
    "otel-openai-v2/responses_plain",
    "otel-openai-v2/responses_web_search",
}
"""Scenarios in which no span states what the provider put on the wire: only then may an answer be untold."""


def _counts(answer: Answer) -> dict[str, int]:
    """What a provider answered, in our units."""

    def stated(name: str) -> int:
        return cast("int", answer.get(name) or 0)

    minutes, hour = stated("input_cache_write_5m"), stated("input_cache_write_1h")
    written = minutes + hour + stated("input_cache_write_untiered")
    return {
        u.INPUT_TOKENS: stated("input_uncached") + stated("input_cached_read") + written,
        u.OUTPUT_TOKENS: stated("output"),
        u.CACHE_READ_TOKENS: stated("input_cached_read"),
        u.CACHE_WRITE_TOKENS: written,
        u.CACHE_WRITE_5M_TOKENS: minutes,
        u.CACHE_WRITE_1H_TOKENS: hour,
        u.REASONING_TOKENS: stated("reasoning_in_output"),
    }


def _answers(scenario: str) -> list[Answer]:
    """The answers that are billed."""
    told = cast("list[Answer]", json.loads((CORPUS / f"{scenario}.truth.json").read_text()))
    return [answer for answer in told if answer["status"] == 200]


def _calls(scenario: str) -> Iterator[Claim]:
    return (claim for claim in claims_in(CORPUS / f"{scenario}.pb") if claim.call.role == "inference")


def _answer_of(claim: Claim, answers: list[Answer]) -> Answer | None:
    """By response id; without one, or with one a gateway invented, by both totals."""
    totals = (claim.usage.get(u.INPUT_TOKENS, 0), claim.usage.get(u.OUTPUT_TOKENS, 0))
    by_id = [answer for answer in answers if claim.response_id and answer["response_id"] == claim.response_id]
    alike = [
        answer for answer in answers if (_counts(answer)[u.INPUT_TOKENS], _counts(answer)[u.OUTPUT_TOKENS]) == totals
    ]
    return next(iter(by_id or alike), None)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_claim_is_the_providers_answer(scenario: str) -> None:
    """Every bucket that is stated is true, every one that is not is known to be left open; a doubt excuses a total."""
    answers = _answers(scenario)
    for claim in _calls(scenario):
        if not claim.usage:
            assert claim.usage_source == "missing"
            continue
        doubted = {"estimated", "output_overstated", "cache_not_stated"} & set(claim.flags)
        answer = _answer_of(claim, answers)
        if answer is None:
            assert doubted, claim
            continue
        assert answer.get("usage_on_wire", True) or claim.usage_source == "estimated", claim
        true = _counts(answer)
        wrong = {unit for unit, number in true.items() if number != claim.usage.get(unit, number)}
        assert wrong <= ({u.INPUT_TOKENS, u.OUTPUT_TOKENS} if doubted else set[str]()), claim
        open_ = {unit for unit, number in true.items() if number and unit not in claim.usage}
        assert open_ <= UNSTATED[claim.call.dialect], claim


@pytest.mark.parametrize("scenario", [scenario for scenario in SCENARIOS if scenario not in LOST])
def test_no_answer_is_left_out(scenario: str) -> None:
    """What was on the wire is claimed with its usage, except what its reader abandoned: then a loss may be claimed."""
    claims = list(_calls(scenario))
    for answer in _answers(scenario):
        if answer.get("usage_on_wire", True) and not scenario.endswith("_abandoned"):
            assert any(claim.usage and _answer_of(claim, [answer]) for claim in claims), answer


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_claim_names_who_answered(scenario: str) -> None:
    """Provider and model; a proxy's client knows an alias, and LiteLLM's Anthropic ids are its own."""
    answers = _answers(scenario)
    for claim in _calls(scenario):
        answer = _answer_of(claim, answers) if claim.usage else None
        if answer is None or scenario.startswith("gateway"):
            continue
        google = {"google": "gcp.gemini"}
        assert claim.call.provider == google.get(str(answer["provider"]), answer["provider"]), claim
        assert (claim.call.response_model or claim.call.request_model) in {answer["model"], answer["request_model"]}
        unknown = answer["response_id"] is None
        own = claim.call.dialect == "litellm" and claim.call.provider == "anthropic"
        assert unknown or own or claim.response_id in {"", answer["response_id"]}, claim


@pytest.mark.parametrize("alias", ["openai", "anthropic"])
def test_a_gateway_tells_what_its_alias_stands_for(alias: str) -> None:
    """Both sides state the same response id; the proxy's side knows the deployed model."""
    client, gateway = sorted(
        _calls(f"gateway-otel-client-plus-litellm-proxy/same_trace_{alias}"), key=lambda claim: claim.start_ns
    )
    assert client.response_id == gateway.response_id
    assert gateway.call.dialect == "litellm-routed"
    assert gateway.call.provider == alias
    assert (gateway.call.request_model, gateway.call.response_model) != ("", client.call.response_model)
    assert gateway.call.response_model == ""


def test_a_crews_sum_is_kept_as_the_only_evidence() -> None:
    """CrewAI's own model has no span, and its crew is a roll-up of quality `aggregate`."""
    (crew,) = claims_in(CORPUS / "openinference-crewai" / "nested_crew_openai.pb")
    (answer,) = _answers("openinference-crewai/nested_crew_openai")
    true = _counts(answer)
    assert crew.call.role == "rollup"
    assert all(crew.usage[unit] == true[unit] for unit in (u.INPUT_TOKENS, u.OUTPUT_TOKENS, u.CACHE_READ_TOKENS))
