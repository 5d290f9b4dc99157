"""`TokenLedgerQueries`: a predecessor's questions, asked of this ledger through `spanledger.ledger.queries`.

Periods end now and reach back whole times of 24 hours, and a failed try counts as a request: both as theirs did. A
corrected charge counts once.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, Self, TypedDict, cast

from spanledger.ledger.ledger import Ledger
from spanledger.ledger.periods import zone
from spanledger.ledger.predecessors.costs import CostSummary, DailyCost, HourlyCost, ModelCost, UserCost
from spanledger.ledger.queries import answer, ask
from spanledger.ledger.tables import EXACT, Value
from spanledger.schemas import ConfigurationError

TABLE: Final = "token_ledger_events"
DAYS_MAX: Final = 36_500

_DOLLARS: Final = "USD"
_SUMS: Final = ("requests", "attempts", "input_tokens", "output_tokens", "cost")
_PERCENTILES: Final = {f"p{level}_ms": f"duration_p{level}_ms" for level in (50, 90, 95, 99)}


class ErrorRate(TypedDict):
    """How many calls failed."""

    total_requests: int
    errors: int
    error_rate: float
    status_breakdown: dict[str, int]


class TopError(TypedDict):
    """How often a class of error befell a model."""

    error_type: str
    error_message: None
    model: str
    count: int


class TokenLedgerQueries:
    """Costs by model, user, day and hour; errors and latencies. Use it in a `with` block, or close it."""

    def __init__(
        self,
        connection: Ledger | None = None,
        table_name: str | None = None,
        *,
        store: str | None = None,
        tz: str = "UTC",
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Ask an open ledger, or one of a `store` (None: the default) that is opened by the first question.

        `tz` is the IANA zone of days and hours. Raises `ConfigurationError` for a zone or a table there is not.
        """
        zone(tz)
        if table_name is not None and table_name.rpartition(".")[2] != TABLE:
            msg = f"table_name {table_name!r} is not here: the events are in the view {TABLE}"
            raise ConfigurationError(msg)
        self._ledger, self._own = connection, connection is None
        self._store, self._tz, self._now = store, tz, now

    def get_cost_summary(
        self, days: int = 30, user_id: str | None = None, model: str | None = None, app_name: str | None = None
    ) -> CostSummary:
        """Totals and averages of a period."""
        found = self._groups((), _days(days), user_id=user_id, model=model, service_name=app_name)
        sums = next(iter(found.values()), _Sums())
        return CostSummary(
            **sums.costs(),
            total_tokens=sums.tokens,
            total_input_tokens=sums.input_tokens,
            total_output_tokens=sums.output_tokens,
            avg_cost_per_request=sums.mean_cost(),
            avg_tokens_per_request=sums.tokens / sums.requests if sums.requests else 0.0,
        )

    def get_costs_by_model(self, days: int = 30, limit: int = 10) -> list[ModelCost]:
        """The dearest models first."""
        return [
            ModelCost(
                **sums.costs(),
                model=str(model),
                provider=str(provider),
                total_tokens=sums.tokens,
                avg_cost_per_request=sums.mean_cost(),
            )
            for (model, provider), sums in _dearest(self._groups(("model", "provider"), _days(days)), limit)
        ]

    def get_costs_by_user(self, days: int = 30, limit: int = 20) -> list[UserCost]:
        """The dearest users first."""
        return [
            UserCost(**sums.costs(), user_id=str(user) or "anonymous", total_tokens=sums.tokens)
            for (user,), sums in _dearest(self._groups(("user_id",), _days(days)), limit)
        ]

    def get_daily_costs(self, days: int = 30, user_id: str | None = None, *, tz: str | None = None) -> list[DailyCost]:
        """Days of a zone in their order; the first may be a part of one. `tz` is another zone than this object's."""
        found = self._groups(("day",), _days(days), tz=tz, user_id=user_id)
        return [
            DailyCost(**sums.costs(), date=date.fromisoformat(str(day)), total_tokens=sums.tokens)
            for (day,), sums in sorted(found.items(), key=lambda each: str(each[0][0]))
        ]

    def get_hourly_costs(self, hours: int = 24, *, tz: str | None = None) -> list[HourlyCost]:
        """Hours of a zone in their order, by the instant: one that happens twice is two."""
        found = self._groups(("hour",), timedelta(hours=_whole("hours", hours, DAYS_MAX * 24)), tz=tz)
        costs = [HourlyCost(**sums.costs(), hour=datetime.fromisoformat(str(hour))) for (hour,), sums in found.items()]
        return sorted(costs, key=lambda each: each.hour)

    def get_error_rate(self, days: int = 7) -> ErrorRate:
        """How many calls failed."""
        [record] = self._ask((), ("requests", "attempts", "errors"), _days(days), {}) or [{}]
        total, errors = _count(record, "requests") + _count(record, "attempts"), _count(record, "errors")
        breakdown = {"success": total - errors, "error": errors}
        return {
            "total_requests": total,
            "errors": errors,
            "error_rate": errors / total if total else 0.0,
            "status_breakdown": {status: count for status, count in breakdown.items() if count},
        }

    def get_top_errors(self, days: int = 7, limit: int = 10) -> list[TopError]:
        """The most frequent errors. Their messages are never kept: they quote what was asked."""
        asked = self._ask(("error_type", "model"), ("requests", "attempts"), _days(days), {"status": "error"})
        errors = [
            TopError(
                error_type=str(record["error_type"]),
                error_message=None,
                model=str(record["model"]),
                count=_count(record, "requests") + _count(record, "attempts"),
            )
            for record in asked
        ]
        errors.sort(key=lambda error: (-error["count"], error["error_type"], error["model"]))
        return [error for error in errors if error["count"] > 0][: _whole("limit", limit)]

    def get_latency_percentiles(self, days: int = 7) -> dict[str, float]:
        """Milliseconds of the calls whose length is known; 0.0 where none is."""
        [record] = self._ask((), (*_PERCENTILES.values(), "duration_mean_ms"), _days(days), {}) or [{}]
        named = {**_PERCENTILES, "avg_ms": "duration_mean_ms"}
        return {name: float(str(record.get(measure) or 0)) for name, measure in named.items()}

    def get_projected_monthly_cost(self, based_on_days: int = 7) -> float:
        """The mean day of a period times 30. `spanledger forecast` knows the calendar."""
        return self.get_cost_summary(based_on_days).total_cost / based_on_days * 30

    def close(self) -> None:
        """Let go of a ledger that was opened here. Doing it twice is harmless."""
        if self._own and self._ledger is not None:
            self._ledger.close()
            self._ledger = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _groups(
        self, by: Sequence[str], back: timedelta, *, tz: str | None = None, **where: str | None
    ) -> "dict[tuple[Value, ...], _Sums]":
        """The sums of each group over its currencies, which stay apart."""
        groups: dict[tuple[Value, ...], _Sums] = {}
        filters = {name: value for name, value in where.items() if value}
        for record in self._ask(by, _SUMS, back, filters, tz):
            groups.setdefault(tuple(record[name] for name in by), _Sums()).add(record)
        return {key: sums for key, sums in groups.items() if sums.says_something}

    def _ask(
        self,
        by: Sequence[str],
        measures: Sequence[str],
        back: timedelta,
        where: Mapping[str, str],
        tz: str | None = None,
    ) -> list[dict[str, Value]]:
        since = (self._now() - back).astimezone(UTC).isoformat()
        asked = ask(by, measures=measures, where=where, since=since, tz=tz or self._tz)
        if self._ledger is None:
            self._ledger = Ledger(self._store)
        return answer(self._ledger.sql, asked).records()


