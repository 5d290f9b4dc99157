"""The threads that answer, a few for the store and many for what is quick, and a bound on who waits for one.

Whoever leaves while waiting is forgotten; when whoever is being answered leaves, the statement under way is stopped,
and no other is begun. A thread is never given to two, nor left behind.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Event
from typing import Final, TypeVar

from spanledger.exporter.failures import Throttled
from spanledger.ledger.api.route import Lane, LeftError
from spanledger.schemas import SpanledgerError

# The engine itself uses every core for one.
QUESTIONS_MAX: Final = 4
# They wait for a disk together; one of each sender of a machine.
QUICK_MAX: Final = 32
# A question waits some seconds at worst behind so many; beyond that it is better told to come again.
WAITING_MAX: Final = {Lane.STORE: 256, Lane.QUICK: 4_096}

MARK_BYTES: Final = 16
"""Of what a statement is known by: nobody guesses another's, and so nobody stops another's."""
AGAIN_S: Final = 0.25
"""How long a work that was told to stop is left alone before it is told again."""

_Answer = TypeVar("_Answer")


class Turns:
    """Gives each question a thread of its lane. Of one event loop."""

    def __init__(self) -> None:
        self._threads = {
            Lane.STORE: ThreadPoolExecutor(QUESTIONS_MAX, "spanledger-ask"),
            Lane.QUICK: ThreadPoolExecutor(QUICK_MAX, "spanledger-quick"),
        }
        self._in_hand = dict.fromkeys(self._threads, 0)
        self._stopping = set[asyncio.Task[None]]()

    async def answered(
        self,
        lane: Lane,
        work: Callable[[], _Answer],
        left: Event,
        leaving: asyncio.Future[None],
        stop: Callable[[], None] | None = None,
    ) -> _Answer:
        """What the work returns or raises. When `leaving` is done nobody waits for it any more, and `left` is set.

        `stop` stops what the work is asking then, if it is asking already; it is called until the work has ended.
        Raises `LeftError` then, and `Throttled` when too many wait.
        """
        if lane is Lane.LOOP:
            return work()
        if self._in_hand[lane] >= WAITING_MAX[lane]:
            msg = "too many questions wait for an answer: come again in a moment"
            raise Throttled(msg)
        self._in_hand[lane] += 1
        taken = self._threads[lane].submit(work)
        given = asyncio.wrap_future(taken)
        given.add_done_callback(lambda done: self._done(lane, done))
        await asyncio.wait({given, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if given.done():
            return given.result()
        left.set()
        if not taken.cancel() and stop:
            stopping = asyncio.create_task(self._stop(given, stop))
            self._stopping.add(stopping)
            stopping.add_done_callback(self._stopping.discard)
        msg = "whoever asked has left"
        raise LeftError(msg)

    async def _stop(self, given: asyncio.Future[_Answer], stop: Callable[[], None]) -> None:
        """The work may wait for its turn at the store, and begin its statement only later."""
        while not given.done():
            with suppress(SpanledgerError):
                # Whom the store does not let stop it: it ends when its time is over.
                await asyncio.get_running_loop().run_in_executor(self._threads[Lane.QUICK], stop)
            await asyncio.wait({given}, timeout=AGAIN_S)

    def _done(self, lane: Lane, given: asyncio.Future[_Answer]) -> None:
        self._in_hand[lane] -= 1
        if not given.cancelled():
            # Of what nobody waits for any more, nobody asks how it ended.
            given.exception()
