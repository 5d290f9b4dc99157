"""What a programme of hostile input found: one row of a table, and what else is wrong."""

import sys
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
    wrong: tuple[str, ...] = ()
    """Whatever else must not be."""

    @property
    def holds(self) -> bool:
        """Whether nothing went wrong, and something was tried."""
        return self.runs > 0 and not (self.lost or self.doubled or self.wrong)

    def __str__(self) -> str:
        row = f"{self.name}: {self.runs} runs, {self.lost} lost, {self.doubled} doubled, {self.seconds:.1f} s"
        more = f" ({self.note})" if self.note else ""
        return "\n  WRONG: ".join((row + more, *self.wrong))


def told(outcome: Outcome) -> int:
    """Print a row; the exit code."""
    sys.stdout.write(f"{outcome}\n")
    return 0 if outcome.holds else 1
