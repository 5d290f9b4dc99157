"""What is started for somebody stays for them: threads, timers, and tasks of thread pools (so `run_in_executor` too).

Only the attribution is carried; which span is current in a thread is as it was without us. A pool's own threads
belong to nobody: each task brings its own attribution.
"""

# ruff: noqa: ANN401
# Other people's calls pass through as they are, whatever their arguments.

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import wraps
from typing import Any, Final

from opentelemetry.context import Context

from spanledger.instrumentation.attributing.applied import Applied, replaced
from spanledger.schemas.ambient import ambient

_POOLS: Final = frozenset({"multiprocessing.pool", "concurrent.futures.thread", "concurrent.futures.process"})


def carry() -> None:
    """Carry attribution into threads and thread pools from now on."""
    setattr(threading.Thread, "start", _carrying_start(threading.Thread.start))  # noqa: B010 (its type names `self`)
    setattr(ThreadPoolExecutor, "submit", _carrying_submit(ThreadPoolExecutor.submit))  # noqa: B010 (as above)


def is_pools(worker: object) -> bool:
    """Whether a thread or process waits for tasks of anybody: what it runs is a pool's own."""
    return getattr(worker.__dict__.get("_target"), "__module__", "") in _POOLS


def nobodys(context: Context) -> Context:
    """A context that attributes its work to nobody."""
    return replaced(context, {}) if ambient(context) else context


def _carrying_start(start: Callable[[threading.Thread], None]) -> Callable[[threading.Thread], None]:
    @wraps(start)
    def carrying(thread: threading.Thread) -> None:
        stated = ambient()
        if stated and is_pools(thread):
            with Applied(nobodys):
                start(thread)
            return
        if stated:
            run = thread.run

            def attributed() -> None:
                # Without it the thread would hold itself, and what it refers to, until the next collection.
                thread.__dict__.pop("run", None)
                with Applied(lambda context: replaced(context, stated)):
                    run()

            # On the object, because a subclass may have a `run` of its own.
            thread.__dict__["run"] = attributed
        try:
            start(thread)
        except BaseException:
            thread.__dict__.pop("run", None)
            raise

    return carrying


def _carrying_submit(submit: Callable[..., Future[Any]]) -> Callable[..., Future[Any]]:
    @wraps(submit)
    def carrying(pool: ThreadPoolExecutor, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        stated = ambient()
        if not stated:
            return submit(pool, fn, *args, **kwargs)

        def attributed(*args: Any, **kwargs: Any) -> Any:
            with Applied(lambda context: replaced(context, stated)):
                return fn(*args, **kwargs)

        # A thread that the pool starts for this task outlives it.
        with Applied(nobodys):
            return submit(pool, attributed, *args, **kwargs)

    return carrying
