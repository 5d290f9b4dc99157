"""How a process ends itself past its exit handlers, and that what waits in a queue is made durable before.

`os._exit` ends the children of `multiprocessing`, Celery and many servers; `exec` puts another program in this one's
place; servers such as uvicorn stop in good order, and then raise the signal that they were stopped by. Each call does
what it did, a moment later. No handler of a signal is installed or changed.

What is still open ends before anything is flushed, however the process ends: what it used is known by then or never.
"""

# ruff: noqa: ANN401
# Other people's calls pass through as they are, whatever their arguments.

import atexit
import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from typing import Any, Final, Protocol
from weakref import WeakSet

# A process that ends itself is not held up longer than this by a disk that does not answer.
END_TIMEOUT_S: Final = 5.0


class Flushed(Protocol):
    """Who may have something to make durable."""

    def flush(self, timeout_s: float) -> bool:
        """Make it durable; False if it is not within `timeout_s`."""
        ...


class Unnested:
    """Lets no thread wait within its own wait.

    A signal handler interrupts a wait that holds a lock of its own thread's: whoever waits there again waits for ever.
    """

    def __init__(self) -> None:
        self._inside: set[int] = set()

    def wait(self, waiting: Callable[[float], bool], timeout_s: float) -> bool:
        """What `waiting` returns; False at once if this thread is in it already."""
        thread = threading.get_ident()
        if thread in self._inside:
            return False
        try:
            self._inside.add(thread)
            return waiting(timeout_s)
        finally:
            self._inside.discard(thread)


_MARK: Final = "_spanledger_flushes"
_waiting: Final[WeakSet[Flushed]] = WeakSet()
_open: Final[list[Callable[[], bool]]] = []


def flush_before_the_end(who: Flushed) -> None:
    """From now on, flush before this process ends itself by any of these calls."""
    _wrap()
    _waiting.add(who)


def before_the_end(end: Callable[[], bool]) -> None:
    """From now on, call `end` before what waits is flushed for the last time; it says whether it ended anything."""
    _wrap()
    if not _open:
        atexit.register(_at_exit)
    _open.append(end)


def end_what_is_open() -> bool:
    """End all that is still open, as this process ends; whether there was anything. Never raises."""
    ended = False
    for end in tuple(_open):
        with suppress(Exception):
            ended |= end()
    return ended


def _at_exit() -> None:
    # Who flushes at exit itself ends them first: then there is nothing left here, and nobody waits twice.
    if end_what_is_open():
        _flush()


def _flush() -> None:
    until = time.monotonic() + END_TIMEOUT_S
    for each in tuple(_waiting):
        with suppress(Exception):
            each.flush(max(0.001, until - time.monotonic()))


def _wrap() -> None:
    for module, name, is_the_end in _CALLS:
        # Whoever wraps ours takes the mark along; whoever was there before us has none.
        if not hasattr(getattr(module, name), _MARK):
            setattr(module, name, _after_flush(getattr(module, name), is_the_end))


def _after_flush(call: Callable[..., Any], is_the_end: Callable[..., bool]) -> Callable[..., Any]:
    @wraps(call)
    def calling(*args: Any, **kwargs: Any) -> Any:
        # A wrong call is the application's, and so is what it raises.
        with suppress(Exception):
            if is_the_end(*args, **kwargs):
                if is_the_end is _always or args[-1] not in _SURVIVED:
                    end_what_is_open()
                _flush()
        return call(*args, **kwargs)

    setattr(calling, _MARK, True)
    return calling


def _always(*_: object, **__: object) -> bool:
    return True


def _kills(number: int) -> bool:
    """Whether a signal is left to the system; most such signals end the process, and the others wait for nothing."""
    return number > 0 and signal.getsignal(number) is signal.SIG_DFL


def _kills_itself(pid: int, number: int) -> bool:
    return pid == os.getpid() and (number == signal.SIGKILL or _kills(number))


# By default these stop the process or do nothing: whatever is open goes on.
_SURVIVED: Final = frozenset(
    getattr(signal, name)
    for name in ("SIGCHLD", "SIGCONT", "SIGSTOP", "SIGTSTP", "SIGTTIN", "SIGTTOU", "SIGURG", "SIGWINCH")
    if hasattr(signal, name)
)

_CALLS: Final[tuple[tuple[Any, str, Callable[..., bool]], ...]] = (
    (os, "_exit", _always),
    (os, "abort", _always),
    (os, "execv", _always),
    (os, "execve", _always),
    (os, "kill", _kills_itself),
    (signal, "raise_signal", _kills),
)
"""Module, function, and whether a call with these arguments ends the process."""
