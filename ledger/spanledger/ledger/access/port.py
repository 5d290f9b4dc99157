"""The port between what is asked of the ledger and where it is: two verbs, whoever holds the store."""

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeAlias

from spanledger.exporter.posting.quarantine import Outcome
from spanledger.exporter.posting.repriced import Asked, Repriced, Stretch
from spanledger.exporter.posting.unreadable import Skipped
from spanledger.ledger.budgets import Budget, BudgetState, Utilisation
from spanledger.ledger.tables import Table

Counts: TypeAlias = Mapping[str, int]
"""What a posting did: name of an outcome → spans."""


class Access(Protocol):
    """A way to one ledger."""

    @property
    def place(self) -> str:
        """The store, as it is told to people."""
        ...

    def query(self, sql: str) -> Table:
        """Answer one reading statement, within the bounds the store sets for what people ask.

        Raises `StoreError` when the store refuses the statement, `StoreUnavailableError` when it is out of reach.
        """
        ...

    def post(self, *, close_window: bool = False) -> Counts:
        """Move everything that waits in the journals into the ledger; settle open calls if the window is closed."""
        ...

    def stretches(self, asked: Asked) -> Sequence[Stretch]:
        """Divide the charges that are to be rated again into stretches of the ledger."""
        ...

    def reprice(self, asked: Asked, stretch: Stretch, *, dry_run: bool) -> Repriced:
        """Rate a stretch by the price files as they are now; unless it is a dry run, post what differs.

        Raises `ConfigurationError` when the price files are wrong.
        """
        ...

    def replay(self, quarantine_ids: Sequence[str]) -> Sequence[Outcome]:
        """Bring what is set aside again, as it came: where each is then. What is in the ledger stays as it is."""
        ...

    def discard(self, quarantine_ids: Sequence[str], why: str) -> Sequence[Outcome]:
        """Note that what is set aside is left for good: where each is then. Doing it twice is harmless."""
        ...

    def skip_unreadable(self, shard: str) -> Sequence[Skipped]:
        """Pass over what cannot be read of a shard of the journal: what that was, each kept and counted."""
        ...

    def budgets(self) -> Sequence[BudgetState]:
        """Every budget that is set, by name, with what is spent and held of it now."""
        ...

    def set_budget(self, budget: Budget) -> None:
        """Set a budget; it holds when this returns. Raises `ConfigurationError`; nothing is changed then."""
        ...

    def remove_budget(self, name: str) -> None:
        """End a budget; its history stays. Raises `NoBudgetError` where there is none."""
        ...

    def budget_history(self, name: str, windows: int, tenants: frozenset[str] | None = None) -> Sequence[Utilisation]:
        """What was used of a budget in its last windows, the current one last. Raises `NoBudgetError`.

        Confined to some tenants it tells nothing of when the budget was of others.
        """
        ...

    def close(self) -> None:
        """Let go of the store. Doing it twice is harmless."""
        ...
