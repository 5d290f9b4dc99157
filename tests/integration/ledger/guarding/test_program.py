"""From a hard budget to a program that may not call: real processes, a real store, the real SDK."""

import json
from decimal import Decimal
from http.client import HTTPConnection
from pathlib import Path

from support.commands import serving
from support.fake_provider import fake_provider
from support.guarded import guarded

from spanledger.ledger import Ledger
from spanledger.ledger.budgets import Budget
from spanledger.ledger.endpoint_file import find
from spanledger.ledger.explain_text import sentences

TRIES_MAX = 100


def test_a_hard_budget_stops_the_real_sdk_and_the_ledger_says_why(tmp_path: Path) -> None:
    """A call has room, the next has none: it is not sent, the program sees which budget, and `explain` tells of it."""
    store = tmp_path / "store"
    with serving(store) as server, fake_provider() as provider, Ledger(str(store)) as ledger:
        # gpt-4o may write 1000 tokens at 10 USD a million: 0.01 and some for the question.
        ledger.set_budget(
            Budget(name="acme-all", limit=Decimal("0.015"), hard=True, window="total", scope={"tenant": "acme"})
        )
        told = guarded(tmp_path, provider, "gpt-4o gpt-4o")
        assert told == ["gpt-4o answered", "gpt-4o budget acme-all 0.015 USD True"]
        assert len(provider.seen) == 1
        ledger.post()
        kinds = ledger.sql("SELECT kind, tenant, requests, cost > 0 FROM ledger_events ORDER BY kind").rows
        assert kinds == [("charge", "acme", 1, 1), ("denial", "acme", 0, 0)]
        assert ledger.sql("SELECT metadata['reservation_id'] != '' FROM charges").rows == [(1,)]
        ((trace_id, denied_by, reason),) = ledger.sql("SELECT trace_id, denied_by, denial_reason FROM denials").rows
        assert denied_by == "budget:acme-all"
        text = "\n".join(line for each in ledger.explain(str(trace_id)) for line in sentences(each))
        assert "gpt-4o of openai was denied to tenant acme: 0 USD" in text
        assert f"Denied by budget:acme-all: {reason}" in text
        _ask(store, server.api)
        recorded = "SELECT denied_by, tenant, model, service_name, operation FROM denials WHERE team = 'asks'"
        found = ledger.sql(recorded).rows
        for _ in range(TRIES_MAX):
            # Whoever is denied does not wait for the journal.
            if not found:
                ledger.post()
                found = ledger.sql(recorded).rows
        assert found == [("budget:acme-all", "acme", "gpt-4o", "batch", "chat")]
        # A denial is no request, and its day no other than it was.
        assert [row[1] for row in ledger.report("tenant").rows] == [1]


def _ask(store: Path, api: str) -> None:
    """Ask as a program does that has no guard and records no span: the server records that it denied."""
    found = find(store)
    assert found is not None
    host, _, port = api.rpartition(":")
    connection = HTTPConnection(host, int(port), timeout=30)
    call = {"tenant": "acme", "team": "asks", "service_name": "batch", "provider": "openai", "model": "gpt-4o"}
    body = json.dumps({"call": call, "amount": "1.00"})
    connection.request("POST", "/v1/reservations", body, {"authorization": f"Bearer {found.token}"})
    answered = connection.getresponse()
    said = json.loads(answered.read())
    connection.close()
    assert (answered.status, said["error"], said["budget"]) == (402, "BudgetExceededError", "acme-all")
