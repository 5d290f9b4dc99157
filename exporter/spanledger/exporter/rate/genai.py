"""The bundled catalogue of `genai-prices` as a source of tariffs. Importing this costs a third of a second of CPU.

Whatever the library would answer, this answers; where the library falls back to a full price or to zero in
silence (an unknown service tier, a unit without a price), this says that there is no price.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import cached_property
from hashlib import sha256
from typing import Final

import msgspec
from genai_prices import __version__ as library_version
from genai_prices.data import providers as bundled_providers
from genai_prices.data_units import unit_data
from genai_prices.types import (
    ConditionalPrice,
    ModelInfo,
    ModelPrice,
    PriceVariant,
    Provider,
    StartDateConstraint,
    TieredPrices,
    TimeOfDateConstraint,
)
from genai_prices.units import UnitDef, UnitRegistry

from spanledger.exporter.rate.book import CURRENCY, DAY_NS
from spanledger.exporter.rate.providers import ANY, MODEL_CHARS_MAX, Providers, Reference
from spanledger.exporter.rate.rated import Reason
from spanledger.exporter.rate.tariff import Dimensions, Minimum, Sought, Step, Steps, Tariff, list_price

DIGEST_CHARS: Final = 16
"""64 bits tell price books apart: nobody forges one against himself, and the version stands beside it."""

STANDARD_TIERS: Final = frozenset({"", "auto", "default", "standard", "standard_only", "on_demand", "normal"})
"""What providers call the price without any tier (spellings of OpenAI, Anthropic, Groq, Vertex and Claude Code)."""

TIER_KEYS: Final = ("service_tier", "processing", "speed")
"""Keys of the catalogue's price contexts whose values are service tiers: flex, batch and fast stand under three."""

REGION_KEYS: Final = ("region", "inference_geo")
"""Keys whose values would be regions. Version 0.2.3 has none: there, a region is part of the model's name."""

