"""The whole catalogue, rated here and by the library's own slow arithmetic: every line and every cost is equal."""

import random
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext
from functools import cache
from typing import NamedTuple

import msgspec
import pytest
from genai_prices.data import providers as bundled_providers
from genai_prices.data_units import unit_data
from genai_prices.decompose import compute_leaf_values
from genai_prices.types import ModelInfo, ModelPrice, Provider, TieredPrices, Usage, calc_unit_price
from genai_prices.units import UnitRegistry

from spanledger.exporter.rate import PriceBook, Rated, Source
from spanledger.exporter.rate.book import DAY_NS
from spanledger.exporter.rate.genai import STANDARD_TIERS, TIER_KEYS, GenaiPrices
from spanledger.exporter.rate.tariff import Dimensions, Miss, Sought, Tariff
from spanledger.schemas.money import atto_to_decimal

USAGES_PER_MODEL = 20
SHAPES_PER_MODEL = 4
REFERENCE_NS = 1_795_312_000 * 10**9  # 2026-11-21, when most of the catalogue's dated prices have begun

ATTO = Decimal(1).scaleb(-18)
WIDE = Context(prec=80, rounding=ROUND_HALF_EVEN)
REGISTRY = UnitRegistry(unit_data)
# What a unit is contained in, itself included: an atom of usage counts in all of them.
WHOLES = {key: (key, *REGISTRY.ancestor_usage_keys(key)) for key in REGISTRY.units if key != "requests"}


class Call(NamedTuple):
    """One rating: what was used, when, and the service tier as stated and as the catalogue's context."""

    usage: dict[str, int]
    at_ns: int
    tier: str
    context: dict[str, str]


class OneModel:
    """A source that finds one given model under any name, so that names play no part in the comparison."""

    def __init__(self, genai: GenaiPrices, provider: Provider, model: ModelInfo) -> None:
        self._genai, self._provider, self._model = genai, provider, model
        self.digest = "test"
        self.units: Mapping[str, Dimensions] = genai.units

    def find(self, sought: Sought) -> Tariff | Miss:
        """The model's tariff, whatever is sought."""
        return self._genai.tariff("any", self._provider, self._model, sought)


@cache
def _genai() -> GenaiPrices:
    return GenaiPrices()


def _book(provider: Provider, model: ModelInfo) -> PriceBook:
    source: Source = OneModel(_genai(), provider, model)
    return PriceBook(source)


def _prices(model: ModelInfo) -> Iterator[ModelPrice]:
    if isinstance(model.prices, ModelPrice):
        yield model.prices
    else:
        yield from (one.prices for one in model.prices)


