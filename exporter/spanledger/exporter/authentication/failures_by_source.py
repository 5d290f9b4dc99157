"""How often each source of requests failed to say who it is; those that failed longest ago are forgotten.

A right credential is never refused for the failures of a neighbour behind the same address: only what would be
refused anyway is answered by "later" instead, which costs a guesser its pace and a misconfigured sender nothing.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

BURST: Final = 20.0
PER_SECOND: Final = 1.0
SOURCES_MAX: Final = 4_096


class FailuresBySource:
    """A token bucket for each source that failed lately."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def add(self, source: str) -> bool:
        """Count a failure; return whether this source has failed too often of late."""
        now_s = self._clock()
        left, then_s = self._buckets.pop(source, (BURST, now_s))
        left = min(BURST, left + (now_s - then_s) * PER_SECOND)
        too_often = left < 1
        self._buckets[source] = (left if too_often else left - 1, now_s)
        if len(self._buckets) > SOURCES_MAX:
            self._buckets.popitem(last=False)
        return too_often
