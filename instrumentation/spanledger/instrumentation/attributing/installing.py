"""Puts in place what attribution needs to survive: the guard of baggage, and the carriers of threads and processes.

Nothing is touched in an application that never attributes anything. Installing again costs a look at a few names.
The global tracer provider gets a processor that stamps its spans, unless a ledger processor does that already.
"""

from collections.abc import Callable
from typing import Final

from opentelemetry.trace import get_tracer_provider

from spanledger.instrumentation.attributing import celery, guard, redirects, threads
from spanledger.instrumentation.attributing.failing import failed
from spanledger.instrumentation.attributing.importing import when_imported
from spanledger.instrumentation.attributing.processor import stamp_on


def _carry_into_processes() -> None:
    # Some 20 ms of imports, for applications that attribute something.
    from spanledger.instrumentation.attributing import processes  # noqa: PLC0415

    processes.carry()


def _listen() -> None:
    # Importing them would cost every application that has them installed; whoever uses them does, now or later.
    when_imported("celery.signals", celery.connect)
    when_imported("requests.sessions", redirects.connect)


_STEPS: Final[tuple[Callable[[], None], ...]] = (
    guard.guard,
    threads.carry,
    _carry_into_processes,
    _listen,
)
_done: Final[set[Callable[[], None]]] = set()


class _State:
    """The global tracer provider that was looked at last."""

    provider: object = None


def install() -> None:
    """Install what is not yet. Never raises."""
    if not _done:
        for step in _STEPS:
            _done.add(step)
            _take(step)
    provider = get_tracer_provider()
    if provider is not _State.provider:
        _State.provider = provider
        _take(lambda: stamp_on(provider))


def _take(step: Callable[[], None]) -> None:
    try:
        step()
    except Exception as error:  # noqa: BLE001 (the guard between our faults and the application)
        failed("attribution is not carried everywhere", error)
