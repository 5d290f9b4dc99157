"""Names of providers and models in rarer spellings (the usual ones: test_forty_names.py); what is rightly refused."""

from decimal import Decimal

import pytest
from genai_prices.data import providers as bundled_providers
from genai_prices.types import ClauseEquals, ClauseStartsWith, ModelInfo, ModelPrice, Provider

from spanledger.exporter.rate import PriceBook, catalogue
from spanledger.exporter.rate.genai import GenaiPrices
from spanledger.exporter.rate.providers import ANY, MODEL_CHARS_MAX, SPELLINGS, Providers, Reference
from spanledger.schemas.event import ATTO
from spanledger.schemas.money import format_amount

NOW = 1_795_264_800 * 10**9  # 2026-11-21 12:40 UTC
USAGE = {"input_tokens": 1_000_000, "output_tokens": 500_000}  # a thousand calls of 1 000 and 500 tokens

ARN = "arn:aws:bedrock:us-east-1:123456789012"

# US dollars for USAGE by the providers' price lists.
PRICED = [
    # Without a provider, the name must say it all.
    ("", "gpt-4o", "7.5"),
    ("", "anthropic/claude-haiku-4.5", "3.5"),
    ("", "openai/gpt-4o-mini", "0.45"),
    ("", "azure/gpt-4o-2024-11-20", "7.5"),
    ("", "bedrock/us.amazon.nova-lite-v1:0", "0.18"),
    ("", "gemini/gemini-2.5-flash-lite", "0.3"),
    ("", "litellm/azure/gpt-4o", "7.5"),
    ("litellm", "openai/gpt-4o-mini", "0.45"),
    ("strands-agents", "claude-haiku-4-5", "3.5"),
    # A prefix tells more than the provider whose client library was used.
    ("openai", "anthropic/claude-haiku-4.5", "3.5"),
    ("gcp.vertex_ai", "projects/p/locations/us/publishers/google/models/gemini-2.5-flash", "1.55"),
    ("openai.chat", "gpt-4o", "7.5"),
    ("anthropic.messages", "claude-haiku-4-5", "3.5"),
    ("amazon-bedrock", "us.amazon.nova-lite-v1:0", "0.18"),
]

# Above 200 000 input tokens this model costs more, so these are rated at 1 000 and 500 tokens.
SONNET = [
    ("", f"{ARN}:inference-profile/us.anthropic.claude-sonnet-4-5-20250929-v1:0", "0.01155"),
    ("", "openrouter/anthropic/claude-sonnet-4.5", "0.0105"),
    ("google", "claude-sonnet-4-5@20250929", "0.0105"),
]

REFUSED = [
    ("", "llama3:8b"),
    ("openai", "claude-haiku-4-5"),
    ("anthropic", "claude-nonexistent-9"),
    ("openai", "openai/"),
    ("", "/"),
    ("", ""),
    ("openai", "gpt-4o" + " " * MODEL_CHARS_MAX),
]


@pytest.mark.parametrize(("provider", "model", "cost"), PRICED)
def test_a_known_name_is_priced(provider: str, model: str, cost: str) -> None:
    """Dated snapshots, fine-tunes, profiles, resource paths and provider prefixes find their model."""
    rated = catalogue().rate(USAGE, provider=provider, model=model, at_ns=NOW)
    assert (rated.reason, format_amount(rated.cost or 0)) == ("", cost)
    assert rated.model == model


@pytest.mark.parametrize(("provider", "model", "cost"), SONNET)
def test_a_known_name_with_a_context_band_is_priced(provider: str, model: str, cost: str) -> None:
    """The same, for models whose price depends on the length of the prompt."""
    usage = {"input_tokens": 1000, "output_tokens": 500}
    rated = catalogue().rate(usage, provider=provider, model=model, at_ns=NOW)
    assert (rated.reason, format_amount(rated.cost or 0)) == ("", cost)


@pytest.mark.parametrize(("provider", "model"), REFUSED)
def test_an_unknown_name_is_unpriced_never_zero(provider: str, model: str) -> None:
    """A deployment, an opaque profile, a future model: no family is guessed, and nothing costs zero."""
    rated = catalogue().rate(USAGE, provider=provider, model=model, at_ns=NOW)
    assert (rated.state, rated.cost, rated.reason) == ("unpriced", None, "no_model")
    assert [(line.unit, line.quantity, line.unit_price, line.amount) for line in rated.lines] == [
        ("input_tokens", 1_000_000, None, None),
        ("output_tokens", 500_000, None, None),
    ]
    assert (rated.model, rated.price_id, rated.currency) == (model, "", "USD")


