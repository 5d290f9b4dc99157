"""How a process ends itself past its exit handlers, and that what waits in a queue is made durable before.

`os._exit` ends the children of `multiprocessing`, Celery and many servers; `exec` puts another program in this one's
place; servers such as uvicorn stop in good order, and then raise the signal that they were stopped by. Each call does
what it did, a moment later. No handler of a signal is installed or changed.
"""

# ruff: noqa: ANN401
# Other people's calls pass through as they are, whatever their arguments.

import os
import signal
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


_waiting: Final[WeakSet[Flushed]] = WeakSet()


def flush_before_the_end(who: Flushed) -> None:
    """From now on, flush before this process ends itself by any of these calls."""
    if not _waiting:
        for module, name, is_the_end in _CALLS:
            if not hasattr(getattr(module, name), "__wrapped__"):
                setattr(module, name, _after_flush(getattr(module, name), is_the_end))
    _waiting.add(who)


def _after_flush(call: Callable[..., Any], is_the_end: Callable[..., bool]) -> Callable[..., Any]:
    @wraps(call)
    def calling(*args: Any, **kwargs: Any) -> Any:
        # A wrong call is the application's, and so is what it raises.
        with suppress(Exception):
            if is_the_end(*args, **kwargs):
                for each in tuple(_waiting):
                    each.flush(END_TIMEOUT_S)
        return call(*args, **kwargs)

    return calling


def _always(*_: object, **__: object) -> bool:
    return True


def _kills(number: int) -> bool:
    """Whether a signal is left to the system; most such signals end the process, and the others wait for nothing."""
    return number > 0 and signal.getsignal(number) is signal.SIG_DFL


def _kills_itself(pid: int, number: int) -> bool:
    return pid == os.getpid() and (number == signal.SIGKILL or _kills(number))


_CALLS: Final[tuple[tuple[Any, str, Callable[..., bool]], ...]] = (
    (os, "_exit", _always),
    (os, "abort", _always),
    (os, "execv", _always),
    (os, "execve", _always),
    (os, "kill", _kills_itself),
    (signal, "raise_signal", _kills),
)
"""Module, function, and whether a call with these arguments ends the process."""
