"""Frameworks and platform SDKs in the corpus: what each span claims is what the provider answered."""

import json
from pathlib import Path
from typing import Any, Final

import pytest

from spanledger.exporter.credential import Credential
from spanledger.exporter.decode import decode
from spanledger.exporter.sift import sift
from spanledger.schemas import units as u
from spanledger.schemas.claim import Claim

CORPUS: Final = Path(__file__).parents[3] / "corpus"
INDEX: Final[dict[str, Any]] = json.loads((CORPUS / "index.json").read_text())

DIALECTS: Final = {
    "langfuse": {"langfuse", "langfuse_openai"},
    "logfire": {"logfire"},
    "logfire-latest": {"logfire"},
    "pydantic-ai": {"pydantic_ai"},
    "pydantic-ai-plain": {"pydantic_ai"},
    "pydantic-ai-plus-logfire-openai": {"pydantic_ai"},
    "vercel-ai-6": {"ai_sdk", "ai_sdk_5"},
    "vercel-ai-7-legacy": {"ai_sdk", "ai_sdk_5"},
    "vercel-ai-7-otlpjson": {"ai_sdk_7"},
    "opencode": {"ai_sdk"},
    "mlflow-otel": {"mlflow"},
    "haystack": {"haystack"},
    "strands": {"strands"},
    "ms-agent-framework": {"microsoft_agent_framework"},
}
NOT_STATED: Final = {
    "vercel-ai-7-otlpjson": {u.REASONING_TOKENS, u.CACHE_WRITE_1H_TOKENS},
    "strands": {u.REASONING_TOKENS, u.CACHE_WRITE_1H_TOKENS},
}
NO_PROVIDER: Final = {"langfuse", "strands", "opencode"}
"""Emitters that name none; OpenCode names the entry of its own configuration."""
NO_RESPONSE_ID: Final = {"langfuse", "haystack", "strands"}

TOLD_BY_OTHERS: Final = {("pydantic-ai-plus-logfire-openai", "embeddings")}

SCENARIOS: Final = [
    pytest.param(emitter, name, id=f"{emitter}/{name}")
    for emitter in DIALECTS
    for name, about in INDEX[emitter]["scenarios"].items()
    if about.get("scored", True)
    and (CORPUS / emitter / f"{name}.pb").exists()
    and (emitter, name) not in TOLD_BY_OTHERS
]


@pytest.mark.parametrize(("emitter", "scenario"), SCENARIOS)
def test_what_a_call_claims_is_what_the_provider_answered(emitter: str, scenario: str) -> None:
    """Every claim with usage is one answer, bucket by bucket; every answer is claimed, or its loss is."""
    claims = [claim for claim in _claims(emitter, scenario) if claim.call.role == "inference"]
    answers = [answer for answer in _truth(emitter, scenario) if answer["status"] == 200]
    for claim in (claim for claim in claims if claim.usage):
        answer = next((answer for answer in answers if _same(emitter, claim, answer)), None)
        assert answer, (claim, answers)
        answers.remove(answer)
        assert claim.response_id == ((answer["response_id"] or "") if _has_id(emitter, claim) else "")
        assert claim.call.provider == answer["provider"] or emitter in NO_PROVIDER
        assert (claim.call.response_model or claim.call.request_model) in {answer["model"], answer["request_model"]}
        assert claim.usage_source == "provider"
    lost = [claim for claim in claims if not claim.usage and claim.status == "ok"]
    unsent = INDEX[emitter]["scenarios"][scenario].get("unsent", 0)
    assert len(answers) <= len(lost) + unsent, answers


@pytest.mark.parametrize(("emitter", "scenario"), SCENARIOS)
def test_what_repeats_a_sum_is_a_roll_up(emitter: str, scenario: str) -> None:
    """The spans above calls state what these used together, never less and never as a call of their own."""
    claims = _claims(emitter, scenario)
    calls = [claim for claim in claims if claim.call.role == "inference"]
    for above in (claim for claim in claims if claim.call.role == "rollup"):
        for unit in (u.INPUT_TOKENS, u.OUTPUT_TOKENS):
            assert above.usage.get(unit, 0) == sum(call.usage.get(unit, 0) for call in calls)


def _claims(emitter: str, scenario: str) -> list[Claim]:
    sifted = sift((CORPUS / emitter / f"{scenario}.pb").read_bytes())
    read = [decode(span, Credential("*", "unattributed")) for span in sifted.spans]
    again = [decode(span, Credential("*", "unattributed")) for span in sift(sifted.payload).spans] if read else []
    assert again == read, "a journal's record reads as the request did"
    return [claim for claim in read if isinstance(claim, Claim) and claim.call.dialect in DIALECTS[emitter]]


def _truth(emitter: str, scenario: str) -> list[dict[str, Any]]:
    return json.loads((CORPUS / emitter / f"{scenario}.truth.json").read_text())


def _same(emitter: str, claim: Claim, answer: dict[str, Any]) -> bool:
    hour, written = (
        answer["input_cache_write_1h"],
        answer["input_cache_write_5m"] + answer["input_cache_write_untiered"],
    )
    read = answer["input_cached_read"]
    true = {
        u.INPUT_TOKENS: answer["input_uncached"] + read + written + hour,
        u.OUTPUT_TOKENS: answer["output"],
        u.CACHE_READ_TOKENS: read,
        u.CACHE_WRITE_TOKENS: written + hour,
        u.CACHE_WRITE_1H_TOKENS: hour,
        u.REASONING_TOKENS: answer["reasoning_in_output"],
    }
    compared = true.keys() - NOT_STATED.get(emitter, set())
    return all(claim.usage.get(unit, 0) == true[unit] for unit in compared)


def _has_id(emitter: str, claim: Claim) -> bool:
    return emitter not in NO_RESPONSE_ID and claim.call.operation != "embeddings" and "continuation" not in claim.flags
