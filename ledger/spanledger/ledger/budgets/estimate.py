"""What a call may cost at most, before it is made: by the book in force, else its budgets' worst case. Pure."""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple

from spanledger.exporter.rate import PriceBook
from spanledger.exporter.rate.book import CURRENCY
from spanledger.ledger.budgets.amounts import decimal, worst_case
from spanledger.ledger.budgets.budget import Budget
from spanledger.schemas.units import INPUT_TOKENS, OUTPUT_TOKENS


class Estimate(NamedTuple):
    """An amount, and the prices of one token that it was made with; None is unknown."""

    amount: Decimal | None
    currency: str
    input_price: Decimal | None = None
    output_price: Decimal | None = None


def estimate(
    book: PriceBook, call: Mapping[str, str], input_tokens: int | None, max_output_tokens: int | None, at_ns: int
) -> Estimate:
    """What so many tokens cost, nothing of them from a cache. No amount where a count or a price is not known."""
    stated = {INPUT_TOKENS: input_tokens, OUTPUT_TOKENS: max_output_tokens}
    # A token of each that is not stated, for its price alone.
    rated = book.rate(
        {unit: 1 if tokens is None else tokens for unit, tokens in stated.items()},
        provider=call.get("provider", ""),
        model=call.get("model", ""),
        at_ns=at_ns,
        tenant=call.get("tenant", ""),
    )
    prices = dict(zip(rated.units, rated.unit_prices, strict=True))
    known = [None if (price := prices.get(unit)) is None else decimal(price) for unit in stated]
    whole = rated.cost is not None and None not in stated.values()
    return Estimate(decimal(rated.cost or 0) if whole else None, rated.currency or CURRENCY, *known)


def at_worst(
    budgets: Iterable[Budget], tokens: int, calls: int, convert: Callable[[int, str, str], int | None]
) -> Estimate:
    """What calls without a price are held at: the most that any of their budgets counts for such.

    `convert` makes of an amount, from a currency, one of another; None without a rate.
    """
    worst = [
        (worst_case(calls, tokens, each.unpriced_per_million_tokens, each.unpriced_per_request), each.currency)
        for each in budgets
    ]
    if not worst:
        return Estimate(None, CURRENCY)
    amount, currency = max(worst, key=lambda each: convert(*each, worst[0][1]) or 0)
    return Estimate(decimal(amount), currency)
