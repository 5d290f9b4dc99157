"""A price by account on the way from a span to a row, into a report, and over what is booked already."""

from collections.abc import Generator
from pathlib import Path

import pytest
from support.desk import Desk
from support.otlp import chat, request, span

from spanledger.exporter.poster import Poster
from spanledger.exporter.posting.batch import rated
from spanledger.exporter.posting.repriced import Asked
from spanledger.exporter.posting.repricing import Repricing
from spanledger.exporter.posting.stretches import stretches
from spanledger.exporter.prices import PriceShelf
from spanledger.exporter.rate import price_book, read_layer
from spanledger.exporter.store import Store
from spanledger.exporter.store.rollup import Rollup

CONTRACT = "name: contract\nprices:\n  - {provider: openai, account: org-a, discount: 50%}\n"
ON_AWS = {"service.name": "shop", "cloud.provider": "aws", "cloud.account.id": "012345678901"}
MONEY = "SELECT account, toString(cost), price_id FROM charges ORDER BY account, ingest_time, event_id"


@pytest.fixture
def desk(store: Store, tmp_path: Path) -> Generator[Desk]:
    """An empty ledger whose poster has a price file."""
    file = tmp_path / "prices" / "contract.yaml"
    file.parent.mkdir()
    file.write_text(CONTRACT)
    made = Desk(store, tmp_path / "journal")
    made.poster = Poster(store, made.root, prices=PriceShelf([file.parent]))
    yield made
    made.writer.close()


def test_a_call_is_booked_under_its_account_and_at_its_price(desk: Desk) -> None:
    """The list's 0.000027 for 100 and 20 tokens of gpt-4o-mini; half of it under the account of the contract."""
    desk.post(request(span(chat(ledger__account="org-a"))))
    desk.post(request(span(chat(ledger__account="org-b"), span_id=2, trace_id=2)))
    desk.post(request(span(chat(), span_id=3, trace_id=3), resource=ON_AWS))
    assert desk.store.query(MONEY) == [
        ("", "0.000027", "openai/gpt-4o-mini"),
        ("org-a", "0.0000135", "contract:openai/* < openai/gpt-4o-mini"),
        ("org-b", "0.000027", "openai/gpt-4o-mini"),
    ]
    claims = "SELECT account FROM claims ORDER BY account"
    assert desk.store.query(claims) == [("",), ("org-a",), ("org-b",)]


def test_a_call_to_the_callers_own_cloud_is_under_the_callers_account(desk: Desk, tmp_path: Path) -> None:
    """Nova Lite is 0.06 and 0.24 a million: 100 and 20 tokens are 0.0000108, and half of it by the contract."""
    contract = "prices:\n  - {provider: aws, account: 012345678901, discount: 50%}\n"
    (tmp_path / "prices" / "aws.yaml").write_text(contract)
    nova = chat(gen_ai__provider__name="aws.bedrock", gen_ai__request__model="us.amazon.nova-lite-v1:0")
    desk.post(request(span(nova), resource=ON_AWS))
    assert [row[:2] for row in desk.store.query(MONEY)] == [("012345678901", "0.0000054")]
    assert desk.store.query("SELECT has(flags, 'account_assumed'), quality FROM charges") == [(1, "exact")]


def test_an_account_that_is_told_late_corrects_the_charge(desk: Desk) -> None:
    """The client's span names none; the application's, of the same response, does."""
    desk.post(request(span(chat(gen_ai__response__id="r"))))
    desk.post(request(span(chat(gen_ai__response__id="r", ledger__account="org-a"), span_id=2, trace_id=2)))
    assert [row[:2] for row in desk.store.query(MONEY)] == [("org-a", "0.0000135")]
    sums = "SELECT account, sum(requests), toString(sum(cost)) FROM ledger_events FINAL GROUP BY account"
    assert sorted(desk.store.query(sums)) == [("", 0, "0"), ("org-a", 1, "0.0000135")]


def test_rating_again_uses_the_account_that_was_claimed(desk: Desk) -> None:
    """A contract with org-b that is signed later: 0.000027 less a quarter, for its call alone."""
    for number, account in enumerate(("org-a", "org-b"), 1):
        desk.post(request(span(chat(ledger__account=account), span_id=number, trace_id=number)))
    later = CONTRACT + "  - {provider: openai, account: org-b, discount: 25%}\n"
    book = price_book([read_layer(later, origin="contract.yaml")])
    repricing = Repricing(desk.store, Rollup(desk.store), lambda charge: rated(charge, book))
    asked = Asked(everything=True)
    done = [repricing.reprice(asked, stretch, dry_run=False) for stretch in stretches(desk.store, asked, 10)]
    assert sum(each.adjusted for each in done) == 1
    assert [row[:2] for row in desk.store.query(MONEY)] == [("org-a", "0.0000135"), ("org-b", "0.00002025")]
    adjustments = "SELECT account FROM ledger_events FINAL WHERE kind = 'adjustment'"
    assert desk.store.query(adjustments) == [("org-b",)]
