"""What cannot be priced says why, keeps its quantities, and is never zero and never the full price."""

from decimal import Decimal
from typing import NamedTuple

import pytest
from genai_prices.data import providers as bundled_providers
from genai_prices.types import ClauseEquals, ModelInfo, ModelPrice, PriceVariant, Provider

from spanledger.exporter.rate import PriceBook, Rated, catalogue
from spanledger.exporter.rate.genai import REGION_KEYS, STANDARD_TIERS, TIER_KEYS, GenaiPrices
from spanledger.schemas.event import ATTO
from spanledger.schemas.money import format_amount

NOW = 1_795_264_800 * 10**9  # 2026-11-21 12:40 UTC
BATCH_BEGINS = 20_740 * 86_400 * 10**9  # 2026-10-14, from which the catalogue knows batch prices


def rate(usage: dict[str, int] | None, model: str = "gpt-5", tier: str = "", provider: str = "openai") -> Rated:
    """Rate with the bundled catalogue."""
    return catalogue().rate(usage, provider=provider, model=model, at_ns=NOW, service_tier=tier)


@pytest.mark.parametrize("usage", [None, {}])
def test_no_usage_is_unknown(usage: dict[str, int] | None) -> None:
    """A call whose usage was lost cost something, nobody knows what."""
    rated = rate(usage)
    assert (rated.state, rated.cost, rated.reason, rated.lines) == ("unknown", None, "no_usage", ())
    assert rated.model == "gpt-5"
    assert rated.price_book == catalogue().digest


@pytest.mark.parametrize("tier", [*sorted(STANDARD_TIERS), "Default", " STANDARD "])
def test_a_standard_tier_is_the_standard_price(tier: str) -> None:
    """1 000 * 1.25 + 500 * 10 per million, under every name of no tier at all."""
    rated = rate({"input_tokens": 1000, "output_tokens": 500}, tier=tier)
    assert format_amount(rated.cost or 0) == "0.00625"


@pytest.mark.parametrize(
    ("provider", "model", "tier"),
    [
        ("openai", "gpt-5", "nonsense"),
        ("openai", "gpt-5", "scale"),
        ("openai", "text-embedding-3-small", "batch"),
        ("anthropic", "claude-sonnet-4-5", "priority"),
        ("gcp.gemini", "gemini-2.5-pro", "flex"),
        ("aws.bedrock", "us.amazon.nova-lite-v1:0", "batch"),
        # Azure sells OpenAI's models, but nobody states its flex price.
        ("azure.ai.openai", "gpt-5", "flex"),
        # A search type of Perplexity's is no service tier.
        ("perplexity", "perplexity/sonar", "fast"),
    ],
)
def test_a_tier_without_a_price_is_unpriced(provider: str, model: str, tier: str) -> None:
    """The full price would be wrong by half or double, in silence."""
    rated = rate({"input_tokens": 1000}, model, tier, provider)
    assert (rated.state, rated.cost, rated.reason) == ("unpriced", None, "unknown_tier")
    assert rated.quantities == (1000,)


def test_a_tier_is_unpriced_before_its_price_begins() -> None:
    """The catalogue knows gpt-5's batch price from 14 October 2026; before, it would give the full price."""
    usage = {"input_tokens": 1000, "output_tokens": 500}
    book = catalogue()
    before = book.rate(usage, provider="openai", model="gpt-5", at_ns=BATCH_BEGINS - 1, service_tier="batch")
    after = book.rate(usage, provider="openai", model="gpt-5", at_ns=BATCH_BEGINS, service_tier="batch")
    assert (before.state, before.reason) == ("unpriced", "unknown_tier")
    assert format_amount(after.cost or 0) == "0.003125"


def test_the_catalogue_has_no_context_we_do_not_know() -> None:
    """A new kind of price context in the pinned catalogue must be looked at before it is trusted."""
    whens = [
        when
        for provider in bundled_providers
        for model in provider.models
        for when in [variant.when for variant in model.price_variants or []]
    ]
    assert {key for when in whens for key in when} == {*TIER_KEYS, "route", "search_type"}
    assert {len(when) for when in whens} == {1}


def _regional() -> PriceBook:
    """A model of one dollar per million, two dollars in the EU."""
    model = ModelInfo(
        id="m-1",
        match=ClauseEquals("m-1"),
        prices=ModelPrice(input_mtok=Decimal(1)),
        price_variants=[PriceVariant({REGION_KEYS[0]: "EU"}, ModelPrice(input_mtok=Decimal(2)))],
    )
    return PriceBook(GenaiPrices([Provider("p", "p", "", models=[model])], "0"))


@pytest.mark.parametrize(("region", "dollars"), [("", 1), ("us", 1), ("eu", 2)])
def test_a_region_counts_where_the_catalogue_has_regions(region: str, dollars: int) -> None:
    """Today's catalogue names none; one that did would be followed, and other regions pay the standard price."""
    usage = {"input_tokens": 1_000_000}
    rated = _regional().rate(usage, provider="p", model="m-1", at_ns=NOW, region=region)
    assert rated.cost == dollars * ATTO


