"""What tracing platforms, agent frameworks and servers say, in their own words, and what it means."""

import json
from collections.abc import Callable
from typing import Final

import pytest
from support.otlp import Value, request, span

from spanledger.exporter.credential import Credential
from spanledger.exporter.decode import decode
from spanledger.exporter.sift import sift
from spanledger.schemas.claim import Claim

USAGE: Final[dict[str, Value]] = {"gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 20}
CHAT: Final[dict[str, Value]] = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}


def read(attributes: dict[str, Value], scope: str = "", name: str = "x") -> Claim | None:
    """What the decoder makes of one span."""
    made = span(attributes)
    made.name = name
    found = [decode(each, Credential("*", "unattributed")) for each in sift(request(made, scope=scope)).spans]
    assert all(isinstance(each, Claim | None) for each in found)
    return next((each for each in found if isinstance(each, Claim)), None)


def claim(attributes: dict[str, Value], scope: str = "", name: str = "x") -> Claim:
    """As `read`, for a span that is a claim."""
    found = read(attributes, scope, name)
    assert found
    return found


def counts(found: Claim) -> tuple[int | None, ...]:
    """Input, output, cache reads, cache writes, those for an hour, reasoning."""
    names = ("input", "output", "cache_read", "cache_write", "cache_write_1h", "reasoning")
    return tuple(found.usage.get(f"{name}_tokens") for name in names)


def run(kind: str, **more: Value) -> dict[str, Value]:
    """A LangSmith run; `__` in a keyword stands for a dot."""
    operation = {"llm": "chat", "prompt": "chat", "retriever": "embeddings"}.get(kind, kind)
    told: dict[str, Value] = {
        "langsmith.span.kind": kind,
        "gen_ai.operation.name": operation,
        "gen_ai.system": "langchain",
    }
    return told | {name.replace("__", "."): value for name, value in more.items()}


@pytest.mark.parametrize("as_text", [json.dumps, repr])
def test_langsmith_details_are_json_or_python(as_text: Callable[[object], str]) -> None:
    """With a split by lifetime LangChain states zero writes."""
    details = {
        "cache_read": 2900,
        "cache_creation": 0,
        "ephemeral_5m_input_tokens": 500,
        "ephemeral_1h_input_tokens": 57,
    }
    whole: dict[str, Value] = {"gen_ai.usage.input_tokens": 3480, "gen_ai.usage.output_tokens": 53}
    told = run("llm", gen_ai__usage__input_token_details=as_text(details)) | whole
    assert counts(claim(told, "langsmith")) == (3480, 53, 2900, 557, 57, None)
    usage = json.dumps({"input_tokens": 3480, "output_tokens": 53, "input_token_details": details})
    assert counts(claim(run("llm", langsmith__metadata__usage_metadata=usage))) == (3480, 53, 2900, 557, 57, None)


@pytest.mark.parametrize("kind", ["prompt", "retriever", "chain", "parser", "tool"])
def test_langsmith_runs_that_are_no_calls_lose_nothing(kind: str) -> None:
    """A prompt template is called `chat`, a retriever `embeddings`: their runs use nothing."""
    assert read(run(kind), "langsmith") is None


def test_langsmith_finds_the_response_in_the_message() -> None:
    """LangChain's messages hold the provider's id and the name of its model; nothing else of them is kept."""
    message = {"kwargs": {"content": "secret", "response_metadata": {"id": "msg_1", "model_name": "m-1"}}}
    told = run("llm", gen_ai__completion=json.dumps({"generations": [[{"message": message}]]})) | USAGE
    found = claim(told, "langsmith")
    assert (found.response_id, found.call.response_model, found.call.provider) == ("msg_1", "m-1", "")
    assert b"secret" not in sift(request(span(told), scope="langsmith")).payload


def mlflow(usage: dict[str, int], outputs: object, kind: str = "CHAT_MODEL", **more: Value) -> dict[str, Value]:
    """A span of MLflow Tracing: every value is JSON."""
    told: dict[str, Value] = {"mlflow.spanType": f'"{kind}"', "mlflow.llm.model": '"m-1"', "model": '"m"'}
    return told | {"mlflow.chat.tokenUsage": json.dumps(usage), "mlflow.spanOutputs": json.dumps(outputs)} | more


