"""The port between a catalogue of prices and the arithmetic: plain data, no library's types, no clock."""

from collections.abc import Callable, Mapping
from decimal import Context, Decimal
from fractions import Fraction
from typing import Final, Protocol

import msgspec

from spanledger.exporter.rate.rated import ListPrice, Reason
from spanledger.schemas.event import ATTO

# Prices are short decimals: no product of some of them comes near this many digits, so none is ever rounded.
EXACT: Final = Context(prec=10_000)

Dimensions = frozenset[tuple[str, str]]
"""What a unit counts, such as {(family, tokens), (direction, input)}; a subset is a whole, a superset its part."""


class Step(msgspec.Struct, frozen=True, gc=False):
    """A price that holds for every unit of a call once its total input tokens exceed `above` (a cliff, not a ramp)."""

    above: int
    price: ListPrice


Steps = tuple[Step, ...]
"""The prices of one unit by total input tokens, ascending; the first is above -1 and so holds for any."""


class Minimum(msgspec.Struct, frozen=True, gc=False):
    """A least billed quantity: when any of `units` is stated above zero, each counts as at least `least`."""

    units: tuple[str, ...]
    least: int


class Quote(msgspec.Struct, frozen=True):
    """The prices in force at an instant."""

    price_id: str
    currency: str
    prices: Mapping[str, Steps]
    whole: bool = False
    """Whether these prices are all a call costs, whatever else it used: by time or by the request, not by tokens."""
    gpus: int = 1
    """Graphics processors that a call occupies while it lasts."""


class Tariff(msgspec.Struct, frozen=True):
    """The prices of one model under one context, over all time."""

    price_id: str
    model: str
    """The model name that led here, as it was stated."""
    currency: str
    """Of an answer at an instant without prices; as is `price_id`."""
    changes: tuple[int, ...]
    """Instants (ns since 1970 UTC, ascending) at which the prices change for good."""
    daily: tuple[int, ...]
    """Times of the UTC day (ns, ascending) at which the prices change every day."""
    prices_at: Callable[[int], Quote | Reason]
    """What is in force at an instant; the same for all instants between two neighbouring changes."""
    minimum: Minimum | None = None
    candidates: tuple[str, ...] = ()
    """Of a tariff without prices: what the model's name could have meant."""


class Miss(msgspec.Struct, frozen=True):
    """There is no tariff: why, what the name could have meant, and what it does mean if that is known."""

    reason: Reason
    candidates: tuple[str, ...] = ()
    """Price ids, when the name fits several."""
    price_id: str = ""


class Sought(msgspec.Struct, frozen=True, gc=False):
    """What a price is looked up by. `models` are tried in order: the response's, then the request's."""

    provider: str
    models: tuple[str, ...]
    service_tier: str
    region: str
    tenant: str = ""
    account: str = ""


class Source(Protocol):
    """Where prices come from."""

    @property
    def digest(self) -> str:
        """Names the content: equal for equal prices, in any process."""
        ...

    @property
    def units(self) -> Mapping[str, Dimensions]:
        """Every unit the source can price."""
        ...

    def find(self, sought: Sought) -> Tariff | Miss:
        """The tariff of what is sought, or the reason why there is none."""
        ...


def list_price(amount: Decimal, per: int) -> ListPrice:
    """Make the exact price of a stated one: `amount` of the currency for `per` units."""
    atto = Fraction(amount) * ATTO / per
    return ListPrice(plain(amount), per, atto.numerator, atto.denominator)


def plain(amount: Decimal) -> str:
    """A decimal as people write it: every digit, no exponent, no needless zeros."""
    digits = f"{amount:f}"
    return (digits.rstrip("0").rstrip(".") or "0") if "." in digits else digits


def price_above(steps: Steps, total_input: int) -> ListPrice:
    """The price in force for a call of so many input tokens."""
    return next(step.price for step in reversed(steps) if total_input > step.above)
