"""One's own prices over the catalogue: who wins, since when, and for whom; every sum worked out by hand."""

import pytest
from support.own_prices import book, cost, rated

from spanledger.exporter import rate

NOON = 1_782_907_200 * 10**9  # 2026-07-01 12:00 UTC

CONTRACT = """
name: contract
prices:
  - {provider: openai, model: gpt-4o, tenant: acme, per: 1000000, units: {input_tokens: 2, output_tokens: "8.00"}}
"""


def test_a_negotiated_price_is_the_tenants_alone() -> None:
    """Acme pays 2 + 8 a million; everybody else pays the list's 2.50 + 10."""
    prices = book(CONTRACT)
    assert cost(rated(prices, "openai", "gpt-4o", tenant="acme")) == "10 USD"
    assert cost(rated(prices, "openai", "gpt-4o", tenant="other")) == "12.5 USD"
    assert cost(rated(prices, "openai", "gpt-4o")) == "12.5 USD"


def test_a_price_names_a_model_as_the_catalogue_does() -> None:
    """A snapshot of `gpt-4o` has the price of `gpt-4o`; another model that begins alike has not."""
    prices = book(CONTRACT)
    assert cost(rated(prices, "openai", "gpt-4o-2024-08-06", tenant="acme")) == "10 USD"
    assert cost(rated(prices, "openai", "gpt-4o-mini", tenant="acme")) == "0.75 USD"


def test_a_price_is_one_providers() -> None:
    """A contract with OpenAI is none with Azure, nor with a router that sells the same model."""
    prices = book(CONTRACT)
    assert cost(rated(prices, "azure.ai.openai", "gpt-4o", tenant="acme")) == "12.5 USD"
    assert cost(rated(prices, "openrouter", "openai/gpt-4o", tenant="acme")) == "12.5 USD"


def test_the_event_names_the_price_it_used() -> None:
    """The price id says which file's entry it was, and a discount what it was taken off."""
    prices = book(CONTRACT, "name: rebate\nprices: [{provider: openai, discount: 10%, tenant: acme}]")
    assert rated(prices, "openai", "gpt-4o").price_id == "openai/gpt-4o"
    assert rated(prices, "openai", "gpt-4o", tenant="acme").price_id == "rebate:openai/* < contract:openai/gpt-4o"
    assert rated(prices, "openai", "gpt-4o").price_book == prices.digest


@pytest.mark.parametrize(
    ("at_ns", "expected"),
    [
        (NOON - 1, "1 USD"),
        (NOON, "2 USD"),
        (NOON + 12 * 3600 * 10**9 - 1, "2 USD"),
        (NOON + 12 * 3600 * 10**9, "12.5 USD"),
    ],
)
def test_a_price_changes_at_the_instant_it_says(at_ns: int, expected: str) -> None:
    """From noon the second price holds, to the nanosecond; after its end the list price does."""
    prices = book(
        """
prices:
  - {model: gpt-4o, to: "2026-07-01T12:00:00Z", per: 2000000, units: {input_tokens: 1, output_tokens: 1}}
  - {model: gpt-4o, from: "2026-07-01T14:00:00+02:00", to: 2026-07-02, per: 1000000,
     units: {input_tokens: 1, output_tokens: 1}}
"""
    )
    assert cost(rated(prices, "openai", "gpt-4o", at_ns=at_ns)) == expected


def test_the_interval_before_a_change_is_left_and_entered_again() -> None:
    """Spans arrive in any order: the price of each is that of its own time."""
    prices = book('prices: [{model: m, from: "2026-07-01T12:00:00Z", units: {pages: 1}}]')
    answers = [cost(rated(prices, "p", "m", {"pages": 1}, at_ns=at)) for at in (NOON, NOON - 1, NOON, NOON - 1)]
    assert answers == ["1 USD", "no_price", "1 USD", "no_price"]


def test_a_discount_is_taken_off_what_lies_below() -> None:
    """12.5 % off the list's 1.25 + 10, its cached tokens at 0.125 too; other tiers are cheaper by the same part."""
    prices = book('prices: [{provider: openai, model: "gpt-5*", discount: "12.5%", tenant: acme}]')
    assert cost(rated(prices, "openai", "gpt-5", tenant="acme")) == "9.84375 USD"
    cached = {"input_tokens": 1_000_000, "cache_read_tokens": 1_000_000}
    assert cost(rated(prices, "openai", "gpt-5", cached, tenant="acme")) == "0.109375 USD"
    assert cost(rated(prices, "openai", "gpt-5", tenant="acme", service_tier="flex")) == "4.921875 USD"
    assert cost(rated(prices, "openai", "gpt-5")) == "11.25 USD"


