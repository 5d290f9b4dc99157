"""The threads that answer, a few for the store and many for what is quick, and a bound on who waits for one.

Whoever leaves while waiting is forgotten; whoever leaves later is answered to the end of the statement under way: the
engine has no way to be stopped that is safe for its neighbours. A thread is never given to two, nor left behind.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Final, TypeVar

from spanledger.exporter.failures import Throttled
from spanledger.ledger.api.route import Lane, LeftError

# The engine itself uses every core for one.
QUESTIONS_MAX: Final = 4
# They wait for a disk together; one of each sender of a machine.
QUICK_MAX: Final = 32
# A question waits some seconds at worst behind so many; beyond that it is better told to come again.
WAITING_MAX: Final = {Lane.STORE: 256, Lane.QUICK: 4_096}

_Answer = TypeVar("_Answer")


class Turns:
    """Gives each question a thread of its lane. Of one event loop."""

    def __init__(self) -> None:
        self._threads = {
            Lane.STORE: ThreadPoolExecutor(QUESTIONS_MAX, "spanledger-ask"),
            Lane.QUICK: ThreadPoolExecutor(QUICK_MAX, "spanledger-quick"),
        }
        self._in_hand = dict.fromkeys(self._threads, 0)

    async def answered(
        self, lane: Lane, work: Callable[[], _Answer], left: Event, leaving: asyncio.Future[None]
    ) -> _Answer:
        """What the work returns or raises. When `leaving` is done nobody waits for it any more, and `left` is set.

        Raises `LeftError` then, and `Throttled` when too many wait.
        """
        if lane is Lane.LOOP:
            return work()
        if self._in_hand[lane] >= WAITING_MAX[lane]:
            msg = "too many questions wait for an answer: come again in a moment"
            raise Throttled(msg)
        self._in_hand[lane] += 1
        given = asyncio.get_running_loop().run_in_executor(self._threads[lane], work)
        given.add_done_callback(lambda _: self._done(lane))
        await asyncio.wait({given, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if given.done():
            return given.result()
        left.set()
        given.cancel()
        msg = "whoever asked has left"
        raise LeftError(msg)

    def _done(self, lane: Lane) -> None:
        self._in_hand[lane] -= 1
