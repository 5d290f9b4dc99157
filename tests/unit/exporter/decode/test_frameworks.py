"""What frameworks and platform SDKs say, in their own words, and what it means."""

import json
from typing import Any, Final

import pytest
from support.otlp import NOON_NS, Value, request, span

from spanledger.exporter.credential import Credential
from spanledger.exporter.decode import Quarantined, decode
from spanledger.exporter.sift import sift
from spanledger.schemas.claim import Claim


def read(attributes: dict[str, Value], scope: str = "", name: str = "x", length_ns: int = 10**9) -> Claim | None:
    """What the decoder makes of one span."""
    made = span(attributes, start_ns=NOON_NS, end_ns=NOON_NS + length_ns)
    made.name = name
    spans = sift(request(made, scope=scope)).spans
    found = decode(spans[0], Credential("*", "unattributed")) if spans else None
    assert not isinstance(found, Quarantined)
    return found


def claim(attributes: dict[str, Value], scope: str = "", name: str = "x", length_ns: int = 10**9) -> Claim:
    """As `read`, for a span that is a claim."""
    found = read(attributes, scope, name, length_ns)
    assert found
    return found


def counts(found: Claim) -> tuple[int | None, ...]:
    """Input, output, cache reads, cache writes, those for an hour, reasoning."""
    names = ("input", "output", "cache_read", "cache_write", "cache_write_1h", "reasoning")
    return tuple(found.usage.get(f"{name}_tokens") for name in names)


def generation(usage: object, kind: str = "generation") -> dict[str, Value]:
    """A Langfuse observation."""
    return {"langfuse.observation.type": kind, "langfuse.observation.usage_details": json.dumps(usage)}


LANGFUSE: Final = {
    "openai chat": (
        {"prompt_tokens": 4099, "completion_tokens": 613, "prompt_tokens_details": {"cached_tokens": 3072}}
        | {"completion_tokens_details": {"reasoning_tokens": 448}, "total_tokens": 4712},
        (4099, 613, 3072, None, None, 448),
    ),
    "openai responses": (
        {"input_tokens": 4099, "output_tokens": 613, "input_tokens_details": {"cached_tokens": 3072}},
        (4099, 613, 3072, None, None, None),
    ),
    "langchain, openai": (
        {"input": 515, "output": 165, "total": 4712, "input_audio": 0, "input_cache_read": 3072}
        | {"input_cache_creation": 512, "output_reasoning": 448},
        (4099, 613, 3072, 512, None, 448),
    ),
    "langchain, anthropic at once": (
        {"input": 23, "output": 53, "cache_read_input_tokens": 2900, "cache_creation_input_tokens": 557}
        | {"cache_creation_ephemeral_5m_input_tokens": 500, "cache_creation_ephemeral_1h_input_tokens": 57},
        (3480, 53, 2900, 557, 57, None),
    ),
    "langchain, anthropic streamed": (
        {"input": 23, "output": 53, "total": 3533, "input_cache_read": 2900, "input_cache_creation": 0}
        | {"input_ephemeral_5m_input_tokens": 500, "input_ephemeral_1h_input_tokens": 57},
        (3480, 53, 2900, 557, 57, None),
    ),
    "javascript": (
        {"input": 402, "output": 100, "total": 4212, "input_cached_tokens": 3072, "input_cache_write_tokens": 512}
        | {"input_audio_tokens": 13, "output_reasoning_tokens": 64, "output_audio_tokens": 9}
        | {"output_rejected_prediction_tokens": 40, "output_accepted_prediction_tokens": 0},
        (3999, 213, 3072, 512, None, 64),
    ),
    "anthropic by hand": (
        {"input_tokens": 23, "output_tokens": 53, "cache_read_input_tokens": 2900},
        (2923, 53, 2900, None, None, None),
    ),
    "embedding": ({"input": 53}, (53, None, None, None, None, None)),
}


