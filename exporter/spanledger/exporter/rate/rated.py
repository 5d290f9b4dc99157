"""What rating answers: lines, their sum, and when there is none, the reason. Money in whole atto units (10⁻¹⁸)."""

from typing import Literal

import msgspec

from spanledger.schemas.event import CostState
from spanledger.schemas.money import format_amount

Reason = Literal[
    "",
    "no_usage",
    "no_model",
    "unknown_provider",
    "ambiguous_model",
    "unknown_tier",
    "no_price",
    "no_price_for_unit",
    "inconsistent_usage",
    "incomplete_usage",
    "mixed_currencies",
]
"""Why there is no cost; empty when there is one.

no_usage            the claim states no quantity: state `unknown`, all others are `unpriced`
no_model            the catalogue knows neither the response's nor the request's model
unknown_provider    the provider is not in our table, or no catalogue lists it
ambiguous_model     the model could be one of several with different prices
unknown_tier        the model has no price for the stated service tier at that time
no_price            the model is listed without any price
no_price_for_unit   a quantity is stated of a unit that neither the model nor a whole of it prices
inconsistent_usage  parts exceed their whole
incomplete_usage    a priced whole, or a priced overlap of two stated parts, is not stated
mixed_currencies    an overlay completes prices that are in another currency
"""

Note = Literal["cache_lifetime_assumed"]
"""What was taken for granted. cache_lifetime_assumed: tokens were written to the cache for a time nobody stated,
where the model's price depends on it; they are priced at the catalogue's plain write price (Anthropic: 5 minutes,
its default).
"""


class Subject(msgspec.Struct, frozen=True, gc=False):
    """What every answer of a plan says alike."""

    model: str
    price_id: str
    currency: str
    price_book: str
    candidates: tuple[str, ...] = ()


class ListPrice(msgspec.Struct, frozen=True, gc=False):
    """A price as its book states it, `amount` per `per` units, and the same exactly, in atto per single unit."""

    amount: str
    per: int
    numerator: int
    denominator: int


class Line(msgspec.Struct, frozen=True, gc=False):
    """One priced quantity. Without a price, unit price and amount are None, never zero."""

    unit: str
    quantity: int
    unit_price: int | None
    amount: int | None


class Rated(msgspec.Struct, frozen=True, gc=False):
    """The answer for one usage. The line columns are parallel, in the order a ledger event stores them.

    A line's quantity is its own share: `input_tokens` is what no finer price of the same model took, so amounts
    and quantities add up without counting anything twice. Lines of quantity zero are left out. Where usage is
    contradictory or incomplete, the lines are the quantities as they were stated.
    """

    units: tuple[str, ...]
    quantities: tuple[int, ...]
    unit_prices: tuple[int | None, ...]
    """Atto per single unit; rounded half-even where the exact price is finer (amounts never are)."""
    amounts: tuple[int | None, ...]
    cost: int | None
    """The sum of the amounts; None unless `state` is `priced`."""
    currency: str
    state: CostState
    reason: Reason
    model: str
    """The model name that was priced, as it was stated; the response's (else the request's) when none was."""
    price_id: str
    """The catalogue's own name of what was priced, `provider/model`; empty when nothing was found."""
    price_book: str
    list_prices: tuple[ListPrice | None, ...]
    notes: tuple[Note, ...] = ()
    candidates: tuple[str, ...] = ()
    """Price ids the model's name could have meant, where it is ambiguous."""
    revenue: int | None = None
    """What the tenant pays by the book's sell prices; None where they say nothing, or nothing that holds here."""
    revenue_currency: str = ""
    """Empty where the book has no sell price for such a call; then its revenue is not unknown: there is none."""
    reporting_cost: int | None = None
    """The cost in the reporting currency, rounded half-even; None without a cost, or without a rate for the day."""
    reporting_currency: str = ""
    fx_rate: int | None = None
    """Atto units of the reporting currency for one unit of `currency`; one where they are the same."""
    fx_source: str = ""

    @property
    def lines(self) -> tuple[Line, ...]:
        """The lines as records."""
        return tuple(map(Line, self.units, self.quantities, self.unit_prices, self.amounts))


class Description(msgspec.Struct, frozen=True, gc=False):
    """A line for people: every number a decimal string, so that it can be checked by hand."""

    unit: str
    quantity: int
    unit_price: str | None
    list_price: str | None
    """The price as the book states it, exact: `"2.5 per 1000000"`."""
    amount: str | None


def describe(rated: Rated) -> tuple[Description, ...]:
    """Spell out the lines: quantity * list price = amount, rounded half-even to 18 places."""
    return tuple(
        Description(
            unit=line.unit,
            quantity=line.quantity,
            unit_price=None if line.unit_price is None else format_amount(line.unit_price),
            list_price=None if price is None else f"{price.amount} per {price.per}",
            amount=None if line.amount is None else format_amount(line.amount),
        )
        for line, price in zip(rated.lines, rated.list_prices, strict=True)
    )
