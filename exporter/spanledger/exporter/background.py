"""The thread that keeps a server's ledger up to date: post when the journal grew, try again when the store is away."""

import threading
import time
from collections.abc import Callable
from logging import getLogger
from traceback import format_tb
from typing import Final

from spanledger.exporter.poster import Poster
from spanledger.exporter.throughput import collect_cycles
from spanledger.schemas import SpanledgerError

_log = getLogger(__name__)

# Journals of other processes on the machine wake nobody, so they are looked for this often.
IDLE_SECONDS: Final = 1.0
# A posting costs some 20 ms whatever it holds, so what arrives is gathered first: in the ledger within a second.
GATHER_SECONDS: Final = 0.4
BACKOFF_SECONDS_MIN: Final = 0.1
BACKOFF_SECONDS_MAX: Final = 10.0

# While a roll-up waits, the passing of time is journaled this often; a replay then decides as this process did.
TICK_SECONDS: Final = 10.0
ROLLUP_SECONDS: Final = 30.0


class BackgroundPoster:
    """Runs a poster until it is stopped. The store may be away for hours: the journal holds what it cannot post."""

    def __init__(self, poster: Poster, tick: Callable[[], object]) -> None:
        """Post through `poster`; `tick` journals a clock mark."""
        self._poster = poster
        self._tick = tick
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="spanledger-poster", daemon=True)
        self.failure = ""
        """Why the last posting failed; empty when it did not."""

    def start(self) -> None:
        """Begin posting."""
        self._thread.start()

    def wake(self) -> None:
        """Say that the journal grew. Cheap; any thread."""
        self._wake.set()

    def stop(self, timeout_s: float = 30.0) -> None:
        """Finish the posting in hand and end the thread. Idempotent."""
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def _run(self) -> None:
        backoff_s = BACKOFF_SECONDS_MIN
        ticked = refreshed = time.monotonic()
        while not self._stopping.is_set():
            if self._wake.wait(IDLE_SECONDS):
                self._stopping.wait(GATHER_SECONDS)
            self._wake.clear()
            try:
                self._poster.post_waiting(go_on=lambda: not self._stopping.is_set())
                if time.monotonic() - refreshed > ROLLUP_SECONDS:
                    self._poster.refresh_rollup()
                    collect_cycles()
                    refreshed = time.monotonic()
            except Exception as error:  # noqa: BLE001 (the thread outlives every failure; the journal keeps the data)
                self._report(error)
                self._stopping.wait(backoff_s)
                backoff_s = min(backoff_s * 2, BACKOFF_SECONDS_MAX)
                continue
            self.failure, backoff_s = "", BACKOFF_SECONDS_MIN
            if self._poster.has_pending and time.monotonic() - ticked > TICK_SECONDS:
                self._tick()
                ticked = time.monotonic()

    def _report(self, error: Exception) -> None:
        """Log a failure once, not at every attempt. Of a bug its place and no text: that may quote telemetry."""
        text, where = str(error), ""
        if not isinstance(error, SpanledgerError):
            text, where = type(error).__name__, "\n" + "".join(format_tb(error.__traceback__))
        if text != self.failure:
            _log.warning("posting failed and will be tried again: %s%s", text, where)
        self.failure = text
