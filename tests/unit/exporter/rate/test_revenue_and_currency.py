"""What a call is sold for, and what it costs in the reporting currency, beside its cost."""

from datetime import UTC, datetime

import pytest

from spanledger.exporter import rate
from spanledger.exporter.rate import Rated
from spanledger.schemas.event import ATTO
from spanledger.schemas.money import format_amount

NOW = 1_795_264_800 * 10**9  # 2026-11-21 12:40 UTC
USAGE = {"input_tokens": 1000, "output_tokens": 500}
EUR = "currencies: {reporting: EUR, days: 7, rates: [{date: 2026-11-16, from: USD, to: EUR, rate: 0.92, source: ECB}]}"


def day_ns(year: int, month: int, day: int) -> int:
    """Midnight UTC."""
    return int(datetime(year, month, day, tzinfo=UTC).timestamp()) * 10**9


def rated(text: str, tenant: str = "", model: str = "gpt-4o", at_ns: int = NOW, tier: str = "") -> Rated:
    """Rate 1 000 input and 500 output tokens: 0.0075 dollars of `gpt-4o`."""
    book = rate.price_book([rate.read_layer(text, origin="mine.yaml")])
    return book.rate(USAGE, provider="openai", model=model, at_ns=at_ns, tenant=tenant, service_tier=tier)


def money(atto: int | None) -> str | None:
    """An amount as text."""
    return None if atto is None else format_amount(atto)


def test_a_margin_is_on_top_of_the_cost() -> None:
    """0.0075 and a fifth is 0.009; the cost stays what it is."""
    answer = rated("sell: [{tenant: acme, margin: 20%}]", "acme")
    assert (money(answer.cost), money(answer.revenue), answer.revenue_currency) == ("0.0075", "0.009", "USD")


def test_nothing_is_sold_to_whom_no_price_is_for() -> None:
    """No revenue, and no currency of it: not an unknown one."""
    answer = rated("sell: [{tenant: acme, margin: 20%}]", "other")
    assert (answer.revenue, answer.revenue_currency) == (None, "")


def test_a_sell_price_is_by_the_unit_in_its_own_currency() -> None:
    """1 000 at 5 and 500 at 20 per million euros, whatever the cost is."""
    text = "sell: [{model: 'gpt-4*', currency: EUR, per: 1000000, units: {input_tokens: 5, output_tokens: 20}}]"
    answer = rated(text)
    assert (money(answer.revenue), answer.revenue_currency) == ("0.015", "EUR")
    assert rated(text, model="gpt-5").revenue_currency == ""


def test_a_sale_needs_no_cost_where_its_price_is_by_the_unit() -> None:
    """A model that nobody priced can be sold; with a margin its revenue is unknown, as its cost."""
    by_unit = rated("sell: [{per: 1000000, units: {input_tokens: 5, output_tokens: 20}}]", model="gpt-99-turbo")
    assert (by_unit.state, money(by_unit.revenue)) == ("unpriced", "0.015")
    by_margin = rated("sell: [{margin: 1%}]", model="gpt-99-turbo")
    assert (by_margin.revenue, by_margin.revenue_currency) == (None, "USD")


def test_a_sell_price_that_does_not_hold_leaves_revenue_unknown() -> None:
    """It names no price for output, so what the tenant pays is not known."""
    answer = rated("sell: [{per: 1000000, units: {input_tokens: 5}}]")
    assert (money(answer.cost), answer.revenue, answer.revenue_currency) == ("0.0075", None, "USD")


def test_the_tenants_sell_price_wins_over_the_general_one() -> None:
    """And a margin holds for every tier, a price for the standard one."""
    text = "sell: [{tenant: acme, margin: 0}, {units: {requests: 1}}]"
    assert money(rated(text, "acme").revenue) == "0.0075"
    assert money(rated(text, "acme", tier="batch").revenue) == "0.00375"
    assert money(rated(text).revenue) == "1"
    assert rated(text, tier="batch").revenue_currency == ""


