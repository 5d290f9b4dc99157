"""What a book states, for people: every price, discount, margin, alias and exchange rate as one record. Pure."""

from collections.abc import Iterable, Iterator
from typing import Final, Protocol

import msgspec

from spanledger.exporter.rate.layered import Layered
from spanledger.exporter.rate.overlay import ANY_WORD, FIRST_NS, LAST_NS, Entry, Layer
from spanledger.exporter.rate.rated import ListPrice
from spanledger.exporter.rate.tariff import Source, Steps, list_price, plain
from spanledger.schemas.money import atto_to_decimal

DAY_NS: Final = 86_400 * 10**9


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """One price, discount, margin, alias or exchange rate of a book, for `prices list` and `prices show`.

    Times are nanoseconds since 1970 UTC; None is open. Empty words that say for whom it is mean any.
    """

    layer: str
    """Name of the overlay, or of the catalogue."""
    kind: str
    """price, discount, sell, margin, alias or exchange."""
    price_id: str
    """What an event priced by it has in its column of that name; of an alias the name it stands for."""
    provider: str = ""
    model: str = ""
    tenant: str = ""
    account: str = ""
    tier: str = ""
    region: str = ""
    since_ns: int | None = None
    until_ns: int | None = None
    hours: str = ""
    """The time of the day it holds, where it does not all day."""
    currency: str = ""
    unit: str = ""
    above: int = -1
    """The price holds for calls of more input tokens than this."""
    price: ListPrice | None = None
    """The price of `unit`; of an exchange rate, of one unit of `unit` (a currency) in `currency`."""
    share: str = ""
    """Of a discount or margin: a decimal, `0.125` for 12.5%."""
    source: str = ""
    origin: str = ""
    """The file it came from; empty for the catalogue."""
    line: int = 0


class Listable(Protocol):
    """A catalogue that can be listed."""

    def listings(self) -> Iterator[Listing]:
        """Every price it states."""
        ...


def all_listings(source: Source, catalogue: Listable) -> Iterator[Listing]:
    """Everything a book states: the layers, the last one first, then the catalogue below them."""
    if isinstance(source, Layered):
        for layer in reversed(source.layers):
            yield from _of_layer(layer)
    yield from catalogue.listings()


def fitting(listings: Iterable[Listing], *, provider: str, model: str) -> Iterator[Listing]:
    """Those of a provider and a model: a part of their names, in any case; a star at the end of a model is allowed."""
    seller, name = provider.strip().lower(), model.strip().lower()
    begins = name.removesuffix(ANY_WORD)
    for each in listings:
        if each.kind == "exchange" and (seller or name):
            continue
        if seller and each.provider and seller not in each.provider.lower():
            continue
        own = each.model.lower()
        stem = own.removesuffix(ANY_WORD)
        fits = not name or not own or own == name or (own != stem and begins.startswith(stem))
        if fits or (begins != name and own.startswith(begins)):
            yield each


def _of_layer(layer: Layer) -> Iterator[Listing]:
    for entry in layer.prices:
        yield from _of_entry(layer, entry, "discount" if entry.share is not None else "price")
    for entry in layer.sell:
        yield from _of_entry(layer, entry, "margin" if entry.share is not None else "sell")
    for name, alias in layer.aliases.items():
        yield Listing(
            layer=layer.name,
            kind="alias",
            price_id=alias.target,
            model=name,
            source=layer.source,
            origin=layer.origin,
            line=alias.line,
        )
    for rate in layer.currencies.rates:
        yield Listing(
            layer=layer.name,
            kind="exchange",
            price_id=f"{rate.base}/{rate.quote}",
            since_ns=rate.day * DAY_NS,
            currency=rate.quote,
            unit=rate.base,
            price=list_price(atto_to_decimal(rate.rate), 1),
            source=rate.source,
            origin=layer.origin,
            line=rate.line,
        )


def _of_entry(layer: Layer, entry: Entry, kind: str) -> Iterator[Listing]:
    base = Listing(
        layer=layer.name,
        kind=kind,
        price_id=entry.price_id,
        provider=entry.provider,
        model=entry.model + ANY_WORD * entry.prefix,
        tenant=entry.tenant,
        account=entry.account,
        tier=entry.tier,
        region=entry.region,
        since_ns=None if entry.since_ns == FIRST_NS else entry.since_ns,
        until_ns=None if entry.until_ns == LAST_NS else entry.until_ns,
        currency=entry.currency,
        share="" if entry.share is None else plain(entry.share),
        source=entry.source,
        origin=layer.origin,
        line=entry.line,
    )
    if entry.share is not None:
        yield base
    for unit, steps in entry.prices.items():
        yield from stepped(base, unit, steps)


def stepped(base: Listing, unit: str, steps: Steps) -> Iterator[Listing]:
    """One record for each height of a unit's price."""
    for step in steps:
        yield msgspec.structs.replace(base, unit=unit, above=step.above, price=step.price)
