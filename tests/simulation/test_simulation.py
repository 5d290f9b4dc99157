"""A glance at the simulation; `make faults` runs it by the thousand."""

import os
import subprocess
import sys
from pathlib import Path

from simulation.power import states

PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
from simulation.search import first_violation

assert first_violation(range(40)) is None
for bug in ("acknowledge before the sync", "checkpoint before the insert", "no recall of stored claims"):
    found = first_violation(range(40), mutant=bug)
    assert found, bug
    assert found == first_violation(range(found[0], 40), mutant=bug), "a seed is a world"
"""


def test_worlds_hold_and_planted_bugs_are_found() -> None:
    """Forty worlds; three of the bugs; and the same seed finds the same again."""
    tests = str(Path(__file__).parents[1])
    subprocess.run(
        [sys.executable, "-c", PROGRAM, tests], env=os.environ | {"PYTHONHASHSEED": "0"}, check=True, timeout=100
    )


def test_a_loss_of_power_at_any_call_loses_nothing() -> None:
    """The first calls of a journal's life: its birth, and its first groups."""
    verdicts = [verdict for stop_at in range(1, 26) for verdict in states(1, stop_at, 3)]
    assert len(verdicts) == 75
    assert set(verdicts) == {None}
