"""When a server ends: the first signal asks for a clean stop, a second one or half a minute ends it at once.

Ending at once equals kill -9: what was acknowledged is in the journal, and nothing else is owed.
"""

import asyncio
import os
import signal
import threading
from collections.abc import Callable
from typing import Final

# A drain takes 10 s at most, a clean close of journal and store 20 s; containers are killed after 45 s.
STOP_S_MAX: Final = 30.0
# Of these, so much is for posting what waits: the rest of a long backlog stays where it is safe.
POST_S_MAX: Final = 12.0

# A journal that failed for good never recovers in this process; nothing signals it to an event loop.
_WATCH_S: Final = 0.25


def stop_on_signals(tell: Callable[[str], None] = lambda _: None) -> asyncio.Event:
    """Return the event that the first SIGTERM or SIGINT sets, in the running loop of the main thread.

    `tell` is given the sentence for people when the process is ended at once.
    """
    stopped = asyncio.Event()

    def end() -> None:
        tell("stopped at once: what was acknowledged is in the journal")
        os._exit(1)

    def on_signal() -> None:
        if stopped.is_set():
            end()
        stopped.set()
        late = threading.Timer(STOP_S_MAX, end)
        late.daemon = True
        late.start()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, on_signal)
    return stopped


async def until_over(stopped: asyncio.Event, failed: Callable[[], bool]) -> None:
    """Wait until a stop is asked for, or `failed` tells that this process cannot go on."""
    while not stopped.is_set() and not failed():
        try:
            async with asyncio.timeout(_WATCH_S):
                await stopped.wait()
        except TimeoutError:
            continue
