"""`Ledger`: what a program asks of the ledger, over the store itself or through a running `serve` alike."""

from collections.abc import Mapping, Sequence
from typing import Self

from spanledger.exporter.settings import load
from spanledger.ledger.access import Access, Counts, open_access
from spanledger.ledger.budgets import Budget, BudgetState, Utilisation
from spanledger.ledger.explain import Explained, explain
from spanledger.ledger.queries import DEFAULT_MEASURES, Query, answer, ask
from spanledger.ledger.tables import Table


class Ledger:
    """One ledger, open for reading. Use it in a `with` block: an embedded store has one holder at a time."""

    def __init__(self, store: str | None = None, *, data: str | None = None, access: Access | None = None) -> None:
        """Open a store: a folder, a `clickhouse://` URL, or None for the default. What waits is posted first.

        `data` is the journal folder, if it is elsewhere. `access` is a way to a ledger that is open already.
        Raises `ConfigurationError`, `StoreUnavailableError` or `StoreLockedError`, each a sentence of cause and cure.
        """
        self._access = access or open_access(load(None, store=store, data=data))

    @property
    def place(self) -> str:
        """The store in use, as it is told to people."""
        return self._access.place

    def report(
        self,
        by: str | Sequence[str],
        since: str | None = None,
        until: str | None = None,
        tz: str = "UTC",
        *,
        measures: str | Sequence[str] = DEFAULT_MEASURES,
        where: Mapping[str, str | Sequence[str]] | None = None,
        order: str | None = None,
        limit: int | None = None,
    ) -> Table:
        """Sum requests, tokens and cost, or other measures, by dimensions (`"tenant,model"`); all time unless bounded.

        `since` (included) and `until` (excluded) are ISO dates or datetimes in the IANA zone `tz`; `where` keeps the
        events whose words are given. Raises `ConfigurationError` for a question that has no answer.
        """
        asked = ask(by, measures=measures, where=where or {}, since=since, until=until, tz=tz, order=order, limit=limit)
        return answer(self._access.query, asked)

    @property
    def query(self) -> Query:
        """How the questions of `spanledger.ledger.queries` reach this ledger."""
        return self._access.query

    def sql(self, sql: str) -> Table:
        """Answer one reading SQL statement; views are named bare. Raises `StoreError` when it is refused."""
        return self._access.query(sql)

    def explain(self, identifier: str) -> list[Explained]:
        """The events of a trace, event, charge or response id, each with its claims, rule and arithmetic."""
        return explain(self._access.query, identifier)

    def budgets(self) -> Sequence[BudgetState]:
        """Every budget that is set, by name, with what is spent and held of it now."""
        return self._access.budgets()

    def set_budget(self, budget: Budget) -> None:
        """Set a budget, or change it. Raises `ConfigurationError`; nothing is changed then."""
        self._access.set_budget(budget)

    def remove_budget(self, name: str) -> None:
        """End a budget; its history stays. Raises `ConfigurationError` where there is none."""
        self._access.remove_budget(name)

    def budget_history(self, name: str, windows: int = 6) -> Sequence[Utilisation]:
        """What was used of a budget in its last windows, the current one last."""
        return self._access.budget_history(name, windows)

    def post(self, *, close_window: bool = False) -> Counts:
        """Post what waits in the journals now; returns the outcome of each span that was posted."""
        return self._access.post(close_window=close_window)

    def close(self) -> None:
        """Let go of the store. Doing it twice is harmless."""
        self._access.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
