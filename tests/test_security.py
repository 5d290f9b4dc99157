"""docs/security.md says what is so: its tests exist, and what it promises of the whole tree holds."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from faults.injection import NAMES
from support.otlp import chat, request, span

from spanledger.exporter.journal import Entry, JournalWriter, Signal
from spanledger.exporter.sift import sift

ROOT: Final = Path(__file__).parent.parent
PAGE: Final = (ROOT / "docs" / "security.md").read_text()
ROW: Final = re.compile(r"^\| (H\d\d) \|[^|]+\|([^|]+)\|([^|]+)\|$", re.MULTILINE)
MAKERS: Final = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "jsonpickle"}
RUNNERS: Final = {"eval", "exec", "__import__"}
LOADERS: Final = {"yaml.load", "yaml.load_all", "yaml.unsafe_load", "yaml.full_load"}


def test_every_threat_has_a_row() -> None:
    """All 38, once, in order."""
    assert [row[0] for row in ROW.findall(PAGE)] == [f"H{number:02}" for number in range(1, 39)]


def test_every_test_that_is_named_exists() -> None:
    """A function of that name in that file."""
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)
    assert len(named) > 25
    assert [(path, name) for path, name in named if name not in _functions(ROOT / path)] == []


def test_a_row_without_a_test_says_why() -> None:
    """It is answered elsewhere, or not at all, in so many words."""
    rows = [(row, answer) for row, answer, test in ROW.findall(PAGE) if not test.strip()]
    assert rows
    assert [row for row, answer in rows if "access" not in answer and not re.search(r"\*[Nn]ot ", answer)] == []


def test_every_dependency_is_pinned_by_hash() -> None:
    """Each version in requirements/ has digests, so that what is installed is what was looked at."""
    for path in (ROOT / "requirements").glob("*.txt"):
        pins = re.split(r"^(?=[a-zA-Z0-9])", path.read_text(), flags=re.MULTILINE)[1:]
        assert pins
        assert [pin.split()[0] for pin in pins if "--hash=sha256:" not in pin or "==" not in pin.split()[0]] == []


def test_nothing_makes_objects_of_bytes() -> None:
    """No module imports what unpickles, nor runs text; YAML is only read as a tree of words."""
    floors = ("schemas", "exporter", "instrumentation", "ledger")
    paths = [path for floor in floors for path in (ROOT / floor).rglob("*.py")]
    assert len(paths) > 100
    found = [(path.name, name) for path in paths for name in _used(ast.parse(path.read_text()))]
    # The arithmetic of a price is written out once for each shape of usage, of numbers of lines and nothing else.
    arithmetic = [("band.py", "exec")]
    assert [each for each in found if each[1] in MAKERS | RUNNERS | LOADERS] == arithmetic


def test_no_file_is_named_by_telemetry(tmp_path: Path) -> None:
    """Tenants named like paths: the journal's folders and files have our own names."""
    writer = JournalWriter(tmp_path / "journal", segment_bytes=1024 * 1024)
    for name in NAMES:
        payload = sift(request(span(chat(ledger__tenant=name)))).payload
        writer.append(Entry(payload, Signal.TRACES, name, name, 1)).result(timeout=10)
    writer.close()
    named = {path.name for path in tmp_path.rglob("*")}
    ours = re.compile(r"journal|[0-9a-f-]{36}|[0-9a-f]{16}\.\w+|[a-zA-Z.]+")
    assert [name for name in named if not ours.fullmatch(name)] == []
    assert not any(part in name for name in named for part in ("passwd", "DROP", ".."))


def _used(tree: ast.Module) -> Iterator[str]:
    """Modules that are imported, functions that are called by name, and what is taken from a module."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names):
                yield from (alias.name.partition(".")[0] for alias in names)
            case ast.ImportFrom(module):
                yield (module or "").partition(".")[0]
            case ast.Call(func=ast.Name(name)):
                yield name
            case ast.Attribute(value=ast.Name(module), attr=name):
                yield f"{module}.{name}"
            case _:
                pass


def _functions(path: Path) -> set[str]:
    tree = ast.parse(path.read_text()) if path.is_file() else ast.Module([], [])
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
