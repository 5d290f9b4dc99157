"""What changed most, in the real engine: a time beside the one just before it."""

from typing import Any

import pytest
from support.asking import post, query_of, sum_up
from support.ledger_events import HOUR_NS, NOON_NS, event, reversal

from spanledger.exporter.store import Store
from spanledger.ledger.periods import instant_ns, zone
from spanledger.ledger.queries import movers
from spanledger.ledger.queries.buckets import instant
from spanledger.ledger.queries.movers import time_before
from spanledger.schemas import ConfigurationError
from spanledger.schemas.event import ATTO

DAY_NS = 24 * HOUR_NS
CENT = ATTO // 100
APRIL: dict[str, Any] = {"since": "2026-04-01", "until": "2026-05-01"}
UNPRICED = {"cost": None, "currency": "", "cost_state": "unpriced"}


def moved(store: Store, **asked: Any) -> list[dict[str, Any]]:  # noqa: ANN401 (as `movers` takes them)
    """The rows."""
    options: dict[str, Any] = {**APRIL, "by": "model", **asked}
    return movers(query_of(store), **options).records()


@pytest.mark.parametrize("clean", [False, True])
def test_the_largest_differences_come_first_whichever_way(store: Store, *, clean: bool) -> None:
    """Who is new, who is gone, who grew; exact, from the events and from the daily sums."""
    earlier = NOON_NS - 10 * DAY_NS
    events = [
        event(1, model="grew", cost=2 * CENT, time_ns=earlier),
        event(2, model="grew", cost=3 * CENT),
        event(3, model="gone", cost=7 * CENT, time_ns=earlier),
        event(4, model="new", cost=4 * CENT + 1),
        event(5, model="same", cost=CENT, time_ns=earlier),
        event(6, model="same", cost=CENT),
        event(7, model="long ago", cost=CENT, time_ns=NOON_NS - 40 * DAY_NS),
    ]
    post(store, *events, reversal(event(8, model="new", cost=CENT)), event(8, model="new", cost=CENT))
    if clean:
        sum_up(store, events)
    rows = moved(store)
    assert [[*row.values()] for row in rows] == [
        ["gone", "USD", "0.07", "0", "-0.07", 0.0],
        ["new", "USD", "0", "0.040000000000000001", "0.040000000000000001", None],
        ["grew", "USD", "0.02", "0.03", "0.01", 1.5],
        ["same", "USD", "0.01", "0.01", "0", 1.0],
    ]
    assert [*rows[0]] == ["model", "currency", "before", "after", "difference", "ratio"]
    assert [row["model"] for row in moved(store, limit=2)] == ["gone", "new"]
    [whole] = moved(store, by="")
    assert whole == {
        "currency": "USD",
        "before": "0.1",
        "after": "0.080000000000000001",
        "difference": "-0.019999999999999999",
        "ratio": 0.8,
    }


def test_what_nobody_could_price_has_no_difference(store: Store) -> None:
    """Unknown is not zero; it comes last. Beside priced calls the known part is told."""
    post(
        store,
        event(1, model="unknown before", time_ns=NOON_NS - DAY_NS, **UNPRICED),
        event(2, model="unknown before", cost=9 * CENT),
        event(3, model="partly", time_ns=NOON_NS - DAY_NS, cost=CENT),
        event(4, model="partly", cost=CENT),
        event(5, model="partly", **UNPRICED),
        event(6, model="never known", **UNPRICED),
    )
    assert [(row["model"], row["before"], row["after"], row["difference"]) for row in moved(store)] == [
        ("partly", "0.01", "0.01", "0"),
        ("unknown before", None, "0.09", None),
    ]


def test_currencies_are_told_apart_and_counts_have_none(store: Store) -> None:
    """Whoever pays in two has two rows; its requests are one."""
    post(
        store,
        event(1, cost=CENT, time_ns=NOON_NS - DAY_NS),
        event(2, cost=3 * CENT),
        event(3, cost=8 * CENT, currency="EUR", input_tokens=None),
    )
    assert [(row["currency"], row["difference"]) for row in moved(store)] == [("EUR", "0.08"), ("USD", "0.02")]
    assert [row["difference"] for row in moved(store, currency="USD")] == ["0.02"]
    assert moved(store, measure="requests") == [
        {"model": "gpt-4o-mini", "currency": None, "before": 1, "after": 2, "difference": 1, "ratio": 2.0}
    ]
    assert moved(store, measure="input_tokens")[0]["difference"] == 0
    assert moved(store, measure="reasoning_tokens")[0]["difference"] is None


def test_nothing_moved_where_nothing_was(store: Store) -> None:
    """No rows."""
    assert moved(store) == moved(store, measure="requests") == []


HOSTILE = ("<script>alert(1)</script>", "", "x' OR 1 = 1 --", "a;b", "into OUTfile 'f'", "é😀", "\0", "back\\slash")


def test_names_are_told_as_they_are(store: Store) -> None:
    """Whatever is in them."""
    post(store, *(event(n, feature=name, cost=(n + 1) * CENT) for n, name in enumerate(HOSTILE)))
    assert [row["feature"] for row in moved(store, by="feature")] == [*reversed(HOSTILE)]
    assert moved(store, by="feature", currency="' OR 1 --") == []


@pytest.mark.parametrize(
    ("since", "until", "tz", "before"),
    [
        ("2026-04-01", "2026-05-01", "UTC", "2026-03-01T00:00:00+00:00"),
        ("2026-03-01", "2026-04-01", "Europe/Berlin", "2026-02-01T00:00:00+01:00"),
        ("2026-01-01", "2027-01-01", "UTC", "2025-01-01T00:00:00+00:00"),
        ("2026-01-01", "2026-04-01", "UTC", "2025-10-01T00:00:00+00:00"),
        ("2026-10-19", "2026-10-26", "Europe/Berlin", "2026-10-12T00:00:00+02:00"),
        ("2026-10-26", "2026-10-27", "Europe/Berlin", "2026-10-25T00:00:00+02:00"),
        ("2026-10-26T00:00", "2026-10-26T06:00", "Europe/Berlin", "2026-10-25T18:00:00+01:00"),
        ("2026-04-10T10:30", "2026-04-11T10:30", "UTC", "2026-04-09T10:30:00+00:00"),
    ],
)
def test_the_time_before_is_as_long_as_people_count(since: str, until: str, tz: str, before: str) -> None:
    """A month against the month before, days against as many days, whatever the clocks did; else exactly as long."""
    place = zone(tz)
    since_ns = instant_ns("since", since, place)
    begin, end = time_before(since_ns, instant_ns("until", until, place), place)
    assert (instant(begin, place), end) == (before, since_ns)


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"until": None}, "give since and until"),
        ({"since": None}, "give since and until"),
        ({"measure": "success_rate"}, "measure 'success_rate' cannot be compared by its difference"),
        ({"measure": "joy"}, "measure 'joy' cannot be compared"),
        ({"by": "day"}, "what changed is told of words"),
        ({"by": "colour"}, "'colour' is no dimension"),
        ({"limit": 0}, "limit 0 is no number of rows"),
        ({"since": "1900-01-02", "until": "1910-01-01"}, "the time before this one begins before 1900"),
    ],
)
def test_movers_that_cannot_be_are_refused_in_one_sentence(asked: dict[str, Any], sentence: str) -> None:
    """Before the store is asked."""

    def unasked(sql: str) -> Any:  # noqa: ANN401
        raise AssertionError(sql)

    options: dict[str, Any] = {**APRIL, "by": "model", **asked}
    with pytest.raises(ConfigurationError) as refused:
        movers(unasked, **options)
    assert sentence in str(refused.value)
