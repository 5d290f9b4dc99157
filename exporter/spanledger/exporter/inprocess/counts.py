"""What became of the usage spans of this process: every failure is counted, and the first of a kind is logged."""

import logging
import threading
from pathlib import Path
from typing import Literal

Outcome = Literal[
    "journaled",
    "unused",
    "refused",
    "lost",
    "late",
    "forwarded",
    "unattributed",
    "journal_failures",
    "delivery_failures",
    "attributes_left_out",
]
"""Spans that are durable in the journal, stated nothing billable, cannot be encoded or were refused for good, were
given up (memory bound, or the process ended while its disk failed), ended after shutdown, reached the receiver, or
could not be stamped with their attribution by a fault of ours; then attempts on journal and destination that failed
and are repeated; and attributes that the SDK cannot encode, whose spans are journaled without them."""

_logger = logging.getLogger("spanledger.exporter")


def kind_and_place(error: Exception) -> str:
    """An error without its text, which may quote what the application said."""
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    if traceback is None:
        return type(error).__name__
    return f"{type(error).__name__} at {Path(traceback.tb_frame.f_code.co_filename).name}:{traceback.tb_lineno}"


class Counts:
    """Counters of one process. Safe from threads, signal handlers and finalizers (its lock is re-entrant)."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._numbers: dict[Outcome, int] = {}
        self._told: set[Outcome] = set()

    def add(self, outcome: Outcome, number: int = 1, *, reason: str = "") -> None:
        """Count, and log `reason` if it is the first this outcome has."""
        with self._lock:
            self._numbers[outcome] = self._numbers.get(outcome, 0) + number
            first = bool(reason) and outcome not in self._told
            if first:
                self._told.add(outcome)
        if first:
            _logger.error("spanledger: %s (logged once; counted as %s)", reason, outcome)

    def read(self) -> dict[str, int]:
        """The counters by outcome; an outcome that never happened is absent."""
        with self._lock:
            return {**self._numbers}