@pytest.mark.parametrize(("usage", "expected"), LANGFUSE.values(), ids=LANGFUSE)
def test_langfuse_counts_as_its_words_do(usage: dict[str, Any], expected: tuple[int | None, ...]) -> None:
    """OpenAI's words contain their parts; Langfuse's own and Anthropic's do not."""
    found = claim(generation(usage))
    assert (counts(found), found.flags) == (expected, ())


@pytest.mark.parametrize(
    ("kind", "role"), [("generation", "inference"), ("embedding", "inference"), ("span", "rollup")]
)
def test_langfuse_observations_that_are_no_calls_are_roll_ups(kind: str, role: str) -> None:
    """The type of an observation says whether it is a call."""
    assert claim(generation({"input": 1, "output": 1}, kind)).call.role == role


def test_langfuse_names_of_a_priority_tier_are_no_exact_input() -> None:
    """LangChain's priority tier is left inside the input: how much was cached is not known for sure."""
    found = claim(generation({"input": 100, "output": 1, "input_priority_cache_read": 90, "input_priority": 10}))
    assert (counts(found)[0], found.flags) == (100, ("cache_not_stated",))


def test_langfuse_identity_is_json_and_a_cost_of_zero_is_none() -> None:
    """Metadata is quoted; the wrapper writes a cost of zero when a call failed."""
    more: dict[str, Value] = {
        "langfuse.trace.metadata.tenant_id": '"acme"',
        "langfuse.observation.cost_details": '{"total": 0}',
    }
    found = claim(generation({"input": 1}) | more)
    assert (found.attribution.tenant, found.reported_cost) == ("acme", "")


def raw(usage: dict[str, Any], **changes: Value) -> dict[str, Value]:
    """A call told by the Logfire SDK."""
    told: dict[str, Value] = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "gen_ai.provider.name": "p"}
    return told | {"gen_ai.usage.raw": json.dumps(usage)} | changes


def test_logfire_takes_parts_from_the_provider_and_wholes_from_its_own() -> None:
    """Anthropic's own input has no cache in it; Logfire's has."""
    usage = {"input_tokens": 23, "cache_read_input_tokens": 2900, "cache_creation_input_tokens": 557}
    usage |= {"cache_creation": {"ephemeral_1h_input_tokens": 57}, "server_tool_use": {"web_search_requests": 3}}
    whole: dict[str, Value] = {"gen_ai.usage.input_tokens": 3480, "gen_ai.usage.output_tokens": 53}
    found = claim(raw(usage) | whole, scope="logfire.anthropic")
    assert counts(found) == (3480, 53, 2900, 557, 57, None)
    assert (found.usage["web_searches"], found.inclusivity) == (3, "table")


def test_logfire_tells_a_stream_at_its_end() -> None:
    """The record of a stream's end covers it backwards, and says that another span began to tell of the call."""
    name = "streaming response from 'm' took 0.25s"
    told = raw({"prompt_tokens": 7}, duration=0.25) | {"gen_ai.usage.input_tokens": 7}
    found = claim(told, scope="logfire.openai", name=name, length_ns=0)
    assert (found.start_ns, found.end_ns) == (NOON_NS - 250_000_000, NOON_NS)
    assert found.flags == ("continuation",)
    assert claim(told, scope="logfire.openai", name="Chat Completion").flags == ()
    assert read(raw({}, duration=9.0), scope="logfire.openai", name=name, length_ns=0) is None


@pytest.mark.parametrize("duration", ["long", float("nan"), -1.0, 1e300])
def test_a_length_that_cannot_be_is_none(duration: Value) -> None:
    """A record whose length is nonsense stays where it is."""
    told = raw({"prompt_tokens": 7}, duration=duration) | {"gen_ai.usage.input_tokens": 7}
    assert claim(told, scope="logfire.openai", length_ns=0).start_ns == NOON_NS


USAGE: Final[dict[str, Value]] = {"gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 20}
CHAT: Final[dict[str, Value]] = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}