def test_mlflow_reads_of_the_answer_what_its_summary_leaves_out() -> None:
    """Its id, and the parts; the wholes are the summary's, which contain Anthropic's caches."""
    usage = {"input_tokens": 3480, "output_tokens": 53, "total_tokens": 3533, "cache_read_input_tokens": 2900}
    usage |= {"cache_creation_input_tokens": 557, "cache_creation_input_tokens_above_1hr": 57}
    found = claim(mlflow(usage, {"id": "msg_1", "usage": {"input_tokens": 23}}))
    assert counts(found) == (3480, 53, 2900, 557, 57, None)
    assert (found.response_id, found.call.request_model, found.call.response_model) == ("msg_1", "m", "m-1")


def test_mlflow_completes_geminis_output() -> None:
    """The summary's output is without the thoughts; its total is not."""
    found = claim(
        mlflow(
            {"input_tokens": 10, "output_tokens": 41, "total_tokens": 352},
            {"usage_metadata": {"thoughts_token_count": 301}},
        )
    )
    assert counts(found) == (10, 342, None, None, None, 301)


def test_mlflow_with_the_conventions_says_nothing_of_caches() -> None:
    """Then the counts are whole and only that, and a chain's operation is its type."""
    scope = "mlflow.tracing.provider"
    assert claim(CHAT | USAGE, scope).flags == ("cache_not_stated",)
    assert claim({"gen_ai.operation.name": "CHAIN"} | USAGE, scope).call.role == "rollup"


def component(kind: str, output: object | None) -> dict[str, Value]:
    """A component of a Haystack pipeline, with or without content tracing."""
    told: dict[str, Value] = {"haystack.component.type": kind, "haystack.component.name": "llm"}
    return told if output is None else told | {"haystack.component.output": json.dumps(output)}


OPENAI: Final = {"prompt_tokens": 100, "completion_tokens": 20, "prompt_tokens_details": {"cached_tokens": 60}}
ANTHROPIC: Final = {"prompt_tokens": 100, "completion_tokens": 20, "cache_read_input_tokens": 60}


@pytest.mark.parametrize(
    ("kind", "output", "expected"),
    [
        ("OpenAIChatGenerator", {"replies": [{"meta": {"model": "m", "usage": OPENAI}}]}, ("openai", 100, 60)),
        ("OpenAIGenerator", {"replies": ["secret"], "meta": [{"model": "m", "usage": OPENAI}]}, ("openai", 100, 60)),
        ("AnthropicChatGenerator", {"replies": [{"meta": {"model": "m", "usage": ANTHROPIC}}]}, ("anthropic", 160, 60)),
        ("OwnTextEmbedder", {"meta": {"model": "m", "usage": {"prompt_tokens": 9}}}, ("", 9, None)),
    ],
)
def test_haystack_counts_as_the_names_do(kind: str, output: object, expected: tuple[object, ...]) -> None:
    """Anthropic's cache counts stand beside the input, OpenAI's within."""
    found = claim(component(kind, output))
    assert (found.call.provider, found.usage["input_tokens"], found.usage.get("cache_read_tokens")) == expected
    assert (found.call.role, found.call.response_model, found.flags) == ("inference", "m", ())


def test_haystack_without_content_loses_a_generator_and_nothing_else() -> None:
    """What a generator used is lost, and says so; a prompt builder used nothing, nor did a model in the process."""
    assert claim(component("OpenAIChatGenerator", None)).usage_source == "missing"
    assert read(component("PromptBuilder", None)) is None
    assert read(component("HuggingFaceLocalChatGenerator", None)) is None


def test_strands_spellings_are_one_count_and_its_name_no_provider() -> None:
    """Five spellings are never summed."""
    told = CHAT | USAGE | {"gen_ai.usage.prompt_tokens": 100, "gen_ai.system": "strands-agents"}
    told |= {"gen_ai.usage.cache_write_input_tokens": 7, "gen_ai.usage.cache_creation.input_tokens": 7}
    found = claim(told, "strands.telemetry.tracer")
    assert (counts(found), found.call.provider) == ((100, 20, None, 7, None, None), "")


