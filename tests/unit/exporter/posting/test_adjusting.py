"""The difference between a booked charge and what a book says now: exact, by currency, and none where there is none."""

from typing import Any

from support.ledger_events import event, rating_of

from spanledger.exporter.posting.adjusting import Booked, BookedEvent, adjustments
from spanledger.schemas import LedgerEvent


def booked(of: LedgerEvent) -> BookedEvent:
    """What the ledger says of an event."""
    return BookedEvent(
        of.tenant,
        of.event_id,
        of.charge_id,
        of.kind,
        of.booked_time,
        of.model,
        of.currency,
        of.cost,
        of.cost_state,
        of.revenue_currency,
        of.revenue,
        of.reporting_currency,
        of.reporting_cost,
        of.lines_unit,
        of.lines_quantity,
        of.lines_unit_price,
        of.lines_amount,
    )


def moves(before: dict[str, Any], now: dict[str, Any]) -> list[tuple[object, ...]]:
    """The adjustments of a charge: cost, revenue and reporting cost, each with its currency, and the amounts."""
    rows = adjustments(Booked(booked(event(1, **before))), rating_of(event(1, **now)))
    return [
        (row.cost, row.currency, row.revenue, row.revenue_currency, row.reporting_cost, row.reporting_currency)
        for row in rows
    ]


def test_a_book_that_says_the_same_changes_nothing() -> None:
    """Another digest and another name of the price are no difference of money."""
    assert moves({}, {"price_book": "b2", "price_id": "own/x"}) == []


def test_only_the_revenue_may_change() -> None:
    """A new margin: the cost moves by nothing, and is a cost all the same."""
    [move] = moves({"revenue": 5, "revenue_currency": "USD"}, {"revenue": 7, "revenue_currency": "USD"})
    assert move == (0, "USD", 2, "USD", None, "")
    [row] = adjustments(Booked(booked(event(1))), rating_of(event(1, revenue=7, revenue_currency="USD")))
    assert row.units == ()


def test_a_new_reporting_currency_takes_the_old_one_back() -> None:
    """The dollars stay; euros go and pounds come, each in an event of its own."""
    assert moves(
        {"reporting_cost": 5, "reporting_currency": "EUR"}, {"reporting_cost": 4, "reporting_currency": "GBP"}
    ) == [(0, "USD", None, "", -5, "EUR"), (0, "USD", None, "", 4, "GBP")]


def test_a_revenue_nobody_sells_for_any_more_is_taken_back() -> None:
    """The sell price was withdrawn: nothing is left of it."""
    assert moves({"revenue": 5, "revenue_currency": "EUR"}, {}) == [(0, "USD", -5, "EUR", None, "")]


def test_everything_in_other_currencies_at_once() -> None:
    """What is taken back comes first; the last event speaks of the new prices."""
    before = {"cost": 9, "revenue": 5, "revenue_currency": "USD"}
    after = {"cost": 8, "currency": "EUR", "revenue": 6, "revenue_currency": "EUR"}
    assert moves(before, after) == [(-9, "USD", -5, "USD", None, ""), (8, "EUR", 6, "EUR", None, "")]


def test_lines_that_stay_are_not_repeated() -> None:
    """The input costs the same: only the output is taken back and booked again."""
    now = {
        "lines_unit_price": (150_000_000_000, 1),
        "lines_amount": (15_000_000_000_000, 20),
        "cost": 15_000_000_000_020,
    }
    [row] = adjustments(Booked(booked(event(1))), rating_of(event(1, **now)))
    assert (row.units, row.quantities) == (("output_tokens", "output_tokens"), (-20, 20))
    assert (row.amounts, row.cost) == ((-12_000_000_000_000, 20), 20 - 12_000_000_000_000)


def test_equal_differences_have_equal_ids_and_others_have_not() -> None:
    """The id keeps the charge's time, and depends on the book, the amounts and what stands already."""
    charge = Booked(booked(event(1)))
    [first] = adjustments(charge, rating_of(event(1, cost=30, price_book="b2")))
    [same] = adjustments(charge, rating_of(event(1, cost=30, price_book="b2")))
    [other_book] = adjustments(charge, rating_of(event(1, cost=30, price_book="b3")))
    [other_cost] = adjustments(charge, rating_of(event(1, cost=31, price_book="b2")))
    assert first == same
    assert len({first.event_id, other_book.event_id, other_cost.event_id}) == 3
    assert {each.event_id[:8] for each in (first, other_book)} == {event(1).event_id[:8]}
