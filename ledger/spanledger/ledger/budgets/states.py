"""Budgets beside what was spent: their state at a moment, and window by window. Callers say what time it is."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from spanledger.exporter.rate.exchange import Exchange
from spanledger.ledger.budgets.amounts import NO_RATES, atto, decimal, percent_of
from spanledger.ledger.budgets.budget import Budget, BudgetState, Utilisation
from spanledger.ledger.budgets.definitions import Version, in_force
from spanledger.ledger.budgets.spending import Query, Spent, spent_of
from spanledger.ledger.budgets.windows import CALENDAR, Window, moment_of, ns_of, window_at, window_before
from spanledger.ledger.periods import zone
from spanledger.schemas import ConfigurationError

WINDOWS_MAX: Final = 1000


def states(
    query: Query,
    budgets: Sequence[Budget],
    now: datetime,
    exchange: Exchange = NO_RATES,
    held: Callable[[Budget], int] | None = None,
) -> list[BudgetState]:
    """The state of budgets by the ledger, in their order; `held` says what reservations count, in atto units."""
    at_ns = ns_of(now)
    asked = [(budget, window_at(budget.window, zone(budget.tz), at_ns)) for budget in budgets]
    found = spent_of(query, asked, exchange)
    return [
        state_of(budget, window, spent, held(budget) if held else 0)
        for (budget, window), spent in zip(asked, found, strict=True)
    ]


def state_of(budget: Budget, window: Window, spent: Spent, held: int) -> BudgetState:
    """A budget's state in a window. Amounts in atto units."""
    since = None if window.since_ns is None else moment_of(window.since_ns)
    return BudgetState(
        budget=budget,
        since=since,
        until=window.ends_at,
        resets_at=window.ends_at if budget.window in CALENDAR else None,
        spent=decimal(spent.atto),
        held=decimal(held),
        remaining=decimal(atto(budget.limit) - spent.atto - held),
        percent=percent_of(spent.atto + held, budget.limit),
        unpriced_requests=spent.unpriced_requests,
        worst_case=decimal(spent.worst_case),
    )


def history(
    query: Query,
    versions: Sequence[Version],
    now: datetime,
    windows: int,
    exchange: Exchange = NO_RATES,
    *,
    tenants: frozenset[str] | None = None,
) -> list[Utilisation]:
    """The last windows of a budget, the oldest first and the current one last.

    The windows are those of its newest version; scope, limit and currency of each are what was in force at its end,
    unless that was of others than these tenants (None: all).
    Raises `ConfigurationError`.
    """
    if not 0 < windows <= WINDOWS_MAX:
        msg = f"a history has 1 to {WINDOWS_MAX} windows, not {windows}"
        raise ConfigurationError(msg)
    newest, now_ns = versions[-1].budget, ns_of(now)
    spans = _windows(newest, now_ns, windows)
    asked: list[tuple[Budget, Window]] = []
    limited: list[bool] = []
    for window in spans:
        end_ns = now_ns if window.until_ns is None else min(window.until_ns - 1, now_ns)
        version = in_force(versions, moment_of(end_ns) + timedelta(microseconds=1))
        version = version if version is not None and version.within(tenants) else None
        limited.append(version is not None)
        # Days of the newest version's zone, whatever the older one's was.
        asked.append((msgspec.structs.replace(version or newest, tz=newest.tz, window=newest.window), window))
    return [
        _used(budget, window, spent, limited=known)
        for (budget, window), spent, known in zip(asked, spent_of(query, asked, exchange), limited, strict=True)
    ]


def _windows(budget: Budget, now_ns: int, windows: int) -> list[Window]:
    place = zone(budget.tz)
    spans = [window_at(budget.window, place, now_ns)]
    while len(spans) < windows and (before := window_before(budget.window, place, spans[-1])) is not None:
        spans.append(before)
    return spans[::-1]


def _used(budget: Budget, window: Window, spent: Spent, *, limited: bool) -> Utilisation:
    return Utilisation(
        budget=budget.name,
        since=None if window.since_ns is None else moment_of(window.since_ns),
        until=window.ends_at,
        limit=budget.limit if limited else None,
        currency=budget.currency,
        spent=decimal(spent.atto),
        percent=percent_of(spent.atto, budget.limit) if limited else None,
        unpriced_requests=spent.unpriced_requests,
        worst_case=decimal(spent.worst_case),
    )
