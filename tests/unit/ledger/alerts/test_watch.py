from datetime import datetime
from pathlib import Path

import pytest
from support.alerting import taking
from support.ledger_events import HOUR_NS

from spanledger.exporter.journal import Entry, JournalWriter, Signal
from spanledger.ledger.alerts.outbox import Outbox
from spanledger.ledger.alerts.settings import (
    AlertSettings,
    Channel,
    LagRule,
    QuarantineRule,
    Rules,
    Url,
    Wanted,
    Webhook,
)
from spanledger.ledger.alerts.watch import Watch
from spanledger.ledger.budgets.budget import BudgetState
from spanledger.ledger.tables import Table
from spanledger.schemas import StoreUnavailableError

RULES = Rules(
    budget_threshold=True,
    anomaly=None,
    unpriced_model=None,
    silence=None,
    journal_lag=LagRule(minutes=1),
    quarantine=QuarantineRule(elements=1),
)


class Books:
    """A ledger with something in quarantine, that can be away."""

    def __init__(self) -> None:
        self.is_away = False

    def query(self, _sql: str) -> Table:
        """What is set aside, by reason."""
        if self.is_away:
            msg = "the store is away"
            raise StoreUnavailableError(msg)
        return Table(("reason", "things"), ("String", "Int64"), [("broken", 3)])

    def budgets(self) -> list[BudgetState]:
        """None."""
        if self.is_away:
            msg = "canary"
            raise KeyError(msg)
        return []


def watching(folder: Path, books: Books, port: int) -> Watch:
    """A watch with one channel."""
    target = Webhook(url=Url(https=False, host="127.0.0.1", port=port, target="/"), secrets=(b"k" * 32,))
    channel = Channel(name="ops", wanted=Wanted(kinds=frozenset({"journal_lag", "quarantine"})), target=target)
    settings = AlertSettings(
        channels=(channel,), rules=RULES, evaluate_s=3600, resolved=True, internal_hosts=frozenset({"127.0.0.1"})
    )
    return Watch(settings, books.query, folder / "journal", budgets=books.budgets)


def later(hours: float) -> int:
    """So many hours from when the journal was written, whenever that was."""
    return int(datetime.now().astimezone().timestamp() * 10**9 + hours * HOUR_NS)


def test_one_rule_that_fails_stops_no_other(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The store is away: the journal is looked at all the same, the rest is counted, and logged once, unquoted.

    What was found of the store before is not over by that.
    """
    writer = JournalWriter(tmp_path / "journal", segment_bytes=1024 * 1024)
    writer.append(Entry(b"x", Signal.TRACES, "*", "acme", 1)).result(timeout=10)
    writer.close()
    books = Books()
    watch = watching(tmp_path, books, 9)
    assert watch.evaluate(later(0)) == 1
    books.is_away = True
    assert [watch.evaluate(later(hours)) for hours in (1, 2, 3)] == [1, 0, 0]
    assert watch.evaluations_failed == 6
    assert sorted(record.message for record in caplog.records) == [
        "alerts of the kind budget_threshold cannot be looked for now: KeyError",
        "alerts of the kind quarantine cannot be looked for now: the store is away",
    ]
    assert Outbox(tmp_path / "journal").tally().open == {"journal_lag": 1, "quarantine": 1}


def test_a_watch_delivers_what_it_finds_and_ends(tmp_path: Path) -> None:
    """Its couriers are woken by what is news, and stop with it; stopping twice is harmless."""
    with taking() as taken:
        watch = watching(tmp_path, Books(), taken.port)
        watch.start()
        assert watch.evaluate(later(0)) == 1
        taken.wait()
        watch.stop()
        watch.stop()
    assert Outbox(tmp_path / "journal").tally().outcomes == {"sent": 1, "retried": 0, "failed": 0}
    found = {sample.name: sample.value for family in watch.families() for sample in family.samples if not sample.labels}
    assert found == {"spanledger_alert_deliveries_waiting": 0, "spanledger_alert_evaluations_failed_total": 0}
