from collections import Counter
from collections.abc import Generator
from decimal import Decimal
from pathlib import Path

import pytest
from support.desk import Desk
from support.otlp import NOON_NS, Value, chat, request, span

from spanledger.exporter.store import Store
from spanledger.ledger.explain import explain
from spanledger.ledger.explain_text import sentences
from spanledger.ledger.queries import answer, ask
from spanledger.ledger.tables import Table, plain

SECOND_NS = 10**9
DAILY = "SELECT tenant, model, requests, cost FROM live_daily_costs ORDER BY model"
DENIED: dict[str, Value] = {
    "ledger.denied_by": "budget:team-day",
    "ledger.denial_reason": "5.00 of 5.00 USD are spent",
    "error.type": "BudgetExceededError",
    "ledger.tenant": "acme",
}


@pytest.fixture
def desk(store: Store, tmp_path: Path) -> Generator[Desk]:
    """An empty ledger."""
    made = Desk(store, tmp_path / "journal")
    yield made
    made.writer.close()


def unsent(**changes: Value) -> dict[str, Value]:
    """A call that states no usage."""
    attributes = chat(**changes)
    del attributes["gen_ai.usage.input_tokens"], attributes["gen_ai.usage.output_tokens"]
    return attributes


def test_a_denial_is_an_event_of_amount_zero_that_says_who_denied_it(desk: Desk) -> None:
    """It counts no request, is no attempt and no charge, and `explain` says why."""
    assert desk.post(request(span(unsent() | DENIED, error=True))) == Counter({"accepted": 1, "attempts": 1})
    denials = "SELECT tenant, requests, cost, currency, status, error_type, denied_by, denial_reason FROM denials"
    assert desk.store.query(denials) == [
        (
            "acme",
            0,
            Decimal(0),
            "USD",
            "error",
            "BudgetExceededError",
            "budget:team-day",
            "5.00 of 5.00 USD are spent",
        )
    ]
    assert desk.store.query("SELECT (SELECT count() FROM charges), (SELECT count() FROM attempts)") == [(0, 0)]
    told = explain(lambda sql: _table(desk, sql), f"{1:032x}")
    text = "\n".join(line for one in told for line in sentences(one))
    assert "gpt-4o-mini of openai was denied to tenant acme: 0 USD" in text
    assert "Denied by budget:team-day: 5.00 of 5.00 USD are spent" in text
    assert "cost: 0 USD, for nothing was used" in text


def test_a_denial_leaves_daily_sums_as_they_were(desk: Desk) -> None:
    """No row of its own, and no zero where the cost is unknown."""
    desk.post(request(span(chat(gen_ai__request__model="in-house-7b", ledger__tenant="acme"))))
    before = desk.store.query(DAILY)
    assert before == [("acme", "in-house-7b", 1, None)]
    denials = (
        span(unsent(gen_ai__request__model=model) | DENIED, error=True, span_id=number, trace_id=number)
        for number, model in enumerate(("in-house-7b", "gpt-4o"), 2)
    )
    desk.post(request(*denials))
    assert desk.store.query("SELECT count() FROM denials") == [(2,)]
    assert desk.store.query(DAILY) == before


def test_a_denial_is_one_with_its_wrapper_and_never_with_a_charge(desk: Desk) -> None:
    """The failed span of an SDK around it is the same denial; a call around it that was answered elsewhere is not."""
    wrapper = span(unsent(error__type="BudgetExceededError"), error=True, end_ns=NOON_NS + 3 * SECOND_NS)
    answered = span(chat(), trace_id=2, end_ns=NOON_NS + 3 * SECOND_NS)
    denied = (span(unsent() | DENIED, span_id=2, parent_id=1, trace_id=trace_id, error=True) for trace_id in (1, 2))
    desk.post(request(wrapper, answered, *denied))
    kinds = "SELECT kind, sum(requests) FROM ledger_events FINAL GROUP BY kind ORDER BY kind"
    assert desk.store.query(kinds) == [("charge", 1), ("denial", 0)]
    assert desk.store.query("SELECT count() FROM denials") == [(2,)]
    below = [span(chat(), span_id=2, parent_id=1, trace_id=3), span(unsent() | DENIED, trace_id=3, error=True)]
    desk.post(request(*below))
    assert desk.store.query("SELECT count() FROM charges WHERE NOT has(flags, 'denied')") == [(2,)]


def test_whoever_was_answered_was_not_denied(desk: Desk) -> None:
    """Usage is charged whatever else its span says: the mark of a denial takes no money out of the ledger."""
    desk.post(request(span(chat() | DENIED, error=True)))
    answered = unsent(gen_ai__response__id="r1", gen_ai__response__model="gpt-4o-mini") | DENIED
    desk.post(request(span(answered, span_id=2, trace_id=2, error=True)))
    assert desk.store.query("SELECT kind, count() FROM ledger_events FINAL GROUP BY kind") == [("charge", 2)]


def test_a_denial_told_again_with_more_is_taken_back(desk: Desk) -> None:
    """The same span with usage, late: the denial is reversed and the charge stands."""
    desk.post(request(span(unsent() | DENIED, error=True)))
    desk.post(request(span(chat())))
    kinds = "SELECT kind, count(), sum(cost) FROM ledger_events FINAL GROUP BY kind ORDER BY kind"
    assert [row[:2] for row in desk.store.query(kinds)] == [("charge", 1), ("denial", 1), ("reversal", 1)]
    assert desk.store.query("SELECT (SELECT count() FROM denials), (SELECT count() FROM charges)") == [(0, 1)]


def test_a_reservation_is_metadata(desk: Desk) -> None:
    """`ledger.reservation_id` of a call and of explicit work, by which a budget links them."""
    work = {"ledger.units": 12, "ledger.unit_type": "pages", "ledger.service": "ocr", "ledger.reservation_id": "r-2"}
    desk.post(request(span(chat(ledger__reservation_id="r-1")), span(work, span_id=2, trace_id=2)))
    found = desk.store.query("SELECT metadata['reservation_id'] FROM charges ORDER BY 1")
    assert found == [("r-1",), ("r-2",)]


def test_questions_count_denials_where_they_ask_for_the_kind(desk: Desk) -> None:
    """Elsewhere they are no use of anything: the sums of events and of days are the same."""
    desk.post(request(span(chat(gen_ai__request__model="in-house-7b", ledger__tenant="acme"))))

    def asked(by: str, tz: str) -> list[tuple[object, ...]]:
        question = ask(by, measures=("requests", "attempts", "cost"), since=None, until=None, tz=tz)
        return [tuple(row) for row in answer(lambda sql: _table(desk, sql), question).rows]

    before = [asked("model", tz) for tz in ("UTC", "Asia/Kathmandu")]
    denials = (
        span(unsent(gen_ai__request__model=model) | DENIED, error=True, span_id=number, trace_id=number)
        for number, model in enumerate(("in-house-7b", "gpt-4o"), 2)
    )
    desk.post(request(*denials))
    assert [asked("model", tz) for tz in ("UTC", "Asia/Kathmandu")] == before
    assert {row[0] for row in asked("kind", "UTC")} == {"charge", "denial"}


def _table(desk: Desk, sql: str) -> Table:
    found = desk.store.query_user(sql)
    return Table(tuple(found.columns), tuple(found.types), [tuple(map(plain, row)) for row in found.rows])
