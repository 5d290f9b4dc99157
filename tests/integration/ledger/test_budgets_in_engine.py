"""Budgets against the real engine: scopes, windows, prices nobody has, currencies, daily sums, versions."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from support.ledger_events import HOUR_NS, NOON_NS, event, reversal

from spanledger.exporter.rate import price_book, read_layer
from spanledger.exporter.store import Store
from spanledger.exporter.store.blocks import events_block
from spanledger.exporter.store.rollup import Rollup
from spanledger.ledger.budgets import Budget
from spanledger.ledger.budgets.amounts import NO_RATES, check_currency, exchange_of
from spanledger.ledger.budgets.definitions import current, put, remove, versions_of
from spanledger.ledger.budgets.spending import Query
from spanledger.ledger.budgets.states import history, states
from spanledger.ledger.tables import Table, plain
from spanledger.schemas import ConfigurationError, LedgerEvent
from spanledger.schemas.event import ATTO

NOW = datetime(2026, 4, 1, 18, tzinfo=UTC)
"""Six hours after `NOON_NS`."""
DAY_NS = 24 * HOUR_NS

PRICES = """
name: own
prices:
  - {provider: self, model: llama, currency: GBP, units: {requests: 1}}
currencies:
  reporting: EUR
  rates:
    - {date: 2026-03-30, from: USD, to: EUR, rate: "0.8", source: ECB}
    - {date: 2026-03-30, from: GBP, to: EUR, rate: "1.2", source: ECB}
"""


def query_of(store: Store) -> Query:
    """How the keeper asks: without a user's bounds."""

    def query(sql: str) -> Table:
        answer = store.query_table(sql)
        return Table(tuple(answer.columns), tuple(answer.types), [tuple(map(plain, row)) for row in answer.rows])

    return query


def book(store: Store, events: Iterable[LedgerEvent]) -> None:
    """Insert events as a posting does, their days marked."""
    rows, rollup = list(events), Rollup(store, quiet_s=0)
    with rollup.touching(rollup.days_of(each.booked_time for each in rows)):
        store.insert("ledger_events", *events_block(rows))


def budget(**changes: Any) -> Budget:  # noqa: ANN401 (a field of any type)
    """Five dollars a day for everything."""
    return msgspec.structs.replace(Budget(name="all", window="day", limit=Decimal(5)), **changes)


