"""Takes work at once, while what will journal it is loaded and opened in a thread: no caller waits for imports.

Nothing is lost by it, and nothing overtakes: what waits is handed on in order. A flush waits for the thread. So does
the end of the interpreter, within a bound, for a ledger may hang; and so does a fork: in the child the thread would be
gone in the middle of an import, and its module locked for ever. A child starts anew, with nothing of its parent's.
"""

import sys
import threading
from collections.abc import Callable
from typing import Final

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor

from spanledger.instrumentation.attributing.failing import counted, failed
from spanledger.schemas.ambient import stamp, stamping
from spanledger.schemas.ending import Unnested, flush_before_the_end

# An opening takes some 0.1 to 0.4 s; who exits, forks or flushes is not held up longer by one that hangs.
OPENING_TIMEOUT_S: Final = 5.0

# Some 2 kB each. Above it callers wait for the opening.
WAITING_SPANS_MAX: Final = 16_384


class Opening(SpanProcessor):
    """The processor that `open_processor` makes, before and after it is there. Nothing starts before the first span."""

    def __init__(self, open_processor: Callable[[], SpanProcessor | None]) -> None:
        self._open = open_processor
        self._processor: SpanProcessor | None = None
        self.renew()

    @stamping
    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Stamp what the context attributes a span to, as the ledger's own processor does. Never raises."""
        try:
            stamp(span, parent_context)
        except Exception as error:  # noqa: BLE001 (the guard between our faults and the application)
            failed("a span is attributed to nobody", error)

    def on_end(self, span: ReadableSpan) -> None:
        """Hand a span on, or keep it until that is possible."""
        processor = self._processor
        if processor is None:
            self._keep(span)
        else:
            processor.on_end(span)

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Wait until everything before is durable; False if it is not within the timeout."""
        return self.flush(timeout_millis / 1000)

    def flush(self, timeout_s: float) -> bool:
        """`force_flush`, in seconds."""
        if not self._started:
            return True
        self._wait(timeout_s)
        if self._processor is None:
            return False
        return self._processor.force_flush(int(timeout_s * 1000))

    def shutdown(self) -> None:
        """Hand on what waits, and end the processor."""
        self.wait()
        if self._processor is not None:
            self._processor.shutdown()

    def wait(self) -> None:
        """Wait until an opening that began is over."""
        if self._started:
            self._wait(OPENING_TIMEOUT_S)

    def renew(self) -> None:
        """In a forked child: the parent keeps what waits, and an opening that had not ended begins again."""
        self._lock = threading.RLock()
        self._waiting: list[ReadableSpan] = []
        self._opened = threading.Event()
        self._unnested = Unnested()
        self._given_up = False
        self._started = self._processor is not None
        if self._started:
            self._opened.set()

    def _wait(self, timeout_s: float) -> None:
        # Asked first: a handler may have interrupted who says so.
        if self._processor is None and not self._given_up:
            self._unnested.wait(self._opened.wait, timeout_s)

    def _wait_at_the_end(self) -> None:
        self.wait()
        if self._started and self._processor is None:
            # Whoever else ends the process does not wait a second time.
            self._given_up = True
            failed("work is not recorded", f"the ledger is not open {OPENING_TIMEOUT_S:g} s after the program's end")

    def _keep(self, span: ReadableSpan) -> None:
        if len(self._waiting) >= WAITING_SPANS_MAX:
            self.wait()
        begins = False
        with self._lock:
            processor = self._processor
            if processor is None:
                self._waiting.append(span)
                begins, self._started = not self._started, True
        if processor is not None:
            processor.on_end(span)
        elif begins:
            self._begin()

    def _begin(self) -> None:
        if sys.is_finalizing():
            # No thread runs any more, and one that is started may be waited for for ever.
            failed("work is not recorded", "the interpreter is at its end")
            self._waiting, self._processor = [], _Disabled()
            self._opened.set()
            return
        flush_before_the_end(self)
        try:
            threading.Thread(target=self._run, name="spanledger-opening", daemon=True).start()
        except RuntimeError:
            # The interpreter is at its end and gives no more threads.
            self._run()
            return
        if not _before_threads_are_joined(self._wait_at_the_end):
            self._wait_at_the_end()

    def _run(self) -> None:
        try:
            processor = self._open() or _Disabled()
        except Exception as error:  # noqa: BLE001 (the guard between our faults and the application)
            failed("work is not recorded", error)
            processor = _Disabled()
        while True:
            with self._lock:
                waiting, self._waiting = self._waiting, []
                if not waiting:
                    self._processor = processor
                    self._opened.set()
                    return
            for span in waiting:
                processor.on_end(span)


def _before_threads_are_joined(call: Callable[[], None]) -> bool:
    """Call this when the main thread ends; False if that is not to be had, or it has ended.

    Handlers of `atexit` run too late: Python starts no more threads by then, and the journal needs one.
    """
    try:
        # `concurrent.futures` waits for its threads by the same call, which has no public name.
        register: Callable[[Callable[[], None]], None] = getattr(threading, "_register_atexit")  # noqa: B009
        register(call)
    except (AttributeError, RuntimeError):
        return False
    return True


class _Disabled(SpanProcessor):
    """In the place of a ledger that could not be opened, which has said why."""

    def on_end(self, span: ReadableSpan) -> None:
        """Count a span that is not recorded."""
        del span
        counted("work is not recorded: the ledger is disabled")
