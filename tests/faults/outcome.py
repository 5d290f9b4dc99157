"""What a programme of faults found: one row of its table."""

from typing import Literal, NamedTuple

Size = Literal["change", "nightly"]
"""How much is tried: what a change can wait for, or what a night has time for."""


class Outcome(NamedTuple):
    """One row: how often something was tried, and what it cost the ledger."""

    name: str
    runs: int
    lost: int
    """Good usage that is not in the result."""
    doubled: int
    """Good usage that is in it twice."""
    seconds: float
    note: str = ""

    @property
    def line(self) -> str:
        """The row as text."""
        more = f" ({self.note})" if self.note else ""
        return f"{self.name}: {self.runs} runs, {self.lost} lost, {self.doubled} doubled, {self.seconds:.1f} s{more}"
