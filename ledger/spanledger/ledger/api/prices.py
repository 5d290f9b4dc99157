"""`GET /v1/prices`: what the book in force states, each price once. A contract is told to its own tenant alone.

A reader of some tenants is not told what the operator's own price files are called or say of themselves, nor prices for
one account with a provider: the book does not say whose account it is.
"""

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Annotated, Final

import msgspec

from spanledger.exporter.authentication import Role
from spanledger.exporter.rate import Listing, listings
from spanledger.ledger.api.cursors import cursor_of, place_of
from spanledger.ledger.api.route import AnyRoute, Context, Route
from spanledger.ledger.api.times import check_stated
from spanledger.ledger.api.wanted import Cursor, Rows
from spanledger.ledger.api.wire import ROWS_DEFAULT, PricePage
from spanledger.ledger.periods import instant_ns, zone
from spanledger.ledger.prices.tables import in_force, list_table
from spanledger.schemas import ConfigurationError


class PricesAsked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`GET /v1/prices`."""

    provider: Annotated[str, msgspec.Meta(description="Only this provider: a part of its name")] = ""
    model: Annotated[str, msgspec.Meta(description="Only this model; a star at its end is any end")] = ""
    at: Annotated[str, msgspec.Meta(description="What is in force then, with an offset; now unless given")] = ""
    dates: Annotated[bool, msgspec.Meta(description="Every price of every date, instead of those in force")] = False
    limit: Rows = ROWS_DEFAULT
    cursor: Cursor = ""


class _Place(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """How many prices of which book the pages before had."""

    digest: str
    shown: Annotated[int, msgspec.Meta(ge=0)]


def _prices(context: Context, asked: PricesAsked) -> PricePage:
    check_stated(at=asked.at)
    book = context.services.book()
    place = place_of(_Place, asked)
    if place is not None and place.digest != book.digest:
        msg = "the prices changed since the page before: ask again without a cursor"
        raise ConfigurationError(msg)
    begin = place.shown if place else 0
    found: Iterable[Listing] = listings(book, provider=asked.provider, model=asked.model)
    if not asked.dates:
        at_ns = instant_ns("at", asked.at or context.services.now().isoformat(), zone("UTC"))
        found = in_force(found, at_ns)
    some = [*islice(_confined(found, context.tenants), begin, begin + asked.limit + 1)]
    shown = some[: asked.limit]
    more = cursor_of(_Place(book.digest, begin + len(shown)), asked) if len(some) > len(shown) else None
    return PricePage(price_book=book.digest, rows=list_table(shown).records(), next_cursor=more)


def _confined(found: Iterable[Listing], tenants: frozenset[str] | None) -> Iterable[Listing]:
    if tenants is None:
        return found
    return (
        msgspec.structs.replace(each, origin="", line=0, layer="", source="") if each.origin else each
        for each in found
        if (not each.tenant or each.tenant in tenants) and not each.account
    )


ROUTES: Final[Sequence[AnyRoute]] = (
    Route(
        method="GET",
        path="/v1/prices",
        summary="Prices, discounts, margins, aliases and exchange rates of the book in force",
        asked=PricesAsked,
        answers=PricePage,
        answer=_prices,
        role=Role.READ,
    ),
)
