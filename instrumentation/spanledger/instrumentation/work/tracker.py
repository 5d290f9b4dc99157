"""The names of a predecessor: `configure`, `get_tracker`, `get_async_tracker`. One way in, the same for all of them."""

import asyncio
import logging
import os
from collections.abc import Iterable, Mapping
from typing import Final

from spanledger.instrumentation.attributing.failing import failed, failures
from spanledger.instrumentation.work.calls import LLMEvent, track_event
from spanledger.instrumentation.work.sink import sinks

FLUSH_TIMEOUT_S: Final = 5.0

_LOG_LEVELS: Final = frozenset({"DEBUG", "INFO", "WARNING", "ERROR"})


class Tracker:
    """Takes events; nothing waits but `flush`."""

    def track(self, event: LLMEvent) -> None:
        """Record a call."""
        track_event(event)

    def track_batch(self, events: Iterable[LLMEvent]) -> None:
        """Record several calls."""
        for event in events:
            track_event(event)

    async def track_async(self, event: LLMEvent) -> None:
        """Record a call; it never blocks the loop."""
        track_event(event)

    def flush(self, timeout_s: float = FLUSH_TIMEOUT_S) -> bool:
        """Wait until everything before is on disk; False if it is not within the time."""
        try:
            return sinks.flush(timeout_s)
        except Exception as error:  # noqa: BLE001 (the guard between our faults and the application)
            failed("recorded work cannot be flushed", error)
            return False

    async def flush_async(self, timeout_s: float = FLUSH_TIMEOUT_S) -> bool:
        """As `flush`, without blocking the loop."""
        return await asyncio.to_thread(self.flush, timeout_s)

    def shutdown(self) -> None:
        """Flush; what comes later is recorded too."""
        self.flush()

    def failures(self) -> dict[str, int]:
        """How often what of ours failed in this process."""
        return failures()


_tracker: Final = Tracker()


def get_tracker() -> Tracker:
    """The tracker of this process."""
    return _tracker


async def get_async_tracker() -> Tracker:
    """The same, for those who await it."""
    return _tracker


def flush(timeout_s: float = FLUSH_TIMEOUT_S) -> bool:
    """Wait until all recorded work is on disk; False if it is not within the time. Exits flush by themselves."""
    return _tracker.flush(timeout_s)


def configure(
    *,
    endpoint: str = "",
    store: str = "",
    database_url: str = "",
    app_name: str = "",
    environment: str = "",
    log_level: str = "",
    **accepted: object,
) -> None:
    """Say where usage goes and what this process is, as the environment's settings would. Call it first.

    `batch_size`, `flush_interval_seconds`, `async_mode`, `sample_rate` and `debug` of a predecessor are accepted: the
    journal groups by itself, and nothing is sampled away.
    """
    try:
        chosen: Mapping[str, str] = {
            "SPANLEDGER_OTLP_ENDPOINT": endpoint,
            "SPANLEDGER_STORE": store or database_url,
            "SPANLEDGER_APP_NAME": app_name,
            "SPANLEDGER_ENVIRONMENT": environment,
        }
        os.environ.update({name: str(value) for name, value in chosen.items() if value})
        level = str(log_level or ("DEBUG" if accepted.get("debug") else "")).upper()
        if level in _LOG_LEVELS:
            logging.getLogger("spanledger").setLevel(level)
        sinks.reset()
    except Exception as error:  # noqa: BLE001 (the guard between our faults and the application)
        failed("the ledger cannot be configured", error)
