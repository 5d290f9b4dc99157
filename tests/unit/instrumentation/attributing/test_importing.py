import pickle
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from zipfile import ZipFile

import pytest

from spanledger.instrumentation.attributing import importing
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


def test_looking_for_a_library_is_not_importing_it(module: str) -> None:
    """An application may ask whether it is there, as often as it likes: it is told of once, when it has run."""
    finders = list(sys.meta_path)
    seen: list[object] = []
    when_imported(module, lambda: seen.append(getattr(sys.modules[module], "said", None)))
    for _ in range(3):
        found = find_spec(module)
        assert found is not None
        assert found.name == module
    assert seen == []
    assert import_module(module).said == "hello"
    assert seen == ["hello"]
    assert sys.meta_path == finders


def test_a_library_whose_import_failed_is_heard_of_later(module: str, tmp_path: Path) -> None:
    """The application may try again."""
    seen: list[str] = []
    (tmp_path / f"{module}.py").write_text("raise ImportError")
    when_imported(module, lambda: seen.append(module))
    with pytest.raises(ImportError):
        import_module(module)
    assert seen == []
    (tmp_path / f"{module}.py").write_text("said = 'hello again'")
    assert import_module(module).said == "hello again"
    assert seen == [module]


def test_a_library_that_is_not_there_stays_so() -> None:
    """The error is Python's own, and so is the answer of who looks for it."""
    when_imported("no_such_module", _fail)
    try:
        assert find_spec("no_such_module") is None
        with pytest.raises(ModuleNotFoundError):
            import_module("no_such_module")
    finally:
        del sys.meta_path[0]


def _anew() -> ModuleType:
    """The same module loaded a second time, as by whoever reloads packages."""
    spec = spec_from_file_location("importing_anew", importing.__file__)
    assert spec is not None
    assert spec.loader is not None
    made = module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def test_all_who_wait_for_one_library_are_told(module: str) -> None:
    """They do not ask each other for ever; also where this package was loaded anew."""
    finders = list(sys.meta_path)
    seen: list[str] = []
    when_imported(module, lambda: seen.append("one"))
    when_imported(module, lambda: seen.append("two"))
    _anew().when_imported(module, lambda: seen.append("anew"))
    for _ in range(2):
        assert find_spec(module) is not None
    import_module(module)
    assert sorted(seen) == ["anew", "one", "two"]
    assert sys.meta_path == finders


class Asking(MetaPathFinder):
    """A finder of the application's that asks all others, as ours does."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """What the first other finds."""
        others = [finder for finder in sys.meta_path if finder is not self]
        return next((spec for each in others if (spec := each.find_spec(fullname, path, target))), None)


def test_a_finder_that_asks_all_others_is_not_asked_for_ever(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither does whoever waits."""
    seen: list[str] = []
    monkeypatch.setattr(sys, "meta_path", [Asking(), *sys.meta_path])
    when_imported(module, lambda: seen.append(module))
    import_module(module)
    assert seen == [module]


def test_a_loader_is_as_it_was_once_its_module_has_run(module: str) -> None:
    """It can be pickled, and what somebody else put upon it is there still."""

    def run(ran: ModuleType) -> None:
        assert ran.__name__ == module

    when_imported(module, lambda: None)
    when_imported(module, lambda: None)
    spec = import_module(module).__spec__
    assert spec is not None
    assert pickle.dumps(spec)
    del sys.modules[module]
    loader = spec.loader
    assert loader is not None
    vars(loader)["exec_module"] = run
    when_imported(module, lambda: None)
    finder = sys.meta_path[0]
    getattr(finder, "spanledger_listen")(module, loader)  # noqa: B009 (what finders of our kind tell each other)
    assert vars(loader)["exec_module"] is not run
    loader.exec_module(module_from_spec(spec))
    assert vars(loader)["exec_module"] is run
    assert finder not in sys.meta_path


def test_another_module_of_the_same_archive_is_not_the_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All modules of one archive have one loader."""
    with ZipFile(tmp_path / "archive.zip", "w") as archive:
        archive.writestr("archived_one.py", "")
        archive.writestr("archived_two.py", "")
    monkeypatch.syspath_prepend(str(tmp_path / "archive.zip"))
    seen: list[str] = []
    when_imported("archived_two", lambda: seen.append("two"))
    for _ in range(2):
        assert find_spec("archived_two") is not None
    import_module("archived_one")
    assert seen == []
    import_module("archived_two")
    assert seen == ["two"]
    for name in ("archived_one", "archived_two"):
        monkeypatch.delitem(sys.modules, name)


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