def test_a_discount_keeps_the_context_band() -> None:
    """Gemini 2.5 Pro above 200 000 input tokens costs 2.50; half of it is 1.25."""
    prices = book("prices: [{provider: google, model: gemini-2.5-pro, discount: 50%}]")
    assert cost(rated(prices, "gcp.gemini", "gemini-2.5-pro", {"input_tokens": 1_000_000})) == "1.25 USD"
    assert cost(rated(prices, "gcp.gemini", "gemini-2.5-pro", {"input_tokens": 100_000})) == "0.0625 USD"


def test_of_one_file_one_discount_holds_and_of_two_files_both() -> None:
    """The tenant's 20 % replaces the general 10 % of its file; another file's 50 % is taken off what is left."""
    general = "name: g\nprices: [{model: gpt-4o, discount: 10%}, {model: gpt-4o, discount: 20%, tenant: acme}]"
    more = "name: m\nprices: [{discount: 50%}]"
    assert cost(rated(book(general), "openai", "gpt-4o")) == "11.25 USD"
    assert cost(rated(book(general), "openai", "gpt-4o", tenant="acme")) == "10 USD"
    assert cost(rated(book(general, more), "openai", "gpt-4o", tenant="acme")) == "5 USD"


def test_a_discount_meets_the_price_of_its_own_file() -> None:
    """A file may state a price for all, and less of it for one tenant: 20 less a quarter."""
    prices = book(
        "prices: [{model: m, units: {pages: 20}}, {model: m, discount: 25%, tenant: acme}, {discount: 99%, model: x}]"
    )
    assert cost(rated(prices, "p", "m", {"pages": 1}, tenant="acme")) == "15 USD"
    assert cost(rated(prices, "p", "m", {"pages": 1})) == "20 USD"


def test_a_discount_on_nothing_is_no_price() -> None:
    """A rebate of a provider does not price a model that nobody knows."""
    prices = book("prices: [{provider: openai, discount: 10%}]")
    assert cost(rated(prices, "openai", "gpt-99-turbo")) == "no_model"


def test_a_discount_is_exact() -> None:
    """A third of thirty digits is no third: 33.333333333333333333 % of 2.5 off, to the last place."""
    prices = book('prices: [{model: gpt-4o, discount: "33.333333333333333333%"}]')
    # 2.5 * 0.66666666666666666667 = 1.666666666666666666675, rounded half-even to 18 places.
    assert cost(rated(prices, "openai", "gpt-4o", {"input_tokens": 1_000_000})) == "1.666666666666666667 USD"


@pytest.mark.parametrize(
    ("tenant", "model", "tier", "region", "expected"),
    [
        ("", "m-1", "", "", 1),
        ("", "m-22", "", "", 2),
        ("", "m-22", "batch", "", 3),
        ("", "m-22", "", "eu", 4),
        ("", "m-22", "batch", "eu", 3),
        ("acme", "m-1", "", "", 5),
        ("acme", "m-22", "", "", 6),
        ("other", "m-22", "default", "EU", 4),
    ],
)
def test_the_more_specific_entry_wins(tenant: str, model: str, tier: str, region: str, expected: int) -> None:
    """A tenant before none, a whole name before a beginning, a tier and then a region before none."""
    prices = book(
        """
prices:
  - {model: "m-*", units: {pages: 1}}
  - {model: m-22, units: {pages: 2}}
  - {model: m-22, tier: batch, units: {pages: 3}}
  - {model: m-22, region: eu, units: {pages: 4}}
  - {model: "m-*", tenant: acme, units: {pages: 5}}
  - {model: m-22, tenant: acme, units: {pages: 6}}
"""
    )
    answer = rated(prices, "p", model, {"pages": 1}, tenant=tenant, service_tier=tier, region=region)
    assert cost(answer) == f"{expected} USD"


def test_a_later_file_wins_over_a_more_specific_earlier_one() -> None:
    """Layers are laid in order; the last word is the last file's."""
    early = "name: early\nprices: [{model: m, tenant: acme, units: {pages: 1}}]"
    late = "name: late\nprices: [{units: {pages: 2}}]"
    assert cost(rated(book(early, late), "p", "m", {"pages": 1}, tenant="acme")) == "2 USD"
    assert cost(rated(book(late, early), "p", "m", {"pages": 1}, tenant="acme")) == "1 USD"


def test_a_price_without_a_tier_is_the_standard_one() -> None:
    """A contract's price is not charged for a batch in silence: the batch keeps the list's half."""
    prices = book(CONTRACT)
    assert cost(rated(prices, "openai", "gpt-4o", tenant="acme", service_tier="batch")) == "6.25 USD"
    every = book('prices: [{model: gpt-4o, tier: "*", per: 1000000, units: {input_tokens: 1, output_tokens: 1}}]')
    assert cost(rated(every, "openai", "gpt-4o", service_tier="batch")) == "2 USD"