_GROQ_WHISPER: Final = frozenset({"whisper-large-v3", "whisper-large-v3-turbo"})
_GROQ_MINIMUM: Final = Minimum(("audio_seconds", "input_audio_seconds"), 10)
"""Groq bills at least ten seconds of audio; the library carries this rule as code, not as data."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class GenaiPrices:
    """The catalogue: every provider and model of the library's bundled data."""

    def __init__(self, providers: Iterable[Provider] = bundled_providers, version: str = library_version) -> None:
        self._providers = list(providers)
        self._by_id = {provider.id: provider for provider in self._providers}
        self._names = Providers(self._by_id)
        self._version = version
        self._registry = UnitRegistry(unit_data)
        self.units: Mapping[str, Dimensions] = {
            name: frozenset(unit.dimensions.items()) for name, unit in self._registry.units.items()
        }

    @property
    def digest(self) -> str:
        """`genai-prices-VERSION:` and a hash of everything an answer depends on; takes some 40 ms, once."""
        return self._digest

    @cached_property
    def _digest(self) -> str:
        content = [
            (
                provider.id,
                provider.model_match,
                provider.fallback_model_providers,
                [(model.id, model.match, model.prices, model.price_variants) for model in provider.models],
            )
            for provider in self._providers
        ]
        text = msgspec.json.encode([unit_data, content], enc_hook=_prices_of, order="deterministic")
        return f"genai-prices-{self._version}:{sha256(text).hexdigest()[:DIGEST_CHARS]}"

    def find(self, sought: Sought) -> Tariff | Reason:
        """Find the tariff: by the response's model, else by the request's; the first one's reason if neither is."""
        provider = self._names.identify(sought.provider)
        if provider is None:
            return "unknown_provider"
        reasons: list[Reason] = []
        for name in filter(str.strip, sought.models):
            found = self._resolve(provider, name.strip()) if len(name) <= MODEL_CHARS_MAX else "no_model"
            if not isinstance(found, str):
                return self.tariff(name, *found, sought)
            reasons.append(found)
        return reasons[0] if reasons else "no_model"

    def tariff(self, name: str, provider: Provider, model: ModelInfo, sought: Sought) -> Tariff | Reason:
        """Give the tariff of a model for the stated tier and region, in the catalogue's own context keys."""
        tier = sought.service_tier.strip().lower()
        # The library gives another provider's model no variants: only its own are known to be offered there.
        own = any(one is model for one in provider.models)
        variants = (model.price_variants or []) if own else []
        tiers = {} if tier in STANDARD_TIERS else _context(variants, TIER_KEYS, tier)
        if tier not in STANDARD_TIERS and len(tiers) != 1:
            return "unknown_tier"
        context = tiers | _context(variants, REGION_KEYS, sought.region.strip().lower())
        applicable = [one for one in variants if one.when.items() <= context.items()]
        if tiers and not any(tiers.items() <= one.when.items() for one in applicable):
            return "unknown_tier"
        changes, daily = _boundaries(model, applicable)
        return Tariff(
            price_id=f"{provider.id}/{model.id}",
            model=name,
            currency=CURRENCY,
            changes=changes,
            daily=daily,
            prices_at=lambda at_ns: self._prices(model, applicable, (tiers, context), at_ns),
            minimum=_GROQ_MINIMUM if provider.id == "groq" and model.id in _GROQ_WHISPER else None,
        )

    def _resolve(self, provider: str, name: str) -> tuple[Provider, ModelInfo] | Reason:
        """The first group of plausible references that names a model; more than one price is ambiguous."""
        for group in self._names.references(provider, name):
            found = [match for reference in group for match in self._matches(reference)]
            if found:
                first = found[0][1]
                same = all(
                    model.prices == first.prices and model.price_variants == first.price_variants
                    for _, model in found[1:]
                )
                return found[0] if same else "ambiguous_model"
        return "no_model"

    def _matches(self, reference: Reference) -> list[tuple[Provider, ModelInfo]]:
        """Every provider that may be meant and knows the model, as the library matches names."""
        name = reference.model.lower()
        candidates = (
            [self._by_id[reference.provider]]
            if reference.provider != ANY
            else [one for one in self._providers if one.model_match is not None and one.model_match.is_match(name)]
        )
        found = ((one, one.find_model(name, all_providers=self._providers)) for one in candidates)
        return [(one, model) for one, model in found if model is not None]

    def _prices(
        self,
        model: ModelInfo,
        variants: list[PriceVariant],
        contexts: tuple[Mapping[str, str], Mapping[str, str]],
        at_ns: int,
    ) -> Mapping[str, Steps] | Reason:
        """The prices in force at an instant. A tier that had no price yet is unknown, not the full price."""
        at = _EPOCH + timedelta(microseconds=at_ns // 1000)
        tiers, context = contexts
        if tiers and not any(
            tiers.items() <= one.when.items() and (one.constraint is None or one.constraint.active(at))
            for one in variants
        ):
            return "unknown_tier"
        prices = _prices_of(model.get_prices(at, context))
        steps = {
            unit.usage_key: _steps(price, unit)
            for key, price in prices.items()
            if price is not None
            for unit in [self._registry.unit_for_price_key(key)]
        }
        return steps or "no_price"


def _context(variants: Iterable[PriceVariant], keys: tuple[str, ...], value: str) -> dict[str, str]:
    """The context pairs the catalogue itself uses for a stated value, with its own spelling."""
    pairs = (pair for variant in variants for pair in variant.when.items())
    return {key: spelt for key, spelt in pairs if value and key in keys and spelt.lower() == value}


def _boundaries(model: ModelInfo, variants: Iterable[PriceVariant]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Every instant, and every time of day, at which some price of the model starts or ends."""
    conditional: list[ConditionalPrice] = [] if isinstance(model.prices, ModelPrice) else model.prices
    changes: set[int] = set()
    daily: set[int] = set()
    for one in (*conditional, *variants):
        match one.constraint:
            case StartDateConstraint(start_date=start):
                changes.add(_midnight_ns(start))
            case TimeOfDateConstraint(start_time=start, end_time=end):
                daily |= {_time_of_day_ns(start), _time_of_day_ns(end)}
            case None:
                pass
    return tuple(sorted(changes)), tuple(sorted(daily))


def _midnight_ns(day: date) -> int:
    return (day - _EPOCH.date()).days * DAY_NS


def _time_of_day_ns(value: time) -> int:
    """A time of day in UTC; one without a zone is UTC, as the library has it."""
    clock = timedelta(hours=value.hour, minutes=value.minute, seconds=value.second, microseconds=value.microsecond)
    utc = clock - (value.utcoffset() or timedelta())
    return (utc // timedelta(microseconds=1)) * 1000 % DAY_NS


def _steps(price: Decimal | TieredPrices, unit: UnitDef) -> Steps:
    """A price as steps. The library sorts tiers and takes the last one the total exceeds; so do steps."""
    if isinstance(price, Decimal):
        return (Step(-1, list_price(price, unit.per)),)
    tiers = ((tier.start, tier.price) for tier in price.tiers)
    return tuple(Step(above, list_price(amount, unit.per)) for above, amount in ((-1, price.base), *tiers))


def _prices_of(price: object) -> Mapping[str, Decimal | TieredPrices | None]:
    """The stated prices of a `ModelPrice`, which keeps them as attributes of its own."""
    if not isinstance(price, ModelPrice):
        msg = f"the catalogue holds a {type(price).__name__} where a price was expected"
        raise TypeError(msg)
    return vars(price)
