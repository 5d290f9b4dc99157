"""`track("elevenlabs", "transcribe", 1, "requests", tenant="acme")`: one unit of work, stated where it is known.

Returns at once: the caller's thread makes one span of it and puts that into a queue. Never raises.
"""

from time import time_ns
from typing import Final

from spanledger.instrumentation.attributing.failing import failed
from spanledger.instrumentation.work.sink import hand_over
from spanledger.instrumentation.work.stating import work_of

_NS_PER_MS: Final = 1_000_000


def track(service: str, operation: str, units: int = 1, unit_type: str = "requests", **dimensions: object) -> None:
    """Record `units` of `unit_type` that `operation` used of `service`, now.

    Dimensions: `model`, `region`, `cost` (by your own account, in US dollars), `status`, `error_type`, `duration_ms`,
    `idempotency_key` (the same twice is charged once), and whatever `attribution` takes.
    """
    try:
        end_ns = time_ns()
        attributes = work_of(service, operation, units, unit_type, dimensions)
        start_ns = begun(end_ns, dimensions.get("duration_ms")) if dimensions else end_ns
        error = bool(dimensions) and (dimensions.get("status") == "error" or "error_type" in dimensions)
        hand_over("track", attributes, start_ns, end_ns, error=error)
    except Exception as error:  # noqa: BLE001 (the guard between our faults and the application)
        failed("work cannot be recorded", error)


async def atrack(
    service: str, operation: str, units: int = 1, unit_type: str = "requests", **dimensions: object
) -> None:
    """As `track`, for those who await; it never blocks the loop."""
    track(service, operation, units, unit_type, **dimensions)


def begun(end_ns: int, duration_ms: object) -> int:
    """When something began that ended at a time and took so long."""
    try:
        return end_ns - max(0, int(float(str(duration_ms)) * _NS_PER_MS)) if duration_ms is not None else end_ns
    except (ValueError, OverflowError):
        return end_ns
