"""TokenLedger's table in a real ledger, and its questions: every sum is made by hand."""

import asyncio
import json
from collections.abc import Generator
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import pytest
from conftest import SharedStore
from support.commands import answer, run, serving

from spanledger.exporter.settings import load
from spanledger.ledger import Ledger
from spanledger.ledger.access.local import LocalAccess
from spanledger.ledger.importing import tokenledger, usage_json
from spanledger.ledger.importing.running import Files, run_import
from spanledger.ledger.predecessors import AsyncTokenLedgerQueries, TokenLedgerQueries
from spanledger.ledger.predecessors.costs import CostSummary
from spanledger.schemas import ConfigurationError

BOOKS: Final = Path(__file__).parents[2] / "books"
NOW: Final = datetime(2026, 1, 16, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def ledger(shared_engine: SharedStore, tmp_path_factory: pytest.TempPathFactory) -> Generator[Ledger]:
    """Five rows of TokenLedger's table, imported as a dump and again as a CSV."""
    shared_engine.release()
    settings = load({}, store=str(tmp_path_factory.mktemp("predecessors") / "store"))
    access = LocalAccess.open(settings)
    form = partial(tokenledger.read, zone=ZoneInfo("UTC"))
    try:
        for name, outcome, count in (("sql", "charged", 4), ("csv", "duplicates", 5)):
            files = Files(paths=[BOOKS / f"token_ledger_events.{name}"], form=form)
            done = run_import(access, settings, files, lambda _: None)
            assert done.complete
            assert (done.accounts.accepted, done.accounts.outcomes[outcome]) == (5, count)
        yield Ledger(access=access)
    finally:
        access.close()


@pytest.fixture
def queries(ledger: Ledger) -> TokenLedgerQueries:
    """Asked at noon of the second day."""
    return TokenLedgerQueries(ledger, now=lambda: NOW)


def test_a_summary_has_every_call_and_says_what_has_no_price(queries: TokenLedgerQueries) -> None:
    """0.0035 (gpt-4o), 200 + 800 cached + 50 of Claude (0.00159), 5000 embedded (0.0001); a try; one without usage."""
    assert queries.get_cost_summary(days=30) == CostSummary(
        total_cost=0.00519,
        total_requests=5,
        unpriced_requests=1,
        total_tokens=7150,
        total_input_tokens=7000,
        total_output_tokens=150,
        avg_cost_per_request=0.001038,
        avg_tokens_per_request=1430.0,
    )
    assert queries.get_cost_summary(days=1).total_cost == 0.00169
    assert queries.get_cost_summary(30, user_id="user_1").total_requests == 2
    assert queries.get_cost_summary(30, model="gpt-4o", app_name="shop").total_cost == 0.0035
    nobody = queries.get_cost_summary(30, user_id="x'; DROP TABLE ledger_events")
    assert (nobody.total_cost, nobody.total_requests, nobody.avg_cost_per_request) == (0.0, 0, 0.0)


def test_costs_by_model_and_by_user_have_the_dearest_first(queries: TokenLedgerQueries) -> None:
    """A failed try is a request; who named nobody is anonymous; free and unpriced are two things."""
    models = queries.get_costs_by_model()
    assert [(m.provider, m.model, m.total_cost, m.total_requests, m.total_tokens) for m in models] == [
        ("openai", "gpt-4o", 0.0035, 3, 1100),
        ("anthropic", "claude-3-5-sonnet-20241022", 0.00159, 1, 1050),
        ("openai", "text-embedding-3-small", 0.0001, 1, 5000),
    ]
    assert len(queries.get_costs_by_model(limit=1)) == 1
    users = [(u.user_id, u.total_cost, u.total_requests, u.unpriced_requests) for u in queries.get_costs_by_user()]
    assert users == [
        ("user_1", 0.0035, 2, 0),
        ("user_2", 0.00159, 1, 0),
        ("anonymous", 0.0001, 1, 0),
        ("user_3", 0.0, 1, 1),
    ]


def test_days_and_hours_are_those_of_a_zone(queries: TokenLedgerQueries) -> None:
    """The try at half past eleven at night in UTC is on the next day in Berlin."""
    days = [(d.date, d.total_cost, d.total_requests, d.total_tokens) for d in queries.get_daily_costs(days=7)]
    assert days == [(date(2026, 1, 15), 0.00509, 3, 2150), (date(2026, 1, 16), 0.0001, 2, 5000)]
    berlin = [(d.date.day, d.total_requests) for d in queries.get_daily_costs(days=7, tz="Europe/Berlin")]
    assert berlin == [(15, 2), (16, 3)]
    hours = [(h.hour, h.total_cost, h.total_requests) for h in queries.get_hourly_costs(hours=24)]
    assert hours == [
        (datetime(2026, 1, 15, 22, tzinfo=UTC), 0.00159, 1),
        (datetime(2026, 1, 15, 23, tzinfo=UTC), 0.0, 1),
        (datetime(2026, 1, 16, 9, tzinfo=UTC), 0.0001, 2),
    ]


def test_errors_latencies_and_the_projection(queries: TokenLedgerQueries) -> None:
    """Of 10, 250 and 1500 ms the median is 250; the fourth answer's length is not known."""
    assert queries.get_error_rate() == {
        "total_requests": 5,
        "errors": 1,
        "error_rate": 0.2,
        "status_breakdown": {"success": 4, "error": 1},
    }
    [error] = queries.get_top_errors()
    assert error == {"error_type": "RateLimitError", "error_message": None, "model": "gpt-4o", "count": 1}
    latencies = queries.get_latency_percentiles()
    assert (latencies["p50_ms"], latencies["p99_ms"], latencies["avg_ms"]) == (250.0, 1500.0, 440.0)
    assert queries.get_projected_monthly_cost(7) == 0.00519 / 7 * 30


def test_those_who_await_get_the_same(ledger: Ledger, queries: TokenLedgerQueries) -> None:
    """Several at once, too."""

    async def ask() -> list[object]:
        them = AsyncTokenLedgerQueries(ledger, now=lambda: NOW)
        return await asyncio.gather(
            them.get_cost_summary(),
            them.get_costs_by_model(),
            them.get_costs_by_user(),
            them.get_daily_costs(tz="Asia/Kolkata"),
            them.get_hourly_costs(),
            them.get_error_rate(),
            them.get_top_errors(),
            them.get_latency_percentiles(),
            them.get_projected_monthly_cost(),
        )

    assert asyncio.run(ask()) == [
        queries.get_cost_summary(),
        queries.get_costs_by_model(),
        queries.get_costs_by_user(),
        queries.get_daily_costs(tz="Asia/Kolkata"),
        queries.get_hourly_costs(),
        queries.get_error_rate(),
        queries.get_top_errors(),
        queries.get_latency_percentiles(),
        queries.get_projected_monthly_cost(),
    ]


def test_what_cannot_be_asked_is_one_sentence(ledger: Ledger, queries: TokenLedgerQueries) -> None:
    """Nothing is asked of the store."""
    with pytest.raises(ConfigurationError, match="days 0 must be a whole number from 1"):
        queries.get_cost_summary(days=0)
    with pytest.raises(ConfigurationError, match="limit -1"):
        queries.get_costs_by_user(limit=-1)
    with pytest.raises(ConfigurationError, match="IANA time zone"):
        TokenLedgerQueries(ledger, tz="Mars/Olympus")
    with pytest.raises(ConfigurationError, match="table_name 'other'"):
        TokenLedgerQueries(ledger, "other")


def test_the_view_has_every_column_of_their_table_and_no_content(ledger: Ledger) -> None:
    """By their dump; what they kept of prompts, answers and errors is NULL."""
    table = (BOOKS / "token_ledger_events.csv").read_text().partition("\n")[0].split(",")
    [row] = ledger.sql("SELECT * FROM token_ledger_events WHERE trace_id LIKE '%0001'").records()
    assert set(table) - {"metadata"} <= row.keys()
    said = {name: row[name] for name in ("cost_usd", "cost", "request_type", "app_name", "page")}
    assert said == {
        "cost_usd": 0.0035,
        "cost": "0.0035",
        "request_type": "chat",
        "app_name": "shop",
        "page": "/dash",
    }
    assert json.loads(str(row["metadata_extra"])) == {"extra_units": "7", "page": "/dash", "tier": "gold"}
    kept = "countIf(request_preview != '' OR response_preview != '' OR error_message != '')"
    assert ledger.sql(f"SELECT {kept} FROM token_ledger_events").rows == [(0,)]
    by_feature = "SELECT feature, sum(request_count) FROM token_ledger_feature_costs GROUP BY feature ORDER BY feature"
    features = ledger.sql(by_feature)
    assert features.rows == [("chat", 3), ("summarize", 1), ("unassigned", 1)]


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--from", "tokenledger", "{book}"], 1, "no table with the columns"),
        (["--from", "371os", "{book}"], 1, "no array of usage records"),
        (["--from", "371os", "--tz", "Mars/Olympus", "{book}"], 2, "no IANA time zone"),
        (["--from", "elsewhere", "{book}"], 2, "invalid choice"),
    ],
)
def test_the_command_says_what_is_wrong_with_a_book(options: list[str], code: int, said: str, tmp_path: Path) -> None:
    """One sentence and a code; nothing is charged."""
    book = tmp_path / "book"
    book.write_text("no book at all\n")
    ended = run("import", "--store", tmp_path / "store", *(each.format(book=book) for each in options))
    assert ended.returncode == code
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr


def test_people_in_a_book_are_renamed_also_beside_a_running_serve(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each user of the table has a pseudonym; whoever was not named has none."""
    key = tmp_path / "key"
    key.write_text("0123456789abcdef" * 4)
    key.chmod(0o600)
    monkeypatch.setenv("SPANLEDGER_PSEUDONYM_KEY_FILE", str(key))
    with serving(tmp_path / "store"):
        book = BOOKS / "token_ledger_events.csv"
        assert run("import", "--store", tmp_path / "store", "--from", "tokenledger", book).returncode == 0
        users = answer(
            "sql", "--store", tmp_path / "store", "SELECT DISTINCT user_id FROM open_events ORDER BY user_id"
        )
    assert [user["user_id"][:2] for user in users] == ["", "p:", "p:", "p:"]


def test_a_usage_file_with_an_id_is_known_to_the_ledger_that_wrote_it(ledger: Ledger) -> None:
    """Ids are looked for a thousand at a time."""
    known = usage_json.known_to(ledger.sql)
    there = "00000000000040008000000000000001"
    assert known([there, *(f"{number:032x}" for number in range(2_500))]) == {there}
