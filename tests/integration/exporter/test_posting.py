from collections import Counter
from collections.abc import Generator
from pathlib import Path

import pytest
from support.desk import Desk
from support.otlp import NOON_NS, chat, request, span

from spanledger.exporter import poster
from spanledger.exporter.store import Store


@pytest.fixture
def desk(store: Store, tmp_path: Path) -> Generator[Desk]:
    """An empty ledger."""
    made = Desk(store, tmp_path / "journal")
    yield made
    made.writer.close()


# gpt-4o-mini: 0.15 and 0.60 dollars per million tokens.
ONE_CALL = (1, 100, 20, "0.000027")


def test_a_call_becomes_money(desk: Desk) -> None:
    """100 at 0.15/M and 20 at 0.60/M are 0.000027 dollars."""
    counts = desk.post(request(span(chat(ledger__tenant="acme")), span({"http.route": "/"}, span_id=2)))
    assert desk.sums() == ONE_CALL
    assert counts == Counter({"accepted": 2, "charged": 1, "not_usage": 1})
    columns = "tenant, model, cost_state, quality, usage_source, currency"
    assert desk.store.query(f"SELECT {columns} FROM charges") == [
        ("acme", "gpt-4o-mini", "priced", "exact", "provider", "USD")
    ]


def test_sending_everything_again_changes_nothing(desk: Desk) -> None:
    """In the same process, after a restart, and in other company."""
    first, second = span(chat()), span(chat(), span_id=2, trace_id=2)
    desk.post(request(first, second))
    expected = desk.sums()
    assert desk.post(request(first, second))["duplicates"] == 2
    desk.restart()
    assert desk.post(request(second))["duplicates"] == 1
    assert desk.post(request(first, span({"http.route": "/"}, span_id=9)))["duplicates"] == 1
    assert desk.sums() == expected == (2, 200, 40, "0.000054")


def test_a_response_seen_twice_is_charged_once_across_restarts(desk: Desk) -> None:
    """The second emitter knows the cache: the charge is reversed and made anew."""
    desk.post(request(span(chat(gen_ai__response__id="r1"))))
    desk.restart()
    fuller = chat(gen_ai__response__id="r1", gen_ai__usage__cache_read__input_tokens=60)
    desk.post(request(span(fuller, span_id=5, trace_id=7)))
    # 40 at 0.15/M, 60 at 0.075/M, 20 at 0.60/M
    assert desk.sums() == (1, 100, 20, "0.0000225")
    assert desk.store.query("SELECT kind, count() FROM ledger_events FINAL GROUP BY kind ORDER BY kind") == [
        ("charge", 2),
        ("reversal", 1),
    ]
    assert desk.store.query("SELECT count(), sum(cache_read_tokens) FROM charges") == [(1, 60)]


def test_a_charge_that_a_crash_left_out_is_posted_when_its_claim_comes_again(desk: Desk) -> None:
    """Claims are inserted before events: a crash between the two loses nothing."""
    desk.post(request(span(chat())))
    desk.store.command("TRUNCATE TABLE ledger_events")
    desk.restart()
    desk.post(request(span(chat())))
    assert desk.sums() == ONE_CALL


def test_a_crash_before_the_checkpoint_posts_nothing_twice(desk: Desk) -> None:
    """The store's own commit mark outranks a checkpoint that was not written."""
    desk.post(request(span(chat())))
    (shard,) = (folder for folder in desk.root.iterdir() if (folder / "POSTED").exists())
    (shard / "POSTED").unlink()
    desk.restart()
    desk.post()
    assert desk.sums() == ONE_CALL
    assert desk.store.query("SELECT sum(counts['accepted']), sum(counts['charged']) FROM ledger_postings FINAL") == [
        (1, 1)
    ]


