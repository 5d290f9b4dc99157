"""Models that the bundled catalogue lacks, in its own types. A test fails when the catalogue knows one by itself.

Prices are the providers' public list prices per million tokens, each with its page.
"""

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from typing import Final

from genai_prices.types import ClauseStartsWith, ModelInfo, ModelPrice, Provider

FINE_TUNED: Final = {
    # https://platform.openai.com/docs/pricing, fine-tuning: input, cached input, output
    "ft:gpt-4.1-2025-04-14": ("3", "0.75", "12"),
    "ft:gpt-4.1-mini-2025-04-14": ("0.80", "0.20", "3.20"),
    "ft:gpt-4.1-nano-2025-04-14": ("0.20", "0.05", "0.80"),
}

_OPENAI: Final = "openai"


def supplemented(providers: Iterable[Provider]) -> list[Provider]:
    """The catalogue's providers, with what it lacks after what it has."""
    return [
        replace(each, models=[*each.models, *map(_fine_tuned, FINE_TUNED)]) if each.id == _OPENAI else each
        for each in providers
    ]


def _fine_tuned(name: str) -> ModelInfo:
    read_in, cached, written = map(Decimal, FINE_TUNED[name])
    return ModelInfo(
        id=name,
        match=ClauseStartsWith(f"{name}:"),
        prices=ModelPrice(input_mtok=read_in, cache_read_mtok=cached, output_mtok=written),
    )
