"""The bundled catalogue of `genai-prices` as a source of tariffs. Importing this costs a third of a second of CPU.

Whatever the library would answer, this answers; where the library falls back to a full price or to zero in
silence (an unknown service tier, a unit without a price), this says that there is no price.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import cached_property
from hashlib import sha256
from typing import Any, Final

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
from spanledger.exporter.rate.listing import Listing, stepped
from spanledger.exporter.rate.overlay import STANDARD_TIERS
from spanledger.exporter.rate.providers import ANY, MODEL_CHARS_MAX, Providers, Reference
from spanledger.exporter.rate.rated import Reason
from spanledger.exporter.rate.snapshot import snapshot_of, stated_prices, text_of
from spanledger.exporter.rate.supplement import UNITS, supplemented
from spanledger.exporter.rate.tariff import Dimensions, Minimum, Miss, Quote, Sought, Step, Steps, Tariff, list_price

DIGEST_CHARS: Final = 16
"""64 bits tell price books apart: nobody forges one against himself, and the version stands beside it."""

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

    def __init__(
        self,
        providers: Iterable[Provider] | None = None,
        version: str = library_version,
        units: Mapping[str, Any] | None = None,
    ) -> None:
        self.providers = supplemented(bundled_providers) if providers is None else list(providers)
        self._by_id = {provider.id: provider for provider in self.providers}
        self.names = Providers(self._by_id)
        self._version = version
        self._unit_data: Mapping[str, Any] = {**unit_data, **UNITS} if units is None else units
        self._registry = UnitRegistry(self._unit_data)
        self.units: Mapping[str, Dimensions] = {
            name: frozenset(unit.dimensions.items()) for name, unit in self._registry.units.items()
        }

    @classmethod
    def of_text(cls, text: bytes | str) -> "GenaiPrices":
        """The catalogue that a text was made of. Raises what `snapshot_of` raises."""
        kept = snapshot_of(text)
        return cls(kept.providers, kept.version, kept.units)

    @property
    def name(self) -> str:
        """The library and its version."""
        return f"genai-prices {self._version}"

    @property
    def text(self) -> str:
        """Everything an answer depends on, as `of_text` reads it."""
        return text_of(self._version, self._unit_data, self.providers).decode()

    @property
    def digest(self) -> str:
        """`genai-prices-VERSION:` and a hash of the text; takes some 40 ms, once."""
        return self._digest

    @cached_property
    def _digest(self) -> str:
        text = text_of(self._version, self._unit_data, self.providers)
        return f"genai-prices-{self._version}:{sha256(text).hexdigest()[:DIGEST_CHARS]}"

    def listings(self) -> Iterator[Listing]:
        """Every price, with its tier or other context and the day or hours it holds from."""
        for provider in self.providers:
            for model in provider.models:
                plain_prices = (
                    [ConditionalPrice(prices=model.prices)] if isinstance(model.prices, ModelPrice) else model.prices
                )
                for price in plain_prices:
                    yield from self._listed(provider, model, "", price)
                for variant in model.price_variants or []:
                    yield from self._listed(provider, model, ",".join(variant.when.values()), variant)

    def _listed(
        self, provider: Provider, model: ModelInfo, tier: str, price: ConditionalPrice | PriceVariant
    ) -> Iterator[Listing]:
        base = Listing(
            layer=self.name,
            kind="price",
            price_id=_price_id(provider, model),
            provider=provider.id,
            model=model.id,
            tier=tier,
            currency=CURRENCY,
            source=", ".join(provider.pricing_urls or ()),
        )
        match price.constraint:
            case StartDateConstraint(start_date=start):
                base = msgspec.structs.replace(base, since_ns=_midnight_ns(start))
            case TimeOfDateConstraint(start_time=start, end_time=end):
                base = msgspec.structs.replace(base, hours=f"{start:%H:%M}-{end:%H:%M} UTC")
            case None:
                pass
        for key, stated in stated_prices(price.prices).items():
            if stated is not None:
                unit = self._registry.unit_for_price_key(key)
                yield from stepped(base, unit.usage_key, _steps(stated, unit))

    def find(self, sought: Sought) -> Tariff | Miss:
        """Find the tariff: by the response's model, else by the request's; the first one's reason if neither is."""
        provider = self.names.identify(sought.provider)
        if provider is None:
            return Miss("unknown_provider")
        misses: list[Miss] = []
        for name in filter(str.strip, sought.models):
            found = self._resolve(provider, name.strip()) if len(name) <= MODEL_CHARS_MAX else Miss("no_model")
            if not isinstance(found, Miss):
                return self.tariff(name, *found, sought)
            misses.append(found)
        return misses[0] if misses else Miss("no_model")

    def tariff(self, name: str, provider: Provider, model: ModelInfo, sought: Sought) -> Tariff | Miss:
        """Give the tariff of a model for the stated tier and region, in the catalogue's own context keys."""
        tier = sought.service_tier.strip().lower()
        price_id = _price_id(provider, model)
        # The library gives another provider's model no variants: only its own are known to be offered there.
        own = any(one is model for one in provider.models)
        variants = (model.price_variants or []) if own else []
        tiers = {} if tier in STANDARD_TIERS else _context(variants, TIER_KEYS, tier)
        if tier not in STANDARD_TIERS and len(tiers) != 1:
            return Miss("unknown_tier", price_id=price_id)
        context = tiers | _context(variants, REGION_KEYS, sought.region.strip().lower())
        applicable = [one for one in variants if one.when.items() <= context.items()]
        if tiers and not any(tiers.items() <= one.when.items() for one in applicable):
            return Miss("unknown_tier", price_id=price_id)
        changes, daily = _boundaries(model, applicable)
        return Tariff(
            price_id=price_id,
            model=name,
            currency=CURRENCY,
            changes=changes,
            daily=daily,
            prices_at=lambda at_ns: self._quote(price_id, model, applicable, (tiers, context), at_ns),
            minimum=_GROQ_MINIMUM if provider.id == "groq" and model.id in _GROQ_WHISPER else None,
        )

    def _resolve(self, provider: str, name: str) -> tuple[Provider, ModelInfo] | Miss:
        """The first group of plausible references that names a model; more than one price is ambiguous."""
        for group in self.names.references(provider, name):
            found = [match for reference in group for match in self._matches(reference)]
            if found:
                first = found[0][1]
                same = all(
                    model.prices == first.prices and model.price_variants == first.price_variants
                    for _, model in found[1:]
                )
                candidates = tuple(_price_id(*one) for one in found)
                return found[0] if same else Miss("ambiguous_model", candidates)
        return Miss("no_model")

    def _matches(self, reference: Reference) -> list[tuple[Provider, ModelInfo]]:
        """Every provider that may be meant and knows the model, as the library matches names."""
        name = reference.model.lower()
        candidates = (
            [self._by_id[reference.provider]]
            if reference.provider != ANY
            else [one for one in self.providers if one.model_match is not None and one.model_match.is_match(name)]
        )
        found = ((one, one.find_model(name, all_providers=self.providers)) for one in candidates)
        return [(one, model) for one, model in found if model is not None]

    def _quote(
        self,
        price_id: str,
        model: ModelInfo,
        variants: list[PriceVariant],
        contexts: tuple[Mapping[str, str], Mapping[str, str]],
        at_ns: int,
    ) -> Quote | Reason:
        """The prices in force at an instant. A tier that had no price yet is unknown, not the full price."""
        at = _EPOCH + timedelta(microseconds=at_ns // 1000)
        tiers, context = contexts
        if tiers and not any(
            tiers.items() <= one.when.items() and (one.constraint is None or one.constraint.active(at))
            for one in variants
        ):
            return "unknown_tier"
        prices = stated_prices(model.get_prices(at, context))
        steps = {
            unit.usage_key: _steps(price, unit)
            for key, price in prices.items()
            if price is not None
            for unit in [self._registry.unit_for_price_key(key)]
        }
        return Quote(price_id, CURRENCY, steps) if steps else "no_price"


def _price_id(provider: Provider, model: ModelInfo) -> str:
    """The catalogue's own name of a price."""
    return f"{provider.id}/{model.id}"


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
