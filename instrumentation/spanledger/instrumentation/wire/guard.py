"""Our failures: counted each time, logged the first time, and never seen by the application."""

import logging
from collections import Counter
from typing import Final

_logger: Final = logging.getLogger(__name__)

FAILURES: Final[Counter[str]] = Counter()
"""Where we failed → how often, in this process."""


def failed(where: str) -> None:
    """Count the exception that is being handled; the first of each place is logged."""
    FAILURES[where] += 1
    if FAILURES[where] == 1:
        # The message of an exception may quote content; its type and place do not.
        error = _place()
        _logger.warning("spanledger could not %s (%s); this is logged once, the call is not affected", where, error)


def _place() -> str:
    import sys  # noqa: PLC0415 (only ever needed here)

    kind, _, traceback = sys.exc_info()
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    where = f" at {traceback.tb_frame.f_code.co_filename}:{traceback.tb_lineno}" if traceback else ""
    return f"{kind.__name__ if kind else 'unknown'}{where}"
