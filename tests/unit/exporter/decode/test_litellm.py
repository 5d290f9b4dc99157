"""LiteLLM: details out of a Python literal, estimates told apart, a proxy's aliases resolved."""

import pytest
from support.decoding import claim_of, decoded
from support.otlp import Value

_DETAILS = {
    "prompt_tokens": 3480,
    "completion_tokens": 53,
    "prompt_tokens_details": {
        "audio_tokens": None,
        "cached_tokens": 2900,
        "cache_write_tokens": 557,
        "text_tokens": 23,
        "cache_creation_token_details": {"ephemeral_5m_input_tokens": 500, "ephemeral_1h_input_tokens": 57},
    },
    "completion_tokens_details": {"reasoning_tokens": 7},
}


def _request(usage: object = _DETAILS, **more: Value) -> dict[str, Value]:
    attributes: dict[str, Value] = {
        "gen_ai.operation.name": "acompletion",
        "gen_ai.system": "anthropic",
        "gen_ai.request.model": "claude-sonnet-4-5-20250929",
        "gen_ai.response.model": "claude-sonnet-4-5-20250929",
        "gen_ai.usage.input_tokens": 3480,
        "gen_ai.usage.output_tokens": 53,
        "gen_ai.cost.total_cost": 0.003951,
        "metadata.usage_object": repr(usage),
    }
    return attributes | {name.replace("__", "."): value for name, value in more.items()}


def test_the_details_of_a_python_literal() -> None:
    """Input contains the caches for Anthropic too; `text_tokens` are what is left, and not read."""
    found = claim_of(_request(), scope="litellm")
    assert found.usage == {
        "input_tokens": 3480,
        "output_tokens": 53,
        "cache_read_tokens": 2900,
        "cache_write_tokens": 557,
        "cache_write_5m_tokens": 500,
        "cache_write_1h_tokens": 57,
        "reasoning_tokens": 7,
    }
    assert (found.call.operation, found.reported_cost, found.inclusivity) == ("chat", "0.003951", "table")


def test_the_scope_may_be_renamed() -> None:
    """`OTEL_TRACER_NAME` renames it; what the span carries does not change."""
    assert claim_of(_request(), scope="gateway").call.dialect == "litellm"


@pytest.mark.parametrize(
    ("stated", "operation"),
    [("aresponses", "chat"), ("anthropic_messages", "chat"), ("aembedding", "embeddings"), ("arerank", "rerank")],
)
def test_call_types_are_operations(stated: str, operation: str) -> None:
    """The names are of LiteLLM's functions."""
    assert claim_of(_request(gen_ai__operation__name=stated), scope="litellm").call.operation == operation


def test_the_deployed_model_names_the_provider() -> None:
    """`gen_ai.system` is empty for embeddings and the Responses API."""
    attributes = _request(gen_ai__system="", litellm__provider__model="openai/text-embedding-3-small")
    assert claim_of(attributes, scope="litellm").call.provider == "openai"
    without = _request(gen_ai__system="", litellm__provider__model="gpt-5")
    assert claim_of(without, scope="litellm").call.provider == ""


def test_behind_a_proxy_the_requested_model_is_the_deployed_one() -> None:
    """The response's model is the alias the caller used."""
    attributes = _request(gen_ai__response__model="my-claude", litellm__model_group="my-claude")
    call = claim_of(attributes, scope="litellm").call
    assert (call.request_model, call.response_model) == ("claude-sonnet-4-5-20250929", "")


@pytest.mark.parametrize("streaming", ["llm__is_streaming", "gen_ai__request__stream"])
@pytest.mark.parametrize(
    ("system", "details", "flags", "source"),
    [
        ("openai", {"cached_tokens": 0}, (), "provider"),
        ("openai", None, ("estimated", "may_be_estimated", "cache_not_stated"), "estimated"),
        ("ollama", None, ("may_be_estimated",), "provider"),
    ],
)
def test_a_stream_without_details_was_counted_by_litellm(
    streaming: str, system: str, details: object, flags: tuple[str, ...], source: str
) -> None:
    """OpenAI details every usage; others need not."""
    attributes = _request(usage={"prompt_tokens_details": details}, gen_ai__system=system)
    attributes[streaming.replace("__", ".")] = "True"
    found = claim_of(attributes, scope="litellm")
    assert (found.flags, found.usage_source) == (flags, source)


def test_a_failure_uses_nothing_and_its_invented_id_is_no_answer() -> None:
    """Zeros in the usage object are no statement of a provider."""
    attributes = _request(usage={"prompt_tokens": 0, "completion_tokens": 0}, gen_ai__response__id="invented")
    for name in ("gen_ai.response.model", "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"):
        del attributes[name]
    found = claim_of(attributes, scope="litellm", error=True)
    assert (found.usage, found.status, found.flags) == ({}, "error", ())


def test_the_raw_request_is_not_read() -> None:
    """It repeats the provider's answer one level below."""
    raw: dict[str, Value] = {"llm.openai.usage": repr(_DETAILS), "metadata.user_api_key_team_id": "team-1"}
    assert decoded(raw, scope="litellm", name="raw_gen_ai_request") is None


def test_the_key_tells_who_is_charged() -> None:
    """Empty strings are what the proxy does not know."""
    attributes = _request(
        metadata__user_api_key_team_alias="",
        metadata__user_api_key_team_id="team-1",
        metadata__user_api_key_org_id="org-1",
        llm__user="user-42",
    )
    who = claim_of(attributes, scope="litellm").attribution
    assert (who.team, who.organization_id, who.user_id) == ("team-1", "org-1", "user-42")


def test_details_that_cannot_be_read_are_unknown() -> None:
    """Older releases wrote the `repr` of objects, which is no literal: the totals stand, the caches do not."""
    attributes = _request() | {"metadata.usage_object": "Usage(prompt_tokens=3480)"}
    found = claim_of(attributes, scope="litellm")
    assert (found.usage, found.flags) == ({"input_tokens": 3480, "output_tokens": 53}, ("cache_not_stated",))
