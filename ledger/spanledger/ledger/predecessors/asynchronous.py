"""`AsyncTokenLedgerQueries`: the same questions for those who await; one at a time, and the loop is never blocked."""

import asyncio
from collections.abc import Callable
from typing import Any, Final, ParamSpec, TypeVar

from spanledger.ledger.predecessors.costs import CostSummary, DailyCost, HourlyCost, ModelCost, UserCost
from spanledger.ledger.predecessors.queries import ErrorRate, TokenLedgerQueries, TopError

_P = ParamSpec("_P")
_T = TypeVar("_T")


class AsyncTokenLedgerQueries:
    """As `TokenLedgerQueries`, in threads."""

    def __init__(self, db: Any = None, table_name: str | None = None, **more: Any) -> None:  # noqa: ANN401 (as theirs)
        self._queries: Final = TokenLedgerQueries(db, table_name, **more)
        self._one = asyncio.Lock()

    async def get_cost_summary(
        self, days: int = 30, user_id: str | None = None, model: str | None = None, app_name: str | None = None
    ) -> CostSummary:
        """Totals and averages of a period."""
        return await self._beside(self._queries.get_cost_summary, days, user_id, model, app_name)

    async def get_costs_by_model(self, days: int = 30, limit: int = 10) -> list[ModelCost]:
        """The dearest models first."""
        return await self._beside(self._queries.get_costs_by_model, days, limit)

    async def get_costs_by_user(self, days: int = 30, limit: int = 20) -> list[UserCost]:
        """The dearest users first."""
        return await self._beside(self._queries.get_costs_by_user, days, limit)

    async def get_daily_costs(
        self, days: int = 30, user_id: str | None = None, *, tz: str | None = None
    ) -> list[DailyCost]:
        """Days of a zone in their order."""
        return await self._beside(self._queries.get_daily_costs, days, user_id, tz=tz)

    async def get_hourly_costs(self, hours: int = 24, *, tz: str | None = None) -> list[HourlyCost]:
        """Hours of a zone in their order."""
        return await self._beside(self._queries.get_hourly_costs, hours, tz=tz)

    async def get_error_rate(self, days: int = 7) -> ErrorRate:
        """How many calls failed."""
        return await self._beside(self._queries.get_error_rate, days)

    async def get_top_errors(self, days: int = 7, limit: int = 10) -> list[TopError]:
        """The most frequent errors."""
        return await self._beside(self._queries.get_top_errors, days, limit)

    async def get_latency_percentiles(self, days: int = 7) -> dict[str, float]:
        """Milliseconds."""
        return await self._beside(self._queries.get_latency_percentiles, days)

    async def get_projected_monthly_cost(self, based_on_days: int = 7) -> float:
        """The mean day of a period times 30."""
        return await self._beside(self._queries.get_projected_monthly_cost, based_on_days)

    def close(self) -> None:
        """Let go of a ledger that was opened here."""
        self._queries.close()

    async def _beside(self, question: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        async with self._one:
            return await asyncio.to_thread(question, *args, **kwargs)
