"""`spanledger budgets` and docs/budgets.md: the document's commands and programs run, wrong words change nothing."""

import re
import shlex
from collections.abc import Generator
from contextlib import closing
from pathlib import Path

import pytest
from support.commands import Serve, answer, run
from support.reserving import Asker

from spanledger.ledger.cli import main

DOCUMENT = Path(__file__).parents[3] / "docs" / "budgets.md"
_BLOCKS = re.compile(r"```(console|python)\n(.*?)```", re.DOTALL)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[tuple[Serve, Path, str]]:
    """A running serve, its store and a key that may do everything; shared, because starting one is dear."""
    store = tmp_path_factory.mktemp("budgets") / "store"
    key = run("keys", "create", "--tenant", "*", "--default-tenant", "acme", "--role", "admin", "--store", store)
    started = Serve(store)
    yield started, store, key.stdout.strip()
    started.close()


def test_the_document_runs(server: tuple[Serve, Path, str]) -> None:
    """Its commands say what it says they say; its programs set a budget, reserve and settle."""
    serve, store, key = server
    names: dict[str, object] = {"store": str(store), "address": f"http://{serve.api}", "key": key}
    kinds = [kind for kind, _ in _BLOCKS.findall(DOCUMENT.read_text())]
    assert kinds == ["console", "python", "python"]
    for kind, text in _BLOCKS.findall(DOCUMENT.read_text()):
        if kind == "python":
            exec(text, names)  # noqa: S102 (the document's own)
            continue
        for command, told in re.findall(r"^\$ spanledger (.*)\n((?:(?!\$ ).*\n)*)", text, re.MULTILINE):
            done = run(*shlex.split(command), environment={"SPANLEDGER_STORE": str(store)})
            assert (done.returncode, done.stdout if told else "") == (0, told), done.stderr
    states = names["states"]
    assert isinstance(states, dict)
    assert sorted(states) == ["gpt-5", "search"]  # pyright: ignore[reportUnknownArgumentType] (of the document)
    [search] = [each for each in answer("budgets", "list", "--store", store) if each["name"] == "search"]
    # 2000 input tokens are half a cent of dollars, 1000 output tokens a cent: 0.015 were held.
    assert (search["held"], search["spent"], search["state"], search["hard"]) == ("0.0131", "0", "ok", "hard")


def test_a_budget_that_is_exceeded_fails_the_check(server: tuple[Serve, Path, str]) -> None:
    """By a settled amount that the limit was lowered below; the others do not hide it."""
    serve, store, key = server
    with closing(Asker(serve.api, key)) as asker:
        terms = {"limit": "3", "scope": {"team": "over"}, "window": "total", "hard": True}
        assert asker.ask("/v1/budgets/over", terms, "PUT")[0] == 200
        status, held = asker.ask("/v1/reservations", {"call": {"team": "over"}, "amount": "2"})
        assert (status, held["currency"]) == (200, "USD")
        assert asker.ask(f"/v1/reservations/{held['reservation_id']}/settle", {})[1]["amount"] == "2"
        status, told = asker.ask("/v1/reservations", {"call": {"team": "over"}, "amount": "2"})
        assert (status, told["error"], told["budget"], told["limit"], told["spent"], told["resets_at"]) == (
            402,
            "BudgetExceededError",
            "over",
            "3",
            "2",
            None,
        )
        assert asker.ask("/v1/budgets/over", terms | {"limit": "1"}, "PUT")[0] == 200
    done = run("budgets", "check", "--store", store)
    assert (done.returncode, "exceeded: over" in done.stderr) == (1, True)
    assert run("budgets", "list", "--store", store).returncode == 0
    [state] = [each for each in answer("budgets", "list", "--store", store) if each["name"] == "over"]
    assert (state["state"], state["remaining"], state["percent"]) == ("exceeded", "-1", "200")
    [used] = answer("budgets", "history", "over", "--store", store)
    assert (used["limit"], used["spent"]) == ("1", "0")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--limit", "-5"), "the limit must be an amount above zero"),
        (("--limit", "five"), "--limit 'five' is no amount"),
        (("--limit", "5", "--scope", "weather=fine"), "'weather' is no dimension"),
        (("--limit", "5", "--scope", "team"), "must be DIMENSION=VALUE"),
        (("--limit", "5", "--scope", "team=a", "--scope", "team=b"), "once for each dimension"),
        (("--limit", "5", "--window", "fortnight"), "the window 'fortnight'"),
        (("--limit", "5", "--tz", "Mars/Olympus"), "no IANA time zone"),
        (("--limit", "5", "--thresholds", "50,1001"), "from 1 to 1000"),
        (("--limit", "5", "--thresholds", "half"), "whole percentages"),
    ],
)
def test_wrong_words_are_told_before_anything_is_opened(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], told: str
) -> None:
    """Exit code 2, one sentence, and no store was made."""
    code = main(["budgets", "set", "x", *words, "--store", str(tmp_path / "store")])
    sentence = capsys.readouterr().err
    assert (code, told in sentence, sentence.count("\n")) == (2, True, 1), sentence
    assert not (tmp_path / "store").exists()


def test_what_the_server_refuses_changes_nothing(server: tuple[Serve, Path, str]) -> None:
    """400 with a sentence, or 404; the budgets are as they were."""
    serve, store, key = server
    before = answer("budgets", "list", "--store", store)
    good = {"limit": "5", "scope": {"team": "new"}, "window": "day"}
    with closing(Asker(serve.api, key)) as asker:
        for path, body, method, status in (
            ("/v1/budgets/x", good | {"limit": "0"}, "PUT", 400),
            ("/v1/budgets/x", good | {"limit": 1e400}, "PUT", 400),
            ("/v1/budgets/x", good | {"currency": "EUR"}, "PUT", 400),
            ("/v1/budgets/x", good | {"colour": "red"}, "PUT", 400),
            ("/v1/budgets/a%0Ab", good, "PUT", 400),
            ("/v1/budgets/nothing", None, "DELETE", 404),
            ("/v1/budgets/nothing", None, "GET", 404),
            ("/v1/budgets/nothing/history", None, "GET", 404),
            ("/v1/reservations", {"call": {"tenant": "acme"}, "amount": "-1"}, "POST", 400),
            ("/v1/reservations/nothing/settle", {"amount": "1"}, "POST", 404),
            ("/v1/reservations/nothing/release", {}, "POST", 404),
        ):
            got, told = asker.ask(path, body, method)
            assert (got, bool(told["message"])) == (status, True), (path, told)
    assert answer("budgets", "list", "--store", store) == before
