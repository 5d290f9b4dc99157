"""The accounting invariant: every accepted span ends in exactly one place, counted with each posting."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias, cast

from spanledger.exporter.posting.unreadable import SKIPPED
from spanledger.ledger.tables import Table

Query: TypeAlias = Callable[[str], Table]

OUTCOMES: Final = (
    "charged",
    "merged",
    "rolled_up",
    "attempts",
    "duplicates",
    "conflicts",
    "not_usage",
    "quarantined",
    "pending",
)
"""Where an accepted span can end."""

_SUMS: Final = (
    "SELECT outcome, sum(spans) FROM ledger_postings FINAL"
    " ARRAY JOIN mapKeys(counts) AS outcome, mapValues(counts) AS spans GROUP BY outcome"
)

_ASIDE: Final = "SELECT state, count(), sum(elements) FROM quarantine WHERE state != 'replayed' GROUP BY state"


@dataclass(frozen=True, slots=True)
class Accounts:
    """Sums over postings: what was accepted, and the outcomes it should equal."""

    accepted: int
    outcomes: dict[str, int]
    skipped_records: int = 0
    """Records of the journal that nobody could read and somebody passed over: what was in them is not known."""

    @property
    def balanced(self) -> bool:
        """Whether everything accepted is accounted for, once."""
        return self.accepted == sum(self.outcomes.values())

    def __sub__(self, before: "Accounts") -> "Accounts":
        return Accounts(
            self.accepted - before.accepted,
            {outcome: spans - before.outcomes[outcome] for outcome, spans in self.outcomes.items()},
            self.skipped_records - before.skipped_records,
        )

    def __str__(self) -> str:
        ends = " + ".join(f"{spans} {outcome.replace('_', ' ')}" for outcome, spans in self.outcomes.items() if spans)
        return f"{self.accepted} accepted {'=' if self.balanced else 'is not'} {ends or '0'}"


def accounts(query: Query) -> Accounts:
    """Add up every posting of the ledger."""
    counts = {str(outcome): cast("int", spans) for outcome, spans in query(_SUMS).rows}
    outcomes = {outcome: counts.get(outcome, 0) for outcome in OUTCOMES}
    return Accounts(counts.get("accepted", 0), outcomes, counts.get(SKIPPED, 0))


def in_quarantine(query: Query) -> dict[str, tuple[int, int]]:
    """What is `open` and what is `discarded`, as things and as the elements they stand for: together `quarantined`."""
    found = {str(state): (cast("int", things), cast("int", elements)) for state, things, elements in query(_ASIDE).rows}
    return {state: found.get(state, (0, 0)) for state in ("open", "discarded")}
