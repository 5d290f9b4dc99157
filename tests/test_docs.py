"""The documents say what is so: their code runs, their commands, settings, files and targets exist."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Final

import pytest
from support.attributing import stamped, taking

from spanledger.schemas import attributes as a

ROOT: Final = Path(__file__).parent.parent
README: Final = (ROOT / "README.md").read_text()
DOCUMENTS: Final = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("changes/*.md")])
POLICIES: Final = ROOT / "schemas" / "spanledger" / "schemas" / "policy"
SCRIPT: Final = Path(sys.executable).with_name("spanledger")


def test_the_ten_lines_of_the_readme_run(tmp_path: Path) -> None:
    """The README's program journals one call, and the command beside it finds it in the ledger, priced.

    gpt-4o costs 2.50 USD per million input tokens and 10 USD per million output tokens: 0.0025 + 0.001.
    """
    program, _ = _snippets(README)
    assert len([line for line in program.splitlines() if line]) == 10
    environ = {"PATH": os.defpath, "HOME": str(tmp_path), "SPANLEDGER_STORE": str(tmp_path / "store")}
    _run([sys.executable, "-c", program], environ)
    answer = _run([str(SCRIPT), "report", "--by", "tenant,model", "--format", "json"], environ)
    (row,) = json.loads(answer)
    assert (row["tenant"], row["model"], row["requests"]) == ("acme", "gpt-4o", 1)
    assert (row["input_tokens"], row["output_tokens"]) == (1000, 100)
    assert (row["cost"], row["currency"]) == ("0.0035", "USD")


def test_the_readmes_explicit_work_is_recorded() -> None:
    """Two statements of work for the same tenant, in their units."""
    _, program = _snippets(README)
    with taking() as taken:
        exec(program, {})  # noqa: S102 (the README's own)
    said = [(each[a.LEDGER_SERVICE], each[a.LEDGER_UNITS], each[a.LEDGER_UNIT_TYPE]) for each in taken.said()]
    assert said == [("elevenlabs", 120, "characters"), ("dynamodb", 3, "writes")]
    assert {(each[a.LEDGER_TENANT], each[a.LEDGER_FEATURE]) for each in taken.said()} == {("acme", "voice")}


def test_the_snippets_about_attribution_run() -> None:
    """One after the other, with stand-ins for what is the application's own."""
    fastapi, flask = pytest.importorskip("fastapi"), pytest.importorskip("flask")
    names: dict[str, object] = {
        "client": SimpleNamespace(chat=SimpleNamespace(completions=SimpleNamespace(create=_answered))),
        "messages": [],
        "save": len,
        "rows": ["a", "b"],
        "fastapi_app": fastapi.FastAPI(),
        "wsgi_app": _served,
        "flask_app": flask.Flask("app"),
    }
    with taking() as taken:
        for program in _snippets((ROOT / "docs" / "attribution.md").read_text()):
            exec(program, names)  # noqa: S102 (the document's own)
    assert names["answer"] == {"tenant": "acme", "user_id": "u-7", "feature": "search"}
    assert [each[a.LEDGER_UNITS] for each in taken.said()] == [120, 2]


def test_the_readme_lists_every_command() -> None:
    """A command is in the README when, and only when, it is in the help."""
    listed = set(re.findall(r"^\| `spanledger (\w+)", README, re.MULTILINE))
    assert listed == _commands()


def test_every_setting_is_documented() -> None:
    """docs/configuration.md names the variables that the settings read, and no others."""
    rooms = (
        "exporter/spanledger/exporter/settings.py",
        "exporter/spanledger/exporter/access_settings.py",
        "instrumentation/spanledger/instrumentation/wire/settings.py",
        "instrumentation/spanledger/instrumentation/wire/admission.py",
        "ledger/spanledger/ledger/guarding/settings.py",
        "ledger/spanledger/ledger/policy/opa.py",
        "ledger/spanledger/ledger/sinks/settings.py",
    )
    read = {name for room in rooms for name in re.findall(r'"(SPANLEDGER_\w+)"', (ROOT / room).read_text())}
    table = (ROOT / "docs" / "configuration.md").read_text().partition("\n## ")[0]
    assert set(re.findall(r"^\| `(SPANLEDGER_\w+)`", table, re.MULTILINE)) == read


def test_every_shipped_policy_is_documented() -> None:
    """docs/policy.md names what the policies deny by, and no others; its settings are JSON and name what they read."""
    page = (ROOT / "docs" / "policy.md").read_text()
    rules = [path for path in POLICIES.glob("*.rego") if not path.stem.endswith("_test")]
    named = re.findall(r'"((?:agents|approval|models)\.\w+)"', "".join(path.read_text() for path in rules))
    assert set(re.findall(r"^\| `(\w+\.\w+)`", page.partition("## The policies")[2], re.MULTILINE)) == set(named)
    (settings,) = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    parts = json.loads(settings)["spanledger_settings"]
    texts = {path.stem: path.read_text() for path in rules}
    assert {f"{part}.{name}" for part in texts.keys() & parts.keys() for name in parts[part]} <= {
        found for text in texts.values() for found in re.findall(r"spanledger_settings\.(\w+\.\w+)", text)
    }


def test_relative_links_lead_somewhere() -> None:
    """A link to a file of the tree names one that exists."""
    broken = [
        f"{document.relative_to(ROOT)}: {target}"
        for document in DOCUMENTS
        for target in re.findall(r"\]\(([^)#\s]+)", document.read_text())
        if "://" not in target and not (document.parent / target).exists()
    ]
    assert not broken, "\n".join(broken)


def test_named_make_targets_exist() -> None:
    """`make something` in a document is a target of the Makefile."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {
        target
        for document in DOCUMENTS
        for target in re.findall(r"(?:^|`)make ([a-z]+)", document.read_text(), re.MULTILINE)
    }
    assert named
    assert named <= targets


def test_every_change_is_named_for_its_issue_and_kind() -> None:
    """A fragment's name is its issue and one of the kinds of changes/README.md."""
    kinds = set(re.findall(r"^\| `(\w+)`", (ROOT / "changes" / "README.md").read_text(), re.MULTILINE))
    names = [path.name for path in (ROOT / "changes").iterdir() if path.name != "README.md"]
    assert [name for name in names if not re.fullmatch(rf"\d+\.({'|'.join(kinds)})(\.\d+)?\.md", name)] == []


def _answered(**_: object) -> dict[str, object]:
    return stamped()


def _served(_environ: object, _start: object) -> list[bytes]:
    return []


def _snippets(document: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", document, re.DOTALL)


def _run(command: list[str], environ: dict[str, str] | None = None) -> str:
    done = subprocess.run(command, env=environ, check=False, timeout=60, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _commands() -> set[str]:
    return set(re.findall(r"^    ([a-z]+)(?: |$)", _run([str(SCRIPT), "--help"]), re.MULTILINE))


def test_a_test_stands_behind_each_guarantee() -> None:
    """The files that the README's table names are there."""
    rows = (ROOT / "README.md").read_text().partition("| event | promise |")[2].partition("\n\n")[0].splitlines()[2:]
    assert len(rows) > 10
    for row in rows:
        shown = re.findall(r"\]\((tests/[^)]+)\)", row)
        assert shown, row
        assert all((ROOT / path).is_file() for path in shown), row
