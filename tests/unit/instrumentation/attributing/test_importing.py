import sys
from importlib import import_module
from pathlib import Path

import pytest

from spanledger.instrumentation.attributing.failing import failures
from spanledger.instrumentation.attributing.importing import when_imported


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module that nobody has imported."""
    (tmp_path / "awaited_module.py").write_text("said = 'hello'\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "awaited_module", raising=False)
    return "awaited_module"


def test_a_library_is_heard_of_once_it_has_run(module: str) -> None:
    """Not before; and nobody looks at imports any more afterwards."""
    finders = list(sys.meta_path)
    seen: list[object] = []
    when_imported(module, lambda: seen.append(getattr(sys.modules[module], "said", None)))
    import_module("json")
    assert seen == []
    assert import_module(module).said == "hello"
    assert seen == ["hello"]
    assert sys.meta_path == finders


def test_a_library_that_is_there_is_heard_of_at_once() -> None:
    """As the application may import it first."""
    seen: list[str] = []
    when_imported("json", lambda: seen.append("json"))
    assert seen == ["json"]


def test_our_failure_is_not_the_imports(module: str) -> None:
    """It is counted, and the module is what it is."""
    before = failures().get("a library cannot be attributed", 0)
    when_imported(module, _fail)
    assert import_module(module).said == "hello"
    assert failures()["a library cannot be attributed"] == before + 1


def _fail() -> None:
    raise ZeroDivisionError
