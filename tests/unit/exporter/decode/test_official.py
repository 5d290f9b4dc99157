"""Anthropic's SDKs, OpenTelemetry's and .NET's instrumentations, and whoever speaks the conventions unannounced."""

import pytest
from support.decoding import claim_of, decoded
from support.otlp import Value

_READ = "gen_ai.usage.cache_read.input_tokens"
_SCOPE = "opentelemetry.instrumentation."


def _chat(provider: str = "openai", model: str = "m", **more: Value) -> dict[str, Value]:
    attributes: dict[str, Value] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": provider,
        "gen_ai.request.model": model,
        "gen_ai.usage.input_tokens": 3480,
        "gen_ai.usage.output_tokens": 53,
    }
    return attributes | {name.replace("__", "."): value for name, value in more.items()}


def test_anthropics_own_span_says_everything() -> None:
    """Lifetimes, explicit zeros, and a compaction that is billed on top."""
    attributes = _chat(
        "anthropic",
        gen_ai__usage__cache_read__input_tokens=0,
        gen_ai__usage__cache_write__input_tokens=557,
        anthropic__usage__cache_creation__ephemeral_5m_input_tokens=500,
        anthropic__usage__cache_creation__ephemeral_1h_input_tokens=57,
        anthropic__usage__compaction__input_tokens=1000,
        anthropic__usage__compaction__output_tokens=7,
        anthropic__response__service_tier="priority",
    )
    found = claim_of(attributes, scope="com.anthropic.sdk.python.bedrock", name="anthropic.messages.create")
    assert found.usage == {
        "input_tokens": 4480,
        "output_tokens": 60,
        "cache_read_tokens": 0,
        "cache_write_tokens": 557,
        "cache_write_5m_tokens": 500,
        "cache_write_1h_tokens": 57,
    }
    assert (found.call.service_tier, found.flags, found.inclusivity) == ("priority", (), "declared")


def test_an_aborted_stream_leaves_its_output_out() -> None:
    """Input alone is no exact charge."""
    attributes = _chat("anthropic")
    del attributes["gen_ai.usage.output_tokens"]
    assert claim_of(attributes, scope="com.anthropic.sdk.typescript").flags == ("output_not_stated",)


@pytest.mark.parametrize(
    ("scope", "cached", "flags", "basis"),
    [
        (f"{_SCOPE}genai.openai", None, (), ""),
        (f"{_SCOPE}genai.openai", 100, (), "declared"),
        (f"{_SCOPE}openai_v2", None, ("cache_not_stated",), ""),
        (f"{_SCOPE}openai_v2", 100, (), "table"),
        ("opentelemetry.util.genai.handler", None, ("cache_not_stated",), ""),
        ("@opentelemetry/instrumentation-openai", None, ("cache_not_stated",), ""),
        (f"{_SCOPE}vertexai", None, ("cache_not_stated", "reasoning_not_stated"), ""),
    ],
)
def test_who_drops_cache_counts_is_doubted(scope: str, cached: int | None, flags: tuple[str, ...], basis: str) -> None:
    """A total without its cheap part is no exact price; who states zero sub-counts by leaving them out is believed."""
    found = claim_of(_chat() | ({} if cached is None else {_READ: cached}), scope=scope)
    assert (found.flags, found.inclusivity) == (flags, basis)


def test_gemini_has_the_conventions_name() -> None:
    """`opentelemetry-instrumentation-google-genai` says `gemini`."""
    found = claim_of(_chat("gemini", gen_ai__operation__name="generate_content"), scope=f"{_SCOPE}google_genai")
    assert (found.call.provider, found.call.dialect) == ("gcp.gemini", "otel-genai")


_BEDROCK = f"{_SCOPE}botocore.bedrock-runtime"


def test_bedrock_counts_caches_beside_the_input() -> None:
    """As `Converse` returns them."""
    attributes = _chat("aws.bedrock", gen_ai__usage__cache_read__input_tokens=2500, rpc__method="Converse")
    found = claim_of(attributes, scope=_BEDROCK)
    assert (found.usage["input_tokens"], found.inclusivity) == (5980, "table")


