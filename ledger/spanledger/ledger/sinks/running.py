"""The sinks of a server: a thread each, so that one that hangs delays no other; one that fails is tried less often."""

import logging
import threading
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from spanledger.ledger.sinks.delivery import deliver
from spanledger.ledger.sinks.feed import Query
from spanledger.ledger.sinks.port import Sink
from spanledger.ledger.sinks.progress import Progress
from spanledger.schemas import SpanledgerError

LOOK_SECONDS: Final = 2.0
BACKOFF_SECONDS_MAX: Final = 300.0
# For all of them: a sink waits for the network for 10 s; what it was given and did not take is given again.
STOP_SECONDS_MAX: Final = 12.0

_log: Final = logging.getLogger(__name__)


@contextmanager
def feeding(query: Query, sinks: Sequence[Sink], data: Path) -> Generator[None]:
    """Feed sinks while the block runs; what is posted by its end and was not given is given the next time."""
    stopping = threading.Event()
    threads = [
        threading.Thread(target=_run, args=(query, sink, data, stopping), name=f"spanledger-{sink.name}", daemon=True)
        for sink in sinks
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stopping.set()
        until_s = time.monotonic() + STOP_SECONDS_MAX
        for thread in threads:
            thread.join(max(0.0, until_s - time.monotonic()))


def _run(query: Query, sink: Sink, data: Path, stopping: threading.Event) -> None:
    wait_s, told = LOOK_SECONDS, ""
    while not stopping.is_set():
        why = _fed(query, sink, data, stopping)
        if why and why != told:
            _log.warning("a sink is not fed and will be tried again: %s", why)
        told = why
        wait_s = min(wait_s * 2, BACKOFF_SECONDS_MAX) if why else LOOK_SECONDS
        stopping.wait(wait_s)


def _fed(query: Query, sink: Sink, data: Path, stopping: threading.Event) -> str:
    """Why a sink could not be fed; empty if it was."""
    try:
        progress = Progress(data)
        try:
            return deliver(query, sink, progress, lambda: not stopping.is_set()).failure
        finally:
            progress.close()
    except SpanledgerError as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 (a sink's failure stays the sink's)
        return f"{sink.name}: {type(error).__name__}"