def cents(number: int, count: int, **changes: object) -> LedgerEvent:
    """A priced charge."""
    return event(number, **{"cost": count * ATTO // 100, **changes})


def spent(store: Store, *budgets: Budget, exchange: Any = NO_RATES) -> list[str]:  # noqa: ANN401
    """What the ledger says that each has spent, and at how many requests' worst case."""
    found = states(query_of(store), budgets, NOW, exchange)
    return [f"{each.spent:f}" + (f" ({each.unpriced_requests})" if each.unpriced_requests else "") for each in found]


def test_a_scope_is_equalities_and_a_window_half_open(store: Store) -> None:
    """Each dimension must have its value; what was booked in another window is not counted."""
    midnight_ns = NOON_NS - NOON_NS % DAY_NS
    book(
        store,
        [
            cents(1, 100, team="search"),
            cents(2, 10, team="search", environment="staging"),
            cents(3, 1, team="it's \\ mine"),
            cents(4, 1000, team="search", time_ns=midnight_ns - 1),
            cents(5, 2, team="search", time_ns=midnight_ns),
            cents(6, 4, team="search", time_ns=midnight_ns + DAY_NS),
        ],
    )
    search, staging = {"team": "search"}, {"team": "search", "environment": "staging"}
    assert spent(
        store,
        budget(),
        budget(scope=search),
        budget(scope=staging),
        budget(scope={"team": "it's \\ mine"}),
        budget(scope={"team": "nobody"}),
        budget(scope=search, window="total"),
        budget(scope=search, window="rolling:PT12H"),
        budget(scope=search, window="month", tz="Asia/Tokyo"),
    ) == ["1.13", "1.12", "0.1", "0.01", "0", "11.16", "1.1", "11.16"]


def test_a_budget_of_a_model_counts_the_one_that_was_asked_for(store: Store) -> None:
    """Answers name snapshots; a call that was let through as gpt-4o is counted as gpt-4o, once."""
    book(
        store,
        [
            cents(1, 1, model="gpt-4o-2024-08-06", request_model="gpt-4o"),
            cents(2, 2, model="gpt-4o", request_model="gpt-4o"),
            cents(3, 4, model="gpt-4o-mini", request_model="gpt-4o-mini"),
        ],
    )
    scopes = ({"model": "gpt-4o"}, {"model": "gpt-4o-2024-08-06"}, {"model": "gpt-4o-mini", "team": "search"})
    assert spent(store, *(budget(scope=scope) for scope in scopes)) == ["0.03", "0.01", "0.04"]


def test_what_has_no_price_counts_at_the_worst_case(store: Store) -> None:
    """120 tokens nobody can price are 0.012 and 0.1 of dollars; of unknown usage only the request counts."""
    unpriced: dict[str, object] = {"cost": None, "cost_state": "unpriced"}
    lost: dict[str, object] = {"input_tokens": None, "output_tokens": None, "usage_source": "missing"}
    taken_back = cents(4, 0, **unpriced)
    rows = [
        cents(1, 100),
        cents(2, 0, **unpriced),
        cents(3, 0, **lost, **unpriced | {"cost_state": "unknown"}),
        taken_back,
        reversal(taken_back),
    ]
    book(store, rows)
    [state] = states(query_of(store), [budget(window="month")], NOW)
    assert (state.spent, state.unpriced_requests, state.worst_case) == (Decimal("1.212"), 2, Decimal("0.212"))
    assert (state.remaining, state.percent, state.reached) == (Decimal("3.788"), Decimal("24.24"), ())
    free = budget(unpriced_per_million_tokens=Decimal(0), unpriced_per_request=Decimal(0))
    assert spent(store, free) == ["1 (2)"]
    later: dict[str, object] = {"kind": "adjustment", "requests": 0, "charge_id": rows[1].charge_id}
    book(store, [cents(5, 3, input_tokens=None, output_tokens=None, **later)])
    assert spent(store, budget()) == ["1.13 (1)"]


def test_currencies_are_converted_by_their_day_or_counted_as_unpriced(store: Store) -> None:
    """The budget's own currency first, then the reporting cost, then the day's rate; without one, the worst case."""
    euros = exchange_of(price_book([read_layer(PRICES, origin="own.yaml")]))
    book(
        store,
        [
            cents(1, 100),
            cents(2, 100, currency="GBP"),
            cents(3, 100, reporting_cost=90 * ATTO // 100, reporting_currency="EUR"),
            cents(4, 100, time_ns=NOON_NS + HOUR_NS, currency="CHF"),
        ],
    )
    worst = {"unpriced_per_request": Decimal(7), "unpriced_per_million_tokens": Decimal(0)}
    dollars, pounds = budget(**worst), budget(**worst, currency="GBP", name="gbp")
    # USD to EUR is 0.8 and GBP to EUR 1.2: a pound is 1.5 dollars. The francs are the worst case.
    assert spent(store, dollars, pounds, exchange=euros) == ["10.5 (1)", "9.333333333333333334 (1)"]
    assert spent(store, budget(**worst, currency="EUR"), exchange=euros) == ["9.9 (1)"]
    assert spent(store, budget(**worst, currency="EUR")) == ["21.9 (3)"]


def test_a_budget_needs_a_currency_that_something_is_priced_in_or_converted_to() -> None:
    """Dollars always; others by the price files."""
    plain_book, own = price_book(), price_book([read_layer(PRICES, origin="own.yaml")])
    for currency in ("USD", "EUR", "GBP"):
        check_currency(currency, own)
    check_currency("USD", plain_book)
    for currency, prices in (("CHF", own), ("EUR", plain_book)):
        with pytest.raises(ConfigurationError, match=f"nothing is priced in {currency}"):
            check_currency(currency, prices)


def test_daily_sums_and_events_say_the_same(store: Store) -> None:
    """A month with clean days, a dirty one and one without sums is what its events are, whichever way it is read."""
    scope = {"tenant": "acme", "team": "search"}
    rows = [cents(n + 10, 3, time_ns=NOON_NS - n * DAY_NS, environment=f"e{n % 3}") for n in range(-3, 40)]
    rows += [cents(100 + n, 5, time_ns=NOON_NS - n * DAY_NS, team="other") for n in range(20)]
    book(store, rows)
    assert len(Rollup(store, quiet_s=0).refresh()) == 43
    seen: list[str] = []
    ask = query_of(store)

    def query(sql: str) -> Table:
        seen.append(sql)
        return ask(sql)

    def counted(*budgets: Budget) -> list[Decimal]:
        seen.clear()
        return [state.spent for state in states(query, budgets, NOW + timedelta(days=2))]

    month, raw = budget(scope=scope, window="month"), budget(scope=scope | {"feature": "chat"}, window="month")
    assert counted(month, raw) == [Decimal("0.12"), Decimal("0.12")]
    assert any("FROM ledger_daily" in sql for sql in seen)
    assert sum("FROM ledger_events" in sql for sql in seen) == 1
    # A day that is dirty again is read from its events, the others are not.
    book(store, [cents(200, 7)])
    assert counted(month) == [Decimal("0.19")]
    assert sum("FROM ledger_events" in sql for sql in seen) == 1
    total = budget(scope=scope, window="total")
    assert counted(total, budget(scope=scope, window="total", tz="Asia/Tokyo")) == [Decimal("1.36")] * 2


def test_what_daily_sums_cannot_tell_is_read_from_the_events(store: Store) -> None:
    """A call without a price on a clean day still counts at its worst case."""
    book(store, [cents(1, 100), cents(2, 0, cost=None, cost_state="unpriced")])
    Rollup(store, quiet_s=0).refresh()
    assert spent(store, budget()) == ["1.112 (1)"]


def test_every_version_of_a_budget_is_kept(store: Store) -> None:
    """Setting, changing and removing add rows; the history of a window has the limit that was in force at its end."""
    query, day = query_of(store), DAY_NS
    first = budget(scope={"team": "search"}, thresholds=(10, 90), hard=True, tz="Europe/Berlin")
    put(store, query, first, NOON_NS - 2 * day)
    assert current(query) == [first]
    with pytest.raises(ConfigurationError, match="the budget 'all' has the same scope"):
        put(store, query, budget(name="twin", scope={"team": "search"}), NOON_NS - 2 * day)
    second = budget(scope={"team": "search"}, limit=Decimal("0.5"), tz="Europe/Berlin")
    put(store, query, second, NOON_NS)
    put(store, query, second, NOON_NS + HOUR_NS)
    assert [version.budget.limit for version in versions_of(query, "all")] == [Decimal(5), Decimal("0.5")]
    book(store, [cents(n, 100, time_ns=NOON_NS - n * day) for n in range(4)])
    used = history(query, versions_of(query, "all"), NOW, 4)
    assert [(each.limit, each.spent, each.percent) for each in used] == [
        (None, Decimal(1), None),
        (Decimal(5), Decimal(1), Decimal(20)),
        (Decimal(5), Decimal(1), Decimal(20)),
        (Decimal("0.5"), Decimal(1), Decimal(200)),
    ]
    assert used[0].until == used[1].since == datetime(2026, 3, 29, 22, tzinfo=UTC)
    remove(store, query, "all", NOON_NS + 2 * HOUR_NS)
    assert current(query) == []
    assert query("SELECT count() FROM budgets").rows == [(0,)]
    for name in ("all", "never"):
        with pytest.raises(ConfigurationError, match=f"there is no budget '{name}'"):
            remove(store, query, name, NOON_NS + 3 * HOUR_NS)


def test_history_tells_a_tenant_nothing_of_another_that_had_the_budget_before(store: Store) -> None:
    """The windows before are its own usage, without a limit."""
    query = query_of(store)
    put(store, query, budget(scope={"tenant": "globex"}), NOON_NS - 2 * DAY_NS)
    put(store, query, budget(scope={"tenant": "acme"}), NOON_NS)
    book(store, [cents(1, 700, time_ns=NOON_NS - DAY_NS, tenant="globex"), cents(2, 100, time_ns=NOON_NS)])
    versions = versions_of(query, "all")
    told = [
        [(each.limit, each.spent) for each in history(query, versions, NOW, 2, tenants=tenants)]
        for tenants in (None, frozenset({"acme"}))
    ]
    own = (Decimal(5), Decimal(1))
    assert told == [[(Decimal(5), Decimal(7)), own], [(None, Decimal(0)), own]]
