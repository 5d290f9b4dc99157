"""The report's SQL in the real engine: duplicates, reversals, bounds and clocks that are set back."""

from datetime import UTC, datetime
from typing import Any

from support.asking import post, query_of, sum_up

from spanledger.exporter.store import Store
from spanledger.ledger.queries import DIMENSIONS, answer, ask
from spanledger.schemas import LedgerEvent
from spanledger.schemas.columns import columns_of
from spanledger.schemas.event import ATTO, NO_EVENT

_NOTHING: dict[str, Any] = {
    "DateTime64": 0,
    "FixedString": NO_EVENT,
    "Int64": 0,
    "LowCardinality": "",
    "Map": {},
    "Nullable": None,
    "String": "",
    "UInt16": 0,
}
"""An empty value of each column type."""
_LISTS = ("agent_path", "tools", "flags", "lines_unit", "lines_quantity", "lines_unit_price", "lines_amount")


def event(number: int, at: datetime, **changes: Any) -> LedgerEvent:  # noqa: ANN401 (a column of any type)
    """A charge of one request, 10 input tokens and 0.1 USD for tenant acme."""
    time_ns = int(at.timestamp()) * 10**9
    nothing = {
        name: () if name in _LISTS else _NOTHING[str(column.type).partition("(")[0]]
        for name, column in columns_of(LedgerEvent).items()
    }
    fields: dict[str, Any] = {
        **nothing,
        "event_id": time_ns.to_bytes(8, "big") + number.to_bytes(8, "big"),
        "charge_id": number.to_bytes(16, "big"),
        "kind": "charge",
        "event_time": time_ns,
        "booked_time": time_ns,
        "ingest_time": time_ns,
        "tenant": "acme",
        "requests": 1,
        "input_tokens": 10,
        "cost": ATTO // 10,
        "currency": "USD",
        "cost_state": "priced",
        "usage_source": "provider",
        "quality": "exact",
    }
    return LedgerEvent(**{**fields, **changes})


def reported(store: Store, by: str, since: str | None = None, until: str | None = None, tz: str = "UTC") -> list[Any]:
    """Some columns of a report: dimensions, requests, input tokens, cost."""
    asked = ask(by, since=since, until=until, tz=tz)
    return [(*row[: len(asked.by)], row[-9], row[-8], row[-6]) for row in answer(query_of(store), asked).rows]


NOON = datetime(2026, 10, 24, 12, tzinfo=UTC)


def test_a_row_that_was_inserted_twice_counts_once(store: Store) -> None:
    """Parts that are not merged yet hold both."""
    for _ in range(2):
        post(store, event(1, NOON), event(2, NOON))
    assert reported(store, "tenant") == [("acme", 2, 20, "0.2")]