GEMINI: Final = {"prompt_token_count": 10, "candidates_token_count": 41, "thoughts_token_count": 301} | {
    "cached_content_token_count": 4,
    "tool_use_prompt_token_count": 5,
    "total_token_count": 357,
}


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"gcp.vertex.agent.llm_response": json.dumps({"usage_metadata": GEMINI})}, (15, 342, 4, None, None, 301)),
        ({"gcp.vertex.agent.llm_response": "{}"} | USAGE, (100, 20, None, None, None, None)),
        (USAGE | {"gen_ai.usage.experimental.reasoning_tokens": 8}, (100, 28, None, None, None, 8)),
        (USAGE | {"gen_ai.usage.reasoning.output_tokens": 8}, (100, 20, None, None, None, 8)),
    ],
)
def test_google_adk_in_its_ages(attributes: dict[str, Value], expected: tuple[int | None, ...]) -> None:
    """Gemini's own usage, and the attributes before and since they contain the thoughts."""
    told = attributes | {"gen_ai.system": "gcp.vertex.agent", "gen_ai.request.model": "gemini-2.5-pro"}
    found = claim(told, "gcp.vertex.agent", "call_llm")
    assert (counts(found), found.call.role, found.call.provider, found.flags) == (expected, "inference", "", ())


def test_semantic_kernel_and_agent_framework() -> None:
    """The one says nothing of caches; the other's name is no provider."""
    told = CHAT | USAGE
    assert claim(told, "semantic_kernel.utils.telemetry.model_diagnostics.decorators").flags == ("cache_not_stated",)
    agent = USAGE | {"gen_ai.operation.name": "invoke_agent", "gen_ai.provider.name": "microsoft.agent_framework"}
    assert (claim(agent, "agent_framework").call.role, claim(agent, "agent_framework").call.provider) == ("rollup", "")


def test_agent_framework_passes_on_anthropics_input() -> None:
    """OpenAI's input contains the cache, Anthropic's does not, however large it is."""
    told = CHAT | USAGE | {"gen_ai.usage.cache_read.input_tokens": 60}
    assert counts(claim(told | {"gen_ai.provider.name": "openai"}, "agent_framework"))[0] == 100
    assert counts(claim(told | {"gen_ai.provider.name": "anthropic"}, "agent_framework"))[0] == 160


def test_dify_nodes_and_workflows() -> None:
    """A node's kind makes it a call; a workflow states none and the sum."""
    node = claim(USAGE | {"gen_ai.span.kind": "LLM", "gen_ai.provider.name": "langgenius/openai/openai"})
    assert (node.call.role, node.call.provider, node.flags) == ("inference", "openai", ("cache_not_stated",))
    workflow = claim(USAGE | {"dify.workflow_id": "w", "dify.tenant_id": "acme"})
    assert (workflow.call.role, workflow.attribution.tenant) == ("rollup", "acme")


@pytest.mark.parametrize(
    ("system", "expected"),
    [("openai", (100, "declared")), ("anthropic", (160, "assumed")), ("bedrock_converse", (160, "assumed"))],
)
def test_java_passes_on_what_the_provider_counts(system: str, expected: tuple[int, str]) -> None:
    """Every value is a string; a model that is none is no name."""
    told = CHAT | {name: str(value) for name, value in USAGE.items()} | {"gen_ai.system": system}
    told |= {"gen_ai.usage.cache_read.input_tokens": "60", "gen_ai.response.model": "none"}
    found = claim(told, "org.springframework.boot")
    assert (found.usage["input_tokens"], found.inclusivity, found.call.response_model) == (*expected, "")
    assert read({"spring.ai.kind": "chat_client", "gen_ai.operation.name": "framework"}) is None


def test_vllm_tells_what_its_client_tells_too() -> None:
    """Flagged, least precise, and joined to nothing by an id that is not the response's."""
    told: dict[str, Value] = {"gen_ai.usage.prompt_tokens": 9, "gen_ai.usage.completion_tokens": 3}
    told |= {"gen_ai.request.id": "cmpl-1-0", "gen_ai.response.model": "m", "gen_ai.usage.num_sequences": 1}
    found = claim(told, "vllm.llm_engine", "llm_request")
    assert (found.call.operation, found.response_id, found.flags) == ("chat", "", ("server_side",))


def test_copilot_states_credits_not_dollars() -> None:
    """Its cost counts requests of a subscription."""
    told = CHAT | USAGE | {"github.copilot.cost": 1.0, "gen_ai.usage.cost": 1.0}
    told |= {"gen_ai.usage.cache_write.input_tokens": 5, "gen_ai.usage.reasoning_tokens": 3}
    found = claim(told, "github.copilot")
    assert (counts(found), found.reported_cost) == ((100, 20, None, 5, None, 3), "")
