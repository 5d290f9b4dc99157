"""The thread of one process id that empties a queue of spans into the journal, in groups, at once.

The first span after a rest is written immediately; while more follow, groups are `GROUP_INTERVAL_S` apart.
"""

import queue
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Final

from opentelemetry.sdk.trace import ReadableSpan

from spanledger.exporter.inprocess.appender import Appender
from spanledger.exporter.inprocess.counts import Counts
from spanledger.exporter.inprocess.courier import Courier
from spanledger.exporter.inprocess.suppression import suppressed_instrumentation
from spanledger.exporter.journal import Entry
from spanledger.schemas.ending import Unnested

# What a killed process can lose, against fdatasyncs a second: 50 of them from a process that never rests.
GROUP_INTERVAL_S: Final = 0.02
GROUP_SPANS_MAX: Final = 256

# Some 2 kB each. Above it the thread that ends a span encodes it too (some 150 µs), which slows a burst down
# to the pace of the writer instead of losing spans or growing without bound.
WAITING_SPANS_MAX: Final = 16_384

# A journal that does not answer within this is left to itself, so that the queue keeps being emptied.
SETTLE_TIMEOUT_S: Final = 1.0

# A slow disk is worth waiting for, one that refuses is not: nobody's exit is held up for it.
REFUSED_TIMEOUT_S: Final = 0.5
RETRY_S: Final = 0.1
RETRY_S_MAX: Final = 5.0


class _Stop:
    """The last item of a queue."""


class Writer:
    """A queue and its thread. Never outlives a fork: the child makes its own."""

    def __init__(
        self,
        appender: Appender,
        encode: Callable[[Sequence[ReadableSpan]], Iterable[Entry]],
        courier: Courier | None,
        counts: Counts,
    ) -> None:
        self._appender = appender
        self._encode = encode
        self._courier = courier
        self._counts = counts
        # Looked up when the process needs it, like everything of `threading`: gevent may have replaced it by then.
        # This queue may be put to from a signal handler or a finalizer that interrupted another put.
        self._queue: queue.SimpleQueue[ReadableSpan | Entry | threading.Event | _Stop] = queue.SimpleQueue()
        # Something is in it while nothing is to rest. No event: a handler that interrupts its `set` may not set it.
        self._hurry: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._unnested = Unnested()
        self._flushes: list[threading.Event] = []
        self._durable = True
        self._stopping = False
        self._group_at = 0.0
        self._retry_at = 0.0
        self._retry_s = RETRY_S
        self._thread = threading.Thread(target=self._run, name="spanledger-writer", daemon=True)

    def start(self) -> None:
        """Start the thread. Raises `RuntimeError` where the interpreter gives none any more."""
        self._thread.start()

    def put(self, span: ReadableSpan) -> None:
        """Take a span from any thread. Does no I/O."""
        if self._queue.qsize() < WAITING_SPANS_MAX:
            self._queue.put(span)
        else:
            for entry in self._encode((span,)):
                self._queue.put(entry)

    def flush(self, timeout_s: float) -> bool:
        """Wait until everything put before is durable; False if it is not within `timeout_s`, or cannot be now.

        Nor can it be in a handler of a signal that interrupted a flush of this thread.
        """
        return self._unnested.wait(self._flush, timeout_s)

    def _flush(self, timeout_s: float) -> bool:
        flushed = threading.Event()
        self._queue.put(flushed)
        self._hurry.put(None)
        patience_s = min(timeout_s, REFUSED_TIMEOUT_S)
        return flushed.wait(patience_s) or (not self._appender.refusing and flushed.wait(timeout_s - patience_s))

    def stop(self, timeout_s: float) -> bool:
        """Flush, let the courier deliver what it can, and end the thread; whether everything became durable."""
        until = time.monotonic() + timeout_s
        durable = self.flush(timeout_s)
        if not durable:
            self._counts.add(
                "lost",
                self._appender.waiting,
                reason=f"usage in memory is given up: the journal did not take it within {timeout_s} s of shutdown",
            )
        if self._courier is not None:
            # While the journal is ours: once it is closed, another process may adopt it.
            self._courier.close(max(0.0, until - time.monotonic()))
        self._queue.put(_Stop())
        self._hurry.put(None)
        self._thread.join(max(0.0, until - time.monotonic()))
        return durable

    def _run(self) -> None:
        with suppressed_instrumentation():
            while not self._stopping or not self._queue.empty():
                self._cycle(self._take())
            self._appender.close()

    def _take(self) -> list[ReadableSpan | Entry | threading.Event | _Stop]:
        """Wait for something to do; what there is then, at most one group of it."""
        try:
            items = [self._queue.get(timeout=None if self._durable else RETRY_S)]
        except queue.Empty:
            return []
        if isinstance(items[0], ReadableSpan) and self._queue.qsize() < GROUP_SPANS_MAX:
            self._rest(max(0.0, self._group_at + GROUP_INTERVAL_S - time.monotonic()))
        try:
            while len(items) < GROUP_SPANS_MAX:
                items.append(self._queue.get_nowait())
        except queue.Empty:
            with suppress(queue.Empty):
                while True:
                    self._hurry.get_nowait()
        self._group_at = time.monotonic()
        return items

    def _rest(self, timeout_s: float) -> None:
        """Let a group grow, unless there is a hurry: then none rests until all that waits is taken."""
        with suppress(queue.Empty):
            self._hurry.get(timeout=timeout_s)
            self._hurry.put(None)

    def _cycle(self, items: list[ReadableSpan | Entry | threading.Event | _Stop]) -> None:
        """Hand one group to the journal."""
        spans = [item for item in items if isinstance(item, ReadableSpan)]
        for entry in self._encode(spans) if spans else ():
            self._appender.add(entry)
        for item in items:
            if isinstance(item, Entry):
                self._appender.add(item)
            elif isinstance(item, threading.Event):
                self._flushes.append(item)
            elif isinstance(item, _Stop):
                self._stopping = True
        self._retry()
        # While more waits, encoding goes on beside the journal's fdatasync.
        if self._queue.empty() or self._flushes:
            self._settle()

    def _retry(self) -> None:
        if not self._appender.refusing:
            self._retry_s = RETRY_S
        elif time.monotonic() >= self._retry_at:
            self._retry_at = time.monotonic() + self._retry_s
            self._retry_s = min(2 * self._retry_s, RETRY_S_MAX)
            self._appender.retry()

    def _settle(self) -> None:
        self._durable = self._appender.settle(SETTLE_TIMEOUT_S)
        if self._durable:
            for flushed in self._flushes:
                flushed.set()
            self._flushes.clear()
            if self._courier is not None:
                self._courier.wake()