def test_pydantic_ai_states_the_hour_and_leaves_the_minutes() -> None:
    """Of written tokens those for an hour are a detail; the rest is for five minutes."""
    written: dict[str, Value] = {"gen_ai.usage.cache_creation.input_tokens": 30}
    details: dict[str, Value] = {
        "gen_ai.usage.details.ephemeral_1h_input_tokens": 10,
        "gen_ai.usage.details.cache_write_tokens": 30,
        "gen_ai.usage.details.reasoning_tokens": 5,
    }
    found = claim(CHAT | USAGE | written | details, scope="pydantic-ai")
    assert counts(found) == (100, 20, None, 30, 10, 5)
    assert found.usage["cache_write_5m_tokens"] == 20


@pytest.mark.parametrize(
    ("attributes", "name"),
    [
        ({"gen_ai.operation.name": "invoke_agent", "gen_ai.aggregated_usage.input_tokens": 100}, "invoke_agent x"),
        ({"model_name": "m", "agent_name": "x", "gen_ai.usage.input_tokens": 100}, "agent run"),
    ],
)
def test_pydantic_ai_agents_are_roll_ups(attributes: dict[str, Value], name: str) -> None:
    """Under both names of the sums, and where old releases state no operation."""
    found = claim(attributes, scope="pydantic-ai", name=name)
    assert (found.call.role, found.usage) == ("rollup", {"input_tokens": 100})


def ai_sdk(provider: str, operation: str = "ai.generateText.doGenerate", **usage: Value) -> dict[str, Value]:
    """A span of the AI SDK; `__` in a keyword stands for a dot."""
    told: dict[str, Value] = {"ai.operationId": operation, "ai.model.provider": provider, "ai.model.id": "m"}
    return told | {f"ai.usage.{name.replace('__', '.')}": value for name, value in usage.items()}


AI_SDK: Final = {
    "6": (
        ai_sdk("openai.chat", inputTokens=100, outputTokens=20, inputTokenDetails__cacheReadTokens=60),
        ("openai", "table", (100, 20, 60, None, None, None)),
    ),
    "5, openai": (
        ai_sdk("openai.responses", inputTokens=100, outputTokens=20, cachedInputTokens=60),
        ("openai", "declared", (100, 20, 60, None, None, None)),
    ),
    "5, anthropic: without the cache, however large": (
        ai_sdk("anthropic.messages", inputTokens=100, outputTokens=20, cachedInputTokens=60),
        ("anthropic", "assumed", (160, 20, 60, None, None, None)),
    ),
    "5, google: the total shows that thoughts are apart": (
        ai_sdk("google.generative-ai", inputTokens=10, outputTokens=41, reasoningTokens=301, totalTokens=352),
        ("gcp.gemini", "", (10, 342, None, None, None, 301)),
    ),
    "4": (ai_sdk("xai.chat", promptTokens=10, completionTokens=4), ("x_ai", "", (10, 4, None, None, None, None))),
    "unknown": (ai_sdk("fake.chat", inputTokens=1), ("fake", "", (1, None, None, None, None, None))),
    "gateway": (ai_sdk("gateway", inputTokens=1), ("", "", (1, None, None, None, None, None))),
}


@pytest.mark.parametrize(("attributes", "expected"), AI_SDK.values(), ids=AI_SDK)
def test_ai_sdk_versions_count_in_their_ways(attributes: dict[str, Value], expected: tuple[object, ...]) -> None:
    """Provider without its API, why the inclusion is believed, counts; the tracer may be anybody's."""
    found = claim(attributes, scope="opencode")
    assert (found.call.provider, found.inclusivity, counts(found)) == expected
    assert (found.call.role, found.flags) == ("inference", ())


@pytest.mark.parametrize("operation", ["ai.generateText", "ai.streamObject", "ai.embedMany", "ai.toolCall", "ai.new"])
def test_ai_sdk_functions_are_roll_ups(operation: str) -> None:
    """Only what ends in `.do…` is a call."""
    assert claim(ai_sdk("openai.chat", operation, inputTokens=9)).call.role == "rollup"


def test_a_total_above_the_counts_is_a_doubt() -> None:
    """The provider counted more than the emitter passed on."""
    assert claim(ai_sdk("m", inputTokens=10, outputTokens=41, totalTokens=352)).flags == ("inconsistent",)