@pytest.mark.parametrize(("at_ns", "revenue"), [(NOW - 1, "0.0075"), (NOW, "0.015")])
def test_a_margin_changes_at_its_instant(at_ns: int, revenue: str) -> None:
    """From 12:40 on the margin is 100 %."""
    until, since = "{margin: 0, to: '2026-11-21T12:40:00Z'}", "{margin: 100%, from: '2026-11-21T12:40:00Z'}"
    assert money(rated(f"sell: [{until}, {since}]", at_ns=at_ns).revenue) == revenue


def test_the_cost_is_told_in_the_reporting_currency_by_a_dated_rate() -> None:
    """0.0075 * 0.92 = 0.0069, with the rate and its source."""
    answer = rated(EUR)
    assert (money(answer.cost), answer.currency) == ("0.0075", "USD")
    assert (money(answer.reporting_cost), answer.reporting_currency) == ("0.0069", "EUR")
    assert (money(answer.fx_rate), answer.fx_source) == ("0.92", "ECB")


@pytest.mark.parametrize(
    ("at_ns", "known"),
    [
        (day_ns(2026, 11, 16) - 1, False),
        (day_ns(2026, 11, 16), True),
        (day_ns(2026, 11, 23) - 1, True),
        (day_ns(2026, 11, 23), False),
    ],
)
def test_a_rate_holds_for_the_days_it_is_given(at_ns: int, known: bool) -> None:  # noqa: FBT001 (a parameter of the case)
    """Seven days from the 16th on; outside them the reporting cost is unknown, never an old rate's, and no error."""
    answer = rated(EUR, at_ns=at_ns)
    assert (answer.reporting_cost is not None, answer.fx_rate is not None) == (known, known)
    assert (answer.state, answer.reporting_currency) == ("priced", "EUR")


def test_the_newest_rate_of_a_day_holds() -> None:
    """Of two dates the later one, of two files for one date the later file's."""
    table = "name: {}\ncurrencies: {{reporting: EUR, rates: [{}]}}"
    first = table.format(
        "a", "{date: 2026-11-20, from: USD, to: EUR, rate: 2}, {date: 2026-11-21, from: USD, to: EUR, rate: 3}"
    )
    second = table.format("b", "{date: 2026-11-21, from: USD, to: EUR, rate: 4}")
    for files, expected in (((first,), 3), ((first, second), 4), ((second, first), 3)):
        book = rate.price_book([rate.read_layer(text, origin="f.yaml") for text in files])
        answer = book.rate(USAGE, provider="openai", model="gpt-4o", at_ns=NOW)
        assert answer.reporting_cost == expected * 75 * ATTO // 10_000


def test_a_cost_in_the_reporting_currency_is_its_own() -> None:
    """The rate is one."""
    answer = rated("currencies: {reporting: USD}")
    assert (answer.reporting_cost, answer.fx_rate, answer.fx_source) == (answer.cost, ATTO, "")


def test_an_unknown_cost_is_unknown_in_every_currency() -> None:
    """Never zero."""
    answer = rated(EUR, model="gpt-99-turbo")
    assert (answer.reporting_cost, answer.fx_rate, answer.reporting_currency) == (None, None, "EUR")


def test_a_reporting_cost_is_rounded_half_even_at_the_last_place() -> None:
    """At a rate of 0.5 one atto dollar is half an atto euro, to even 0; three are one and a half, to even 2."""
    rates = "currencies: {reporting: EUR, rates: [{date: 2026-11-21, from: USD, to: EUR, rate: 0.5}]}"
    text = f"{rates}\nprices: [{{model: m, per: 1000000000000, units: {{pages: 0.000001}}}}]"
    book = rate.price_book([rate.read_layer(text, origin="f.yaml")])
    answers = [book.rate({"pages": n}, provider="p", model="m", at_ns=NOW).reporting_cost for n in (1, 2, 3)]
    assert answers == [0, 1, 2]
