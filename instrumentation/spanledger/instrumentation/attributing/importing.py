"""Calls a function as soon as a module is imported, and imports nothing for it.

Looking for a module is not importing it: whoever asks for its spec, as often as he likes, gets one that tells when it
has run. What tells is gone from the module's loader then.
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
        self._looking = threading.local()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """What the other finders find. One that asks them all itself, as this does, is not asked for ever."""
        if fullname != self._name or self._over or getattr(self._looking, "now", False):
            return None
        self._looking.now = True
        try:
            return self._found(fullname, path, target)
        finally:
            self._looking.now = False

    def _found(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None) -> ModuleSpec | None:
        finders = tuple(sys.meta_path)
        # Whoever else waits is told too: this package may be there twice, reloaded.
        waiting = [finder for finder in finders if hasattr(type(finder), _LISTEN)]
        for finder in finders:
            # As the import system asks them; finders of the old protocol have no such method.
            find = None if hasattr(type(finder), _LISTEN) else getattr(finder, "find_spec", None)
            spec: ModuleSpec | None = None if find is None else find(fullname, path, target)
            if spec is not None:
                if spec.loader is not None:
                    for each in waiting:
                        getattr(each, _LISTEN)(fullname, spec.loader)
                return spec
        return None

    def spanledger_listen(self, fullname: str, loader: Loader) -> None:
        """Be told when this loader has run the module."""
        if fullname != self._name or self._over:
            return
        try:
            with _lock:
                run = loader.exec_module
                listeners: list[Callable[[str], bool]] | None = getattr(run, _LISTENERS, None)
                if listeners is None:
                    _tell_after(loader, run, self._heard)
                elif self._heard not in listeners:
                    listeners.append(self._heard)
        except (AttributeError, TypeError) as error:
            failed("a library cannot be attributed", error)

    def _heard(self, name: str) -> bool:
        """Whether it was the module waited for."""
        if name == self._name:
            self._tell()
            return True
        return False

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


def _tell_after(loader: Loader, run: Callable[[ModuleType], None], first: Callable[[str], bool]) -> None:
    """Tell listeners when a module has run, until each has heard of its own: then the loader is as it was."""
    listeners = [first]
    own = vars(loader)
    former = own.get(_METHOD)

    def run_and_tell(module: ModuleType) -> None:
        run(module)
        # A loader may be that of other modules too: an archive has one for all.
        for heard in tuple(listeners):
            if heard(module.__name__):
                with _lock:
                    if heard in listeners:
                        listeners.remove(heard)
                    if not listeners and own.get(_METHOD) is run_and_tell:
                        if former is None:
                            del own[_METHOD]
                        else:
                            own[_METHOD] = former

    setattr(run_and_tell, _LISTENERS, listeners)
    # On the object, so that its class stays what it is to everybody else.
    own[_METHOD] = run_and_tell


_METHOD: Final = "exec_module"

_LISTEN: Final = "spanledger_listen"
"""By this one that waits knows another, and no finder of the application's."""

_LISTENERS: Final = "_spanledger_listeners"
"""Whom a method tells, so that a loader that is found again tells once."""

_lock: Final = threading.RLock()
