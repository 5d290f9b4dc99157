"""The thread of one process id that takes a journal's records on. Without one, whoever holds the store posts them.

It repeats for ever what fails: the journal keeps everything until it is carried on.
"""

import random
import threading
from collections.abc import Callable
from typing import Final, Protocol

from spanledger.exporter.failures import Transient
from spanledger.exporter.inprocess.counts import Counts
from spanledger.exporter.inprocess.suppression import suppressed_instrumentation

# Rounds are this far apart at least while spans keep coming; it also bounds connections and inserts.
ROUND_INTERVAL_S: Final = 0.2

# How soon usage that a dead process left is found when nothing else happens.
IDLE_INTERVAL_S: Final = 30.0

THREAD_NAME: Final = "spanledger-courier"

PAUSE_S: Final = 0.1
PAUSE_S_MAX: Final = 30.0
_DOUBLINGS_MAX: Final = 16


class Undelivered(Transient):
    """The destination did not take it now. `retry_after_s` is its own hint, or 0."""

    def __init__(self, why: str, retry_after_s: float = 0.0) -> None:
        super().__init__(why)
        self.retry_after_s = retry_after_s


class Carrier(Protocol):
    """What a courier does in a round."""

    def carry(self) -> None:
        """Take on everything that waits in the journal. Raises whatever keeps it from that."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


class Courier:
    """Rounds of one carrier. `make` runs in the thread; nothing starts before the first `wake`."""

    def __init__(self, make: Callable[[], Carrier], counts: Counts) -> None:
        self._make = make
        self._counts = counts
        self._news = threading.Event()
        self._closing = threading.Event()
        self._failures = 0
        self._thread: threading.Thread | None = None

    def wake(self) -> None:
        """Say that the journal has something new. Called by one thread; does not block."""
        self._news.set()
        if self._thread is None:
            thread = threading.Thread(target=self._run, name=THREAD_NAME, daemon=True)
            try:
                thread.start()
            except RuntimeError as error:
                # The interpreter is at its end: the next process finds the journal.
                self._counts.add("delivery_failures", reason=f"usage waits in the journal: {error}")
            else:
                self._thread = thread

    def close(self, timeout_s: float) -> None:
        """Carry on what the destination takes at once, within `timeout_s`; what is left waits in the journal."""
        self._closing.set()
        self._news.set()
        if self._thread is not None:
            self._thread.join(timeout_s)

    def _run(self) -> None:
        with suppressed_instrumentation():
            carrier = self._make()
            last_round = False
            while not last_round:
                last_round = self._closing.is_set()
                self._news.clear()
                pause_s = self._round(carrier)
                if pause_s:
                    # News changes nothing while the destination fails, and neither does one more try at the end.
                    last_round = self._closing.wait(pause_s) or last_round
                elif not self._closing.wait(ROUND_INTERVAL_S):
                    self._news.wait(IDLE_INTERVAL_S)
            carrier.close()

    def _round(self, carrier: Carrier) -> float:
        """One round; how many seconds to rest after it if it failed, else 0."""
        try:
            carrier.carry()
        except Exception as error:  # noqa: BLE001 (the guard between our faults and the application)
            # Network, disk or a fault of ours: the journal keeps it, and this thread must live to try again.
            self._failures += 1
            self._counts.add("delivery_failures", reason=f"usage waits in the journal: {error}")
            pause_s = min(PAUSE_S * 2 ** min(self._failures, _DOUBLINGS_MAX), PAUSE_S_MAX)
            # Spread, so that many processes do not come back as one.
            spread_s = pause_s * random.uniform(0.5, 1.0)  # noqa: S311 (no secret)
            return max(spread_s, error.retry_after_s if isinstance(error, Undelivered) else 0.0)
        self._failures = 0
        return 0.0
