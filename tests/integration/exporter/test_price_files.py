"""One's own prices on the way from a span to a row: contracts, sales, currencies, and the text that is kept."""

from collections.abc import Generator
from pathlib import Path

import pytest
from support.desk import Desk
from support.otlp import chat, request, span

from spanledger.exporter import rate
from spanledger.exporter.poster import Poster
from spanledger.exporter.prices import PriceShelf
from spanledger.exporter.store import Store
from spanledger.schemas.money import parse_amount

CONTRACT = """
name: contract
prices:
  - {provider: openai, model: gpt-4o-mini, tenant: acme, per: 1000000, units: {input_tokens: 0.10, output_tokens: 0.50}}
  - {provider: ocr, units: {pages: 0.01}}
  - {provider: openai, model: llama-3-8b, units: {seconds: 0.002}}
sell: [{tenant: acme, margin: 50%}]
currencies: {reporting: EUR, rates: [{date: 2026-01-01, from: USD, to: EUR, rate: 0.5, source: ECB}]}
"""
MONEY = (
    "SELECT toString(cost), cost_state, toString(revenue), revenue_currency, toString(reporting_cost),"
    " reporting_currency, toString(fx_rate), fx_source, price_id FROM charges ORDER BY ingest_time, event_id"
)


@pytest.fixture
def prices(tmp_path: Path) -> Path:
    """The price file."""
    file = tmp_path / "prices" / "contract.yaml"
    file.parent.mkdir()
    file.write_text(CONTRACT)
    return file


@pytest.fixture
def desk(store: Store, tmp_path: Path, prices: Path) -> Generator[Desk]:
    """An empty ledger whose poster has price files."""
    made = Desk(store, tmp_path / "journal")
    made.poster = Poster(store, made.root, prices=PriceShelf([prices.parent]))
    yield made
    made.writer.close()


def test_a_contract_a_margin_and_a_rate_stand_beside_each_other(desk: Desk) -> None:
    """100 at 0.10/M and 20 at 0.50/M are 0.00002; half more is sold, half of it is euros; others pay the list."""
    desk.post(request(span(chat(ledger__tenant="acme"))))
    desk.post(request(span(chat(ledger__tenant="other"), span_id=2, trace_id=2)))
    assert desk.store.query(MONEY) == [
        ("0.00002", "priced", "0.00003", "USD", "0.00001", "EUR", "0.5", "ECB", "contract:openai/gpt-4o-mini"),
        ("0.000027", "priced", None, "", "0.0000135", "EUR", "0.5", "ECB", "openai/gpt-4o-mini"),
    ]


def test_explicit_work_and_a_self_hosted_model_are_priced(desk: Desk) -> None:
    """12 pages at 0.01; the call of one second at 0.002 a second, charged by the millisecond."""
    desk.post(request(span({"ledger.units": 12, "ledger.unit_type": "pages", "ledger.service": "ocr"})))
    hosted = chat(gen_ai__request__model="llama-3-8b", gen_ai__response__model="llama-3-8b")
    desk.post(request(span(hosted, span_id=2, trace_id=2)))
    lines = "SELECT `lines.unit`, `lines.quantity`, toString(cost), duration_ms FROM charges ORDER BY span_id"
    (work, call) = desk.store.query(lines)
    assert work[:3] == (["pages"], [12], "0.12")
    assert call[:2] == (["milliseconds"], [call[3]])
    assert parse_amount(str(call[2])) == int(str(call[3])) * 2 * 10**12


def test_the_text_of_every_book_is_kept_once(desk: Desk, prices: Path) -> None:
    """And with it any line can be priced again: the kept book has the digest that the events name."""
    for number in (1, 2):
        desk.post(request(span(chat(ledger__tenant="acme"), span_id=number, trace_id=number)))
    desk.restart()
    desk.poster = Poster(desk.store, desk.root, prices=PriceShelf([prices.parent]))
    desk.post(request(span(chat(ledger__tenant="acme"), span_id=3, trace_id=3)))
    kept = desk.store.query("SELECT digest, name, content FROM ledger_price_books ORDER BY name")
    assert [name for _, name, _ in kept] == ["contract", f"genai-prices {_library()}"]
    ((digest,),) = desk.store.query("SELECT DISTINCT price_book FROM charges")
    texts = {str(key): str(content) for key, _, content in kept}
    again = rate.stored_book(str(digest), texts.get)
    usage = {"input_tokens": 100, "output_tokens": 20}
    call = {"provider": "openai", "model": "gpt-4o-mini", "tenant": "acme"}
    assert again.rate(usage, at_ns=0, **call).cost == 2 * 10**13  # type: ignore[arg-type]


def test_a_file_that_changes_between_postings_is_read_again(desk: Desk, prices: Path) -> None:
    """What was posted keeps its price; a broken file changes nothing."""
    for number, text in enumerate((CONTRACT, CONTRACT.replace("0.10", "1.100"), "prices: broken"), 1):
        prices.write_text(text)
        desk.post(request(span(chat(ledger__tenant="acme"), span_id=number, trace_id=number)))
    answer = desk.store.query("SELECT toString(cost) FROM charges ORDER BY span_id")
    assert answer == [("0.00002",), ("0.00012",), ("0.00012",)]
    assert desk.store.query("SELECT uniqExact(price_book) FROM charges") == [(2,)]


def test_a_reversal_takes_back_revenue_and_reporting_cost(desk: Desk) -> None:
    """A second teller knows the cache: what was sold and reported is netted with the cost."""
    desk.post(request(span(chat(ledger__tenant="acme", gen_ai__response__id="r1"))))
    fuller = chat(ledger__tenant="acme", gen_ai__response__id="r1", gen_ai__usage__reasoning__output_tokens=5)
    desk.post(request(span(fuller, span_id=5, trace_id=7)))
    kinds = "SELECT kind, count() FROM ledger_events FINAL GROUP BY kind ORDER BY kind"
    assert desk.store.query(kinds) == [("charge", 2), ("reversal", 1)]
    sums = "SELECT toString(sum(cost)), toString(sum(revenue)), toString(sum(reporting_cost)) FROM ledger_events FINAL"
    assert desk.store.query(sums) == [("0.00002", "0.00003", "0.00001")]


def test_what_is_unknown_beside_the_cost_is_flagged(desk: Desk, prices: Path) -> None:
    """A day without a rate, a sell price that does not hold, a cache write of unknown lifetime: posted, and visible."""
    prices.write_text(
        "sell: [{per: 1, units: {input_tokens: 1}}]\n"
        "currencies: {reporting: EUR, rates: [{date: 2030-01-01, from: USD, to: EUR, rate: 0.5}]}\n"
    )
    sonnet = "claude-sonnet-4-5-20250929"
    call = chat(gen_ai__request__model=sonnet, gen_ai__response__model=sonnet, gen_ai__provider__name="anthropic")
    desk.post(request(span({**call, "gen_ai.usage.cache_creation.input_tokens": 50})))
    ((cost, reporting, revenue, flags),) = desk.store.query(
        "SELECT toString(cost), reporting_cost, revenue, flags FROM charges"
    )
    assert cost is not None
    assert (reporting, revenue) == (None, None)
    assert {"cache_lifetime_assumed", "no_sell_price", "no_fx_rate"} <= set(flags)  # type: ignore[arg-type]


def _library() -> str:
    return rate.catalogue().digest.removeprefix("genai-prices-").partition(":")[0]
