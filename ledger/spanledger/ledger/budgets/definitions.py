"""The table of budgets: every version is a row, none is changed, so that history knows the limit in force."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final, NamedTuple, cast

from spanledger.exporter.store import Store
from spanledger.exporter.store.blocks import BudgetRow, budgets_block
from spanledger.exporter.store.statements import literal
from spanledger.ledger.budgets.amounts import atto
from spanledger.ledger.budgets.budget import Budget, checked
from spanledger.ledger.budgets.spending import Query
from spanledger.schemas import ConfigurationError

# Each hard budget that covers a call is looked at before it; definitions are read whole.
BUDGETS_MAX: Final = 10_000

_COLUMNS: Final = BudgetRow._fields


class NoBudgetError(ConfigurationError):
    """No budget has this name, or none that this reader may know of."""


class Version(NamedTuple):
    """A budget as it was set at a time, or the end of it."""

    budget: Budget
    changed_at: datetime
    removed: bool


def versions(query: Query, name: str = "") -> list[Version]:
    """Every version of every budget, or of one, the oldest first."""
    where = f" WHERE name = {literal(name)}" if name else ""
    rows = query(f"SELECT {', '.join(_COLUMNS)} FROM ledger_budgets FINAL{where} ORDER BY changed_at, name").rows  # noqa: S608 (own names)
    return [_version(dict(zip(_COLUMNS, row, strict=True))) for row in rows]


def current(query: Query) -> list[Budget]:
    """The budgets that are set now, by name."""
    newest = {version.budget.name: version for version in versions(query)}
    return [version.budget for _, version in sorted(newest.items()) if not version.removed]


def in_force(versions: Sequence[Version], at: datetime) -> Budget | None:
    """The version of one budget that held just before an instant; None where there was none."""
    before = [version for version in versions if version.changed_at < at]
    return before[-1].budget if before and not before[-1].removed else None


def versions_of(query: Query, name: str) -> list[Version]:
    """Every version of a budget. Raises `ConfigurationError` where there never was one."""
    found = versions(query, name) if name else []
    if not found:
        raise no_budget(name)
    return found


def put(store: Store, query: Query, budget: Budget, now_ns: int) -> None:
    """Set a budget. Raises `ConfigurationError`; nothing is changed then."""
    others = current(query)
    checked(budget, others)
    if len(others) >= BUDGETS_MAX and all(other.name != budget.name for other in others):
        msg = f"there are {BUDGETS_MAX} budgets, and no more can be set"
        raise ConfigurationError(msg)
    if budget not in others:
        _insert(store, budget, now_ns, removed=False)


def remove(store: Store, query: Query, name: str, now_ns: int) -> None:
    """End a budget; its history stays. Raises `ConfigurationError` where there is none."""
    found = [budget for budget in current(query) if budget.name == name]
    if not found:
        raise no_budget(name)
    _insert(store, found[0], now_ns, removed=True)


def no_budget(name: str) -> NoBudgetError:
    """What whoever asks for a budget by a name that nothing has is told."""
    return NoBudgetError(f"there is no budget {name[:64]!r}: spanledger budgets list shows their names")


def _insert(store: Store, budget: Budget, now_ns: int, *, removed: bool) -> None:
    row = BudgetRow(
        name=budget.name,
        changed_at=now_ns,
        removed=int(removed),
        scope=budget.scope,
        time_window=budget.window,
        tz=budget.tz,
        currency=budget.currency,
        limit_amount=atto(budget.limit),
        hard=int(budget.hard),
        thresholds=budget.thresholds,
        unpriced_per_million_tokens=atto(budget.unpriced_per_million_tokens),
        unpriced_per_request=atto(budget.unpriced_per_request),
    )
    store.insert("ledger_budgets", *budgets_block([row]))
    store.make_durable()


def _version(row: dict[str, object]) -> Version:
    budget = Budget(
        name=cast("str", row["name"]),
        scope=cast("dict[str, str]", row["scope"]),
        window=cast("str", row["time_window"]),
        tz=cast("str", row["tz"]),
        currency=cast("str", row["currency"]),
        limit=Decimal(cast("str", row["limit_amount"])),
        hard=bool(row["hard"]),
        thresholds=tuple(cast("list[int]", row["thresholds"])),
        unpriced_per_million_tokens=Decimal(cast("str", row["unpriced_per_million_tokens"])),
        unpriced_per_request=Decimal(cast("str", row["unpriced_per_request"])),
    )
    return Version(budget, datetime.fromisoformat(cast("str", row["changed_at"])).astimezone(UTC), bool(row["removed"]))
