"""docs/migrating.md and docs/sinks.md run as they stand: programs in one process, commands, then all their SQL."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any, Final

import pytest
from support.fake_provider import FakeProvider, fake_provider

ROOT: Final = Path(__file__).parent.parent
MIGRATING: Final = (ROOT / "docs" / "migrating.md").read_text()
SINKS: Final = (ROOT / "docs" / "sinks.md").read_text()
SCRIPT: Final = Path(sys.executable).with_name("spanledger")

_ASK: Final = """
import json, sys
from spanledger.ledger import Ledger
with Ledger("./ledger") as ledger:
    print(json.dumps([ledger.sql(sql).records() for sql in json.load(sys.stdin)]))
"""
_CALLS: Final = (
    "SELECT dialect, usage_source, model, user_id, feature, cost_center, environment, service_name, cost, "
    "reported_cost, tenant, lines.unit, lines.quantity FROM charges ORDER BY event_time"
)


class Ran:
    """What the page's programs, commands and statements printed and answered."""

    def __init__(self, folder: Path, provider: FakeProvider) -> None:
        self._folder = folder
        self._environ = {
            "PATH": os.defpath,
            "HOME": str(folder),
            "OPENAI_API_KEY": "k",
            "ANTHROPIC_API_KEY": "k",
            "OPENAI_BASE_URL": f"{provider.url}/v1",
            "ANTHROPIC_BASE_URL": provider.url,
            "SPANLEDGER_ENDPOINTS": f"{provider.host}=openai,anthropic",
        }
        self.printed = self.run([sys.executable, "-c", "\n".join(blocks(MIGRATING, "python"))])
        for line in "".join(blocks(MIGRATING, "sh")).splitlines():
            command, *arguments = shlex.split(line)
            assert command == "spanledger"
            self.run([str(SCRIPT), *arguments])
        answers = json.loads(self.run([sys.executable, "-c", _ASK], json.dumps([*blocks(MIGRATING, "sql"), _CALLS])))
        self.answers: list[list[dict[str, Any]]] = answers[:-1]
        self.calls: list[dict[str, Any]] = answers[-1]

    def run(self, command: list[str], said: str = "") -> str:
        """What a program prints; it must succeed."""
        done = subprocess.run(
            command,
            env=self._environ,
            cwd=self._folder,
            input=said,
            check=False,
            timeout=60,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


def blocks(document: str, language: str) -> list[str]:
    """The fenced blocks of a language, in their order."""
    return re.findall(rf"^```{language}\n(.*?)^```", document, re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Generator[tuple[Ran, FakeProvider, Path]]:
    """The page, run from its top to its end beside a provider, with the files it names."""
    folder = tmp_path_factory.mktemp("migrating")
    for name in ("token_ledger_events.sql", "token_ledger_events.csv"):
        shutil.copy(ROOT / "tests" / "books" / name, folder)
    record = {"provider": "openai", "model": "gpt-4o-mini", "tokens_in": 10, "tokens_out": 20, "cost": 1.5}
    record |= {"ts": "2025-08-11T16:36:06.967806", "task_id": None, "agent": "test_agent", "status": "ok"}
    (folder / "llm_usage.json").write_text(json.dumps([record], indent=2))
    with fake_provider() as provider:
        yield Ran(folder, provider), provider, folder


def test_their_programs_charge_what_the_provider_answered(page: tuple[Ran, FakeProvider, Path]) -> None:
    """Four calls by the real SDKs, attributed as the page says; then what was told by hand."""
    ran, provider, _ = page
    metered = [call for call in ran.calls if call["dialect"] == "wire"]
    assert len(provider.seen) == len(metered) == 4
    assert [(call["user_id"], call["feature"], call["cost_center"]) for call in metered] == [
        ("", "", ""),
        ("", "", ""),
        ("user_123", "summarize", ""),
        ("user_456", "chat", "CC-001"),
    ]
    assert {(call["environment"], call["service_name"]) for call in metered} == {("production", "my-app")}
    told = [call for call in ran.calls if call["dialect"] == "semconv"]
    assert [(call["model"], call["user_id"], call["feature"]) for call in told] == [
        ("gpt-4o", "user_123", ""),
        ("my-model", "user_123", "custom"),
        ("gpt-4o", "user_123", "batch-process"),
    ]


def test_their_books_are_in_the_ledger_once(page: tuple[Ran, FakeProvider, Path]) -> None:
    """The dump and the CSV are one table; the usage file was read by the class, and again by the command."""
    ran, _, folder = page
    table = [call for call in ran.calls if call["dialect"] == "tokenledger"]
    assert [call["reported_cost"] for call in table] == ["0.0035", None, "0.0001", None]
    usage = [call for call in ran.calls if call["dialect"] == "371os"]
    assert [(call["model"], call["reported_cost"]) for call in usage] == [("gpt-4o-mini", "1.5"), ("gpt-4o", "0.0035")]
    assert {call["usage_source"] for call in usage} == {"manual"}
    assert len(json.loads((folder / "llm_usage.json").read_text())) == 2


def test_their_explicit_work_is_charged_to_its_tenant(page: tuple[Ran, FakeProvider, Path]) -> None:
    """Units as they were stated, each in its unit."""
    ran, _, _ = page
    work = [call for call in ran.calls if call["tenant"] == "acme"]
    assert [(call["lines.unit"], call["lines.quantity"]) for call in work] == [
        (["requests"], [1]),
        (["requests"], [1]),
        (["writes"], [3]),
        (["input_tokens"], [1000]),
        (["writes"], [1]),
    ]


def test_their_queries_print_what_the_ledger_holds(page: tuple[Ran, FakeProvider, Path]) -> None:
    """Seven calls in the month by the time they are asked; the total of the second ledger is what it was told."""
    ran, _, _ = page
    assert ", 7 requests\nwithout a price: 1\n" in ran.printed
    assert "user_123: $0.01\n" in ran.printed
    assert "'cost': 0.0035, 'task_id': 'task-1', 'agent': 'cfo', 'status': 'ok'}" in ran.printed


def test_their_sql_runs_as_it_stands(page: tuple[Ran, FakeProvider, Path]) -> None:
    """Every statement of the page answers, in the columns it names."""
    ran, _, _ = page
    by_model, users, [projected], features, days, leaders, _ = ran.answers
    month = [call for call in ran.calls if call["dialect"] != "tokenledger" and call["model"] != "gpt-4o-mini"]
    assert sum(row["requests"] for row in by_model) == len(month)
    priced = sum(float(call["cost"]) for call in month if call["cost"] is not None)
    assert sum(row["total_cost"] or 0 for row in users) == pytest.approx(priced)
    assert projected["projected_monthly"] == pytest.approx(priced / 7 * 30)
    assert {row["feature"] for row in features} == {None, "summarize", "chat", "custom", "batch-process"}
    assert sum(row["request_count"] for row in days) == len(ran.calls) + 1
    assert sum(row["request_count"] for row in leaders) == len(ran.calls) + 1


def test_the_page_about_sinks_runs(page: tuple[Ran, FakeProvider, Path]) -> None:
    """Its program tells a file of every event of the ledger, and a client of what comes from now on."""
    ran, _, folder = page
    client = "class Client:\n    def capture(self, event, **more): raise SystemExit(event)\nposthog_client = Client()\n"
    printed = ran.run([sys.executable, "-c", client + "\n".join(blocks(SINKS, "python"))])
    events = [json.loads(line) for line in (folder / "usage.jsonl").read_text().splitlines()]
    assert len(events) == len(ran.calls) + 1
    assert printed.splitlines()[1].split() == ["posthog", "0"]