@pytest.mark.parametrize("provider", ["ibm.watsonx.ai", "my-gateway", "open ai"])
def test_an_unknown_provider_is_unpriced(provider: str) -> None:
    """Who is not in the table may charge anything: the model's usual price would be a guess."""
    rated = catalogue().rate(USAGE, provider=provider, model="gpt-4o", at_ns=NOW)
    assert (rated.state, rated.reason) == ("unpriced", "unknown_provider")


def test_the_response_model_comes_before_the_request_model() -> None:
    """The response names the snapshot that was really used."""
    rated = catalogue().rate(USAGE, provider="openai", model="gpt-4o-2024-05-13", fallback_model="gpt-4o", at_ns=NOW)
    assert (rated.model, format_amount(rated.cost or 0)) == ("gpt-4o-2024-05-13", "12.5")


def test_the_request_model_stands_in_for_an_unknown_response_model() -> None:
    """A proxy answers with its own alias."""
    rated = catalogue().rate(USAGE, provider="openai", model="my-gpt", fallback_model="gpt-4o", at_ns=NOW)
    assert (rated.model, format_amount(rated.cost or 0)) == ("gpt-4o", "7.5")


def _reseller(identity: str, dollars: str) -> Provider:
    """A provider that claims every name beginning with `m-`, and sells `m-1`."""
    price = ModelPrice(input_mtok=Decimal(dollars), output_mtok=Decimal(0))
    model = ModelInfo(id="m-1", match=ClauseEquals("m-1"), prices=price)
    return Provider(identity, identity, "", model_match=ClauseStartsWith("m-"), models=[model])


def test_a_name_that_fits_two_prices_is_ambiguous() -> None:
    """Without a provider, two who sell the same name at different prices leave no price."""
    book = PriceBook(GenaiPrices([_reseller("first", "1"), _reseller("second", "2")], "0"))
    rated = book.rate(USAGE, provider="", model="m-1", at_ns=NOW)
    assert (rated.state, rated.cost, rated.reason) == ("unpriced", None, "ambiguous_model")
    assert book.rate(USAGE, provider="second", model="m-1", at_ns=NOW).cost == 2 * ATTO
    # A prefix that contradicts the provider, and both sell it.
    assert book.rate(USAGE, provider="second", model="first/m-1", at_ns=NOW).reason == "ambiguous_model"


def test_a_name_that_fits_one_price_twice_is_priced() -> None:
    """Who of two sold it does not matter when both charge the same."""
    book = PriceBook(GenaiPrices([_reseller("first", "1"), _reseller("second", "1")], "0"))
    assert book.rate(USAGE, provider="", model="m-1", at_ns=NOW).cost == ATTO


def test_every_spelling_names_a_provider_of_the_catalogue() -> None:
    """The table has no dead entry, and each id of the catalogue names itself."""
    ids = [provider.id for provider in bundled_providers]
    names = Providers(ids)
    assert {names.identify(spelling) for spelling in SPELLINGS} <= {*ids, ANY}
    assert [names.identify(identity) for identity in ids] == ids


@pytest.mark.parametrize(
    ("spelling", "identity"),
    [
        ("azure.ai.openai", "azure"),
        ("az.ai.inference", "azure"),
        ("gcp.gen_ai", "google"),
        ("moonshot_ai", "moonshotai"),
        ("x_ai", "x-ai"),
        ("xai", "x-ai"),
        ("OpenAI", "openai"),
        (" openai ", "openai"),
        ("google.generative-ai", "google"),
        ("", ANY),
        ("gcp.unknown", None),
    ],
)
def test_a_provider_is_identified_however_it_is_spelt(spelling: str, identity: str | None) -> None:
    """Semantic conventions old and new, AI SDK names cut at the first dot, case and hyphens aside."""
    assert Providers(provider.id for provider in bundled_providers).identify(spelling) == identity


def test_only_written_out_structure_is_taken_away() -> None:
    """A reference is tried as written, then without its path, then without its provider prefix."""
    names = Providers(["anthropic", "openrouter"])
    assert names.references("", "openrouter/anthropic/claude") == [
        (Reference("", "openrouter/anthropic/claude"),),
        (Reference("openrouter", "anthropic/claude"),),
    ]
    assert names.references("openrouter", "anthropic/claude") == [
        (Reference("openrouter", "anthropic/claude"),),
        (Reference("anthropic", "claude"), Reference("openrouter", "claude")),
    ]
    assert names.references("", "meta-llama/llama") == [(Reference("", "meta-llama/llama"),)]
    assert names.references("anthropic", "my-models/claude") == [(Reference("anthropic", "my-models/claude"),)]
