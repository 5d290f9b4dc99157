"""For children that may be killed once their work is done: what they used is made durable before. Never raises."""

import sys
from typing import Final

from spanledger.instrumentation.attributing.failing import failed

# No task's result and no child's end is held up longer by a disk that does not answer.
FLUSH_TIMEOUT_S: Final = 5.0


def flushed() -> None:
    """Wait until all usage that this process recorded is durable; at once where it recorded none."""
    try:
        # Without the SDK there are no spans.
        if "opentelemetry.sdk.trace" in sys.modules:
            from spanledger.instrumentation.work.sink import sinks  # noqa: PLC0415 (most children record nothing)

            sinks.flush(FLUSH_TIMEOUT_S)
    except Exception as error:  # noqa: BLE001 (the guard between our faults and the application)
        failed("what a child used cannot be flushed", error)
