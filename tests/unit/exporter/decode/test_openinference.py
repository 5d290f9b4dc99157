"""OpenInference: counts from attributes, ids and lifetimes from the answer in `output.value`, and nothing else."""

import json

import pytest
from support.decoding import claim_of, decoded
from support.otlp import Value, request, span

from spanledger.exporter.sift import sift

_PYTHON = "openinference.instrumentation."
_JS = "@arizeai/openinference-instrumentation-"


def _llm(*, answer: object = None, kind: str = "LLM", **counts: int) -> dict[str, Value]:
    attributes: dict[str, Value] = {"openinference.span.kind": kind, "llm.model_name": "m", "llm.system": "openai"}
    attributes |= {f"llm.token_count.{name.replace('__', '.')}": count for name, count in counts.items()}
    if answer is not None:
        attributes |= {"output.value": json.dumps(answer), "output.mime_type": "application/json"}
    return attributes


_ANTHROPIC = {
    "id": "msg_1",
    "content": [{"text": "a secret"}],
    "usage": {
        "input_tokens": 23,
        "service_tier": "priority",
        "cache_creation": {"ephemeral_5m_input_tokens": 500, "ephemeral_1h_input_tokens": 57},
    },
}


def test_the_answer_gives_the_id_the_lifetimes_and_the_tier() -> None:
    """The counts stay the attributes': the answer's input leaves the caches out."""
    attributes = _llm(
        answer=_ANTHROPIC,
        prompt=3480,
        completion=53,
        prompt_details__cache_read=2900,
        prompt_details__cache_write=557,
    )
    found = claim_of(attributes, scope=f"{_PYTHON}anthropic")
    assert found.usage == {
        "input_tokens": 3480,
        "output_tokens": 53,
        "cache_read_tokens": 2900,
        "cache_write_tokens": 557,
        "cache_write_5m_tokens": 500,
        "cache_write_1h_tokens": 57,
    }
    assert (found.response_id, found.call.service_tier, found.inclusivity) == ("msg_1", "priority", "table")


def test_nothing_else_of_an_answer_is_kept() -> None:
    """The text is opened and dropped before anything is written."""
    attributes = _llm(answer=_ANTHROPIC, prompt=10, completion=2)
    kept = sift(request(span(attributes), scope=f"{_PYTHON}anthropic")).payload
    assert b"msg_1" in kept
    assert b"secret" not in kept


@pytest.mark.parametrize(
    ("scope", "answer", "response_id"),
    [
        (f"{_PYTHON}openai", {"id": "chatcmpl-1"}, "chatcmpl-1"),
        (f"{_JS}openai", {"id": "resp_1"}, "resp_1"),
        (f"{_PYTHON}openai_agents", {"id": "resp_2"}, "resp_2"),
        (f"{_PYTHON}google_genai", {"response_id": "gem-1"}, "gem-1"),
        (f"{_PYTHON}bedrock", {"id": "msg_bdrk_1"}, "msg_bdrk_1"),
        (
            f"{_PYTHON}langchain",
            {
                "generations": [
                    [{"message": {"kwargs": {"id": "lc_run--1", "response_metadata": {"id": "chatcmpl-2"}}}}]
                ]
            },
            "chatcmpl-2",
        ),
        (f"{_PYTHON}dspy", {"id": "what a model answered"}, ""),
    ],
)
def test_each_library_keeps_its_response_id_where_it_does(scope: str, answer: object, response_id: str) -> None:
    """LangChain's own run id is none of a provider's; of an unknown shape nothing is read."""
    found = claim_of(_llm(answer=answer, prompt=10, completion=2), scope=scope)
    assert found.response_id == response_id


def test_a_model_that_answers_in_json_makes_no_ids() -> None:
    """Streams put the answer's text into `output.value`: every call of an application may then have the id `42`."""
    attributes = _llm(answer={"id": "42"}, prompt=10, completion=2) | {"output.mime_type": "text/plain"}
    assert claim_of(attributes, scope=f"{_JS}openai").response_id == ""


def test_a_lost_cache_write_is_found_in_the_answer() -> None:
    """The JavaScript library states OpenAI's cache reads only."""
    answer = {"id": "chatcmpl-1", "usage": {"prompt_tokens_details": {"cache_write_tokens": 512}}}
    attributes = _llm(answer=answer, prompt=4099, completion=613, prompt_details__cache_read=3072)
    assert claim_of(attributes, scope=f"{_JS}openai").usage["cache_write_tokens"] == 512


