"""OpenLLMetry: one vocabulary, several ways of counting, and the names of older releases."""

import pytest
from support.decoding import claim_of, decoded
from support.otlp import Value

_SCOPE = "opentelemetry.instrumentation."


def _chat(provider: str, **more: Value) -> dict[str, Value]:
    attributes: dict[str, Value] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": provider,
        "gen_ai.request.model": "claude-x",
        "gen_ai.usage.input_tokens": 3480,
        "gen_ai.usage.output_tokens": 53,
        "gen_ai.usage.cache_read.input_tokens": 2900,
        "gen_ai.usage.cache_creation.input_tokens": 557,
    }
    return attributes | {name.replace("__", "."): value for name, value in more.items()}


@pytest.mark.parametrize(
    ("scope", "input_tokens", "dialect"),
    [
        (f"{_SCOPE}openai.v1", 3480, "traceloop-openai"),
        (f"{_SCOPE}openai_agents", 3480, "traceloop"),
        (f"{_SCOPE}anthropic", 3480, "traceloop-anthropic"),
        (f"{_SCOPE}langchain", 3480, "traceloop-langchain"),
        (f"{_SCOPE}bedrock", 6937, "traceloop-exclusive"),
        ("@traceloop/instrumentation-openai", 3480, "traceloop-js-openai"),
        ("@traceloop/instrumentation-anthropic", 6937, "traceloop-exclusive"),
    ],
)
def test_the_library_decides_what_input_contains(scope: str, input_tokens: int, dialect: str) -> None:
    """The same attributes mean one thing in Python and another in JavaScript."""
    found = claim_of(_chat("x"), scope=scope)
    assert (found.usage["input_tokens"], found.call.dialect, found.inclusivity) == (input_tokens, dialect, "table")


def test_a_zero_write_of_langchain_is_unknown() -> None:
    """Writes with a lifetime are moved out of the count, which is then zero."""
    found = claim_of(_chat("anthropic", gen_ai__usage__cache_creation__input_tokens=0), scope=f"{_SCOPE}langchain")
    assert "cache_write_tokens" not in found.usage
    assert found.flags == ("cache_write_not_stated",)
    assert claim_of(_chat("anthropic"), scope=f"{_SCOPE}langchain").flags == ()


@pytest.mark.parametrize(("streaming", "flags"), [(True, ("output_overstated",)), (False, ())])
def test_streamed_output_of_anthropic_is_overstated(streaming: bool, flags: tuple[str, ...]) -> None:  # noqa: FBT001
    """The placeholder at the beginning is added to the sum at the end."""
    found = claim_of(_chat("anthropic", gen_ai__is_streaming=streaming), scope=f"{_SCOPE}anthropic")
    assert found.flags == flags


def test_a_stream_without_details_may_be_counted_by_the_library() -> None:
    """`enrich_token_usage`; the provider's own count has details."""
    attributes = _chat("openai", gen_ai__is_streaming=True)
    assert claim_of(attributes, scope=f"{_SCOPE}openai.v1").flags == ()
    for name in ("gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_creation.input_tokens"):
        del attributes[name]
    assert claim_of(attributes, scope=f"{_SCOPE}openai.v1").flags == ("cache_write_not_stated", "may_be_estimated")


@pytest.mark.parametrize("kind", ["workflow", "task", "agent", "tool"])
def test_spans_of_the_sdk_are_roll_ups(kind: str) -> None:
    """Whatever their operation is called; without usage they are no evidence."""
    attributes = _chat("openai", traceloop__span__kind=kind)
    assert claim_of(attributes, scope="traceloop.tracer").call.role == "rollup"
    assert decoded({"traceloop.span.kind": kind}, scope="traceloop.tracer") is None


def test_the_names_of_older_releases() -> None:
    """Before 0.40: `llm.*`, providers in capitals, no operation."""
    attributes: dict[str, Value] = {
        "llm.request.type": "chat",
        "gen_ai.system": "OpenAI",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.usage.prompt_tokens": 100,
        "gen_ai.usage.completion_tokens": 20,
        "llm.usage.total_tokens": 120,
        "gen_ai.usage.cache_read_input_tokens": 40,
    }
    found = claim_of(attributes, scope="opentelemetry.instrumentation.openai.v1")
    assert found.usage == {"input_tokens": 100, "output_tokens": 20, "cache_read_tokens": 40}
    assert (found.call.operation, found.call.provider, found.inclusivity) == ("chat", "openai", "table")


def test_the_properties_of_an_application_tell_who_is_charged() -> None:
    """LangChain's metadata, as Traceloop repeats it."""
    prefix = "traceloop__association__properties__"
    attributes = _chat("openai", **{f"{prefix}user_id": "u", f"{prefix}session_id": "s", f"{prefix}tenant_id": "acme"})
    who = claim_of(attributes, scope=f"{_SCOPE}langchain").attribution
    assert (who.user_id, who.session_id, who.tenant) == ("u", "s", "acme")
