"""Price books of one's own for tests, and calls rated by them."""

from spanledger.exporter import rate
from spanledger.exporter.rate import PriceBook, Rated
from spanledger.schemas.money import format_amount

NOW = 1_795_264_800 * 10**9  # 2026-11-21 12:40 UTC
MILLION = {"input_tokens": 1_000_000, "output_tokens": 1_000_000}


def book(*files: str) -> PriceBook:
    """The book of some files over the catalogue, the first one lowest."""
    layers = [rate.read_layer(text, origin=f"file-{number}.yaml") for number, text in enumerate(files)]
    return rate.price_book(layers)


def rated(prices: PriceBook, provider: str, model: str, usage: dict[str, int] | None = None, **call: object) -> Rated:
    """Rate a million tokens each way, unless told otherwise."""
    named: dict[str, object] = {"at_ns": NOW, **call}
    return prices.rate(MILLION if usage is None else usage, provider=provider, model=model, **named)  # type: ignore[arg-type]


def cost(answer: Rated) -> str:
    """The cost with its currency, or the reason why there is none."""
    return answer.reason or f"{format_amount(answer.cost or 0)} {answer.currency}"
