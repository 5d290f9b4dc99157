"""Work that goes on elsewhere when a call returns: what was promised is told of when it is there.

The application's future stays its own: nothing stands in its place, and whether anybody retrieved its exception is not
changed by our looking at it. Of other things that can be awaited nobody can be told.
"""

import sys
from collections.abc import Callable
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, Final, TypeGuard

from spanledger.instrumentation.attributing.failing import failed

if TYPE_CHECKING:
    import asyncio
    import concurrent.futures

Done = Callable[[object, BaseException | None], None]
"""Takes a result, or an error."""

_ASYNCIO: Final = "_asyncio_future_blocking"
"""By this asyncio itself tells a future."""


def when_done(result: object, done: Done) -> bool:
    """Call `done` when a future is; False if this is none."""
    try:
        if _is_asyncios(result):
            if result.done():
                _tell_asyncios(result, done)
            else:
                result.add_done_callback(lambda future: _tell_asyncios(future, done))
            return True
        if _is_an_executors(result):
            context = copy_context()
            result.add_done_callback(lambda future: context.run(_tell_executors, future, done))
            return True
    except Exception as error:  # noqa: BLE001 (the guard between our faults and the application)
        failed("a future cannot be waited for", error)
    return False


def _is_asyncios(result: object) -> "TypeGuard[asyncio.Future[Any]]":
    # Neither library is imported for this: who made a future has imported it.
    return hasattr(type(result), _ASYNCIO) and getattr(result, _ASYNCIO) is not None


def _is_an_executors(result: object) -> "TypeGuard[concurrent.futures.Future[Any]]":
    library = sys.modules.get("concurrent.futures")
    return library is not None and isinstance(result, library.Future)


def _tell_asyncios(future: "asyncio.Future[Any]", done: Done) -> None:
    if future.cancelled():
        from asyncio import CancelledError  # noqa: PLC0415 (it is there)

        done(None, CancelledError())
    else:
        # To ask by its methods is to retrieve: asyncio would not warn of an exception that nobody looked at.
        error: BaseException | None = getattr(future, "_exception", None)
        done(getattr(future, "_result", None), error)


def _tell_executors(future: "concurrent.futures.Future[Any]", done: Done) -> None:
    if future.cancelled():
        from concurrent.futures import CancelledError  # noqa: PLC0415 (it is there)

        done(None, CancelledError())
    elif (error := future.exception()) is not None:
        done(None, error)
    else:
        done(future.result(), None)
