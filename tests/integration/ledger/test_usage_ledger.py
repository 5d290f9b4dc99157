"""371OS's usage ledger and monthly cap over a real ledger."""

import json
import logging
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import pytest

from spanledger.instrumentation import attribution
from spanledger.ledger import Ledger
from spanledger.ledger.predecessors import BudgetExceededError, BudgetManager, LLMUsage, UsageLedger
from spanledger.schemas import ConfigurationError, StoreError

NOW: Final = datetime(2026, 1, 16, 12, tzinfo=UTC)
CALL: Final = {"provider": "openai", "model": "gpt-4o", "tokens_in": 1000, "tokens_out": 100}


class Told:
    """A client of the application's own."""

    def __init__(self, error: Exception | None = None) -> None:
        self.events: list[tuple[str, dict[str, object]]] = []
        self._error = error

    def capture(self, event: str, **more: object) -> None:
        """Take it, or fail."""
        if self._error:
            raise self._error
        self.events.append((event, dict(more)))


def test_a_month_s_usage_is_held_to_a_cap(own_engine: Path, tmp_path: Path) -> None:
    """1.25 in the file before, 18.00 recorded: 0.75 of 20 dollars are left; two more, and the next call is refused."""
    file = tmp_path / "llm_usage.json"
    file.write_text(json.dumps([{**CALL, "ts": "2026-01-05T10:00:00", "cost": 1.25, "status": "ok"}]))
    client = Told()
    ts = datetime(2026, 1, 31, 23, 30)  # noqa: DTZ001 (a time of the ledger's zone; in UTC the month has an hour more)
    now = datetime(2026, 1, 31, 22, 45, tzinfo=UTC)
    with UsageLedger(file, client, store=str(own_engine), tz="Europe/Berlin", now=lambda: now) as usage:
        budget = BudgetManager(ledger=usage)
        assert budget.monthly_cap == 20.0
        with attribution(analytics="No"):
            usage.record_usage(LLMUsage(**CALL, cost=18.0, ts=ts, agent="cfo"))  # pyright: ignore[reportArgumentType]
        assert usage.get_total_cost_for_current_month() == 19.25
        assert budget.get_remaining_budget_percentage() == 0.0375
        budget.check_budget()
        usage.record_usage(LLMUsage(**CALL, cost=Decimal(2), ts=ts, status="fallback", task_id="t"))  # pyright: ignore[reportArgumentType]
        assert budget.is_budget_exceeded()
        with pytest.raises(BudgetExceededError) as refused:
            budget.check_budget()
        assert (refused.value.limit, refused.value.spent) == (Decimal("20.0"), Decimal("21.25"))
        assert refused.value.resets_at == datetime(2026, 2, 1, tzinfo=ZoneInfo("Europe/Berlin"))
    assert [event for event, _ in client.events] == ["llm_usage"]
    assert client.events[0][1]["properties"] == {
        **CALL,
        "cost": 2.0,
        "agent": None,
        "status": "fallback",
        "task_id": "t",
        "$process_person_profile": False,
    }
    written = json.loads(file.read_text())
    assert [(record["cost"], record.get("task_id")) for record in written] == [(1.25, None), (18.0, None), (2.0, "t")]
    # The next process finds all of it, once; in February nothing is spent.
    later = datetime(2026, 1, 31, 23, 1, tzinfo=UTC)
    with UsageLedger(file, store=str(own_engine), tz="Europe/Berlin", now=lambda: now) as usage:
        assert usage.current_month().total == Decimal("21.25")
        again = UsageLedger(store=str(own_engine), tz="Europe/Berlin", now=lambda: later)
        assert again.get_total_cost_for_current_month() == 0.0
    with Ledger(str(own_engine)) as ledger:
        rows = ledger.sql("SELECT status, workflow_id, toString(reported_cost), usage_source FROM charges ORDER BY 3")
    assert rows.rows == [
        ("ok", "", "1.25", "manual"),
        ("ok", "", "18", "manual"),
        ("fallback", "t", "2", "manual"),
    ]


def test_a_file_or_client_that_fails_touches_nothing_else(
    own_engine: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Each failure is counted, and said once; what cannot be read is an error and not 0.0; the ledger has the calls."""
    broken = tmp_path / "llm_usage.json"
    broken.write_text('[{"ts": "2026-')
    call = LLMUsage(**CALL, cost=1.0, ts=NOW)  # pyright: ignore[reportArgumentType]
    with (
        caplog.at_level(logging.WARNING, "spanledger"),
        UsageLedger(broken, Told(OSError("key phc_secret")), store=str(own_engine), now=lambda: NOW) as usage,
    ):
        usage.record_usage(call)
        usage.record_usage(call)
        assert (usage.failures["the usage file"], usage.failures["PostHog"]) == (2, 2)
        with pytest.raises(StoreError, match=r"llm_usage\.json holds is not known"):
            usage.get_total_cost_for_current_month()
    assert [line for line in caplog.messages if "not told" in line] == [
        f"the usage file is not told: {broken} is no array of usage records: nothing is written to it",
        "PostHog is not told: OSError",
    ]
    assert broken.read_text() == '[{"ts": "2026-'
    with UsageLedger(store=str(own_engine), now=lambda: NOW) as usage:
        assert usage.get_total_cost_for_current_month() == 2.0


def test_usage_has_the_shape_of_their_records() -> None:
    """Nine fields in their order, as Pydantic would write them; what can be no usage is refused by name."""
    usage = LLMUsage(**CALL, cost=0.0035, ts=NOW, task_id="t", response_id="r-1")  # pyright: ignore[reportArgumentType]
    assert usage.model_dump(mode="json") == {
        "ts": "2026-01-16T12:00:00Z",
        **CALL,
        "cost": 0.0035,
        "task_id": "t",
        "agent": None,
        "status": "ok",
    }
    assert list(usage.model_dump()) == list(json.loads(usage.model_dump_json(indent=2)))
    for wrong in ({"tokens_in": -1}, {"tokens_out": True}, {"cost": "free"}, {"status": "maybe"}, {"ts": "noon"}):
        with pytest.raises(ConfigurationError, match=next(iter(wrong))):
            LLMUsage(**{**CALL, "cost": 1.0, **wrong})  # pyright: ignore[reportArgumentType]
    assert LLMUsage(**CALL, cost=0).ts.tzinfo is UTC  # pyright: ignore[reportArgumentType]
