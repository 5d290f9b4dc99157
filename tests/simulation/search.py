"""Worlds by the thousand: one seed, one world; a stretch of seeds is what one process works on."""

from collections.abc import Sequence

from simulation.mutants import MUTANTS, NETS, SURELY, planted
from simulation.world import Violation, World


def first_violation(seeds: range, *, mutant: str = "", without: Sequence[str] = ()) -> tuple[int, str] | None:
    """The first seed of a stretch whose world breaks the promise, and how; None if none does.

    `mutant` names a bug to plant, `without` the nets to cut away; then every call is told of once.
    """
    plants = [MUTANTS[mutant]] if mutant else [NETS[net] for net in without]
    with planted(plants):
        for seed in seeds:
            try:
                World(seed, told_once=bool(without), surely=SURELY.get(mutant, ())).run()
            except Violation as violation:
                return seed, str(violation)
            except Exception as error:  # noqa: BLE001 - whatever it is, a server would have died of it
                return seed, f"broken: {type(error).__name__}: {error}"
    return None