@pytest.mark.parametrize("kind", ["CHAIN", "AGENT", "TOOL", "RETRIEVER", "RERANKER", "GUARDRAIL", "EVALUATOR"])
def test_only_models_are_called(kind: str) -> None:
    """Whatever else states usage repeats it, and what states none is no evidence."""
    assert claim_of(_llm(kind=kind, prompt=10, completion=2), scope=f"{_PYTHON}smolagents").call.role == "rollup"
    assert decoded(_llm(kind=kind), scope=f"{_PYTHON}smolagents") is None


def test_a_crew_is_a_roll_up_of_what_its_output_sums() -> None:
    """CrewAI's own models have no spans."""
    crew = {"raw": "x", "token_usage": {"prompt_tokens": 2311, "cached_prompt_tokens": 2048, "completion_tokens": 41}}
    found = claim_of(_llm(kind="CHAIN", answer=crew), scope=f"{_PYTHON}crewai")
    assert (found.call.role, found.usage) == (
        "rollup",
        {"input_tokens": 2311, "output_tokens": 41, "cache_read_tokens": 2048},
    )
    nothing = {"token_usage": {"prompt_tokens": 0, "cached_prompt_tokens": 0, "completion_tokens": 0}}
    assert decoded(_llm(kind="CHAIN", answer=nothing), scope=f"{_PYTHON}crewai") is None


def test_llama_index_writes_a_request_without_calling() -> None:
    """Both spans are of kind LLM; the call that lost its usage is a loss, the other is nothing."""
    scope = f"{_PYTHON}llama_index"
    assert decoded(_llm(), scope=scope, name="OpenAI._prepare_chat_with_tools") is None
    lost = claim_of(_llm(), scope=scope, name="OpenAI.stream_chat")
    assert (lost.call.role, lost.usage_source) == ("inference", "missing")


@pytest.mark.parametrize(
    ("stated", "provider"), [("aws", "aws.bedrock"), ("google", "gcp.gemini"), ("azure", "azure.ai.openai")]
)
def test_providers_have_the_conventions_names(stated: str, provider: str) -> None:
    """`llm.provider` is who hosts the model, `llm.system` who made it."""
    attributes = _llm(prompt=10, completion=2) | {"llm.provider": stated, "llm.system": "anthropic"}
    assert claim_of(attributes, scope=f"{_PYTHON}bedrock").call.provider == provider


def test_a_prefix_names_the_provider_where_nothing_else_does() -> None:
    """LiteLLM's models are `provider/model`."""
    attributes: dict[str, Value] = {"openinference.span.kind": "LLM", "llm.model_name": "anthropic/claude-x"}
    assert claim_of(attributes, scope=f"{_PYTHON}litellm").call.provider == "anthropic"


def test_the_agent_sdk_passes_anthropics_exclusive_counts_on() -> None:
    """The one library that does not sum them."""
    attributes = _llm(kind="AGENT", prompt=23, completion=53, prompt_details__cache_read=20)
    found = claim_of(attributes, scope=f"{_PYTHON}claude_agent_sdk")
    assert (found.call.role, found.usage["input_tokens"]) == ("rollup", 43)


def test_an_agent_library_without_cache_counts_is_doubted() -> None:
    """Of the input, smolagents keeps a total alone; its price is not known."""
    assert claim_of(_llm(prompt=10, completion=2), scope=f"{_PYTHON}smolagents").flags == ("cache_not_stated",)


def test_a_processor_on_top_of_another_emitter_is_not_believed() -> None:
    """It adds the caches to an input that contains them; the emitter's own attributes are still there."""
    attributes = _llm(prompt=3580, completion=53, prompt_details__cache_read=100) | {
        "gen_ai.operation.name": "chat",
        "gen_ai.usage.input_tokens": 3480,
        "gen_ai.usage.output_tokens": 53,
        "gen_ai.usage.cache_read.input_tokens": 100,
    }
    assert claim_of(attributes, scope="strands.telemetry.tracer").usage["input_tokens"] == 3480


def test_anybody_may_write_these_attributes() -> None:
    """An application's own spans, and a callback of LiteLLM that writes nothing else."""
    for scope in ("shop", "litellm"):
        found = claim_of(_llm(prompt=10, completion=2), scope=scope)
        assert (found.call.dialect, found.usage["input_tokens"]) == ("openinference-marked", 10)