@dataclass(slots=True)
class _Sums:
    """A group's sums, exact."""

    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    unpriced: int = 0
    money: dict[str, Decimal] = field(default_factory=dict[str, Decimal])

    @property
    def tokens(self) -> int:
        """In and out."""
        return self.input_tokens + self.output_tokens

    @property
    def says_something(self) -> bool:
        """Whether anything is left; what was taken back whole is not."""
        return bool(self.requests or self.tokens or any(self.money.values()))

    def add(self, record: Mapping[str, Value]) -> None:
        """Count a currency's row."""
        answers = _count(record, "requests")
        self.requests += answers + _count(record, "attempts")
        self.input_tokens += _count(record, "input_tokens")
        self.output_tokens += _count(record, "output_tokens")
        self.unpriced += round(float(str(record.get("unpriced_share") or 0)) * answers)
        if record["cost"] is not None:
            currency = str(record["currency"])
            cost = Decimal(str(record["cost"]))
            self.money[currency] = EXACT.add(self.money.get(currency, Decimal(0)), cost)

    @property
    def dollars(self) -> Decimal:
        """The sum in US dollars."""
        return self.money.get(_DOLLARS, Decimal(0))

    def mean_cost(self) -> float:
        """Dollars a request."""
        return float(EXACT.divide(self.dollars, Decimal(self.requests))) if self.requests else 0.0

    def costs(self) -> dict[str, Any]:
        """What every answer has."""
        return {
            "total_cost": float(self.dollars),
            "total_requests": self.requests,
            "unpriced_requests": self.unpriced,
            "other_currencies": {name: float(sum_) for name, sum_ in self.money.items() if name != _DOLLARS},
        }


def _dearest(groups: "Mapping[tuple[Value, ...], _Sums]", limit: int) -> "list[tuple[tuple[Value, ...], _Sums]]":
    ordered = sorted(groups.items(), key=lambda each: (-each[1].dollars, tuple(map(str, each[0]))))
    return ordered[: _whole("limit", limit)]


def _days(days: int) -> timedelta:
    return timedelta(days=_whole("days", days, DAYS_MAX))


def _whole(name: str, number: int, most: int = 1_000_000) -> int:
    """A number of something. Raises `ConfigurationError`."""
    if type(number) is not int or not 0 < number <= most:
        msg = f"{name} {number!r} must be a whole number from 1 to {most}"
        raise ConfigurationError(msg)
    return number


def _count(record: Mapping[str, Value], name: str) -> int:
    return cast("int | None", record.get(name)) or 0
