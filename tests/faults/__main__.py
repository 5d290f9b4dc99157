"""The fault programme: `python tests/faults [change|nightly] [NAME…]` runs all tests, or some, and prints a table.

Exit 0 only when nothing was lost, doubled or otherwise wrong.
"""

import sys
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from faults import (
    bombs,
    canaries,
    crowd,
    disks,
    forks,
    injection,
    outage,
    payloads,
    processes,
    simulated,
    stores,
    storms,
    tenants,
)
from faults.table import Test, run

PROGRAMME: Final[dict[str, tuple[Test, int, int]]] = {
    "worlds": (simulated.worlds, 5_000, 200_000),
    "bugs": (simulated.planted_bugs, 5_000, 20_000),
    "nets": (simulated.safety_nets, 250, 10_000),
    "power": (simulated.power_losses, 1_000, 20_000),
    "full-disks": (disks.full_disks, 20, 200),
    "ambiguous": (stores.ambiguous_inserts, 300, 2_000),
    "kills": (processes.kills, 30, 1_000),
    "points": (processes.kills_at_points, 4, 520),
    "drains": (processes.drains, 3, 50),
    "disk-errors": (processes.disk_errors, 4, 40),
    "senders": (crowd.crowd, 200, 1_000),
    "outage": (outage.outage, 6, 600),
    "slow": (outage.slow_store, 4, 60),
    "storms": (storms.duplicate_storms, 1_000, 100_000),
    "clocks": (storms.clock_jumps, 500, 5_000),
    "forks": (forks.process_matrix, 1, 20),
    "writers": (forks.writers, 250, 10_000),
    "tenants": (tenants.tenants, 1_000, 1_000),
    "payloads": (payloads.tried, 200_000, 5_000_000),
    "bombs": (bombs.run, 1, 1),
    "canaries": (canaries.run, 1, 1),
    "injection": (injection.run, 1, 1),
}
"""Name → test, how often for a change, how often in a night: of an outage its seconds, of senders how many at once."""
_SIZES: Final = ("change", "nightly")


def main(arguments: list[str]) -> int:
    """Run what is asked for."""
    size = arguments[0] if arguments else _SIZES[0]
    names = arguments[1:] or list(PROGRAMME)
    if size not in _SIZES or not set(names) <= PROGRAMME.keys():
        sys.stderr.write(f"usage: python tests/faults [{'|'.join(_SIZES)}] [{'|'.join(PROGRAMME)}]...\n")
        return 2
    chosen: list[tuple[Test, int]] = []
    for name in names:
        test, each_change, each_night = PROGRAMME[name]
        chosen.append((test, each_night if size == "nightly" else each_change))
    return 0 if run(chosen, lambda text: print(text, flush=True)) else 1  # noqa: T201 (its output)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
