"""Models and units that the bundled catalogue lacks, in its own types. A test fails when it knows one by itself.

Prices are the providers' public list prices per million tokens, each with its page.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

from genai_prices.types import ClauseStartsWith, ConditionalPrice, ModelInfo, ModelPrice, Provider

from spanledger.schemas import units as u

FINE_TUNED: Final = {
    # https://platform.openai.com/docs/pricing, fine-tuning: input, cached input, output
    "ft:gpt-4.1-2025-04-14": ("3", "0.75", "12"),
    "ft:gpt-4.1-mini-2025-04-14": ("0.80", "0.20", "3.20"),
    "ft:gpt-4.1-nano-2025-04-14": ("0.20", "0.05", "0.80"),
}

FREE: Final = {
    # https://platform.claude.com/docs/en/about-claude/pricing, web fetch tool: what it reads is billed as input tokens,
    # and there is no charge beside. (Code execution has one, by the hour and beyond some that are free: by the count of
    # runs nobody can tell it, so a call that states runs has no price here.)
    "anthropic": u.WEB_FETCHES,
}
"""What a provider counts and does not charge for, with any of its models."""

UNITS: Final[Mapping[str, Any]] = {
    u.WEB_FETCHES: {
        "per": 1000,
        "price_key": "web_fetches_kcount",
        "dimensions": {"family": "tool_calls", "tool_type": "web_fetch"},
    }
}
"""Units as the catalogue defines its own."""

_OPENAI: Final = "openai"


def supplemented(providers: Iterable[Provider]) -> list[Provider]:
    """The catalogue's providers, with what it lacks after what it has."""
    return [_supplemented(each) for each in providers]


def _supplemented(provider: Provider) -> Provider:
    if provider.id == _OPENAI:
        return replace(provider, models=[*provider.models, *map(_fine_tuned, FINE_TUNED)])
    if (unit := FREE.get(provider.id)) is not None:
        return replace(provider, models=[_free_of(UNITS[unit]["price_key"], model) for model in provider.models])
    return provider


def _free_of(key: str, model: ModelInfo) -> ModelInfo:
    def free(price: ModelPrice) -> ModelPrice:
        stated: Mapping[str, Any] = vars(price)
        return ModelPrice(**stated, **{key: Decimal(0)})

    prices: ModelPrice | list[ConditionalPrice] = (
        free(model.prices)
        if isinstance(model.prices, ModelPrice)
        else [replace(each, prices=free(each.prices)) for each in model.prices]
    )
    variants = [replace(each, prices=free(each.prices)) for each in model.price_variants or []]
    return replace(model, prices=prices, price_variants=variants or model.price_variants)


def _fine_tuned(name: str) -> ModelInfo:
    read_in, cached, written = map(Decimal, FINE_TUNED[name])
    return ModelInfo(
        id=name,
        match=ClauseStartsWith(f"{name}:"),
        prices=ModelPrice(input_mtok=read_in, cache_read_mtok=cached, output_mtok=written),
    )
