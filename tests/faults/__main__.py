"""The fault programme: `python tests/faults [change|nightly] [NAME…]` runs all tests, or some, and prints a table.

Exit 0 only when nothing was lost, doubled or otherwise wrong.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from faults import bombs, canaries, crowd, disks, injection, outage, payloads, processes, simulated, stores
from faults.outcome import Outcome
from faults.table import Line, Test, run


def _hostile(tried: Callable[[int], Outcome]) -> Test:
    """A programme of hostile input as a test."""

    def test(runs: int) -> Line:
        done = tried(runs)
        return Line(done.name, done.runs, done.lost, done.doubled, list(done.wrong), note=done.note)

    return test


PROGRAMME: Final[dict[str, tuple[Test, int, int]]] = {
    "worlds": (simulated.worlds, 5_000, 200_000),
    "bugs": (simulated.planted_bugs, 5_000, 20_000),
    "nets": (simulated.safety_nets, 250, 10_000),
    "power": (simulated.power_losses, 1_000, 20_000),
    "full-disks": (disks.full_disks, 20, 200),
    "ambiguous": (stores.ambiguous_inserts, 300, 2_000),
    "kills": (processes.kills, 30, 1_000),
    "disk-errors": (processes.disk_errors, 4, 40),
    "senders": (crowd.crowd, 200, 1_000),
    "outage": (outage.outage, 10, 600),
    "payloads": (_hostile(payloads.tried), 200_000, 5_000_000),
    "bombs": (_hostile(lambda _: bombs.run("change")), 1, 1),
    "canaries": (_hostile(lambda _: canaries.run("change")), 1, 1),
    "injection": (_hostile(lambda _: injection.run("change")), 1, 1),
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
