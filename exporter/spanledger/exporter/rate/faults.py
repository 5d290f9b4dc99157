"""What is wrong with price files: every fault has a file, a line and a reason, and one of them refuses the whole."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from spanledger.schemas import ConfigurationError

FAULTS_SHOWN_MAX: Final = 20


class Fault(NamedTuple):
    """One thing wrong."""

    origin: str
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.origin}:{self.line}: {self.reason}" if self.line else f"{self.origin}: {self.reason}"


class PriceFileError(ConfigurationError):
    """Price files are refused; nothing of them is applied."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        shown = list(map(str, self.faults[:FAULTS_SHOWN_MAX]))
        more = len(self.faults) - len(shown)
        super().__init__("\n".join([*shown, f"and {more} more"] if more else shown))


class FieldError(ValueError):
    """A value cannot be what its key asks for; the message says why. Becomes a `Fault` with the value's line."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line
        self.reason = reason
