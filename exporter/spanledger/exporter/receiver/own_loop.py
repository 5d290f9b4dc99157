"""An event loop in a thread of its own, for what must not wait behind the work of another loop."""

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from contextlib import suppress
from typing import TypeVar

_Result = TypeVar("_Result")


class OwnLoop:
    """A running loop. Whoever made it closes it; a process may end without."""

    def __init__(self, name: str) -> None:
        self._begun: Future[asyncio.AbstractEventLoop] = Future()
        self._closed = asyncio.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._live()), name=name, daemon=True)
        self._thread.start()
        self._loop = self._begun.result()

    async def run(self, work: Coroutine[object, object, _Result]) -> _Result:
        """Run a coroutine there, and wait for it here."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))

    async def close(self) -> None:
        """Cancel what still runs there and end the thread. May be repeated."""
        with suppress(RuntimeError):
            # Raised by a loop that is closed already.
            self._loop.call_soon_threadsafe(self._closed.set)
        await asyncio.to_thread(self._thread.join)

    async def _live(self) -> None:
        self._begun.set_result(asyncio.get_running_loop())
        await self._closed.wait()
