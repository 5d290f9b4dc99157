"""When a server ends: the first signal stops it cleanly, a second one or half a minute ends it at once.

Ending at once equals kill -9: what was acknowledged is in the journal, and nothing else is owed.
"""

import asyncio
import os
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Final

# A drain takes 10 s at most, a clean close of journal and store 20 s; a container is killed after 45 s.
STOP_S_MAX: Final = 30.0

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
_FAILURE_POLL_S: Final = 1.0


async def until_stopped(failed: Callable[[], bool] = lambda: False) -> bool:
    """Wait for SIGTERM or SIGINT, or until `failed` tells that this process cannot go on; return whether it failed.

    Call it in the main thread. When it returns, the time for a clean stop is running.
    """
    loop = asyncio.get_running_loop()
    told = asyncio.Event()
    for number in _SIGNALS:
        loop.add_signal_handler(number, told.set)
    while not told.is_set() and not failed():
        try:
            async with asyncio.timeout(_FAILURE_POLL_S):
                await told.wait()
        except TimeoutError:
            continue
    for number in _SIGNALS:
        loop.remove_signal_handler(number)
        signal.signal(number, _end_at_once)
    late = threading.Timer(STOP_S_MAX, os._exit, (1,))
    late.daemon = True
    late.start()
    return not told.is_set()


def _end_at_once(_number: int, _frame: FrameType | None) -> None:
    os._exit(1)
