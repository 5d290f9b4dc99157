"""Days against the days before them, and months before they end."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from support.asking import post, query_of, sum_up
from support.ledger_events import HOUR_NS, NOON_NS, event

from spanledger.exporter.store import Store
from spanledger.ledger.queries import anomalies, forecast
from spanledger.ledger.queries.forecasts import projected
from spanledger.ledger.tables import EXACT
from spanledger.schemas import ConfigurationError
from spanledger.schemas.event import ATTO

DAY_NS = 24 * HOUR_NS
DAY = "2026-04-01"


def spent(number: int, user: str, days_before: int, cents: int, **changes: object) -> Any:  # noqa: ANN401 (an event)
    """A call of a user for some cents, so many days before the day in question."""
    at = NOON_NS - days_before * DAY_NS
    return event(number, **{"user_id": user, "cost": cents * ATTO // 100, "time_ns": at, **changes})


def strange(store: Store, **options: Any) -> list[tuple[Any, ...]]:  # noqa: ANN401 (as anomalies takes them)
    """Who is strange on the day: the last dimension, cost, mean, how many times, of how many days."""
    told: dict[str, Any] = {"day": DAY, **options}
    table = anomalies(query_of(store), **told)
    names = (table.columns[table.columns.index("requests") - 1], "cost", "mean_cost", "times", "days")
    return [tuple(row[name] for name in names) for row in table.records()]


def test_who_costs_more_than_twice_the_own_mean_is_strange(store: Store) -> None:
    """The day is not in its own mean: with it, three times the usual would be 1.5 times the mean."""
    post(
        store,
        *(spent(n, "steady", n, 100) for n in range(3)),
        spent(10, "double", 0, 200),
        spent(11, "double", 1, 100),
        spent(12, "triple", 0, 300),
        spent(13, "triple", 1, 100),
        spent(14, "tenfold", 0, 1000),
        spent(15, "tenfold", 7, 50),
        spent(16, "tenfold", 14, 150),
        spent(17, "new", 0, 9900),
        spent(18, "long-ago", 0, 9900),
        spent(19, "long-ago", 31, 1),
    )
    assert strange(store) == [("tenfold", "10", "1", 10.0, 2), ("triple", "3", "1", 3.0, 1)]
    assert strange(store, factor="1.9")[-1] == ("double", "2", "1", 2.0, 1)
    assert strange(store, window_days=31)[0] == ("long-ago", "99", "0.01", 9900.0, 1)


def test_the_same_user_of_two_tenants_is_two_users(store: Store) -> None:
    """And nobody is told of another tenant; what is unpriced on the day stands beside it."""
    unpriced = {"cost": None, "cost_state": "unpriced"}
    post(
        store,
        spent(1, "ann", 0, 500),
        spent(2, "ann", 0, 0, **unpriced),
        spent(3, "ann", 1, 100),
        spent(4, "ann", 0, 500, tenant="globex"),
        spent(5, "ann", 1, 500, tenant="globex"),
    )
    assert strange(store) == [("ann", "5", "1", 5.0, 1)]
    assert strange(store, tenants=frozenset({"globex"})) == []
    [row] = anomalies(query_of(store), day=DAY).records()
    assert (row["tenant"], row["requests"], row["currency"], row["unpriced_share"]) == ("acme", 2, "USD", 0.5)


def test_tenants_are_compared_by_the_kept_sums_alike(store: Store) -> None:
    """Whether the days are clean or dirty."""
    events = [spent(n, "ann", days, cents) for n, (days, cents) in enumerate([(0, 500), (1, 100), (2, 300)])]
    post(store, *events)
    live = strange(store, by="tenant")
    sum_up(store, events)
    assert strange(store, by="tenant") == live == [("acme", "5", "2", 2.5, 2)]


@pytest.mark.parametrize(
    "options",
    [{"factor": 0}, {"factor": "nan"}, {"factor": "x"}, {"window_days": 0}, {"window_days": 9999}, {"day": "today"},
     {"day": "0001-01-01"}, {"by": "day"}, {"by": "tenant,user_id"}, {"by": "cost"}, {"tz": "Mars"}],
)  # fmt: skip
def test_what_cannot_be_compared_is_refused(options: dict[str, Any], store: Store) -> None:
    """In one sentence."""
    with pytest.raises(ConfigurationError):
        strange(store, **options)


def test_a_month_is_projected_by_its_own_days() -> None:
    """28 days of history: 10 on weekdays and 1 at weekends. November 2026 has 30 days, its 22nd is a Sunday."""
    today = datetime(2026, 11, 22, tzinfo=UTC).date()
    costs = {
        day: Decimal(1 if day.weekday() > 4 else 10)
        for day in (today.fromordinal(today.toordinal() - back) for back in range(1, 29))
    }
    costs[today] = Decimal("0.5")
    mean, end, known = projected(costs, today)
    # 1 to 21 November: 15 weekdays and 6 weekend days; today as a Sunday; then 6 weekdays and 2 weekend days.
    assert (mean, end, known) == (EXACT.divide(Decimal(52), Decimal(7)), Decimal(150 + 6 + 1 + 60 + 2), 28)


def test_a_day_that_cost_more_than_usual_counts_as_it_is() -> None:
    """And one whole day of history is enough; none is not."""
    today = datetime(2026, 2, 27, tzinfo=UTC).date()
    assert projected({today: Decimal(5)}, today) == (None, None, 0)
    yesterday = today.replace(day=26)
    assert projected({yesterday: Decimal(2), today: Decimal(5)}, today) == (2, 2 + 5 + 2, 1)


def test_a_forecast_tells_what_is_spent_and_what_is_left_out(store: Store) -> None:
    """March 2026 in Berlin, on its 31st: yesterday 3, the days before it 1 each; one call unpriced."""
    unpriced = {"cost": None, "cost_state": "unpriced"}
    post(store, *(spent(n, "ann", n + 1, 300 if n == 1 else 100) for n in range(8)), spent(9, "ann", 1, 0, **unpriced))
    now = datetime(2026, 3, 31, 21, 59, tzinfo=UTC)
    [row] = forecast(query_of(store), now=now, tz="Europe/Berlin", by="tenant").records()
    assert row["tenant"] == "acme"
    assert (row["month"], row["requests"], row["spent"], row["currency"]) == ("2026-03", 9, "10", "USD")
    assert (row["days_left"], row["history_days"], row["unpriced_share"]) == (0, 7, 0.111111)
    assert (row["mean_day"], row["projected_30_days"]) == ("1.285714285714285714", "38.571428571428571429")
    # Today, a Tuesday, cost 1 so far; the Tuesday before it cost 1.
    assert row["projected_month"] == "10"
    [later] = forecast(query_of(store), now=now, tz="Asia/Tokyo").records()
    assert (later["month"], later["spent"], later["days_left"]) == ("2026-04", "0", 29)
    with pytest.raises(ConfigurationError, match="no buckets"):
        forecast(query_of(store), now=now, by="day")
    with pytest.raises(ConfigurationError, match="in no zone"):
        forecast(query_of(store), now=now.replace(tzinfo=None))