def test_a_tier_that_an_own_model_has_no_price_for_is_unpriced() -> None:
    """The model is known, its flex price is not."""
    prices = book("prices: [{provider: self, model: m, units: {pages: 1}}]")
    assert cost(rated(prices, "self", "m", {"pages": 1}, service_tier="flex")) == "unknown_tier"


def test_a_price_replaces_all_prices_unless_it_inherits() -> None:
    """Without a price of their own cached tokens cost what input does; inheriting keeps the list's 1.25."""
    usage = {"input_tokens": 1_000_000, "cache_read_tokens": 1_000_000}
    line = "{model: gpt-4o, per: 1000000, units: {input_tokens: 2}"
    assert cost(rated(book(f"prices: [{line}}}]"), "openai", "gpt-4o", usage)) == "2 USD"
    assert cost(rated(book(f"prices: [{line}, inherit: true}}]"), "openai", "gpt-4o", usage)) == "1.25 USD"


def test_prices_in_two_currencies_are_not_mixed() -> None:
    """A price in euros cannot complete a list in dollars."""
    prices = book("prices: [{model: gpt-4o, currency: EUR, per: 1000000, units: {input_tokens: 2}, inherit: true}]")
    assert cost(rated(prices, "openai", "gpt-4o")) == "mixed_currencies"


def test_a_server_tool_that_a_list_forgets_is_added_to_it() -> None:
    """25 per thousand searches beside the list price: 0.0125 + 3 * 0.025, a line of its own."""
    prices = book("prices: [{model: gpt-4o, per: 1000, units: {web_searches: 25}, inherit: true}]")
    answer = rated(prices, "openai", "gpt-4o", {"input_tokens": 1000, "output_tokens": 1000, "web_searches": 3})
    assert cost(answer) == "0.0875 USD"
    assert answer.units == ("input_tokens", "output_tokens", "web_searches")


def test_a_context_band_of_ones_own_begins_above_its_threshold() -> None:
    """1 up to 1 000 input tokens, 2 above, for every token of the call."""
    prices = book('prices: [{model: m, per: 1000, units: {input_tokens: {0: "1", 1000: "2"}}}]')
    assert cost(rated(prices, "p", "m", {"input_tokens": 1000})) == "1 USD"
    assert cost(rated(prices, "p", "m", {"input_tokens": 1001})) == "2.002 USD"


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("openai", "my-prod-gpt4o"),
        ("azure.ai.openai", "azure/MY-PROD-gpt4o"),
        ("", "my-prod-gpt4o"),
        ("self", "my-prod-gpt4o"),
    ],
)
def test_an_alias_says_what_no_rule_can_know(provider: str, model: str) -> None:
    """A deployment's name stands for a model of a provider, whoever carried the call; the event keeps the name."""
    prices = book("aliases: {my-prod-gpt4o: azure/gpt-4o-2024-11-20}")
    answer = rated(prices, provider, model)
    assert (cost(answer), answer.price_id, answer.model) == ("12.5 USD", "azure/gpt-4o", model)


def test_an_alias_names_an_opaque_profile() -> None:
    """An application inference profile of Bedrock says nothing of its model."""
    profile = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123def456"
    prices = book("aliases: {abc123def456: us.amazon.nova-lite-v1:0}")
    assert cost(rated(prices, "aws.bedrock", profile)) == "0.3 USD"


def test_an_alias_leads_to_prices_of_ones_own() -> None:
    """And the later file's alias holds."""
    first = "name: a\naliases: {prod: m-1}\nprices: [{model: m-1, units: {pages: 1}}, {model: m-2, units: {pages: 2}}]"
    assert cost(rated(book(first), "p", "prod", {"pages": 1})) == "1 USD"
    assert cost(rated(book(first, "name: b\naliases: {PROD: m-2}"), "p", "prod", {"pages": 1})) == "2 USD"


def test_the_response_model_is_priced_before_the_request_model() -> None:
    """An entry for what was asked does not price what was answered, unless nobody knows that."""
    prices = book("prices: [{model: router, per: 1000000, units: {input_tokens: 1, output_tokens: 1}}]")
    assert cost(rated(prices, "openai", "gpt-4o", fallback_model="router")) == "12.5 USD"
    assert cost(rated(prices, "openai", "gpt-99-turbo", fallback_model="router")) == "2 USD"


def test_an_own_name_at_two_providers_is_ambiguous_without_one() -> None:
    """The answer lists what the name could mean."""
    prices = book(
        "name: own\nprices: [{provider: a, model: m, units: {pages: 1}}, {provider: b, model: m, units: {pages: 2}}]"
    )
    answer = rated(prices, "", "m", {"pages": 1})
    assert (answer.reason, answer.candidates) == ("ambiguous_model", ("own:a/m", "own:b/m"))
    assert cost(rated(prices, "b", "m", {"pages": 1})) == "2 USD"


def test_a_book_without_files_is_the_catalogue() -> None:
    """The same object: nothing is compiled twice."""
    assert rate.price_book() is rate.catalogue()