@pytest.mark.parametrize("unit", ["writes", "characters", "gpu_seconds", "requests"])
def test_a_unit_of_work_nobody_prices_is_unpriced(unit: str) -> None:
    """Explicit units are quantities like any other: kept, listed, without a price."""
    rated = rate({unit: 7}, model="", provider="")
    assert (rated.state, rated.reason, rated.units, rated.quantities) == ("unpriced", "no_model", (unit,), (7,))


def test_a_unit_the_model_has_no_price_for_leaves_the_call_unpriced() -> None:
    """An embedding model that put out tokens: what is known is priced by line, the sum is not known."""
    rated = rate({"input_tokens": 8000, "output_tokens": 5}, "text-embedding-3-small")
    assert (rated.state, rated.cost, rated.reason) == ("unpriced", None, "no_price_for_unit")
    assert [(line.unit, line.amount) for line in rated.lines] == [
        ("input_tokens", 160 * 10**12),
        ("output_tokens", None),
    ]


def test_zero_of_an_unpriced_unit_changes_nothing() -> None:
    """Emitters state zero output tokens for embeddings."""
    rated = rate({"input_tokens": 8000, "output_tokens": 0}, "text-embedding-3-small")
    assert (rated.state, format_amount(rated.cost or 0)) == ("priced", "0.00016")


def test_a_request_count_beside_tokens_is_no_usage_of_its_own() -> None:
    """Every call is a request; only a book that prices requests makes a line of it."""
    rated = rate({"requests": 1, "input_tokens": 1000, "output_tokens": 500})
    assert (rated.units, format_amount(rated.cost or 0)) == (("input_tokens", "output_tokens"), "0.00625")


def test_a_model_listed_without_prices_is_unpriced() -> None:
    """The catalogue lists models that are free, retired or bundled without any price: zero is only one of these."""
    rated = rate({"input_tokens": 1000}, "qwen-3-coder-480b", provider="cerebras")
    assert (rated.state, rated.cost, rated.reason) == ("unpriced", None, "no_price")
    assert rated.price_id == "cerebras/qwen-3-coder-480b"


class Contradiction(NamedTuple):
    """Counts that cannot all be true of one call."""

    model: str
    usage: dict[str, int]
    reason: str


@pytest.mark.parametrize(
    "case",
    [
        Contradiction("gpt-5", {"input_tokens": 100, "cache_read_tokens": 101}, "inconsistent_usage"),
        # No price of its own for either, and still more parts than whole.
        Contradiction("gpt-5", {"output_tokens": 100, "reasoning_tokens": 101}, "inconsistent_usage"),
        Contradiction(
            "text-embedding-3-small",
            {"input_tokens": 100, "cache_read_tokens": 60, "cache_write_tokens": 60},
            "inconsistent_usage",
        ),
        Contradiction(
            "gpt-5",
            {"input_tokens": 100, "input_audio_tokens": 10, "cache_audio_read_tokens": 11},
            "inconsistent_usage",
        ),
        Contradiction("gpt-5", {"input_tokens": -1}, "inconsistent_usage"),
        # Cached tokens are part of an input nobody stated.
        Contradiction("gpt-5", {"cache_read_tokens": 5}, "incomplete_usage"),
        # Cached and audio tokens may be the same ones; this model prices cached audio apart.
        Contradiction(
            "gpt-realtime",
            {"input_tokens": 100, "cache_read_tokens": 50, "input_audio_tokens": 20},
            "incomplete_usage",
        ),
    ],
    ids=lambda case: f"{case.model} {case.reason}",
)
def test_contradictory_or_incomplete_counts_are_unpriced_as_stated(case: Contradiction) -> None:
    """Nothing is clamped and nothing is guessed: the lines are what was said."""
    rated = rate(case.usage, case.model)
    assert (rated.state, rated.cost, rated.reason) == ("unpriced", None, case.reason)
    assert dict(zip(rated.units, rated.quantities, strict=True)) == case.usage
    assert set(rated.unit_prices) == set(rated.amounts) == {None}


def test_counts_that_agree_are_not_taken_for_a_contradiction() -> None:
    """Cached and audio tokens overlap: 60 and 50 of 100 may well be."""
    usage = {"input_tokens": 100, "cache_read_tokens": 60, "input_audio_tokens": 50, "cache_audio_read_tokens": 10}
    rated = rate(usage, "gpt-realtime")
    # text 0 * 4 + audio 40 * 32 + cached text 50 * 0.40 + cached audio 10 * 0.40, per million
    assert (rated.state, format_amount(rated.cost or 0)) == ("priced", "0.001304")


def test_an_unpriced_call_is_still_broken_down() -> None:
    """Without a price the lines are the cache axis, so that quantities never count a token twice."""
    usage = {"input_tokens": 100, "cache_read_tokens": 60, "output_tokens": 10, "reasoning_tokens": 4}
    rated = rate(usage, "gpt-99-turbo")
    assert dict(zip(rated.units, rated.quantities, strict=True)) == {
        "input_tokens": 40,
        "cache_read_tokens": 60,
        "output_tokens": 10,
    }
