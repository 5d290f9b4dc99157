"""The documents say what is so: their code runs, their commands, settings, files and targets exist."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent
README: Final = (ROOT / "README.md").read_text()
DOCUMENTS: Final = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("changes/*.md")])
SCRIPT: Final = Path(sys.executable).with_name("spanledger")


def test_the_ten_lines_of_the_readme_run(tmp_path: Path) -> None:
    """The README's program journals one call, and the command beside it finds it in the ledger, priced.

    gpt-4o costs 2.50 USD per million input tokens and 10 USD per million output tokens: 0.0025 + 0.001.
    """
    (program,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len([line for line in program.splitlines() if line]) == 10
    environ = {"PATH": os.defpath, "HOME": str(tmp_path), "SPANLEDGER_STORE": str(tmp_path / "store")}
    _run([sys.executable, "-c", program], environ)
    answer = _run([str(SCRIPT), "report", "--by", "tenant,model", "--format", "json"], environ)
    (row,) = json.loads(answer)
    assert (row["tenant"], row["model"], row["requests"]) == ("acme", "gpt-4o", 1)
    assert (row["input_tokens"], row["output_tokens"]) == (1000, 100)
    assert (row["cost"], row["currency"]) == ("0.0035", "USD")


def test_the_readme_lists_every_command() -> None:
    """A command is in the README when, and only when, it is in the help."""
    listed = set(re.findall(r"^\| `spanledger (\w+)", README, re.MULTILINE))
    assert listed == _commands()


def test_every_setting_is_documented() -> None:
    """docs/configuration.md names the variables that the exporter and the wire instrumentors read, and no others."""
    homes = ("exporter/spanledger/exporter/settings.py", "instrumentation/spanledger/instrumentation/wire/settings.py")
    read = {name for home in homes for name in re.findall(r'"(SPANLEDGER_\w+)"', (ROOT / home).read_text())}
    table = (ROOT / "docs" / "configuration.md").read_text().partition("\n## ")[0]
    assert set(re.findall(r"^\| `(SPANLEDGER_\w+)`", table, re.MULTILINE)) == read


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


def _run(command: list[str], environ: dict[str, str] | None = None) -> str:
    done = subprocess.run(command, env=environ, check=False, timeout=60, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _commands() -> set[str]:
    return set(re.findall(r"^    (\w+) ", _run([str(SCRIPT), "--help"]), re.MULTILINE))
