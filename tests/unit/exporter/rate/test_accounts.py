"""Prices by account: contracts are made with an account of the provider's; every sum worked out by hand."""

import pytest
from support.own_prices import book, cost, rated

from spanledger.exporter.rate import PriceFileError, price_book, read_layer
from spanledger.exporter.rate import book as books
from spanledger.schemas.money import format_amount

ENTERPRISE = """
name: enterprise
prices:
  - {provider: aws, account: 012345678901, discount: 12%}
  - {provider: openai, model: gpt-4o, account: org-a, per: 1000000, units: {input_tokens: 2, output_tokens: 8}}
sell:
  - {margin: 10%}
  - {account: org-a, margin: 25%}
"""


def test_an_accounts_discount_beside_the_list_price() -> None:
    """Nova Lite is 0.06 + 0.24 a million: 0.3, and 88 % of it are 0.264 under the account alone."""
    prices = book(ENTERPRISE)
    nova = "us.amazon.nova-lite-v1:0"
    bills = {
        account: cost(rated(prices, "aws.bedrock", nova, account=account)) for account in ("", "999", "012345678901")
    }
    assert bills == {"": "0.3 USD", "999": "0.3 USD", "012345678901": "0.264 USD"}
    named = rated(prices, "aws.bedrock", nova, account="012345678901").price_id
    assert named.startswith("enterprise:aws/* < ")


def test_an_account_is_written_as_it_is_and_compared_as_it_is() -> None:
    """Its leading zero is no octal number, and twelve digits are no eleven."""
    prices = book(ENTERPRISE)
    assert cost(rated(prices, "aws.bedrock", "us.amazon.nova-lite-v1:0", account="12345678901")) == "0.3 USD"
    assert cost(rated(prices, "openai", "gpt-4o", account="ORG-A")) == "12.5 USD"


def test_what_a_call_is_sold_for_may_hang_on_its_account() -> None:
    """2 + 8 are 10, and a quarter more; the list's 2.50 + 10, and a tenth more."""
    prices = book(ENTERPRISE)
    under = [rated(prices, "openai", "gpt-4o", account=account) for account in ("org-a", "org-b")]
    assert [(cost(one), format_amount(one.revenue or 0)) for one in under] == [
        ("10 USD", "12.5"),
        ("12.5 USD", "13.75"),
    ]


@pytest.mark.parametrize(
    ("tenant", "account", "model", "tier", "expected"),
    [
        ("", "", "m-1", "", 1),
        ("", "", "m-2", "", 2),
        ("", "a", "m-1", "", 3),
        ("", "a", "m-2", "", 3),
        ("", "", "m-2", "batch", 4),
        ("", "a", "m-2", "batch", 8),
        ("", "other", "m-2", "", 2),
        ("acme", "", "m-2", "", 5),
        ("acme", "a", "m-2", "", 5),
        ("globex", "", "m-2", "", 6),
        ("globex", "a", "m-2", "", 7),
    ],
)
def test_a_tenant_then_an_account_then_the_model(
    tenant: str, account: str, model: str, tier: str, expected: int
) -> None:
    """The documented order: each before none; a tenant before an account, an account before a whole name."""
    prices = book(
        """
prices:
  - {model: "m-*", units: {pages: 1}}
  - {model: m-2, units: {pages: 2}}
  - {model: "m-*", account: a, units: {pages: 3}}
  - {model: m-2, tier: batch, units: {pages: 4}}
  - {model: m-2, tier: batch, account: a, units: {pages: 8}}
  - {model: "m-*", tenant: acme, units: {pages: 5}}
  - {model: m-2, tenant: globex, units: {pages: 6}}
  - {model: "m-*", tenant: globex, account: a, units: {pages: 7}}
"""
    )
    answer = rated(prices, "p", model, {"pages": 1}, tenant=tenant, account=account, service_tier=tier)
    assert cost(answer) == f"{expected} USD"


def test_of_one_file_one_discount_holds_the_more_specific() -> None:
    """The account's fifth replaces the tenth for all; another file's half is taken off what is left."""
    general = "name: g\nprices: [{model: gpt-4o, discount: 10%}, {model: gpt-4o, account: a, discount: 20%}]"
    more = "name: m\nprices: [{discount: 50%}]"
    assert cost(rated(book(general), "openai", "gpt-4o")) == "11.25 USD"
    assert cost(rated(book(general), "openai", "gpt-4o", account="a")) == "10 USD"
    assert cost(rated(book(general, more), "openai", "gpt-4o", account="a")) == "5 USD"


def test_two_accounts_do_not_contradict_each_other_and_one_does() -> None:
    """`*` is any account, as no account is."""
    line = "{model: m, units: {pages: 1}, account: '%s'}"
    assert book(f"prices: [{line % 'a'}, {line % 'b'}, {line % '*'}]")
    for one, other in ((line % "a", line % "a"), (line % "*", "{model: m, units: {pages: 2}}")):
        with pytest.raises(PriceFileError, match="same calls at the same time"):
            read_layer(f"prices: [{one}, {other}]", origin="x.yaml")


def test_accounts_nobody_has_a_price_for_are_not_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names come from senders: a hundred of their accounts are one kind."""
    prices = price_book([read_layer(ENTERPRISE, origin="e.yaml")])
    first = rated(prices, "anthropic", "claude-sonnet-4-5")

    def refuse(*_: object) -> None:
        pytest.fail("a new kind of call")

    monkeypatch.setattr(books, "_remember", refuse)
    answers = {cost(rated(prices, "anthropic", "claude-sonnet-4-5", account=f"acc-{n}")) for n in range(100)}
    assert answers == {cost(first)}