def test_an_agent_is_charged_only_when_nothing_below_it_is(desk: Desk) -> None:
    """It waits for its window; a call that arrives later takes the aggregate back, also after a restart."""
    agent = chat(gen_ai__operation__name="invoke_agent", gen_ai__usage__input_tokens=90)
    assert desk.post(request(span(agent, end_ns=NOON_NS + 10**10)))["pending"] == 1
    assert desk.sums()[0] == 0
    desk.restart()
    desk.close_window()
    desk.post()
    assert desk.store.query("SELECT quality, input_tokens FROM charges") == [("aggregate", 90)]
    desk.restart()
    desk.post(request(span(chat(), span_id=2, parent_id=1)))
    assert desk.store.query("SELECT quality, input_tokens FROM charges") == [("exact", 100)]
    assert desk.sums() == ONE_CALL


def test_impossible_counts_are_set_aside_and_neighbours_booked(desk: Desk) -> None:
    """Accepted, quarantined, counted."""
    bad = span(chat(gen_ai__usage__input_tokens=-1), span_id=2)
    counts = desk.post(request(span(chat()), bad))
    assert counts == Counter({"accepted": 2, "charged": 1, "quarantined": 1})
    assert desk.store.query("SELECT reason, span_id FROM ledger_quarantine") == [
        ("gen_ai.usage.input_tokens is not from 0 to 1000000000", "0000000000000002")
    ]
    assert desk.sums() == ONE_CALL


def test_unknown_is_not_zero(desk: Desk) -> None:
    """A model nobody prices, and a call whose usage was lost: no cost, and a state that says why."""
    lost = chat(gen_ai__request__model="gpt-4o-mini")
    del lost["gen_ai.usage.input_tokens"], lost["gen_ai.usage.output_tokens"]
    desk.post(request(span(chat(gen_ai__request__model="in-house-7b")), span(lost, span_id=2)))
    assert desk.store.query("SELECT cost_state, cost, input_tokens FROM charges ORDER BY cost_state") == [
        ("unknown", None, None),
        ("unpriced", None, 100),
    ]


def test_a_failed_try_is_an_attempt(desk: Desk) -> None:
    """It has no tokens, counts no request and costs nothing."""
    failed = chat(error__type="RateLimitError")
    del failed["gen_ai.usage.input_tokens"], failed["gen_ai.usage.output_tokens"]
    assert desk.post(request(span(failed, error=True)))["attempts"] == 1
    assert desk.store.query("SELECT count(), any(error_type), sum(requests) FROM attempts") == [
        (1, "RateLimitError", 0)
    ]


def test_scopes_keep_response_ids_apart(desk: Desk) -> None:
    """Two credentials, one response id: two charges."""
    body = request(span(chat(gen_ai__response__id="r1")))
    for tenant in ("acme", "globex"):
        desk.receive(body, scope=tenant, tenant=tenant)
    desk.post()
    assert desk.store.query(
        "SELECT tenant, sum(requests) FROM ledger_events FINAL GROUP BY tenant ORDER BY tenant"
    ) == [
        ("acme", 1),
        ("globex", 1),
    ]


def test_explicit_work_is_booked_unpriced(desk: Desk) -> None:
    """Pages of a scanner: counted, and without a price of ours."""
    work = {"ledger.units": 12, "ledger.unit_type": "pages", "ledger.service": "ocr", "ledger.tenant": "acme"}
    desk.post(request(span(work)))
    assert desk.store.query("SELECT `lines.unit`, `lines.quantity`, cost_state FROM charges") == [
        (["pages"], [12], "unpriced")
    ]


def test_posting_that_is_told_to_stop_leaves_the_rest_in_the_journal(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the posting in hand; what is left is posted later, once."""
    monkeypatch.setattr(poster, "BYTES_PER_POSTING", 1)
    for number in range(1, 4):
        desk.receive(request(span(chat(gen_ai__response__id=f"r{number}"), trace_id=number)))
    assert desk.poster.post_waiting(go_on=lambda: False)["charged"] == 1
    assert desk.poster.waiting_bytes > 0
    assert desk.poster.post_waiting()["charged"] == 2
    assert desk.poster.waiting_bytes == 0
