"""The house rules that no linter knows: sizes, where names may stand, and no file that nobody uses."""

import ast
import re
import subprocess
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent
FLOORS: Final = ("schemas", "exporter", "instrumentation", "ledger")

FUNCTION_LINES_MAX: Final = 70
MODULE_LINES_MAX: Final = 400

SDK_USERS: Final = (
    "spanledger.instrumentation",
    "spanledger.exporter.inprocess",
    "spanledger.ledger.demo",
    "spanledger.ledger.predecessors",
)

# Names on the wire belong to the contract: whoever needs one imports it from `spanledger.schemas`.
ATTRIBUTE_NAME: Final = re.compile(r"(gen_ai|ledger|openinference|langfuse|traceloop|llm|ai)\.[a-z_]+(\.[a-z_]+)*\.?")

# Written in parts, so that this file does not find itself.
PERSONAL_PATH: Final = re.compile(r"(?<![\w.~$}-])/(?:root|home|Users|work)/\w")
REGISTRY_HOST: Final = re.compile(
    "|".join(
        (
            r"pypi\." + "org",
            r"python" + r"hosted\.org",
            r"registry\." + "npmjs",
            r"deb\." + r"debian\.org",
            r"proxy\." + r"golang\.org",
            r"crates\." + "io",
            r"repo1?\." + "maven",
        )
    )
)


def test_functions_and_modules_are_short() -> None:
    """A function holds 70 lines, a module 400: what fits on a screen and in a head (lines: ruff's E501)."""
    too_long: list[str] = []
    for path in _sources("."):
        where, lines = path.relative_to(ROOT), len(path.read_text().splitlines())
        too_long += [f"{where} is a module of {lines} lines"] if lines > MODULE_LINES_MAX else []
        too_long += [
            f"{where}:{node.lineno} {node.name} has {_length(node)} lines"
            for node in ast.walk(_tree(path))
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and _length(node) > FUNCTION_LINES_MAX
        ]
    assert not too_long, "\n".join(too_long)


def test_attribute_names_are_written_only_in_schemas() -> None:
    """A literal such as an attribute's wire name stands in `schemas`, once; every other floor imports it."""
    strays = [
        f"{path.relative_to(ROOT)}:{line} {text!r}"
        for floor in FLOORS[1:]
        for path in _sources(floor)
        for line, text in _literals(_tree(path))
        if ATTRIBUTE_NAME.fullmatch(text)
    ]
    assert not strays, "\n".join(strays)


def test_no_file_names_a_personal_path_or_a_package_registry() -> None:
    """The tree works for everybody: it names no folder of one machine and no host that packages come from."""
    strays = [
        f"{path.relative_to(ROOT)}:{n} {line.strip()[:100]}"
        for path in _tracked()
        for n, line in enumerate(path.read_bytes().decode(errors="replace").splitlines(), 1)
        if PERSONAL_PATH.search(line) or REGISTRY_HOST.search(line)
    ]
    assert not strays, "\n".join(strays)


def test_the_sdk_is_imported_only_where_an_application_runs_it() -> None:
    """`opentelemetry.sdk` stays out of the contract and of the receiver's path: it is slow and it moves."""
    strays = [
        f"{_module_name(path)} imports {name}"
        for floor in FLOORS
        for path in _sources(floor)
        for name in _names_used(path)
        if f"{name}.".startswith("opentelemetry.sdk.") and not _module_name(path).startswith(SDK_USERS)
    ]
    assert not strays, "\n".join(strays)


def test_the_namespace_has_no_init() -> None:
    """An `__init__.py` directly in a `spanledger/` folder would hide the other floors in an editable install."""
    assert [str(path) for path in ROOT.glob("*/spanledger/__init__.py")] == []


def test_every_floor_says_that_it_is_typed() -> None:
    """Each floor carries `py.typed`, so that users' type checkers read its annotations."""
    assert [floor for floor in FLOORS if not (ROOT / floor / "spanledger" / floor / "py.typed").is_file()] == []


def test_every_module_is_used() -> None:
    """A module that no other module, entry point or command reaches is dead and must go."""
    modules = {_module_name(path): path for floor in FLOORS for path in _sources(floor)}
    named = _entry_points()
    for name, path in modules.items():
        named |= {used for used in _names_used(path) if used != name}
    reached = {name for used in named for name in _with_parents(used)}
    dead = sorted(name for name in modules if name not in reached and not name.endswith("__main__"))
    assert not dead, "\n".join(dead)


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


@cache
def _tracked() -> tuple[Path, ...]:
    """Every file that git knows or would add, so that environments and caches stay out."""
    command = ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    names = subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout.decode().split("\0")
    return tuple(path for name in names if name and (path := ROOT / name).is_file())


def _sources(folder: str) -> Iterator[Path]:
    top = ROOT / folder
    return (path for path in _tracked() if path.suffix == ".py" and path.is_relative_to(top))


def _length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def _literals(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Every string and bytes literal but the docstrings, with its line."""
    documents = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in documents:
            if isinstance(node.value, str):
                yield node.lineno, node.value
            elif isinstance(node.value, bytes):
                yield node.lineno, node.value.decode("latin-1")


def _module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts[1:]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _names_used(path: Path) -> Iterator[str]:
    """What a module imports, and the names it holds as text: whole ones, and the ends of `f"spanledger.….{name}"`."""
    starts = {""}
    texts: set[str] = set()
    package = _module_name(path) if path.name == "__init__.py" else _module_name(path).rpartition(".")[0]
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package.rsplit(".", node.level - 1)[0] if node.level > 1 else package
            source = ".".join(filter(None, (base, node.module))) if node.level else node.module or ""
            yield from (f"{source}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.JoinedStr) and isinstance(start := node.values[0], ast.Constant):
            starts.add(str(start.value))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            texts.add(node.value.partition(":")[0])
    yield from (start + text for start in starts for text in texts)


def _entry_points() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    groups = [project["scripts"], *project["entry-points"].values()]
    return {target.partition(":")[0] for group in groups for target in group.values()}


def _with_parents(name: str) -> Iterator[str]:
    while name:
        yield name
        name = name.rpartition(".")[0]
