"""Prices as a user meets them: a charge without one, the cure, and the proof years later."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.commands import answer, run, serving
from support.otlp import chat, request, span

HOUSE = ("--provider", "openai", "--model", "house-1")
RESPONSES = ("r-1", "r-2")


def book_calls(store: Path, tmp_path: Path) -> None:
    """Two calls of a model nobody knows, 100 input and 20 output tokens each, and one of gpt-4o-mini."""
    house = {"gen_ai__request__model": "house-1", "gen_ai__response__model": "house-1", "ledger__tenant": "acme"}
    spans = [
        span(chat(**house, gen_ai__response__id=response), span_id=n, trace_id=n)
        for n, response in enumerate(RESPONSES, 1)
    ]
    (tmp_path / "calls.pb").write_bytes(request(*spans, span(chat(ledger__tenant="zeta"), span_id=9, trace_id=9)))
    ended = run("import", "--store", store, tmp_path / "calls.pb")
    assert ended.returncode == 0, ended.stderr


def costs(store: Path) -> dict[str, Any]:
    """The cost and the unpriced share of each model."""
    return {
        row["model"]: (row["cost"], row["unpriced_share"])
        for row in answer("report", "--store", store, "--by", "model")
    }


def add(store: Path, *entry: str) -> None:
    """Add an entry to the user's own prices."""
    ended = run("prices", "add", "--store", store, *entry)
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize("served", [False, True], ids=["alone", "beside a serve"])
def test_an_unpriced_model_is_found_cured_and_proven(tmp_path: Path, *, served: bool) -> None:
    """100 * 1 + 20 * 2 a million are 0.00014 a call; gpt-4o-mini keeps its 0.000027."""
    store = tmp_path / "store"
    book_calls(store, tmp_path)
    if served:
        with serving(store):
            _cure(store)
    else:
        _cure(store)


def _cure(store: Path) -> None:
    found = run("doctor", "--store", store)
    assert found.returncode == 1
    assert "spanledger prices add --provider openai --model house-1" in found.stdout
    assert costs(store) == {"gpt-4o-mini": ("0.000027", 0.0), "house-1": (None, 1.0)}
    add(store, *HOUSE, "--per", "1000000", "input_tokens=1", "output_tokens=2")
    rows = answer("prices", "reprice", "--store", store, "--dry-run")
    expected = {"tenant": "acme", "model": "house-1", "charges": 2, "after": "0.00028", "difference": "0.00028"}
    assert rows == [{**expected, "before": None, "currency": "USD"}]
    assert costs(store)["house-1"] == (None, 1.0)
    assert answer("prices", "reprice", "--store", store) == rows
    assert answer("prices", "reprice", "--store", store) == []
    assert answer("prices", "reprice", "--store", store, "--all") == []
    assert costs(store) == {"gpt-4o-mini": ("0.000027", 0.0), "house-1": ("0.00028", 0.0)}
    assert run("doctor", "--store", store).returncode == 0
    again = run("explain", "--store", store, "--recompute", "r-1")
    assert again.returncode == 0, again.stdout
    assert "Priced as own:openai/house-1." in again.stdout
    assert "equal (0.00014 USD)" in again.stdout
    # The price file is gone; what it said is kept in the ledger.
    shutil.rmtree(store / "prices")
    assert run("explain", "--store", store, "--recompute", "r-2").returncode == 0


def test_a_cheaper_contract_gives_back_what_was_charged_too_much(tmp_path: Path) -> None:
    """Half off for acme alone, and only for what is asked: 0.00007 instead of 0.00014."""
    store = tmp_path / "store"
    (store / "prices").mkdir(parents=True)
    (store / "prices" / "a.yaml").write_text(
        "prices:\n  - {provider: openai, model: house-1, per: 1000000, units: {input_tokens: 1, output_tokens: 2}}\n"
    )
    book_calls(store, tmp_path)
    assert costs(store)["house-1"] == ("0.00028", 0.0)
    add(store, "--discount", "50%", "--tenant", "acme")
    assert answer("prices", "reprice", "--store", store, "--all", "--tenant", "nobody") == []
    [row] = answer("prices", "reprice", "--store", store, "--all", "--tenant", "acme")
    assert (row["before"], row["after"], row["difference"]) == ("0.00028", "0.00014", "-0.00014")
    assert costs(store) == {"gpt-4o-mini": ("0.000027", 0.0), "house-1": ("0.00014", 0.0)}
    assert [each["recomputed"]["verdict"] for each in answer("explain", "--store", store, "--recompute", "r-1")] == [
        "equal",
        "equal",
    ]


