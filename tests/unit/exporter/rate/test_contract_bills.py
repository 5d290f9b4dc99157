"""Bills by prices of one's own, worked out by hand: contracts, own machines, other currencies, what is sold.

A bill with a wrong sum here is a wrong invoice; the arithmetic stands beside each.
"""

from datetime import UTC, datetime

import pytest

from spanledger.exporter.rate import PriceBook, Rated, price_book, read_layer
from spanledger.schemas import units as u
from spanledger.schemas.money import format_amount

INPUT, OUTPUT, READ = u.INPUT_TOKENS, u.OUTPUT_TOKENS, u.CACHE_READ_TOKENS

CONTRACTS = """
name: contracts
source: "contract 2026-113"
aliases:
  my-prod-gpt4o: azure/gpt-4o-2024-11-20
prices:
  - {provider: openai, model: gpt-4o, tenant: acme, per: 1000000,
     units: {input_tokens: "2.25", cache_read_tokens: "1.1", output_tokens: "9"}}
  - {provider: openai, model: gpt-4o, tenant: acme, tier: batch, per: 1000000,
     units: {input_tokens: "1", output_tokens: "4"}}
  - {provider: openai, model: "gpt-5*", tenant: acme, discount: "12.5%"}
  - {provider: openai, model: gpt-4.1, from: 2026-01-01, to: "2026-07-01T12:00:00Z", per: 1000000,
     units: {input_tokens: "1.90", output_tokens: "7.60"}}
  - {provider: openai, model: gpt-4.1, from: "2026-07-01T12:00:00Z", per: 1000000,
     units: {input_tokens: "1.50", output_tokens: "6"}}
  - {provider: self, model: llama-3-70b, currency: EUR, units: {gpu_seconds: "0.0011"}}
  - {provider: self, model: llama-3-405b, currency: EUR, gpus: 8, units: {gpu_seconds: "0.0011"}}
  - {provider: self, model: llama-3-8b, units: {seconds: "0.0002", requests: "0.001"}}
  - {provider: self, model: qwen-long, per: 1000000,
     units: {input_tokens: {0: "0.5", 32000: "1.0"}, output_tokens: "2"}}
  - {provider: page-scanner, units: {pages: "0.004"}}
  - {provider: translator, per: 1000000, units: {characters: "20"}}
sell:
  - {tenant: acme, margin: "20%"}
  - {tenant: globex, provider: openai, model: "gpt-5*", per: 1000000, units: {input_tokens: "5", output_tokens: "20"}}
currencies:
  reporting: EUR
  rates:
    - {date: 2026-11-01, from: USD, to: EUR, rate: "0.92", source: ECB}
    - {date: 2026-11-15, from: USD, to: EUR, rate: "0.90", source: ECB}
"""


def at(month: int, day: int, hour: int = 12) -> int:
    """An instant of 2026 in UTC, in nanoseconds since 1970."""
    return int(datetime(2026, month, day, hour, tzinfo=UTC).timestamp()) * 10**9


@pytest.fixture(scope="module")
def book() -> PriceBook:
    """The contracts over the catalogue."""
    return price_book([read_layer(CONTRACTS, origin="contracts.yaml")])


def bill(
    book: PriceBook,
    model: str,
    usage: dict[str, int],
    *,
    provider: str = "openai",
    tenant: str = "",
    tier: str = "",
    at_ns: int = at(11, 21),
    duration_ms: int = 0,
) -> Rated:
    """Rate one call."""
    return book.rate(
        usage,
        provider=provider,
        model=model,
        at_ns=at_ns,
        tenant=tenant,
        service_tier=tier,
        duration_ms=duration_ms,
    )


def money(atto: int | None) -> str | None:
    """An amount as text."""
    return None if atto is None else format_amount(atto)


def test_a_negotiated_price_is_the_tenant_s_alone(book: PriceBook) -> None:
    """1 000 * 2.25 + 3 000 * 1.1 + 500 * 9; others pay 1 000 * 2.50 + 3 000 * 1.25 + 500 * 10."""
    usage = {INPUT: 4000, READ: 3000, OUTPUT: 500}
    own = bill(book, "gpt-4o", usage, tenant="acme")
    assert (money(own.cost), own.price_id) == ("0.01005", "contracts:openai/gpt-4o")
    assert money(bill(book, "gpt-4o", usage, tenant="globex").cost) == "0.01125"


def test_a_negotiated_tier_has_its_own_price(book: PriceBook) -> None:
    """Batch: 1 000 * 1 + 500 * 4."""
    assert money(bill(book, "gpt-4o", {INPUT: 1000, OUTPUT: 500}, tenant="acme", tier="batch").cost) == "0.003"


def test_a_discount_is_taken_off_the_list_price(book: PriceBook) -> None:
    """7/8 of 1 000 * 1.25 + 500 * 10 = 0.00625."""
    assert money(bill(book, "gpt-5", {INPUT: 1000, OUTPUT: 500}, tenant="acme").cost) == "0.00546875"
    assert money(bill(book, "gpt-5", {INPUT: 1000, OUTPUT: 500}).cost) == "0.00625"


def test_a_discount_is_taken_off_a_tier_s_price_too(book: PriceBook) -> None:
    """7/8 of the flex price 1 000 * 0.625 + 500 * 5 = 0.003125."""
    cost = bill(book, "gpt-5", {INPUT: 1000, OUTPUT: 500}, tenant="acme", tier="flex").cost
    assert money(cost) == "0.002734375"