def test_a_reversal_takes_its_event_back(store: Store) -> None:
    """Plain sums over every kind are right."""
    taken_back = event(3, NOON, kind="reversal", requests=-1, input_tokens=-10, cost=-ATTO // 10)
    post(store, event(1, NOON), event(2, NOON, input_tokens=7), taken_back)
    assert reported(store, "tenant") == [("acme", 1, 7, "0.1")]


def test_unknown_stays_unknown_and_takes_no_row_of_its_own(store: Store) -> None:
    """A model without a price has no cost; beside priced calls it is in their row."""
    unpriced = {"cost": None, "currency": "", "cost_state": "unpriced", "input_tokens": None}
    events = [event(1, NOON), event(2, NOON, **unpriced), event(3, NOON, tenant="globex", **unpriced)]
    post(store, *events)
    assert reported(store, "tenant") == [("acme", 2, 10, "0.1"), ("globex", 1, None, None)]


def test_what_got_its_price_later_is_unpriced_until_then(store: Store) -> None:
    """By what the daily sums know and by what only events know alike; a price that is taken back leaves it so again."""
    unpriced = {"cost": None, "currency": "", "cost_state": "unpriced"}
    late = event(1, NOON, **unpriced)
    price = event(3, NOON, charge_id=late.charge_id, kind="adjustment", requests=0, input_tokens=None)
    withdrawn = {"kind": "reversal", "reverses": price.event_id, "cost": -ATTO // 10}

    def told() -> list[tuple[Any, ...]]:
        asked = [ask(by, measures="requests,cost") for by in ("tenant", "user_id")]
        tables = [answer(query_of(store), each) for each in asked]
        names = ("requests", "cost", "unpriced_share")
        return [tuple(row[name] for name in names) for table in tables for row in table.records()]

    post(store, late, event(2, NOON))
    assert told() == [(2, "0.1", 0.5)] * 2
    post(store, price)
    assert told() == [(2, "0.2", 0.0)] * 2
    post(store, event(4, NOON, charge_id=late.charge_id, requests=0, input_tokens=None, **withdrawn))
    assert told() == [(2, "0.1", 0.5)] * 2


def test_the_hour_that_happens_twice_is_two_rows(store: Store) -> None:
    """Berlin, 25 October 2026: 02:00 with summer time, then 02:00 without."""
    hours = [datetime(2026, 10, 25, hour, 30, tzinfo=UTC) for hour in (0, 1)]
    post(store, *(event(n, at) for n, at in enumerate(hours)))
    assert [row[0] for row in reported(store, "hour", tz="Europe/Berlin")] == [
        "2026-10-25T02:00:00+02:00",
        "2026-10-25T02:00:00+01:00",
    ]
    assert [row[:2] for row in reported(store, "day", tz="Europe/Berlin")] == [("2026-10-25", 2)]


def test_a_day_of_the_zone_holds_exactly_its_own_hours(store: Store) -> None:
    """Half-open bounds: the first instant is in, the next day's first instant is not."""
    edges = [
        datetime(2026, 10, 24, 21, 59, 59, tzinfo=UTC),
        datetime(2026, 10, 24, 22, tzinfo=UTC),
        datetime(2026, 10, 25, 22, 59, 59, tzinfo=UTC),
        datetime(2026, 10, 25, 23, tzinfo=UTC),
    ]
    post(store, *(event(n, at) for n, at in enumerate(edges)))
    [row] = reported(store, "month", "2026-10-25", "2026-10-26", tz="Europe/Berlin")
    assert row[:2] == ("2026-10", 2)
    assert len(reported(store, "day", tz="Europe/Berlin")) == 3


def test_every_dimension_can_be_asked_for(store: Store) -> None:
    """No name of the contract is missing in the table, and no time is out of a bucket's range."""
    post(store, event(1, datetime(2200, 1, 1, 10, 30, tzinfo=UTC)))
    for name in DIMENSIONS:
        assert len(reported(store, name, tz="Asia/Kolkata")) == 1
    assert reported(store, "hour", tz="Asia/Kolkata")[0][0] == "2200-01-01T16:00:00+05:30"


HOSTILE = (
    "a;b",
    "x' OR 1 = 1 --",
    "into OUTfile 'f'",
    "back\\slash",
    "\\'",
    "{tenant:String}",
    "%s",
    "a\nb",
    "é😀",
    "\0",
)


def test_a_filter_finds_exactly_the_word_it_names(store: Store) -> None:
    """Whatever is in it: quotes, semicolons, words that SQL of people may not hold."""
    post(store, *(event(n, NOON, feature=word, input_tokens=n) for n, word in enumerate(HOSTILE, 1)))
    for n, word in enumerate(HOSTILE, 1):
        table = answer(query_of(store), ask("feature", where={"feature": word}, measures="input_tokens"))
        assert [row[:2] for row in table.rows] == [(word, n)]
    either = answer(query_of(store), ask(where={"feature": HOSTILE[:2], "tenant": "acme"}, measures="requests"))
    assert [row[0] for row in either.rows] == [2]


def test_nobody_is_told_of_other_tenants(store: Store) -> None:
    """Confined to some tenants a question tells of them alone, whatever it filters by; confined to none, of nothing."""
    events = [event(1, NOON), event(2, NOON, tenant="globex"), event(3, NOON, tenant="o'hara")]
    post(store, *events)
    for clean in (events[:0], events):
        sum_up(store, clean)
        for tenants in (frozenset({"acme"}), frozenset({"globex", "o'hara"}), frozenset[str]()):
            for by in ("tenant", "tenant,feature", "tenant,user_id"):
                table = answer(query_of(store), ask(by, tenants=tenants))
                assert sorted(str(row[0]) for row in table.rows) == sorted(tenants)
            assert not answer(query_of(store), ask(where={"tenant": "initech"}, tenants=tenants)).rows
