"""`@record("elevenlabs", "transcribe", units=len, unit_type="characters")`: a call that succeeds is work.

`units` is a number, or a function of what the call returned. A call that raises used nothing, unless told.
"""

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

from spanledger.instrumentation.attributing.failing import failed
from spanledger.instrumentation.attributing.kinds import name_of
from spanledger.instrumentation.work.recording import Recording
from spanledger.instrumentation.work.wrapping import watched

_P = ParamSpec("_P")
_R = TypeVar("_R")


def record(
    service: str,
    operation: str = "",
    units: int | Callable[[Any], int] = 1,
    unit_type: str = "requests",
    *,
    record_on_error: bool = False,
    **dimensions: object,
) -> Callable[[Callable[_P, _R]], Callable[_P, _R]]:
    """Record every call of a function, coroutine, generator or async generator that succeeds.

    Without an `operation` it is the function's name.
    """

    def decorate(function: Callable[_P, _R]) -> Callable[_P, _R]:
        name = operation or name_of(function)

        def begin() -> "_Watch":
            return _Watch(Recording(service, name, 0, unit_type, {**dimensions}), units, record_on_error)

        return cast("Callable[_P, _R]", watched(function, begin))

    return decorate


class _Watch:
    def __init__(self, recording: Recording, units: int | Callable[[Any], int], record_on_error: bool) -> None:  # noqa: FBT001
        self._recording = recording
        self._units = units
        self._record_on_error = record_on_error

    def ended(self, result: object) -> None:
        """Record it."""
        try:
            self._recording.units = self._units(result) if callable(self._units) else self._units
        except Exception as error:  # noqa: BLE001 (the application's own function of its result)
            # Unknown is not zero: what no number of units can be is set aside in sight.
            failed("the units of recorded work cannot be told", error)
            self._recording.units = cast("int", "unknown")
        self._recording.ended()

    def failed(self, error: BaseException) -> None:
        """Record it if that was asked for."""
        if self._record_on_error:
            # What it returned would say how much it used, and it returned nothing.
            self._recording.units = cast("int", "unknown") if callable(self._units) else self._units
            self._recording.failed(error, charged=True)
