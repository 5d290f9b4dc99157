"""A charge as it is booked, and as a price book rates it now → the adjustments between the two. Pure.

An adjustment takes back the lines that are wrong and puts others in their place: every line is still quantity times
price, and sums over a charge and its adjustments are what the new book says. Two currencies are never added: a charge
that changes its currency is taken back in the old one and booked in the new one.
"""

from collections.abc import Iterable, Mapping
from hashlib import blake2b
from itertools import zip_longest
from typing import Final, TypeAlias

import msgspec

from spanledger.exporter.rate import Rated
from spanledger.exporter.store.blocks import AdjustmentRow
from spanledger.schemas.event import CostState

Sums: TypeAlias = Mapping[str, int]
"""Atto units by currency; empty while nothing is known."""

_LineKey: TypeAlias = tuple[str, str, int | None]
"""Currency (empty without an amount), unit and unit price."""

_Move: TypeAlias = tuple[str, int] | None
"""An amount in a currency, if any."""
_Line: TypeAlias = tuple[str, str, int, int | None, int | None]
"""Currency, unit, quantity, unit price and amount."""

TIME_BYTES: Final = 8
"""The half of an event's id that is a time; an adjustment keeps its charge's, and so lies beside it."""


class BookedEvent(msgspec.Struct, frozen=True, gc=False):
    """What a charge, or an adjustment of one, says of money. Columns of the event."""

    tenant: str
    event_id: bytes
    charge_id: bytes
    kind: str
    booked_time: int
    model: str
    currency: str
    cost: int | None
    cost_state: CostState
    revenue_currency: str
    revenue: int | None
    reporting_currency: str
    reporting_cost: int | None
    units: tuple[str, ...]
    quantities: tuple[int, ...]
    unit_prices: tuple[int | None, ...]
    amounts: tuple[int | None, ...]

    @property
    def lines(self) -> Iterable[tuple[str, int, int | None, int | None]]:
        """The lines as records."""
        return zip(self.units, self.quantities, self.unit_prices, self.amounts, strict=True)


class Booked(msgspec.Struct, frozen=True, gc=False):
    """A charge with the adjustments that stand."""

    charge: BookedEvent
    adjustments: tuple[BookedEvent, ...] = ()

    @property
    def events(self) -> tuple[BookedEvent, ...]:
        """Everything that counts."""
        return (self.charge, *self.adjustments)

    @property
    def cost(self) -> Sums:
        """What the charge costs by now."""
        return _sums((each.currency, each.cost) for each in self.events)

    @property
    def revenue(self) -> Sums:
        """What it is sold for by now."""
        return _sums((each.revenue_currency, each.revenue) for each in self.events)

    @property
    def reporting(self) -> Sums:
        """Its cost in the reporting currency by now."""
        return _sums((each.reporting_currency, each.reporting_cost) for each in self.events)

    @property
    def priced(self) -> bool:
        """Whether a price was found for it, at once or since."""
        return self.charge.cost is not None or any(each.cost is not None for each in self.adjustments)


def unchanged(booked: Booked, now: Rated) -> bool:
    """Whether a charge without adjustments says what the book says now: the common case, told fast."""
    charge = booked.charge
    return (
        not booked.adjustments
        and charge.cost == now.cost
        and charge.revenue == now.revenue
        and charge.reporting_cost == now.reporting_cost
        and (charge.currency == now.currency or now.cost is None)
        and (charge.revenue_currency == now.revenue_currency or now.revenue is None)
        and (charge.reporting_currency == now.reporting_currency or now.reporting_cost is None)
    )


def adjustments(booked: Booked, now: Rated) -> list[AdjustmentRow]:
    """The adjustments that make a charge say what `now`, its rating by another book, says; none if it does.

    A charge that the book has no price for keeps its cost: a missing price takes nothing back.
    """
    if unchanged(booked, now) or (now.cost is None and booked.priced):
        return []
    if not booked.adjustments and _one_currency(booked.charge, now):
        return [_first(booked, now)]
    newly_priced = now.cost is not None and not booked.priced
    costs = _difference(_sums([(now.currency, now.cost)]), booked.cost)
    revenues = _difference(_sums([(now.revenue_currency, now.revenue)]), booked.revenue)
    reportings = _difference(_sums([(now.reporting_currency, now.reporting_cost)]), booked.reporting)
    if not (costs or revenues or reportings or newly_priced):
        return []
    if newly_priced and not costs:
        costs = [(now.currency, 0)]
    # What is taken back comes first; the last one speaks of the new price, and holds what has no currency.
    moves = list(zip_longest(reversed(costs), reversed(revenues), reversed(reportings), fillvalue=None))[::-1]
    lines = _line_differences(booked, now)
    rows: list[AdjustmentRow] = []
    for cost, revenue, reporting in moves[:-1]:
        of_it = [line for line in lines if cost and line[0] == cost[0]]
        lines = [line for line in lines if line not in of_it]
        rows.append(_row(booked, now, (cost, revenue, reporting), of_it))
    return [*rows, _row(booked, now, moves[-1], lines)]


