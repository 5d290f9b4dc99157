"""Which events of the ledger were made under which reservation, and what they count in each budget. No clock."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeAlias, cast

from spanledger.exporter.rate.exchange import Exchange
from spanledger.exporter.store.statements import literal
from spanledger.ledger.budgets.book import Link
from spanledger.ledger.budgets.budget import Budget
from spanledger.ledger.budgets.spending import RESERVATION, Query, Sums, booked_between, folded, sums_in, sums_sql

# A statement may be 256 KiB long.
_IDS_PER_STATEMENT_MAX: Final = 4_000
SKEW_NS: Final = 3_600 * 10**9
"""How far an application's clock may be behind ours."""

Links: TypeAlias = Mapping[str, Mapping[str, Link]]
"""Name of a budget → reservation → its events."""


def links_of(
    query: Query, budgets: Sequence[Budget], waiting: Sequence[str], since_ns: int, exchange: Exchange
) -> dict[str, dict[str, Link]]:
    """The links of reservations, the oldest of them made at `since_ns`."""
    found: dict[str, dict[str, Link]] = {budget.name: {} for budget in budgets}
    for first in range(0, len(waiting), _IDS_PER_STATEMENT_MAX):
        some = waiting[first : first + _IDS_PER_STATEMENT_MAX]
        for currency in {budget.currency for budget in budgets}:
            kept_in = [budget for budget in budgets if budget.currency == currency]
            for budget, links in _linked(query, kept_in, some, since_ns - SKEW_NS, exchange):
                found[budget.name].update(links)
    return found


def _linked(
    query: Query, budgets: Sequence[Budget], waiting: Iterable[str], since_ns: int, exchange: Exchange
) -> Iterable[tuple[Budget, dict[str, Link]]]:
    names = sorted({name for budget in budgets for name in budget.scope})
    keys = [f"metadata['{RESERVATION}']", *names, "request_model"]
    among = f"{keys[0]} IN ({', '.join(map(literal, waiting))})"
    groups: dict[str, list[tuple[dict[str, str], Sums]]] = {}
    for row in query(sums_sql(keys, budgets[0].currency, [*booked_between(since_ns, None), among])).rows:
        words = dict(zip(("", *names, "request_model"), cast("tuple[str, ...]", row[: len(keys)]), strict=True))
        groups.setdefault(words[""], []).append((words, sums_in(row[len(keys) :])))
    for budget in budgets:
        links: dict[str, Link] = {}
        for reservation_id, parts in groups.items():
            sums = [each for words, each in parts if _covers(budget, words)]
            if sums:
                events = sum(each.requests for each in sums)
                links[reservation_id] = (events, folded(budget, sums, exchange).atto)
        yield budget, links


def _covers(budget: Budget, words: Mapping[str, str]) -> bool:
    """As a budget's own statement does: of a model the one that was asked for as well."""
    asked_for = {**words, "model": words["request_model"]} if "model" in budget.scope else words
    return budget.covers(words) or budget.covers(asked_for)