@pytest.mark.parametrize(
    ("model", "method", "flags", "source"),
    [
        ("anthropic.claude-x", "InvokeModel", ("cache_not_stated",), "provider"),
        ("eu.amazon.nova-pro-v1:0", "Converse", ("cache_not_stated",), "provider"),
        ("meta.llama3-8b", "InvokeModel", (), "provider"),
        ("mistral.mistral-7b", "InvokeModel", ("estimated",), "estimated"),
        ("cohere.command-r-v1:0", "InvokeModelWithResponseStream", ("estimated",), "estimated"),
        ("mistral.mistral-large", "Converse", (), "provider"),
        ("amazon.titan-text", "InvokeModel", (), "provider"),
    ],
)
def test_what_botocore_guesses_or_drops(model: str, method: str, flags: tuple[str, ...], source: str) -> None:
    """Input of some bodies is a sixth of the prompt's characters; Titan states its own count."""
    found = claim_of(_chat("aws.bedrock", model, rpc__method=method), scope=_BEDROCK)
    assert (found.flags, found.usage_source) == (flags, source)


def test_dotnet_drops_cache_writes() -> None:
    """Where a provider bills them apart, the charge is doubted."""
    scope = "Experimental.Microsoft.Extensions.AI"
    assert claim_of(_chat("anthropic"), scope=scope).flags == ("cache_write_not_stated",)
    assert claim_of(_chat("openai"), scope=scope).flags == ()


@pytest.mark.parametrize(
    ("attribute", "unit"),
    [
        ("gen_ai.usage.cache_read_input_tokens", "cache_read_tokens"),
        ("gen_ai.usage.details.cache_read_tokens", "cache_read_tokens"),
        ("gen_ai.usage.prompt_tokens_details.cached_tokens", "cache_read_tokens"),
        ("gen_ai.usage.cached_input_tokens", "cache_read_tokens"),
        ("gen_ai.usage.cache_creation_input_tokens", "cache_write_tokens"),
        ("gen_ai.usage.cache_write_input_tokens", "cache_write_tokens"),
        ("gen_ai.usage.details.cache_write_tokens", "cache_write_tokens"),
        ("gen_ai.usage.reasoning_tokens", "reasoning_tokens"),
        ("gen_ai.usage.details.reasoning_tokens", "reasoning_tokens"),
        ("gen_ai.usage.completion_tokens_details.reasoning_tokens", "reasoning_tokens"),
    ],
)
def test_every_spelling_is_read_and_none_is_added(attribute: str, unit: str) -> None:
    """An emitter may use several at once."""
    assert claim_of(_chat() | {attribute: 5}, scope="somebody").usage[unit] == 5
    both = _chat() | {attribute: 5, "gen_ai.usage.prompt_tokens": 3480, "gen_ai.usage.completion_tokens": 53}
    assert claim_of(both, scope="somebody").usage["input_tokens"] == 3480


@pytest.mark.parametrize(
    ("provider", "name", "basis"),
    [
        ("openai", _READ, "declared"),
        ("anthropic", _READ, "assumed"),
        ("anthropic", "gen_ai.usage.cache_write.input_tokens", "declared"),
    ],
)
def test_what_an_unknown_emitter_means_is_an_assumption(provider: str, name: str, basis: str) -> None:
    """Anthropic's own counts exclude the cache: only a name of conventions that declare inclusion is believed."""
    assert claim_of(_chat(provider) | {name: 100}, scope="somebody").inclusivity == basis


def test_an_interrupted_answer_is_told_from_a_refused_try() -> None:
    """The provider had answered with an id and its model; a refused try has neither."""
    attributes = _chat(gen_ai__response__id="chatcmpl-1", gen_ai__response__model="m")
    del attributes["gen_ai.usage.input_tokens"], attributes["gen_ai.usage.output_tokens"]
    scope = f"{_SCOPE}genai.openai"
    assert claim_of(attributes, scope=scope, error=True).flags == ("interrupted",)
    del attributes["gen_ai.response.id"]
    assert claim_of(attributes, scope=scope, error=True).flags == ()


def test_reading_an_answer_again_uses_nothing() -> None:
    """`GET /responses/{id}` names a response that was billed."""
    attributes = _chat(gen_ai__operation__name="fetch_response", gen_ai__response__id="resp_1")
    assert decoded(attributes, scope=f"{_SCOPE}genai.openai") is None
