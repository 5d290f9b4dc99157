"""Calls a function as soon as a module is imported, and imports nothing for it.

Looking for a module is not importing it: whoever asks for its spec, as often as he likes, gets one that tells when it
has run.
"""

import sys
import threading
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Final

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
        self._over = False
        self._lock = threading.Lock()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """What the other finders find."""
        if fullname != self._name or self._over:
            return None
        # As the import system asks them; finders of the old protocol have no such method.
        for finder in tuple(sys.meta_path):
            find = None if finder is self else getattr(finder, "find_spec", None)
            spec: ModuleSpec | None = None if find is None else find(fullname, path, target)
            if spec is not None:
                if spec.loader is not None:
                    self._listen(spec.loader)
                return spec
        return None

    def _listen(self, loader: Loader) -> None:
        run = loader.exec_module
        if getattr(run, _OURS, None) is self:
            return

        def run_and_tell(module: ModuleType) -> None:
            run(module)
            # A loader may be that of other modules too: an archive has one for all.
            if module.__name__ == self._name:
                self._tell()

        try:
            setattr(run_and_tell, _OURS, self)
            # On the object, so that its class stays what it is to everybody else.
            vars(loader)["exec_module"] = run_and_tell
        except (AttributeError, TypeError) as error:
            failed("a library cannot be attributed", error)

    def _tell(self) -> None:
        """Once, whichever of the specs it was imported by."""
        with self._lock:
            first, self._over = not self._over, True
        if not first:
            return
        try:
            if self in sys.meta_path:
                sys.meta_path.remove(self)
            self._then()
        except Exception as error:  # noqa: BLE001 (the guard between our faults and the application)
            failed("a library cannot be attributed", error)


_OURS: Final = "_spanledger_waiting"
"""The mark of a method that tells, so that a loader that is found again tells once."""
