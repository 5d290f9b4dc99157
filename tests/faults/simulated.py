"""What is simulated, on every core: worlds, planted bugs, nets, losses of power."""

import multiprocessing
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from itertools import count
from typing import Final, TypeVar

from faults.table import Line
from simulation.mutants import MUTANTS, NET_PAIRS, planted
from simulation.power import states
from simulation.search import first_violation

_WORLDS_PER_TASK: Final = 250
_STATES_PER_CALL: Final = 6
_STATES_PER_HUNT: Final = 1_000
_SEEN_BY_POWER: Final = (
    "acknowledge before the sync",
    "believe bytes without their CRC",
    "a new segment's name is not synced",
    "a new shard's name is not synced",
)
"""The planted bugs that a loss of power alone must bring to light."""
_Task = TypeVar("_Task")
_Result = TypeVar("_Result")


def worlds(runs: int) -> Line:
    """Worlds without a planted bug: nothing may be found."""
    line = Line("simulated worlds", runs)
    stretches = [range(first, min(first + _WORLDS_PER_TASK, runs)) for first in range(0, runs, _WORLDS_PER_TASK)]
    for found in _on_all_cores(first_violation, stretches):
        if found:
            line.blame(f"{found[1]} (world {found[0]})")
    return line


def planted_bugs(seeds_max: int) -> Line:
    """Every planted bug must be found within so many worlds."""
    line = Line("planted bugs, each found in a simulated world", len(MUTANTS) + len(_SEEN_BY_POWER))
    deepest = 0
    for name, found in _on_all_cores(_hunt, [(name, seeds_max) for name in MUTANTS]):
        if found is None:
            line.blame(f"a bug survived {seeds_max} worlds: {name}")
        else:
            deepest = max(deepest, found[0] + 1)
    line.note = f"the last one in world {deepest}"
    for name, (_, found) in zip(_SEEN_BY_POWER, _on_all_cores(_lives, _power_hunts()), strict=True):
        if not found:
            line.blame(f"a bug survived {_STATES_PER_HUNT} losses of power: {name}")
    return line


def safety_nets(runs: int) -> Line:
    """One net cut away: the other holds. Both: the world falls."""
    line = Line("worlds with one safety net of two cut away", 2 * runs * len(NET_PAIRS))
    cuts = [cut for first, second in NET_PAIRS for cut in ((first,), (second,), (first, second))]
    for cut, found in _on_all_cores(_cut, [(cut, runs) for cut in cuts]):
        if len(cut) == 1 and found:
            line.blame(f"{found[1]} without {cut[0]} (world {found[0]})")
        if len(cut) > 1 and not found:
            line.blame(f"nothing is found without {' and '.join(cut)}")
    return line


def power_losses(runs: int) -> Line:
    """Enumerated states after a loss of power, read by the real recovery."""
    line = Line("losses of power, enumerated")
    lives = [(first, -(-runs // 4), "") for first in range(4)]
    for tried, found in _on_all_cores(_lives, lives):
        line.runs += tried
        for violation in found:
            line.blame(violation)
    return line


def _hunt(task: tuple[str, int]) -> tuple[str, tuple[int, str] | None]:
    name, seeds_max = task
    return name, first_violation(range(seeds_max), mutant=name)


def _cut(task: tuple[tuple[str, ...], int]) -> tuple[tuple[str, ...], tuple[int, str] | None]:
    cut, runs = task
    return cut, first_violation(range(runs), without=cut)


def _power_hunts() -> list[tuple[int, int, str]]:
    return [(0, _STATES_PER_HUNT, name) for name in _SEEN_BY_POWER]


def _lives(task: tuple[int, int, str]) -> tuple[int, list[str]]:
    """At least so many states, of lives that no other task looks at; perhaps with a bug planted, until it shows."""
    first, runs, mutant = task
    tried = 0
    found: list[str] = []
    with planted([MUTANTS[mutant]] if mutant else ()):
        for seed in count(first, 4):
            for stop_at in count(1):
                verdicts = list(states(seed, stop_at, _STATES_PER_CALL))
                if not verdicts:
                    break
                tried += len(verdicts)
                found += [f"lost: {verdict} (life {seed}, call {stop_at})" for verdict in verdicts if verdict]
                if tried >= runs or (mutant and found):
                    return tried, found
    raise AssertionError


def _on_all_cores(work: Callable[[_Task], _Result], tasks: Iterable[_Task]) -> Iterable[_Result]:
    # One seed is one world only when sets are ordered alike in every process.
    os.environ["PYTHONHASHSEED"] = "0"
    cores = max(1, min(4, os.cpu_count() or 1))
    with ProcessPoolExecutor(cores, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(work, tasks)
