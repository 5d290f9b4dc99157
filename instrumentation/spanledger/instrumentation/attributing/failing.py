"""Our own failures inside an application: each kind is counted, the first of it is logged, none is raised."""

import logging
import os
import threading
from collections import Counter
from typing import Final

_logger = logging.getLogger("spanledger.instrumentation")
_lock = threading.RLock()
_counts: Final[Counter[str]] = Counter()


def failed(what: str, error: object) -> None:
    """Count a failure of ours, and log the first of its kind. Never raises."""
    try:
        with _lock:
            _counts[what] += 1
            first = _counts[what] == 1
        if first:
            _logger.warning("spanledger: %s: %r (logged once, then counted)", what, error)
    except Exception:  # noqa: BLE001, S110 (there is nobody left to tell)
        pass


def counted(what: str) -> None:
    """Count what was logged elsewhere."""
    with _lock:
        _counts[what] += 1


def failures() -> dict[str, int]:
    """How often what failed, by its sentence."""
    with _lock:
        return dict(_counts)


def _unlock() -> None:
    """A child may be forked while another thread counts: nobody there would ever let go of the lock."""
    global _lock  # noqa: PLW0603 (a lock cannot be taken from who does not exist)
    _lock = threading.RLock()


os.register_at_fork(after_in_child=_unlock)
