"""Settlement over a real store: what one poster forgot, and what a crash cut off, is found again by its keys."""

from collections.abc import Generator, Sequence
from pathlib import Path

import pytest
from support.desk import Desk
from support.otlp import NOON_NS, chat, request, span

from spanledger.exporter.poster import Poster
from spanledger.exporter.prices import PriceShelf
from spanledger.exporter.settle import Ruling
from spanledger.exporter.store import Store

# gpt-4o-mini: 0.15 and 0.60 dollars per million tokens.
SECOND_NS = 10**9
ONE_CALL = (1, 100, 20, "0.000027")
TWO_CALLS = (2, 200, 40, "0.000054")
KINDS = "SELECT kind, count() FROM ledger_events FINAL GROUP BY kind ORDER BY kind"


@pytest.fixture
def desk(store: Store, tmp_path: Path) -> Generator[Desk]:
    """An empty ledger."""
    made = Desk(store, tmp_path / "journal")
    yield made
    made.writer.close()


CALLBACK = request(span(chat()), scope="framework")
CLIENT = request(span(chat(gen_ai__response__id="r1"), span_id=2, trace_id=2), scope="client")


def test_a_second_teller_after_a_restart_is_matched_by_likeness(desk: Desk) -> None:
    """Another trace, another emitter, nothing in memory: the store is asked for claims that resemble the new one."""
    desk.post(CALLBACK)
    desk.restart()
    desk.post(CLIENT)
    assert desk.sums() == ONE_CALL
    assert desk.store.query("SELECT quality, response_id FROM charges") == [("probable", "r1")]
    assert desk.store.query(KINDS) == [("charge", 2), ("reversal", 1)]
    assert desk.store.query("SELECT DISTINCT rule FROM claims") == [("resemblance",)]
    desk.restart()
    assert desk.post(CALLBACK)["duplicates"] == desk.post(CLIENT)["duplicates"] == 1
    assert desk.sums() == ONE_CALL


def test_a_wrapper_that_arrives_after_a_restart_is_nested(desk: Desk) -> None:
    """The inner call was charged; the outer one names the tenant."""
    desk.post(request(span(chat(gen_ai__response__id="r1"), span_id=2, parent_id=1)))
    desk.restart()
    desk.post(request(span(chat(ledger__tenant="acme"), end_ns=NOON_NS + 2 * 10**9), scope="framework"))
    assert desk.sums() == ONE_CALL
    assert desk.store.query("SELECT tenant, quality FROM charges") == [("acme", "exact")]


def test_a_call_known_by_two_response_ids_is_found_by_either(desk: Desk) -> None:
    """A gateway renames a response: its span was sent twice, with the old id and with the new one."""
    desk.post(request(span(chat(gen_ai__response__id="new"))))
    desk.post(request(span(chat(gen_ai__response__id="old", gen_ai__usage__cache_read__input_tokens=1))))
    desk.restart()
    for response_id, trace in (("old", 8), ("new", 9)):
        desk.post(request(span(chat(gen_ai__response__id=response_id), span_id=trace, trace_id=trace)))
    assert desk.sums()[0] == 1


OWN = "prices: [{provider: openai, model: gpt-4o-mini, per: 1000000, units: {input_tokens: N, output_tokens: N}}]"


def crash(*_: object) -> None:
    """Stand for a step that never reaches the store."""
    msg = "the power failed"
    raise RuntimeError(msg)


