"""OpenLIT: exclusive where the provider's object is, and estimates that only a missing detail gives away."""

import pytest
from support.decoding import claim_of
from support.otlp import Value


def _chat(provider: str, **more: Value) -> dict[str, Value]:
    attributes: dict[str, Value] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": provider,
        "gen_ai.request.model": "m",
        "gen_ai.usage.input_tokens": 23,
        "gen_ai.usage.output_tokens": 53,
        "gen_ai.client.token.usage": 76,
        "gen_ai.usage.cost": 0,
    }
    return attributes | {name.replace("__", "."): value for name, value in more.items()}


_CACHED: dict[str, Value] = {
    "gen_ai__usage__cache_read__input_tokens": 20,
    "gen_ai__usage__cache_creation__input_tokens": 3,
}


@pytest.mark.parametrize(
    ("library", "input_tokens"),
    [("openai", 23), ("anthropic", 46), ("bedrock", 46), ("litellm", 23), ("mistral", 23)],
)
def test_the_library_decides_what_input_contains(library: str, input_tokens: int) -> None:
    """The sum that OpenLIT states shows nothing: it is made of the stated input."""
    found = claim_of(_chat("x", **_CACHED), scope=f"openlit.instrumentation.{library}")
    assert (found.usage["input_tokens"], found.inclusivity) == (input_tokens, "table")


def test_typescript_counts_anthropic_alike() -> None:
    """The same rule under its own scope."""
    found = claim_of(_chat("anthropic", **_CACHED), scope="@openlit/instrumentation-anthropic")
    assert found.usage["input_tokens"] == 46


def test_thoughts_are_added_to_geminis_output() -> None:
    """`candidates_token_count` has none in it."""
    attributes = _chat("gcp.gemini", gen_ai__usage__reasoning_tokens=300)
    found = claim_of(attributes, scope="openlit.instrumentation.google_ai_studio")
    assert (found.usage["output_tokens"], found.usage["reasoning_tokens"]) == (353, 300)


@pytest.mark.parametrize(
    ("scope", "more", "flags", "source"),
    [
        (
            "openai",
            {"openai__api__type": "chat_completions", "gen_ai__usage__cache_read__input_tokens": 0},
            (),
            "provider",
        ),
        ("openai", {"openai__api__type": "chat_completions"}, ("estimated",), "estimated"),
        ("openai", {}, (), "provider"),
        ("openai", {"gen_ai__request__stream": True}, ("may_be_estimated",), "provider"),
        ("groq", {"gen_ai__request__stream": True}, ("may_be_estimated",), "provider"),
        ("groq", {"gen_ai__request__stream": False}, (), "provider"),
    ],
)
def test_a_call_without_cache_counts_may_be_openlits_own_count(
    scope: str, more: dict[str, Value], flags: tuple[str, ...], source: str
) -> None:
    """OpenAI always states them, and releases that state the kind of API pass them on."""
    found = claim_of(_chat("openai", **more), scope=f"openlit.instrumentation.{scope}")
    assert (found.flags, found.usage_source) == (flags, source)


def test_langchain_zeros_are_unknown_for_anthropic() -> None:
    """Not streamed, the input leaves the caches out and they are stated as zero."""
    zeros: dict[str, Value] = dict.fromkeys(_CACHED, 0)
    found = claim_of(_chat("anthropic", **zeros), scope="openlit.instrumentation.langchain")
    assert found.usage == {"input_tokens": 23, "output_tokens": 53}
    assert found.flags == ("cache_not_stated",)
    assert claim_of(_chat("openai", **zeros), scope="openlit.instrumentation.langchain").flags == ()


def test_a_cost_of_zero_is_no_cost() -> None:
    """OpenLIT writes it when it has no price."""
    assert claim_of(_chat("openai"), scope="openlit.instrumentation.openai").reported_cost == ""
