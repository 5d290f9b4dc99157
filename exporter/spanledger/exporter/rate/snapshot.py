"""The catalogue as text, and back: everything an answer depends on, so that an old line can be priced again.

The text is JSON with sorted keys, the same for equal prices in any process; its digest names the catalogue.
"""

from collections.abc import Mapping, Sequence
from datetime import date, time
from decimal import Decimal
from typing import Any, Final, NamedTuple, cast

import msgspec
from genai_prices.types import (
    ClauseAnd,
    ClauseContains,
    ClauseEndsWith,
    ClauseEquals,
    ClauseOr,
    ClauseRegex,
    ClauseStartsWith,
    ConditionalPrice,
    ModelInfo,
    ModelPrice,
    PriceVariant,
    Provider,
    StartDateConstraint,
    Tier,
    TieredPrices,
    TimeOfDateConstraint,
)

_Data = Mapping[str, Any]

_TEXT_CLAUSES: Final = {
    "equals": ClauseEquals,
    "starts_with": ClauseStartsWith,
    "ends_with": ClauseEndsWith,
    "contains": ClauseContains,
    "regex": ClauseRegex,
}


class Snapshot(NamedTuple):
    """What a text holds."""

    version: str
    units: _Data
    providers: list[Provider]


def text_of(version: str, units: object, providers: Sequence[Provider]) -> bytes:
    """The text of a catalogue."""
    content = {
        "version": version,
        "units": units,
        "providers": [
            {
                "id": provider.id,
                "model_match": provider.model_match,
                "fallback_model_providers": provider.fallback_model_providers,
                "models": [
                    {"id": model.id, "match": model.match, "prices": model.prices, "variants": model.price_variants}
                    for model in provider.models
                ],
            }
            for provider in providers
        ],
    }
    return msgspec.json.encode(content, enc_hook=stated_prices, order="deterministic")


def stated_prices(price: object) -> Mapping[str, Decimal | TieredPrices | None]:
    """The stated prices of a `ModelPrice`, which keeps them as attributes of its own."""
    if not isinstance(price, ModelPrice):
        msg = f"the catalogue holds a {type(price).__name__} where a price was expected"
        raise TypeError(msg)
    return vars(price)


def snapshot_of(text: bytes | str) -> Snapshot:
    """Read a text back. Raises `ValueError`, `KeyError` or `TypeError` for what `text_of` did not write."""
    content = cast("_Data", msgspec.json.decode(text))
    return Snapshot(str(content["version"]), content["units"], [_provider(each) for each in content["providers"]])


def _provider(data: _Data) -> Provider:
    return Provider(
        id=data["id"],
        name=data["id"],
        api_pattern="",
        model_match=None if data["model_match"] is None else _clause(data["model_match"]),
        fallback_model_providers=data["fallback_model_providers"],
        models=[_model(each) for each in data["models"]],
    )


def _model(data: _Data) -> ModelInfo:
    prices = cast("_Data | list[_Data]", data["prices"])
    variants = cast("list[_Data] | None", data["variants"])
    return ModelInfo(
        id=data["id"],
        match=_clause(data["match"]),
        prices=list(map(_conditional, prices)) if isinstance(prices, list) else _price(prices),
        price_variants=None if variants is None else list(map(_variant, variants)),
    )


def _conditional(data: _Data) -> ConditionalPrice:
    return ConditionalPrice(_constraint(data["constraint"]), prices=_price(data["prices"]))


def _variant(data: _Data) -> PriceVariant:
    return PriceVariant(data["when"], _price(data["prices"]), _constraint(data["constraint"]))


def _clause(data: _Data) -> Any:  # noqa: ANN401 (the library's own union of clauses has no public name)
    ((kind, value),) = data.items()
    if kind == "or_":
        return ClauseOr([_clause(each) for each in value])
    if kind == "and_":
        return ClauseAnd([_clause(each) for each in value])
    return _TEXT_CLAUSES[kind](value)


def _price(data: _Data) -> ModelPrice:
    return ModelPrice(**{key: _amount(value) for key, value in data.items()})


def _amount(value: str | _Data | None) -> Decimal | TieredPrices | None:
    if value is None or isinstance(value, str):
        return None if value is None else Decimal(value)
    tiers = [Tier(each["start"], Decimal(each["price"])) for each in value["tiers"]]
    return TieredPrices(Decimal(value["base"]), tiers)


def _constraint(data: _Data | None) -> StartDateConstraint | TimeOfDateConstraint | None:
    if data is None:
        return None
    if "start_date" in data:
        return StartDateConstraint(date.fromisoformat(data["start_date"]))
    return TimeOfDateConstraint(time.fromisoformat(data["start_time"]), time.fromisoformat(data["end_time"]))
