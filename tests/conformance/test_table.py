"""The table of conformance says what is so: every line is there, and names tests that exist."""

import ast
import re
from pathlib import Path
from typing import Final

TESTS: Final = Path(__file__).parent.parent
TABLE: Final = (TESTS.parent / "docs" / "otlp-conformance.md").read_text()
ROWS: Final = [
    tuple(cell.strip() for cell in line.strip("|").split("|")) for line in TABLE.splitlines() if line.startswith("| C")
]


def test_every_line_is_there_once_and_in_order() -> None:
    """C01 to C92, each with its level, its obligation and where that is said."""
    assert [row[0] for row in ROWS] == [f"C{number:02}" for number in range(1, 93)]
    assert all(len(row) == 6 and row[1] in {*"MSYX"} and row[2] and row[3] for row in ROWS)


def test_every_line_names_tests_that_exist() -> None:
    """By file and function; a line without a test promises nothing."""
    missing = [(row[0], name) for row in ROWS for name in _named(row[4]) or [""] if not _exists(name)]
    assert not missing


def test_every_test_of_conformance_stands_behind_a_line() -> None:
    """And the line is named in its docstring."""
    behind = {name: {row[0] for row in ROWS if name in _named(row[4])} for row in ROWS for name in _named(row[4])}
    for path in sorted((TESTS / "conformance").glob("test_*.py")):
        if path == Path(__file__):
            continue
        for name, docstring in _tests(path).items():
            lines = behind.get(f"conformance/{path.name}::{name}", set())
            assert lines or docstring.startswith("4.6"), f"{path.name}::{name} is in no line"
            assert lines <= set(re.findall(r"\bC\d\d\b", docstring)), f"{path.name}::{name} does not name {lines}"


def _named(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def _exists(name: str) -> bool:
    path, _, function = name.partition("::")
    return (TESTS / path).is_file() and function in _tests(TESTS / path)


def _tests(path: Path) -> dict[str, str]:
    """The test functions of a file and their docstrings."""
    return {
        node.name: ast.get_docstring(node) or ""
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }
