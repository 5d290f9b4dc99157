"""The commands that ask: what they print, and what they refuse before a ledger is opened."""

import csv
import io
import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from support.asking import post
from support.ledger_events import HOUR_NS, NOON_NS, event

from spanledger.exporter.store import migrate, open_store
from spanledger.ledger.cli import main
from spanledger.ledger.queries import NAMED
from spanledger.schemas.event import ATTO

FORMULA = '=HYPERLINK("http://evil","x")'
CURSOR = "\x1b[2Jred"
TRACE = "0af7651916cd43dd8448eb211c80319c"


class Asking(NamedTuple):
    """A ledger whose store nobody holds, and the terminal."""

    store: Path
    terminal: pytest.CaptureFixture[str]

    def run(self, *arguments: str) -> tuple[int, str, str]:
        """A command to its end: exit code and what it printed."""
        code = main([*arguments, "--store", str(self.store)])
        printed = self.terminal.readouterr()
        return code, printed.out, printed.err

    def rows(self, *arguments: str) -> list[dict[str, Any]]:
        """What a command answers as JSON."""
        code, out, err = self.run(*arguments, "--format", "json")
        assert code == 0, err
        return json.loads(out)


@pytest.fixture
def asking(own_engine: Path, capsys: pytest.CaptureFixture[str]) -> Asking:
    """Four calls of three users at noon, one of which nobody could price."""
    store = open_store(str(own_engine))
    migrate(store)
    post(
        store,
        event(1, user_id="ann", cost=3 * ATTO, feature=FORMULA, duration_ms=100, time_to_first_token_ms=40),
        event(2, user_id="bob", cost=ATTO // 2, feature=CURSOR, agent="B", agent_path=("A", "B"), duration_ms=300),
        event(3, user_id="bob", cost=None, cost_state="unpriced", status="error", time_ns=NOON_NS + HOUR_NS),
        event(4, user_id="cid", cost=2 * ATTO, currency="EUR", output_tokens=200, duration_ms=0),
        event(
            5, kind="attempt", requests=0, cost=None, currency="", cost_state="unknown", status="error", user_id="ann"
        ),
    )
    store.close()
    return Asking(own_engine, capsys)


def test_the_asking_commands_answer(asking: Asking) -> None:
    """Each by figures that were made by hand; one ledger for all of them, because opening one is dear."""
    report = ("report", "--by", "user_id", "--measures", "requests,cost,duration_p50_ms,time_to_first_token_p95_ms")
    figures = [(r["user_id"], r["cost"], r["currency"], r["duration_p50_ms"]) for r in asking.rows(*report)]
    assert figures == [("ann", "3", "USD", 100), ("cid", "2", "EUR", None), ("bob", "0.5", "USD", 1500)]
    bob = asking.rows(*report, "--where", "user_id=bob", "--where", "user_id=nobody", "--where", "tenant=acme")
    assert [(row["requests"], row["unpriced_share"], row["time_to_first_token_p95_ms"]) for row in bob] == [
        (2, 0.5, None)
    ]
    cut = asking.rows(*report, "--order", "requests", "--limit", "1")
    assert [row["user_id"] for row in cut] == ["bob"]
    assert (
        asking.rows("report", "--by", "hour", "--since", "2026-04-01T13:00")[0]["hour"] == "2026-04-01T13:00:00+00:00"
    )

    top = asking.rows("query", "top", "--by", "user_id", "--limit", "2")
    assert [row["user_id"] for row in top] == ["ann", "cid"]
    dear = asking.rows("query", "expensive", "--min-cost", "0.500000000000000001")
    assert [(row["user_id"], row["cost"], row["currency"]) for row in dear] == [
        ("cid", "2", "EUR"),
        ("ann", "3", "USD"),
    ]
    chain = asking.rows("query", "chain", "--trace", TRACE)
    assert [(r["agent_path"], r["cost"], r["currency"]) for r in chain if r["currency"] == "USD"] == [
        ("", "3.5", "USD"),
        ("A", "0.5", "USD"),
        ("A/B", "0.5", "USD"),
    ]
    rates = [[*row.values()][2:7] for row in asking.rows("query", "success-rate")]
    assert rates == [[3, 1, 2, 0.5, "USD"], [1, 0, 0, 1.0, "EUR"]]
    tokens = {row["currency"]: row for row in asking.rows("query", "cost-per-token")}
    # 3.5 dollars for two calls of 100 and 20 tokens; the unpriced call's tokens have no price to be part of.
    assert tokens["USD"]["cost_per_million_tokens"] == "14583.333333333333333333"
    assert asking.rows("anomalies", "--day", "2026-04-01", "--factor", "0.5", "--by", "tenant") == []
    assert asking.rows("forecast", "--where", "tenant=nobody") == []


def test_every_named_question_answers_in_every_format(asking: Asking) -> None:
    """And nothing in an answer is a formula for a spreadsheet, or an order for a terminal."""
    for name in NAMED:
        assert asking.rows("query", name), name
    code, text, _ = asking.run("query", "costs-by-feature", "--format", "csv")
    cells = [cell for row in csv.reader(io.StringIO(text)) for cell in row]
    assert code == 0
    assert f"'{FORMULA}" in cells
    assert not [cell for cell in cells if cell.startswith(("=", "+", "@"))]
    code, shown, _ = asking.run("query", "costs-by-feature")
    assert (code, "\x1b" in shown, r"\x1b[2Jred" in shown) == (0, False, True)
    assert CURSOR in {row["feature"] for row in asking.rows("query", "costs-by-feature")}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("report", "--by", "price"), "'price' is no dimension"),
        (("report", "--where", "tenant"), "--where 'tenant' is no filter"),
        (("report", "--where", "cost=1"), "'cost' cannot be filtered by"),
        (("report", "--limit", "0"), "limit 0 is no number of rows"),
        (("report", "--since", "2026-04-02", "--until", "2026-04-01"), "is not before until"),
        (("report", "--measures", "profit"), "'profit' is no measure"),
        (("query", "nothing"), "there is no question 'nothing'"),
        (("query", "expensive"), "needs --min-cost"),
        (("query", "expensive", "--min-cost", "-1"), "'-1' is no amount"),
        (("query", "expensive", "--min-cost", "1e30"), "is no amount"),
        (("query", "expensive", "--min-cost", "1", "--where", "kind=charge"), "all of these are charges"),
        (("query", "chain"), "name one of them"),
        (("query", "chain", "--trace", "a", "--workflow", "b"), "name one of them"),
        (("query", "chain", "--trace", "a", "--limit", "3"), "--limit says nothing in the question 'chain'"),
        (("query", "top-users", "--min-cost", "3"), "--min-cost says nothing in the question 'top-users'"),
        (("query", "top", "--order", "tenant"), "'tenant' is no measure"),
        (("anomalies", "--factor", "-2"), "factor '-2' is no number of times"),
        (("anomalies", "--window", "a month"), "--window 'a month' is no number of days"),
        (("forecast", "--by", "day"), "it has no buckets of time"),
        (("forecast", "--tz", "Mars"), "tz 'Mars' is no IANA time zone"),
    ],
)
def test_what_has_no_answer_is_one_sentence_and_opens_nothing(
    arguments: tuple[str, ...], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, and no store was made."""
    store = tmp_path / "none"
    code, out, err = Asking(store, capsys).run(*arguments)
    assert (code, out) == (2, "")
    assert sentence in err
    assert err.count("\n") == 1
    assert not store.exists()
