"""The corpus, settled: right totals in every scenario whose telemetry carries them; the others one by one."""

import json
from typing import Any, Final

from support.settling import settle
from unit.exporter.settle.test_corpus_properties import CORPUS, SCENARIOS, claims

from spanledger.exporter.settle import Charge

NO_USAGE_SENT: Final = {
    "js-openinference/chat_stream_no_usage",
    "js-otel-openai/chat_stream_no_usage",
    "langfuse/chat_stream_no_usage",
    "litellm-otel-latest/chat_openai_stream_no_usage",
    "litellm-otel/chat_openai_stream_no_usage",
    "logfire-latest/chat_stream_no_usage",
    "logfire/chat_stream_no_usage",
    "openinference/chat_stream_no_usage",
    "openlit/chat_stream_no_usage",
    "openllmetry/chat_stream_no_usage",
    "otel-genai-content/chat_stream_no_usage",
    "otel-genai/chat_stream_no_usage",
    "otel-openai-v2/chat_stream_no_usage",
}
"""The provider sent no usage: nobody can know it."""

LOST: Final = {
    "js-openinference/chat_stream_usage",
    "js-openinference/embeddings",
    "langfuse/chat_stream_abandoned",
    "logfire-latest/chat_stream_abandoned",
    "logfire/chat_stream_abandoned",
    "openinference/chat_stream_abandoned",
    "openllmetry/chat_stream_abandoned",
    "otel-botocore-bedrock/invoke_model_anthropic_cache",
    "otel-genai-content/chat_stream_abandoned",
    "otel-genai/chat_stream_abandoned",
}
"""The emitter tells of the call and leaves its usage, or the cache's, out: `missing` or `inferred`, never `exact`."""

NEVER_SENT: Final = {
    "openinference-langchain-only/nested_lc_embeddings",
    "opencode/run_cached_reasoning",
    "opencode/run_tool_bash",
    "openlit/chat_stream_abandoned",
    "otel-openai-v2/chat_stream_abandoned",
    "otel-openai-v2/responses_plain",
    "otel-openai-v2/responses_web_search",
    "pydantic-ai/embeddings",
}
"""No span and no log record tells of a call."""

NOT_CALLED: Final = {"langfuse/manual_generation_anthropic_usage_details"}
"""A hand-written generation without any provider's answer."""

PARTS: Final = ("input_uncached", "input_cached_read", "input_cache_write_5m", "input_cache_write_1h")
INPUT: Final = (*PARTS, "input_cache_write_untiered")


def answered(scenario: str) -> tuple[int, int]:
    """Input and output tokens of the answers that were billed and stated."""
    truth: list[dict[str, Any]] = json.loads((CORPUS / f"{scenario}.truth.json").read_text())
    billed = [answer for answer in truth if answer["status"] == 200 and answer["usage_on_wire"]]
    return sum(answer[part] for answer in billed for part in INPUT), sum(answer["output"] for answer in billed)


def charged(charges: list[Charge]) -> tuple[int, int]:
    """Input and output tokens of charges that call their counts the provider's."""
    stated = [charge.claim.usage for charge in charges if charge.claim.usage_source == "provider"]
    return sum(usage.get("input_tokens", 0) for usage in stated), sum(usage.get("output_tokens", 0) for usage in stated)


def test_totals_are_right_wherever_the_telemetry_carries_them() -> None:
    """And where it does not, the loss is one of those that are known by name."""
    wrong: set[str] = set()
    unflagged: set[str] = set()
    for scenario in SCENARIOS:
        charges = settle(claims(scenario)).charges
        doubted = any(charge.quality != "exact" for charge in charges if charge.kind == "charge")
        if charged(charges) != answered(scenario):
            wrong.add(scenario)
        if scenario in NO_USAGE_SENT | LOST and not doubted:
            unflagged.add(scenario)
    assert wrong - NOT_CALLED == (LOST | NEVER_SENT) & wrong
    assert wrong >= LOST | NEVER_SENT
    assert unflagged == set()
