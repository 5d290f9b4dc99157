"""`with recording("elevenlabs", "transcribe", unit_type="characters") as work: work.units = len(text)`.

Recorded when the block ends. A block that raises is an attempt: shown, with its error, and not charged unless told.
"""

from time import time_ns
from types import TracebackType
from typing import Final

from spanledger.instrumentation.attributing.failing import failed
from spanledger.instrumentation.work.sink import hand_over
from spanledger.instrumentation.work.stating import work_of

NAME: Final = "record"


class Recording:
    """Work in progress; everything may be set until it ends."""

    def __init__(self, service: str, operation: str, units: int, unit_type: str, dimensions: dict[str, object]) -> None:
        self.service = service
        self.operation = operation
        self.units = units
        self.unit_type = unit_type
        self.dimensions = dimensions
        self._start_ns = time_ns()

    def ended(self) -> None:
        """It is done: record it."""
        self._hand_over(self.units, self.dimensions, error=False)

    def failed(self, error: BaseException, *, charged: bool) -> None:
        """It raised: an attempt, or, `charged`, what it used all the same."""
        dimensions = {"error_type": type(error).__qualname__, **self.dimensions}
        self._hand_over(self.units if charged else 0, dimensions, error=True)

    def _hand_over(self, units: int, dimensions: dict[str, object], *, error: bool) -> None:
        try:
            attributes = work_of(self.service, self.operation, units, self.unit_type, dimensions)
            hand_over(NAME, attributes, self._start_ns, time_ns(), error=error)
        except Exception as fault:  # noqa: BLE001 (the guard between our faults and the application)
            failed("work cannot be recorded", fault)


class _Block:
    def __init__(
        self,
        service: str,
        operation: str,
        units: int = 1,
        unit_type: str = "requests",
        *,
        record_on_error: bool = False,
        **dimensions: object,
    ) -> None:
        self._recording = Recording(service, operation, units, unit_type, dimensions)
        self._record_on_error = record_on_error

    def _end(self, error: BaseException | None) -> None:
        if error is None:
            self._recording.ended()
        else:
            self._recording.failed(error, charged=self._record_on_error)


class recording(_Block):  # noqa: N801 (read as a statement: `with recording(…) as work:`)
    """A block of work; `units` and everything else may be set inside."""

    def __enter__(self) -> Recording:
        return self._recording

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end(error)


class arecording(_Block):  # noqa: N801 (read as a statement: `async with arecording(…) as work:`)
    """The same for coroutines."""

    async def __aenter__(self) -> Recording:
        return self._recording

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end(error)
