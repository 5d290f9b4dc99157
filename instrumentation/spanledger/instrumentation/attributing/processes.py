"""Processes of `multiprocessing` and tasks of process pools work for whoever started them, by fork or by spawn.

A pool's own processes belong to nobody: each task brings its own attribution, as something that can be pickled.
A `Pool` kills its processes when its block ends, so what a task used is durable before its result goes back.
"""

# ruff: noqa: ANN401
# Other people's calls pass through as they are, whatever their arguments.

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from concurrent.futures.process import ProcessPoolExecutor
from functools import wraps
from multiprocessing import pool, process
from typing import Any

from spanledger.instrumentation.attributing.applied import Applied, replaced
from spanledger.instrumentation.attributing.flushing import flushed
from spanledger.instrumentation.attributing.threads import is_pools, nobodys
from spanledger.schemas.ambient import ambient


class Carried:
    """A function that takes its caller's attribution along, also to another process."""

    def __init__(self, function: Callable[..., Any], stated: Mapping[str, str]) -> None:
        self._function = function
        self._stated = dict(stated)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function, attributed."""
        with Applied(lambda context: replaced(context, self._stated)):
            return self._function(*args, **kwargs)


class Task(Carried):
    """The same for a task of a `Pool`."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function, attributed, and make durable what it used."""
        try:
            return super().__call__(*args, **kwargs) if self._stated else self._function(*args, **kwargs)
        finally:
            # Threads work through pools of the same kind, and nobody kills those.
            if process.parent_process() is not None:
                flushed()


def carry() -> None:
    """Carry attribution into processes and process pools from now on."""
    setattr(process.BaseProcess, "start", _carrying_start(process.BaseProcess.start))  # noqa: B010 (its type names `self`)
    setattr(ProcessPoolExecutor, "submit", _carrying_submit(ProcessPoolExecutor.submit))  # noqa: B010 (as above)
    for name in ("apply_async", "_map_async", "imap", "imap_unordered"):
        setattr(pool.Pool, name, _carrying_task(getattr(pool.Pool, name)))


def _carrying_start(start: Callable[[process.BaseProcess], None]) -> Callable[[process.BaseProcess], None]:
    @wraps(start)
    def carrying(child: process.BaseProcess) -> None:
        stated = ambient()
        target: Any = child.__dict__.get("_target")
        if not stated:
            start(child)
        elif is_pools(child):
            with Applied(nobodys):
                start(child)
        else:
            # A forked child is in its parent's context already; a `run` of its own has that way only.
            if callable(target):
                child.__dict__["_target"] = Carried(target, stated)
            start(child)

    return carrying


def _carrying_submit(submit: Callable[..., Future[Any]]) -> Callable[..., Future[Any]]:
    @wraps(submit)
    def carrying(executor: ProcessPoolExecutor, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        stated = ambient()
        if not stated:
            return submit(executor, fn, *args, **kwargs)
        with Applied(nobodys):
            return submit(executor, Carried(fn, stated), *args, **kwargs)

    return carrying


def _carrying_task(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def carrying(self: pool.Pool, func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return method(self, Task(func, ambient()), *args, **kwargs)

    return carrying
