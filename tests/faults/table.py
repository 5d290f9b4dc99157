"""A line of the programme's table, and how lines are printed."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

_WIDTH: Final = 58


@dataclass
class Line:
    """What one test of the programme came to."""

    test: str
    runs: int = 0
    lost: int = 0
    doubled: int = 0
    wrong: list[str] = field(default_factory=list[str])
    """Whatever else must not be."""
    seconds: float = 0.0
    note: str = ""

    def blame(self, violation: str) -> None:
        """Count a violation by its first word."""
        if violation.startswith("lost"):
            self.lost += 1
        elif violation.startswith("doubled"):
            self.doubled += 1
        self.wrong.append(violation)

    @property
    def holds(self) -> bool:
        """Whether nothing went wrong, and something was tried."""
        return self.runs > 0 and not (self.lost or self.doubled or self.wrong)


Test: TypeAlias = Callable[[int], Line]
"""Runs so many times."""

HEAD: Final = f"{'test':{_WIDTH}} {'runs':>7} {'lost':>5} {'doubled':>7} {'seconds':>7}"


def row(line: Line) -> str:
    """One row of the table, and below it what went wrong."""
    first = f"{line.test:{_WIDTH}} {line.runs:>7} {line.lost:>5} {line.doubled:>7} {line.seconds:>7.0f}  {line.note}"
    return "\n".join([first.rstrip(), *(f"    WRONG: {wrong}" for wrong in line.wrong[:5])])


def run(tests: Iterable[tuple[Test, int]], say: Callable[[str], None]) -> bool:
    """Run tests one after the other: whether all hold."""
    say(HEAD)
    lines: list[Line] = []
    started = time.monotonic()
    for test, runs in tests:
        before = time.monotonic()
        line = test(runs)
        line.seconds = time.monotonic() - before
        lines.append(line)
        say(row(line))
    whole = Line(
        "all", sum(line.runs for line in lines), note="holds" if all(line.holds for line in lines) else "FAILED"
    )
    whole.lost, whole.doubled = sum(line.lost for line in lines), sum(line.doubled for line in lines)
    whole.seconds = time.monotonic() - started
    say(row(whole))
    return all(line.holds for line in lines)
