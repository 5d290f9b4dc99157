"""An overlay file as frozen data: one's own prices, discounts, names, sell prices and exchange rates. Pure."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

import msgspec

from spanledger.exporter.rate.tariff import Steps
from spanledger.schemas import units as names

FIRST_NS: Final = -(2**63)
LAST_NS: Final = 2**63
"""Before and after every instant an int64 of nanoseconds can state."""

ANY_WORD: Final = "*"
"""In a file: any tenant, account, model or tier."""

STANDARD: Final = "standard"
"""The service tier of a call that states none, or one of the names providers have for it."""

STANDARD_TIERS: Final = frozenset({"", "auto", "default", STANDARD, "standard_only", "on_demand", "normal"})
"""What providers call the price without any tier (spellings of OpenAI, Anthropic, Groq, Vertex and Claude Code)."""

SECONDS: Final = "seconds"
GPU_SECONDS: Final = "gpu_seconds"
TIMED: Final = frozenset({SECONDS, GPU_SECONDS})
"""Units that every call has a count of by its duration, unless its usage states one."""
BY_THE_CALL: Final = TIMED | {names.REQUESTS}

WORK_UNITS: Final = BY_THE_CALL | {
    "bytes",
    "characters",
    "documents",
    "images",
    "messages",
    "minutes",
    "pages",
    "queries",
    "reads",
    "searches",
    "writes",
}
"""Usual units of explicit work, beside the catalogue's; a file declares any other under `units`."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One price, discount, sell price or margin: whom and what it is for, since when, and how much.

    Empty provider, model, tenant, account and region are any. An empty tier is the standard one for prices, and any
    for a discount or margin, which changes whatever it meets.
    """

    layer: str
    line: int
    provider: str = ""
    model: str = ""
    """In lower case, without the star."""
    prefix: bool = False
    """Whether `model` is the beginning of a name."""
    tenant: str = ""
    account: str = ""
    tier: str = ""
    """In lower case; `*` is any, `standard` the standard one."""
    region: str = ""
    since_ns: int = FIRST_NS
    until_ns: int = LAST_NS
    """The first instant it no longer holds."""
    currency: str = ""
    prices: Mapping[str, Steps] = {}
    """By unit; empty where `share` is stated."""
    share: Decimal | None = None
    """Of a discount: the part taken off. Of a margin: the part added."""
    inherit: bool = False
    """Whether units without a price here have that of what the entry covers up."""
    gpus: int = 1
    source: str = ""

    @property
    def price_id(self) -> str:
        """The name events carry: `layer:provider/model`."""
        star = ANY_WORD if self.prefix or not self.model else ""
        return f"{self.layer}:{self.provider or ANY_WORD}/{self.model}{star}"

    @property
    def whole(self) -> bool:
        """Whether it prices the call, not what the call used."""
        return not self.inherit and self.prices.keys() <= BY_THE_CALL

    def holds(self, at_ns: int) -> bool:
        """Whether it is in force at an instant."""
        return self.since_ns <= at_ns < self.until_ns


class Alias(msgspec.Struct, frozen=True):
    """A name that no rule can know, and what it stands for."""

    target: str
    line: int


class ExchangeRate(msgspec.Struct, frozen=True):
    """What one unit of a currency is worth in another from a day on. `rate` is atto units; days are since 1970."""

    day: int
    base: str
    quote: str
    rate: int
    source: str
    line: int


class Currencies(msgspec.Struct, frozen=True):
    """The exchange rates of a file, and the currency it wants costs reported in."""

    reporting: str = ""
    days: int = 0
    """How many days a rate holds, its own included; 0: not stated."""
    rates: tuple[ExchangeRate, ...] = ()
    line: int = 0


class Layer(msgspec.Struct, frozen=True, kw_only=True):
    """One file."""

    name: str
    origin: str
    """The file's name, as faults and listings show it."""
    source: str
    text: str
    aliases: Mapping[str, Alias]
    """By name in lower case."""
    prices: tuple[Entry, ...]
    sell: tuple[Entry, ...]
    currencies: Currencies