@pytest.mark.parametrize("step", ["reverse", "insert_claims", "insert_events"])
def test_a_correction_that_fails_at_any_step_is_finished_by_posting_again(
    desk: Desk, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is charged twice and nothing is lost, whichever step was the last that reached the store."""
    desk.post(CALLBACK)
    tables = desk.poster.tables

    monkeypatch.setattr(tables, step, crash)
    with pytest.raises(RuntimeError):
        desk.post(CLIENT)
    desk.restart()
    desk.post()
    assert desk.sums() == ONE_CALL
    assert desk.store.query("SELECT count() FROM charges") == [(1,)]


@pytest.mark.parametrize(("step", "cost"), [("insert_events", "0.00024"), ("insert_postings", "0.00012")])
def test_a_price_that_changes_while_a_posting_is_cut_off_is_charged_once(
    desk: Desk, step: str, cost: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What was booked before the power failed keeps its price; what was not is booked at the price found then."""
    prices = tmp_path / "prices.yaml"
    prices.write_text(OWN.replace("N", "1"))
    desk.poster = Poster(desk.store, desk.root, prices=PriceShelf([tmp_path]))
    monkeypatch.setattr(desk.poster.tables, step, crash)
    with pytest.raises(RuntimeError):
        desk.post(CLIENT)
    prices.write_text(OWN.replace("N", "2"))
    for _ in range(2):
        desk.poster = Poster(desk.store, desk.root, prices=PriceShelf([tmp_path]))
        desk.post()
        assert desk.store.query("SELECT count(), toString(sum(cost)) FROM charges") == [(1, cost)]


def test_a_charge_that_holds_again_after_it_was_reversed_is_another_event(desk: Desk) -> None:
    """Y joins X; then X2 turns out to be Y's, and X stands alone as it did at first: two calls."""
    first = request(span(chat(), end_ns=NOON_NS + 10 * SECOND_NS), scope="framework")
    begin, end = NOON_NS + 3 * SECOND_NS, NOON_NS + 13 * SECOND_NS
    told = chat(gen_ai__response__id="r1")
    desk.post(first)
    desk.post(request(span(told, span_id=2, trace_id=2, start_ns=begin, end_ns=end), scope="client"))
    assert desk.sums() == ONE_CALL
    desk.post(request(span(chat(), span_id=3, trace_id=3, start_ns=begin, end_ns=end), scope="framework"))
    assert desk.sums() == TWO_CALLS
    assert desk.store.query("SELECT count() FROM charges") == [(2,)]
    desk.restart()
    assert desk.post(first)["duplicates"] == 1
    assert desk.sums() == TWO_CALLS


@pytest.fixture
def desks(store: Store, tmp_path: Path) -> Generator[tuple[Desk, Desk]]:
    """Two receivers with one store, both of which have posted something and remember it."""
    made = Desk(store, tmp_path / "one", shared=True), Desk(store, tmp_path / "two", shared=True)
    for number, desk in enumerate(made):
        desk.post(
            request(span(chat(gen_ai__usage__input_tokens=0, gen_ai__usage__output_tokens=0), trace_id=90 + number))
        )
    yield made
    for desk in made:
        desk.writer.close()


def test_two_posters_charge_a_response_once(desks: tuple[Desk, Desk]) -> None:
    """Each has the claim of one of its tellers, in turn; and the first hears of it again."""
    one, other = desks
    response = chat(gen_ai__response__id="r1")
    one.post(request(span(response, trace_id=1)))
    other.post(request(span(response, trace_id=2)))
    one.post(request(span(response, trace_id=3)))
    assert one.sums()[1:3] == ONE_CALL[1:3]
    assert one.store.query("SELECT count() FROM charges WHERE response_id = 'r1'") == [(1,)]


def test_two_posters_match_what_resembles(desks: tuple[Desk, Desk]) -> None:
    """The framework's callback went to one receiver, the client's span to the other."""
    one, other = desks
    one.post(CALLBACK)
    other.post(CLIENT)
    assert one.sums()[1:3] == ONE_CALL[1:3]


def test_two_posters_at_the_same_moment_see_each_other(
    desks: tuple[Desk, Desk], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other's claim is stored after ours was settled and before our event: it is settled with ours."""
    one, other = desks
    tables = one.poster.tables
    insert_claims = tables.insert_claims
    response = chat(gen_ai__response__id="r1")

    def meanwhile(rulings: Sequence[Ruling], settled_ns: int, poster: str) -> None:
        monkeypatch.setattr(tables, "insert_claims", insert_claims)
        insert_claims(rulings, settled_ns, poster)
        other.post(request(span(response, trace_id=2)))

    monkeypatch.setattr(tables, "insert_claims", meanwhile)
    one.post(request(span(response, trace_id=1)))
    assert one.sums()[1:3] == ONE_CALL[1:3]
    assert one.store.query("SELECT count() FROM charges WHERE response_id = 'r1'") == [(1,)]