def test_a_report_by_account_shows_what_a_contract_saves(tmp_path: Path) -> None:
    """Of two calls at 0.000027 the one under the account of the contract costs half; rated again, the other too."""
    store = tmp_path / "store"
    add(store, "--provider", "openai", "--account", "org-a", "--discount", "50%")
    spans = [span(chat(ledger__account=name), span_id=n, trace_id=n) for n, name in enumerate(("org-a", "org-b"), 1)]
    (tmp_path / "calls.pb").write_bytes(request(*spans))
    assert run("import", "--store", store, tmp_path / "calls.pb").returncode == 0
    assert _by_account(store) == {"org-a": "0.0000135", "org-b": "0.000027"}
    add(store, "--provider", "openai", "--account", "org-b", "--discount", "50%")
    [row] = answer("prices", "reprice", "--store", store, "--all")
    assert (row["charges"], row["before"], row["after"]) == (1, "0.000027", "0.0000135")
    assert _by_account(store) == {"org-a": "0.0000135", "org-b": "0.0000135"}
    again = run("explain", "--store", store, "--recompute", f"{2:032x}")
    assert "account org-b" in again.stdout
    assert "equal (0.0000135 USD)" in again.stdout


def _by_account(store: Path) -> dict[str, Any]:
    return {row["account"]: row["cost"] for row in answer("report", "--store", store, "--by", "account")}


def test_a_ledger_that_was_edited_differs_from_its_book(tmp_path: Path) -> None:
    """Whoever changes a cost does not change the book; a book that is gone is told, and both end with 1."""
    store = tmp_path / "store"
    book_calls(store, tmp_path)
    _edit(store, "ALTER TABLE ledger_events UPDATE cost = negate(cost) WHERE model = 'gpt-4o-mini'")
    event = answer("sql", "--store", store, "SELECT event_id FROM charges WHERE model = 'gpt-4o-mini'")[0]["event_id"]
    ended = run("explain", "--store", store, "--recompute", event)
    assert ended.returncode == 1
    assert "different (the book says 0.000027 USD, the ledger -0.000027 USD)" in ended.stdout
    _edit(store, "ALTER TABLE ledger_events UPDATE price_book = 'prices:0123' WHERE model = 'gpt-4o-mini'")
    ended = run("explain", "--store", store, "--recompute", event)
    assert ended.returncode == 1
    assert "book not available" in ended.stdout


def _edit(store: Path, sql: str) -> None:
    """Change the table behind the ledger's back, in a process of its own."""
    program = (
        "import sys\nfrom spanledger.exporter.store import open_store\nstore = open_store(sys.argv[1])\n"
        "store.command(sys.argv[2] + ' SETTINGS mutations_sync = 2')\nstore.close()"
    )
    subprocess.run([sys.executable, "-c", program, str(store), sql], check=True, timeout=60)


def test_broken_price_files_stop_repricing_with_file_line_and_reason(tmp_path: Path) -> None:
    """Nothing is half-applied: no adjustment is posted."""
    store = tmp_path / "store"
    book_calls(store, tmp_path)
    (store / "prices").mkdir()
    (store / "prices" / "b.yaml").write_text("prices:\n  - {provider: openai, model: house-1, units: {parsecs: 1}}\n")
    ended = run("prices", "reprice", "--store", store)
    assert ended.returncode == 2
    assert "b.yaml:2: unknown unit parsecs" in ended.stderr
    assert "Traceback" not in ended.stderr