def _instants(model: ModelInfo) -> list[int]:
    """The reference time, and both sides of every price change."""
    tariff = _genai().tariff("any", Provider("", "", ""), model, Sought("", (), "", ""))
    assert isinstance(tariff, Tariff)
    starts = [one.constraint for one in model.price_variants or [] if one.constraint is not None]
    edges = [*tariff.changes, *(REFERENCE_NS // DAY_NS * DAY_NS + edge for edge in tariff.daily)]
    if starts:
        edges.append(20_740 * DAY_NS)  # 2026-10-14, on which most of the catalogue's batch prices begin
    return [REFERENCE_NS, *(instant for edge in edges for instant in (edge - 1, edge))]


def _contexts(model: ModelInfo) -> list[tuple[str, dict[str, str]]]:
    """The standard price, and every service tier the model is priced under."""
    whens = [one.when for one in model.price_variants or []]
    tiers = {value: {key: value} for when in whens for key, value in when.items() if key in TIER_KEYS}
    return [("", {}), *((tier, when) for tier, when in tiers.items() if tier not in STANDARD_TIERS)]


def _shape(rng: random.Random, model: ModelInfo) -> list[str]:
    """Units to state: those with a price, and now and then others that a priced whole contains."""
    priced = {
        REGISTRY.unit_for_price_key(key).usage_key
        for price in [*_prices(model), *(one.prices for one in model.price_variants or [])]
        for key in vars(price)
    } - {"requests"}
    # Audio put out is no part of a transcription, whose seconds alone the catalogue prices.
    inside = [key for key, wholes in WHOLES.items() if priced.intersection(wholes) and key != "output_audio_seconds"]
    extra = rng.sample(inside, min(len(inside), rng.randrange(3)))
    return sorted({whole for key in [*priced, *extra] for whole in WHOLES[key] if whole in priced or whole in extra})


def _usage(rng: random.Random, shape: list[str]) -> dict[str, int]:
    """Counts that agree: random atoms, each counted in every whole it is part of."""
    usage = dict.fromkeys(shape or ["input_tokens"], 0)
    size = 10 ** rng.randrange(1, 7)
    for key in shape:
        atom = rng.randrange(size) if rng.random() < 0.8 else 0
        for whole in set(WHOLES[key]).intersection(usage):
            usage[whole] += atom
    return usage


def _expected(price: ModelPrice, usage: Mapping[str, int]) -> dict[str, Decimal]:
    """The library's arithmetic, unit by unit, in wide decimals; each line rounded half-even to 18 places."""
    resolved: dict[str, Decimal | TieredPrices] = {
        REGISTRY.unit_for_price_key(key).usage_key: value for key, value in vars(price).items() if value is not None
    }
    keys = set(resolved) - {"requests"}
    stated = Usage(**usage)
    leaves: dict[str, int | float | Decimal] = dict(
        compute_leaf_values(keys, stated, {key: REGISTRY.units[key] for key in keys})
    )
    if "requests" in resolved:
        leaves["requests"] = 1
    total = stated.input_tokens if any(isinstance(one, TieredPrices) for one in resolved.values()) else 0
    with localcontext(WIDE):
        return {
            key: calc_unit_price(value, leaves[key], total, REGISTRY.units[key].per).quantize(ATTO)
            for key, value in resolved.items()
            if leaves[key]
        }


def _billed(provider: Provider, model: ModelInfo, usage: Mapping[str, int]) -> Mapping[str, int]:
    """The one rule the library carries as code: Groq bills at least ten seconds of audio."""
    if provider.id != "groq" or not model.id.startswith("whisper") or not usage.get("audio_seconds"):
        return usage
    seconds = max(10, usage["audio_seconds"])
    return {**usage, "audio_seconds": seconds, "input_audio_seconds": seconds}


def _lines(rated: Rated) -> dict[str, Decimal]:
    return {line.unit: atto_to_decimal(line.amount) for line in rated.lines if line.amount is not None}


def _assert_rightly_unpriced(rated: Rated, model: ModelInfo, at: datetime, call: Call) -> None:
    """The three answers without a cost that agreeing counts can have, each for its own reason only."""
    price = model.get_prices(at, call.context)
    match rated.reason:
        case "unknown_tier":
            asked = [one for one in model.price_variants or [] if one.when == call.context]
            assert call.context
            assert not any(one.constraint is None or one.constraint.active(at) for one in asked)
        case "no_price":
            assert not vars(price)
        case reason:
            assert reason == "no_price_for_unit"
            priced = {REGISTRY.unit_for_price_key(key).usage_key for key in vars(price)}
            assert any(count and not priced.intersection(WHOLES[key]) for key, count in call.usage.items())


def _calls(rng: random.Random, model: ModelInfo) -> Iterator[Call]:
    """Random usages, over the model's tiers and on both sides of its price changes."""
    instants = _instants(model)
    contexts = _contexts(model)
    for number in range(SHAPES_PER_MODEL):
        shape = _shape(rng, model)
        for _ in range(USAGES_PER_MODEL // SHAPES_PER_MODEL):
            tier, context = rng.choice(contexts)
            yield Call(_usage(rng, shape), instants[0] if number == 0 else rng.choice(instants), tier, context)


@pytest.mark.parametrize("provider", bundled_providers, ids=lambda provider: provider.id)
def test_every_model_costs_what_the_library_says(provider: Provider) -> None:
    """Twenty random usages of every model of every provider: each line and each cost is the library's."""
    rng = random.Random(f"rate {provider.id}")  # noqa: S311 - reproducible test data, no secret
    for model in provider.models:
        book = _book(provider, model)
        for call in _calls(rng, model):
            rated = book.rate(call.usage, provider="", model="any", at_ns=call.at_ns, service_tier=call.tier)
            at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=call.at_ns // 1000)
            if rated.reason:
                assert rated.cost is None
                _assert_rightly_unpriced(rated, model, at, call)
            else:
                usage = _billed(provider, model, call.usage)
                assert _lines(rated) == _expected(model.get_prices(at, call.context), usage), (model.id, call)
                assert atto_to_decimal(rated.cost or 0) == sum(_lines(rated).values())


@pytest.mark.parametrize("provider", bundled_providers, ids=lambda provider: provider.id)
def test_the_sum_is_the_library_total(provider: Provider) -> None:
    """Against `calc_price` itself, once per model: the cost differs by less than the rounding of its lines."""
    rng = random.Random(f"total {provider.id}")  # noqa: S311 - reproducible test data, no secret
    for model in provider.models:
        usage = _usage(rng, _shape(rng, model))
        rated = _book(provider, model).rate(usage, provider="", model="any", at_ns=REFERENCE_NS)
        at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=REFERENCE_NS // 1000)
        library = model.calc_price(Usage(**usage), provider, genai_request_timestamp=at).total_price
        if rated.cost is not None:
            assert abs(atto_to_decimal(rated.cost) - library) <= ATTO * len(rated.units)


def test_the_kept_text_of_the_catalogue_is_all_of_it() -> None:
    """Every model of every provider comes back with the same names, prices, tiers, dates and hours."""
    genai = _genai()
    again = GenaiPrices.of_text(genai.text)
    assert again.digest == genai.digest
    assert again.text == genai.text
    stated = [msgspec.structs.replace(one, source="") for one in genai.listings()]
    assert sorted(stated, key=repr) == sorted(again.listings(), key=repr)
    for own, kept in zip(genai.providers, again.providers, strict=True):
        assert (own.id, own.model_match) == (kept.id, kept.model_match)
        assert [(one.id, one.match, one.price_variants) for one in own.models] == [
            (one.id, one.match, one.price_variants) for one in kept.models
        ]
