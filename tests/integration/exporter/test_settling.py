"""Settlement over a real store: what one poster forgot, and what a crash cut off, is found again by its keys."""

from collections.abc import Generator
from pathlib import Path

import pytest
from support.desk import Desk
from support.otlp import NOON_NS, chat, request, span

from spanledger.exporter.store import Store

# gpt-4o-mini: 0.15 and 0.60 dollars per million tokens.
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


@pytest.mark.parametrize("step", ["reverse", "insert_claims", "insert_events"])
def test_a_correction_that_fails_at_any_step_is_finished_by_posting_again(
    desk: Desk, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is charged twice and nothing is lost, whichever step was the last that reached the store."""
    desk.post(CALLBACK)
    tables = desk.poster._tables

    def crash(*_: object) -> None:
        msg = "the power failed"
        raise RuntimeError(msg)

    monkeypatch.setattr(tables, step, crash)
    with pytest.raises(RuntimeError):
        desk.post(CLIENT)
    desk.restart()
    desk.post()
    assert desk.sums() == ONE_CALL
    assert desk.store.query("SELECT count() FROM charges") == [(1,)]


def test_two_posters_that_know_nothing_of_each_other_converge(desk: Desk, tmp_path: Path, store: Store) -> None:
    """Each posts one teller's claim; whoever looks next sees both."""
    other = Desk(store, tmp_path / "other")
    other.poster.post_waiting()
    desk.post(CALLBACK)
    other.post(CLIENT)
    assert desk.sums() == ONE_CALL
    other.writer.close()
