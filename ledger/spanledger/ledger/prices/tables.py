"""What price books state, as tables: everything, what a call would be charged, and how two books differ. Pure."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from spanledger.exporter.rate import Listing, PriceBook
from spanledger.exporter.rate.tariff import Miss, Sought
from spanledger.ledger.tables import Row, Table, Value

LIST: Final = {
    "kind": "String",
    "provider": "String",
    "model": "String",
    "tenant": "String",
    "account": "String",
    "tier": "String",
    "region": "String",
    "unit": "String",
    "above": "Nullable(Int64)",
    "price": "Nullable(Float64)",
    "per": "Nullable(Int64)",
    "currency": "String",
    "from": "String",
    "to": "String",
    "layer": "String",
    "source": "String",
    "place": "String",
}
"""Columns of `prices list`. Prices are decimal text; their type only puts them to the right."""

SHOW: Final = {
    "unit": "String",
    "above": "Nullable(Int64)",
    "price": "Nullable(Float64)",
    "per": "Nullable(Int64)",
    "currency": "String",
    "price_id": "String",
}
_LONG_AGO_NS: Final = -(2**63)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def list_table(listings: Iterable[Listing]) -> Table:
    """Every price, discount, margin, alias and exchange rate of a book."""
    return Table(tuple(LIST), tuple(LIST.values()), [_listed(each) for each in listings])


def in_force(listings: Iterable[Listing], at_ns: int) -> Iterator[Listing]:
    """Those that hold at an instant: of several of one layer for the same calls the one that began last."""
    newest: dict[tuple[object, ...], Listing] = {}
    for each in listings:
        if (each.since_ns or at_ns) <= at_ns and (each.until_ns is None or at_ns < each.until_ns):
            place = (each.layer, each.hours, *_place(each))
            if place not in newest or (newest[place].since_ns or _LONG_AGO_NS) < (each.since_ns or _LONG_AGO_NS):
                newest[place] = each
    return iter(newest.values())


def show_table(book: PriceBook, sought: Sought, at_ns: int) -> tuple[Table, str]:
    """The prices a call would be charged at, and one sentence about how they were found, or why there are none."""
    found = book.source.find(sought)
    empty = Table(tuple(SHOW), tuple(SHOW.values()), [])
    if isinstance(found, Miss):
        return empty, _refusal(found.reason, found.candidates)
    quote = found.prices_at(at_ns)
    if isinstance(quote, str):
        return empty, _refusal(quote, found.candidates)
    rows: list[Row] = [
        (
            unit,
            None if step.above < 0 else step.above,
            step.price.amount,
            step.price.per,
            quote.currency,
            quote.price_id,
        )
        for unit, steps in quote.prices.items()
        for step in steps
    ]
    table = Table(tuple(SHOW), tuple(SHOW.values()), rows)
    return table, f"{found.model} is priced as {quote.price_id}, in {quote.currency}; prices {book.digest}"


def difference_table(before: Iterable[Listing], after: Iterable[Listing]) -> Table:
    """What one book says otherwise than another; equal prices are left out, whatever layer states them."""
    old, new = _by_place(before), _by_place(after)
    where = ("provider", "model", "kind", "tenant", "account", "tier", "region", "unit")
    columns = ("change", *where, "above", "before", "after")
    rows: list[Row] = []
    for place in sorted(old.keys() | new.keys()):
        left, right = old.get(place, ()), new.get(place, ())
        if left == right:
            continue
        kind, provider, model, *more, above = place
        change = "added" if not left else "removed" if not right else "changed"
        said = "; ".join(left) or None, "; ".join(right) or None
        rows.append((change, provider, model, kind, *more, None if above < 0 else above, *said))
    return Table(columns, ("String",) * (1 + len(where)) + ("Nullable(Int64)", "String", "String"), rows)


def for_people(table: Table) -> Table:
    """The columns that say something, dates as dates: what is empty in every row is left out."""
    at = [place for place in range(len(table.columns)) if any(row[place] not in {None, ""} for row in table.rows)]
    return Table(
        columns=tuple(table.columns[place] for place in at),
        types=tuple(table.types[place] for place in at),
        rows=[tuple(_short(table.columns[place], row[place]) for place in at) for row in table.rows],
    )


def _short(column: str, value: Value) -> Value:
    """Of a catalogue's many sources the first."""
    return value.partition(", http")[0] if column == "source" and isinstance(value, str) else value


_Place = tuple[str, str, str, str, str, str, str, str, int]


def _by_place(listings: Iterable[Listing]) -> dict[_Place, tuple[str, ...]]:
    """What is said of each kind of call, in the order it is said: the first wins."""
    said: dict[_Place, list[str]] = {}
    for each in listings:
        said.setdefault(_place(each), []).append(_said(each))
    return {place: tuple(texts) for place, texts in said.items()}


def _place(each: Listing) -> _Place:
    """Which calls it is for."""
    whose = each.kind, each.provider, each.model, each.tenant, each.account
    return *whose, each.tier, each.region, each.unit, each.above


def _said(listing: Listing) -> str:
    price = listing.price
    what = f"{price.amount} {listing.currency} per {price.per}" if price else listing.share or f"is {listing.price_id}"
    times = [
        f"{word} {_day(ns)}" for word, ns in (("from", listing.since_ns), ("to", listing.until_ns)) if ns is not None
    ]
    return " ".join([what, *times, *([listing.hours] if listing.hours else [])])


def _listed(each: Listing) -> Row:
    price = each.price
    return (
        each.kind,
        each.provider,
        each.model,
        each.tenant,
        each.account,
        each.tier,
        each.region,
        each.unit,
        None if each.above < 0 else each.above,
        price.amount if price else each.share or (each.price_id if each.kind == "alias" else None),
        price.per if price else None,
        each.currency,
        _day(each.since_ns),
        " ".join(filter(None, (_day(each.until_ns), each.hours))),
        each.layer,
        each.source,
        f"{each.origin}:{each.line}" if each.origin else "",
    )


def _refusal(reason: str, candidates: tuple[str, ...]) -> str:
    could = f"; it could be {', '.join(candidates)}: name one with an alias" if candidates else ""
    return f"no price: {reason}{could}"


def _day(ns: int | None) -> str:
    """A date, or a date and time in UTC."""
    if ns is None:
        return ""
    moment = _EPOCH + timedelta(microseconds=ns // 1_000)
    return moment.date().isoformat() if moment.time() == _EPOCH.time() else f"{moment:%Y-%m-%dT%H:%M:%SZ}"
