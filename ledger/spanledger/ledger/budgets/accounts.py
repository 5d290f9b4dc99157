"""The budgets of an open ledger: what is set, what is spent and held of it, and the keeper while a server runs."""

import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock

from spanledger.exporter.rate import PriceBook
from spanledger.exporter.store import Store
from spanledger.ledger.budgets.amounts import check_currency, exchange_of
from spanledger.ledger.budgets.book_file import NAME
from spanledger.ledger.budgets.budget import Budget, BudgetState, Utilisation, checked
from spanledger.ledger.budgets.definitions import current, put, remove, versions_of
from spanledger.ledger.budgets.keeper import BudgetKeeper, PolicyInput
from spanledger.ledger.budgets.reservation import Reserve
from spanledger.ledger.budgets.spending import Query
from spanledger.ledger.budgets.states import history, states
from spanledger.schemas import SpanledgerError


class BudgetAccounts:
    """Over one store and one folder of reservations. Any thread may ask."""

    def __init__(self, store: Store, query: Query, folder: Path, prices: Callable[[], PriceBook]) -> None:
        self._store = store
        self._query = query
        self._file = folder / NAME
        self._prices = prices
        self._changing = Lock()
        self.keeper: BudgetKeeper | None = None
        """Of a server."""

    @contextmanager
    def kept(
        self,
        *,
        decide: Callable[[PolicyInput], None] | None = None,
        denied: Callable[[Reserve, SpanledgerError], None] | None = None,
        named: Callable[[Mapping[str, str]], dict[str, str]] | None = None,
        waits_since: Callable[[], int | None] | None = None,
    ) -> Generator[BudgetKeeper]:
        """Keep the hard budgets meanwhile. Raises `StoreLockedError` while another server does."""
        keeper = BudgetKeeper(
            self._query,
            self._file,
            prices=self._prices,
            decide=decide,
            denied=denied,
            named=named,
            waits_since=waits_since,
        )
        with closing(keeper):
            self.keeper = keeper
            try:
                yield keeper
            finally:
                self.keeper = None

    def states(self) -> Sequence[BudgetState]:
        """Every budget that is set, by name, with what is spent and held of it now."""
        found = current(self._query)
        if self.keeper is not None:
            return self.keeper.states(found)
        if not self._file.exists():
            return states(self._query, found, datetime.now(UTC), exchange_of(self._prices()))
        with closing(BudgetKeeper(self._query, self._file, prices=self._prices)) as keeper:
            keeper.renew()
            return keeper.states(found)

    def set(self, budget: Budget) -> None:
        """Set a budget; it holds when this returns. Raises `ConfigurationError`; nothing is changed then."""
        with self._changing:
            check_currency(checked(budget).currency, self._prices())
            put(self._store, self._query, budget, time.time_ns())
        self._changed()

    def remove(self, name: str) -> None:
        """End a budget; its history stays. Raises `NoBudgetError`."""
        with self._changing:
            remove(self._store, self._query, name, time.time_ns())
        self._changed()

    def history(self, name: str, windows: int, tenants: frozenset[str] | None = None) -> Sequence[Utilisation]:
        """What was used of a budget in its last windows, the current one last. Raises `NoBudgetError`.

        Whoever may know of some tenants (None: all) learns nothing of when it was of others.
        """
        found = versions_of(self._query, name)
        return history(self._query, found, datetime.now(UTC), windows, exchange_of(self._prices()), tenants=tenants)

    def _changed(self) -> None:
        if self.keeper is not None:
            self.keeper.changed()
