"""Calls a function as soon as a module is imported, and imports nothing for it."""

import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType

from spanledger.instrumentation.attributing.failing import failed


def when_imported(name: str, then: Callable[[], None]) -> None:
    """Call `then` once `name` is imported: at once, if it is already."""
    if name in sys.modules:
        then()
    else:
        sys.meta_path.insert(0, _Waiting(name, then))


class _Waiting(MetaPathFinder):
    """Finds nothing itself: it lets the others find the module, and is told when it has run."""

    def __init__(self, name: str, then: Callable[[], None]) -> None:
        self._name = name
        self._then = then

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002 (a finder's)
        target: ModuleType | None = None,  # noqa: ARG002 (a finder's)
    ) -> ModuleSpec | None:
        """What the other finders find."""
        if fullname != self._name:
            return None
        sys.meta_path.remove(self)
        spec = find_spec(fullname)
        if spec is not None and spec.loader is not None:
            self._listen(spec.loader)
        return spec

    def _listen(self, loader: Loader) -> None:
        run = loader.exec_module

        def run_and_tell(module: ModuleType) -> None:
            run(module)
            try:
                self._then()
            except Exception as error:  # noqa: BLE001 (the guard between our faults and the application)
                failed("a library cannot be attributed", error)

        try:
            # A loader is made for one module; on the object, so that it stays what it is to everybody else.
            vars(loader)["exec_module"] = run_and_tell
        except (AttributeError, TypeError) as error:
            failed("a library cannot be attributed", error)
