"""One lossless way from ended spans to the journal, for a process and every process that inherits it.

Nothing starts before the first span of a process id, and a fork starts anew: the child has an empty queue, its own
thread and its own journal shard; the parent keeps what it had.
A process that another one kills loses what ended since its last group was taken: a group interval and an fdatasync,
or, in a burst, what the writer is behind. SIGTERM belongs to the application: with the default disposition it kills, as
above; with a handler that exits, or that raises it again, nothing is lost.
"""

import atexit
import os
import sys
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from typing import Final

from opentelemetry.sdk.trace import ReadableSpan

from spanledger.exporter.inprocess.counts import Counts, kind_and_place
from spanledger.exporter.inprocess.usage import usage_span
from spanledger.exporter.inprocess.writer import Writer
from spanledger.schemas.ending import end_what_is_open, flush_before_the_end

# An application that exits is not held up longer than this by a disk or receiver that does not answer.
EXIT_TIMEOUT_S: Final = 5.0

# After the application's own finalizers of a `multiprocessing` child, which may still end spans.
_FINALIZER_PRIORITY: Final = -100


class Recorder:
    """Takes usage spans from any thread. `open_writer` makes the writer of a process id, not started yet."""

    def __init__(self, open_writer: Callable[[Counts], Writer]) -> None:
        self._open_writer = open_writer
        self._closed = False
        self._exit_registered = False
        self._exit_until = 0.0
        self._forget()
        forget = weakref.WeakMethod(self._forget)
        os.register_at_fork(after_in_child=lambda: (method := forget()) and method())

    @property
    def closed(self) -> bool:
        """Whether spans are refused."""
        return self._closed

    def counts(self) -> Mapping[str, int]:
        """What became of the usage spans of this process."""
        return self._counts.read()

    def given_up(self) -> int:
        """How many spans of this process will never be in the journal."""
        counts = self._counts.read()
        return counts.get("lost", 0) + counts.get("refused", 0)

    def offer(self, span: ReadableSpan) -> bool:
        """Take what is kept of an ended span; whether it is a usage span. Neither blocks nor raises."""
        try:
            kept = usage_span(span)
            if kept is None:
                return False
            if self._closed:
                self._counts.add("late", reason="a usage span ended after shutdown and is not booked")
                return True
            writer = self._writer if self._pid == os.getpid() else None
            (writer or self._start()).put(kept)
        except Exception as error:  # noqa: BLE001 (the guard between our faults and the application)
            # A span unlike any the SDK makes, no more threads, no more memory: the application goes on.
            self._counts.add("lost", reason=f"a usage span cannot be taken: {kind_and_place(error)}")
        return True

    def unattributed(self, error: Exception) -> None:
        """Count a span that could not be told whom it is for."""
        self._counts.add("unattributed", reason=f"a span cannot be attributed: {kind_and_place(error)}")

    def flush(self, timeout_s: float) -> bool:
        """Wait until everything offered before is durable; False if it is not within `timeout_s`."""
        writer = self._writer if self._pid == os.getpid() and not self._closed else None
        return writer is None or writer.flush(timeout_s)

    def close(self, timeout_s: float = EXIT_TIMEOUT_S) -> None:
        """Flush and stop; spans that come later are counted and not taken. Safe to call again."""
        closed, self._closed = self._closed, True
        writer = self._writer if self._pid == os.getpid() else None
        if writer is not None and not closed:
            left_s = self._exit_until - time.monotonic() if self._exit_until else timeout_s
            writer.stop(max(0.0, min(timeout_s, left_s)))

    def flush_at_exit(self) -> None:
        """End what is open and flush, not close: handlers that run after this one may still end spans.

        `close` gets what time is left.
        """
        end_what_is_open()
        self._exit_until = time.monotonic() + EXIT_TIMEOUT_S
        self.flush(EXIT_TIMEOUT_S)

    def _start(self) -> Writer:
        with self._starting:
            if self._pid != os.getpid():
                self._forget()
            if self._writer is None:
                if sys.is_finalizing():
                    # No thread runs any more, and one that is started may be waited for for ever.
                    msg = "the interpreter is at its end"
                    raise RuntimeError(msg)
                writer = self._open_writer(self._counts)
                # Before it runs: a signal handler that ends a span right here finds the same queue.
                self._writer = writer
                try:
                    writer.start()
                except RuntimeError:
                    self._writer = None
                    raise
                self._register_exit()
            return self._writer

    def _register_exit(self) -> None:
        if not self._exit_registered:
            self._exit_registered = True
            atexit.register(_flush_at_exit, weakref.ref(self))
            flush_before_the_end(self)
        if "multiprocessing.util" in sys.modules:
            # A forked `multiprocessing` child ends with os._exit: these finalizers run, atexit does not.
            from multiprocessing.util import Finalize  # noqa: PLC0415

            Finalize(None, _flush_at_exit, (weakref.ref(self),), exitpriority=_FINALIZER_PRIORITY)

    def _forget(self) -> None:
        """Begin anew in this process id; nothing of a parent's threads, locks or queue is touched."""
        self._pid = os.getpid()
        self._counts = Counts()
        self._starting = threading.RLock()
        self._writer: Writer | None = None


def _flush_at_exit(recorder: "weakref.ref[Recorder]") -> None:
    alive = recorder()
    if alive is not None:
        alive.flush_at_exit()