def _one_currency(charge: BookedEvent, now: Rated) -> bool:
    """Whether nothing that is known has to change its currency."""
    return (
        (charge.cost is None or charge.currency == now.currency)
        and (charge.revenue is None or charge.revenue_currency == now.revenue_currency)
        and (charge.reporting_cost is None or charge.reporting_currency == now.reporting_currency)
    )


def _first(booked: Booked, now: Rated) -> AdjustmentRow:
    """The adjustment of a charge that has none: nearly all of them are."""
    charge = booked.charge
    before = list(charge.lines)
    after = list(zip(now.units, now.quantities, now.unit_prices, now.amounts, strict=True))
    lines: list[_Line] = [
        ("", line[0], -line[1], line[2], None if line[3] is None else -line[3]) for line in before if line not in after
    ]
    lines += [("", *line) for line in after if line not in before]
    cost = None if now.cost is None else (now.currency, now.cost - (charge.cost or 0))
    revenue = _moved(now.revenue_currency, now.revenue, charge.revenue)
    reporting = _moved(now.reporting_currency, now.reporting_cost, charge.reporting_cost)
    return _row(booked, now, (cost, revenue, reporting), lines)


def _moved(currency: str, now: int | None, before: int | None) -> _Move:
    return None if now == before else (currency, (now or 0) - (before or 0))


def _row(booked: Booked, now: Rated, moves: tuple[_Move, _Move, _Move], lines: list[_Line]) -> AdjustmentRow:
    (cost, revenue, reporting), charge = moves, booked.charge
    priced = now.cost is not None
    amount = cost[1] if cost else 0 if priced else None
    stands = sorted([each.event_id for each in booked.adjustments])
    content = repr((now.price_book, [line[4] for line in lines], cost, revenue, reporting)).encode()
    # What it adds to is part of it: going back to an old book, or booking anew, is a correction of its own.
    identity = b"".join((charge.charge_id, charge.event_id, b"adjustment", content, *stands))
    digest = blake2b(identity, digest_size=8).digest()
    # By position, in the order of the row's fields: half the time of names, and this is the hot path.
    return AdjustmentRow(
        charge.tenant,
        charge.event_id,
        charge.event_id[:TIME_BYTES] + digest,
        tuple([line[1] for line in lines]),
        tuple([line[2] for line in lines]),
        tuple([line[3] for line in lines]),
        tuple([line[4] for line in lines]),
        amount,
        cost[0] if cost else now.currency,
        "priced" if priced else "unpriced",
        now.price_book,
        now.price_id,
        revenue[1] if revenue else None,
        revenue[0] if revenue else now.revenue_currency,
        reporting[1] if reporting else None,
        reporting[0] if reporting else now.reporting_currency,
        now.fx_rate,
        now.fx_source,
    )


def _sums(amounts: Iterable[tuple[str, int | None]]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for currency, amount in amounts:
        if amount is not None:
            sums[currency] = sums.get(currency, 0) + amount
    return sums


def _difference(now: Sums, before: Sums) -> list[tuple[str, int]]:
    """What to book by currency, what only was before first."""
    order = [currency for currency in before if currency not in now] + list(now)
    return [(currency, moved) for currency in order if (moved := now.get(currency, 0) - before.get(currency, 0))]


def _line_differences(booked: Booked, now: Rated) -> list[_Line]:
    """Lines of the new rating less those that stand; what is equal in both is left out."""
    quantities: dict[_LineKey, int] = {}
    amounts: dict[_LineKey, int] = {}
    before = ((each.currency, -1, line) for each in booked.events for line in each.lines)
    lines = zip(now.units, now.quantities, now.unit_prices, now.amounts, strict=True)
    for currency, sign, (unit, quantity, unit_price, amount) in (*before, *((now.currency, 1, line) for line in lines)):
        key = ("" if amount is None else currency, unit, unit_price)
        quantities[key] = quantities.get(key, 0) + sign * quantity
        amounts[key] = amounts.get(key, 0) + sign * (amount or 0)
    return [
        (currency, unit, quantity, unit_price, amounts[key] if currency else None)
        for key, quantity in quantities.items()
        for currency, unit, unit_price in [key]
        if quantity or amounts[key]
    ]