@pytest.mark.parametrize(
    ("at_ns", "cost"),
    [
        (at(1, 1, 0) - 1, "0.006"),  # the list price: 1 000 * 2 + 500 * 8
        (at(1, 1, 0), "0.0057"),  # 1 000 * 1.90 + 500 * 7.60
        (at(7, 1, 12) - 1, "0.0057"),
        (at(7, 1, 12), "0.0045"),  # 1 000 * 1.50 + 500 * 6
    ],
)
def test_a_price_that_changes_at_noon_splits_the_day(book: PriceBook, at_ns: int, cost: str) -> None:
    """The last nanosecond before noon is at the old price."""
    assert money(bill(book, "gpt-4.1", {INPUT: 1000, OUTPUT: 500}, at_ns=at_ns).cost) == cost


def test_a_machine_of_one_s_own_is_paid_by_the_second(book: PriceBook) -> None:
    """12.5 seconds of one processor at 0.0011 euros, whatever was said meanwhile."""
    rated = bill(book, "llama-3-70b", {INPUT: 1000, OUTPUT: 500}, provider="self", duration_ms=12_500)
    assert (money(rated.cost), rated.currency) == ("0.01375", "EUR")


def test_eight_processors_cost_eight_times_as_much(book: PriceBook) -> None:
    """2 s * 8 * 0.0011."""
    rated = bill(book, "llama-3-405b", {INPUT: 10, OUTPUT: 5}, provider="self", duration_ms=2000)
    assert money(rated.cost) == "0.0176"


def test_seconds_and_requests_together(book: PriceBook) -> None:
    """3 s * 0.0002 + 1 * 0.001."""
    rated = bill(book, "llama-3-8b", {INPUT: 10, OUTPUT: 5}, provider="self", duration_ms=3000)
    assert money(rated.cost) == "0.0016"


@pytest.mark.parametrize(("tokens", "cost"), [(32_000, "0.0162"), (32_001, "0.032201")])
def test_a_context_band_of_one_s_own(book: PriceBook, tokens: int, cost: str) -> None:
    """32 000 * 0.5 + 100 * 2 = 0.0162; one token more costs 32 001 * 1.0 + 100 * 2."""
    assert money(bill(book, "qwen-long", {INPUT: tokens, OUTPUT: 100}, provider="self").cost) == cost


def test_work_that_is_no_model_s_is_priced_by_its_unit(book: PriceBook) -> None:
    """34 pages at 0.004; 150 000 characters at 20 a million."""
    assert money(bill(book, "", {"pages": 34}, provider="page-scanner").cost) == "0.136"
    assert money(bill(book, "", {"characters": 150_000}, provider="translator").cost) == "3"


def test_a_name_no_rule_can_know_stands_for_a_model(book: PriceBook) -> None:
    """1 000 * 2.50 + 500 * 10, as gpt-4o on Azure."""
    rated = bill(book, "my-prod-gpt4o", {INPUT: 1000, OUTPUT: 500}, provider="azure.ai.openai")
    assert money(rated.cost) == "0.0075"


@pytest.mark.parametrize(
    ("at_ns", "rate", "cost"),
    [
        (at(11, 14), "0.92", "0.00575"),  # 0.00625 * 0.92
        (at(11, 15, 0), "0.9", "0.005625"),  # 0.00625 * 0.90
    ],
)
def test_a_cost_is_reported_in_euros_at_the_rate_of_its_day(book: PriceBook, at_ns: int, rate: str, cost: str) -> None:
    """The rate and who stated it stand beside the cost, which stays in dollars."""
    rated = bill(book, "gpt-5", {INPUT: 1000, OUTPUT: 500}, at_ns=at_ns)
    assert (money(rated.cost), rated.currency) == ("0.00625", "USD")
    reported = (money(rated.reporting_cost), rated.reporting_currency, money(rated.fx_rate), rated.fx_source)
    assert reported == (cost, "EUR", rate, "ECB")


def test_a_day_without_a_rate_has_no_reporting_cost(book: PriceBook) -> None:
    """In March nobody had stated one: unknown, not zero; the cost is known all the same."""
    rated = bill(book, "gpt-5", {INPUT: 1000, OUTPUT: 500}, at_ns=at(3, 1))
    assert (money(rated.cost), rated.reporting_cost, rated.fx_rate) == ("0.00625", None, None)


def test_a_margin_is_added_to_the_cost(book: PriceBook) -> None:
    """0.01005 * 1.2, beside the cost and in its currency."""
    rated = bill(book, "gpt-4o", {INPUT: 4000, READ: 3000, OUTPUT: 500}, tenant="acme")
    assert (money(rated.revenue), rated.revenue_currency) == ("0.01206", "USD")


def test_a_sell_price_is_what_the_tenant_pays_whatever_it_costs(book: PriceBook) -> None:
    """1 000 * 5 + 500 * 20 beside a cost of 0.00625."""
    rated = bill(book, "gpt-5", {INPUT: 1000, OUTPUT: 500}, tenant="globex")
    assert (money(rated.cost), money(rated.revenue)) == ("0.00625", "0.015")


def test_who_is_sold_nothing_has_no_revenue(book: PriceBook) -> None:
    """No sell price is no revenue of zero."""
    rated = bill(book, "gpt-5", {INPUT: 1000, OUTPUT: 500}, tenant="initech")
    assert (rated.revenue, rated.revenue_currency) == (None, "")
