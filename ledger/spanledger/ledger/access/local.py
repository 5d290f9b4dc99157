"""The ledger in this process: the store is open here, and nobody else can have it."""

from collections.abc import Callable, Sequence

from spanledger.exporter.pipeline import Pipeline, open_pipeline
from spanledger.exporter.posting.quarantine import Outcome
from spanledger.exporter.posting.repriced import Asked, Repriced, Stretch
from spanledger.exporter.posting.unreadable import Skipped
from spanledger.exporter.settings import Settings
from spanledger.ledger.access.port import Counts
from spanledger.ledger.budgets import Budget, BudgetState, Utilisation
from spanledger.ledger.budgets.accounts import BudgetAccounts
from spanledger.ledger.tables import Table, table_of


class LocalAccess:
    """Questions and postings over an open pipeline."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self.accounts = BudgetAccounts(
            pipeline.store, self._query_unbounded, pipeline.settings.data, pipeline.prices.current
        )
        """Its budgets."""
        self._posting = False

    @classmethod
    def open(cls, settings: Settings) -> "LocalAccess":
        """Open (and migrate) the store. Raises what `open_pipeline` raises."""
        return cls(open_pipeline(settings))

    @property
    def place(self) -> str:
        """The folder, or the URL without user and password."""
        return self.pipeline.store.url

    def query(self, sql: str) -> Table:
        """Answer one reading statement."""
        answer = self.pipeline.store.query_user(sql)
        return table_of(answer.columns, answer.types, answer.rows)

    def cancel(self, mark: str) -> None:
        """Stop the statement that has this mark in it, if one runs."""
        self.pipeline.store.cancel(mark)

    def _query_unbounded(self, sql: str) -> Table:
        """Answer a reading statement of our own: none of a person's waits before it."""
        answer = self.pipeline.store.query_table(sql)
        return table_of(answer.columns, answer.types, answer.rows)

    def post(self, *, close_window: bool = False, progress: Callable[[int], None] | None = None) -> Counts:
        """Post what waits, and bring the daily sums up to date if anything did."""
        counts = self.pipeline.post(close_window=close_window, progress=progress)
        if counts:
            self.pipeline.poster.refresh_rollup()
        return counts

    def stretches(self, asked: Asked) -> Sequence[Stretch]:
        """Divide the charges that are to be rated again into stretches of the ledger."""
        return self.pipeline.poster.stretches(asked)

    def reprice(self, asked: Asked, stretch: Stretch, *, dry_run: bool) -> Repriced:
        """Rate a stretch again; unless it is a dry run, post what differs."""
        return self.pipeline.poster.reprice(asked, stretch, dry_run=dry_run)

    def replay(self, quarantine_ids: Sequence[str]) -> Sequence[Outcome]:
        """Bring what is set aside again, and bring the daily sums up to date."""
        outcomes = self.pipeline.replay(quarantine_ids)
        self.pipeline.poster.refresh_rollup()
        return outcomes

    def discard(self, quarantine_ids: Sequence[str], why: str) -> Sequence[Outcome]:
        """Note that what is set aside is left for good."""
        self.pipeline.quarantine.discard(quarantine_ids, why)
        return self.pipeline.quarantine.outcomes(quarantine_ids)

    def skip_unreadable(self, shard: str) -> Sequence[Skipped]:
        """Pass over what cannot be read of a shard, and bring the daily sums up to date."""
        skipped = self.pipeline.poster.skip_unreadable(shard)
        self.pipeline.poster.refresh_rollup()
        return skipped

    def budgets(self) -> Sequence[BudgetState]:
        """Every budget that is set, with what is spent and held of it."""
        return self.accounts.states()

    def set_budget(self, budget: Budget) -> None:
        """Set a budget; it holds when this returns."""
        self.accounts.set(budget)

    def remove_budget(self, name: str) -> None:
        """End a budget; its history stays."""
        self.accounts.remove(name)

    def budget_history(self, name: str, windows: int, tenants: frozenset[str] | None = None) -> Sequence[Utilisation]:
        """What was used of a budget in its last windows."""
        return self.accounts.history(name, windows, tenants)

    def post_in_background(self) -> None:
        """Post while the journal grows, until the access is closed: for whoever brings more than a handful."""
        if not self._posting:
            self._posting = True
            self.pipeline.start()

    def close(self) -> None:
        """Free the store. What waits for evidence goes on waiting: a reader of the ledger decides nothing."""
        if self._posting:
            self.pipeline.close()
        else:
            self.pipeline.writer.close()
            self.pipeline.store.close()
