"""What a process whose whole work is ours sets for throughput. Never called inside an application.

Spans, claims and events live for a second and hold no cycles: the collector looks through all of them again and
again (a fifth of a posting's time, measured), so it runs only when there is time. The C library gives every request's
memory back to the system only to ask for it again (a third of a request's system time, measured). And threads take
turns so seldom that what needs many short ones waits.
"""

import ctypes
import gc
import sys
from typing import Final

SWITCH_SECONDS: Final = 0.0002
"""How long a thread that computes keeps the others waiting: Python's own 5 ms, for each of the several rounds that
gRPC takes for a call, made a thousand senders over gRPC wait twice as long as as many over HTTP (measured)."""

# glibc's mallopt parameters (malloc.h), and how much freed memory may stay with the process.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3
_KEPT_BYTES: Final = 32 * 1024 * 1024


def favour_throughput() -> None:
    """Collect cycles by hand (`collect_cycles`), take turns often; with glibc, keep freed memory."""
    gc.disable()
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.freeze()
    if sys.platform == "linux" and (mallopt := getattr(ctypes.CDLL(None), "mallopt", None)):
        for parameter in (_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD):
            mallopt(parameter, _KEPT_BYTES)


def collect_cycles() -> None:
    """What the collector would have done, at a moment of our choosing. Nothing where it does so itself."""
    if not gc.isenabled():
        gc.collect()
