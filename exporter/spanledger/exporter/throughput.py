"""What a process whose whole work is ours sets for throughput. Never called inside an application.

Spans, claims and events live for a second and hold no cycles: the collector's default looks through all of them
again and again (a fifth of a posting's time, measured), and the C library gives every request's memory back to
the system only to ask for it again (a third of a request's system time, measured).
"""

import ctypes
import gc
import sys
from typing import Final

_YOUNG_MAX: Final = 100_000
_GENERATIONS_MAX: Final = 50

# glibc's mallopt parameters (malloc.h), and how much freed memory may stay with the process.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3
_KEPT_BYTES: Final = 32 * 1024 * 1024


def favour_throughput() -> None:
    """Collect garbage rarely and keep freed memory. Does what it can: without glibc, only the first."""
    gc.freeze()
    gc.set_threshold(_YOUNG_MAX, _GENERATIONS_MAX, _GENERATIONS_MAX)
    if sys.platform == "linux" and (mallopt := getattr(ctypes.CDLL(None), "mallopt", None)):
        for parameter in (_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD):
            mallopt(parameter, _KEPT_BYTES)
