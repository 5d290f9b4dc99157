from collections.abc import Generator
from pathlib import Path

import msgspec
import pytest
from support.api import Api, api_over
from support.asking import post
from support.ledger_events import NOON_NS, event, reversal

from spanledger.exporter.store import Store
from spanledger.ledger.api.wire import EVENTS_MAX
from spanledger.schemas import LedgerEvent
from spanledger.schemas.event import COLUMNS

MINUTE_NS = 60 * 10**9
EVERYTHING = event(
    50,
    time_ns=NOON_NS + 50 * MINUTE_NS + 123_456_789,
    tenant="globex",
    agent_path=("planner", "writer"),
    tools=("search",),
    flags=("estimated",),
    metadata={"ticket": "T-1", "quote": 'it\'s "so"'},
    cost=12_345_678_901_234_567_890_123_456_789_012_345,
    lines_unit_price=(None, 1),
    lines_amount=(None, -1),
    reported_cost=1,
    fx_rate=5 * 10**17,
    reporting_cost=-3,
    time_to_first_token_ms=0,
    reasoning_tokens=0,
    user_id="a,b é \\ '",
    attempt=65_535,
)


def ledger() -> list[LedgerEvent]:
    """Two tenants by turns, some in one nanosecond, one reversed, and one with something in every column."""
    events = [
        event(number, tenant=("acme", "globex")[number % 2], time_ns=NOON_NS + number // 3 * MINUTE_NS)
        for number in range(20)
    ]
    return [*events, reversal(events[3]), EVERYTHING]


@pytest.fixture
def api(store: Store, tmp_path: Path) -> Generator[Api]:
    """The API over that ledger, each event posted twice, as after a crash."""
    post(store, *ledger())
    post(store, *ledger()[5:])
    with api_over(store, tmp_path) as api:
        yield api


def pages(api: Api, key: str, **query: object) -> list[list[str]]:
    """The ids of every page of a question."""
    found: list[list[str]] = []
    cursor: str | None = ""
    while cursor is not None:
        answer = api.ask("/v1/events", key, **query, **({"cursor": cursor} if cursor else {})).json
        found.append([f"{each['event_id']} {each['tenant']}" for each in answer["events"]])
        cursor = answer["next_cursor"]
    return found


@pytest.mark.parametrize("limit", [1, 3, 11, 22, EVENTS_MAX])
def test_pages_hold_every_event_once_in_order(api: Api, limit: int) -> None:
    """Whatever their size, forwards and backwards, for one tenant and for all."""
    expected = sorted(f"{each.event_id.hex()} {each.tenant}" for each in ledger())
    for scope, tenants in (("*", {"acme", "globex"}), ("acme", {"acme"})):
        key = api.key(scope)
        own = [each for each in expected if each.split()[1] in tenants]
        for newest in (False, True):
            found = pages(api, key, limit=limit, newest=str(newest).lower())
            assert [each for page in found for each in page] == (own[::-1] if newest else own)
            assert {len(page) for page in found[:-1]} <= {limit}
            assert 0 < len(found[-1]) <= limit


def test_an_event_that_is_posted_between_two_pages_moves_nothing(api: Api, store: Store) -> None:
    """What was shown is not shown again, and nothing behind the cursor is passed over."""
    key = api.key()
    first = api.ask("/v1/events", key, limit=10).json
    post(store, event(90, tenant="acme", time_ns=NOON_NS - MINUTE_NS), event(91, time_ns=NOON_NS + 40 * MINUTE_NS))
    rest = api.ask("/v1/events", key, limit=EVENTS_MAX, cursor=first["next_cursor"]).json["events"]
    shown = [each["event_id"] for each in (*first["events"], *rest)]
    assert len(shown) == len(set(shown)) == len(ledger()) + 1


@pytest.mark.parametrize("together", [False, True], ids=["one by one", "in one insert"])
def test_of_two_versions_the_one_is_told_that_the_sums_are_of(api: Api, store: Store, *, together: bool) -> None:
    """The newest; of one moment the one that was inserted last."""
    first, second = event(95, service_name="first"), event(95, service_name="second")
    older = msgspec.structs.replace(first, ingest_time=first.ingest_time - 1, service_name="older")
    for rows in [[first, second, older]] if together else [[first], [second], [older]]:
        post(store, *rows)
    sums = store.query("SELECT lower(hex(event_id)), service_name FROM ledger_events FINAL ORDER BY event_id")
    told = api.ask("/v1/events", api.key(), limit=EVENTS_MAX).json["events"]
    assert (first.event_id.hex(), "second") in sums
    assert [(each["event_id"], each["service_name"]) for each in told] == sums


def test_every_column_is_told_exactly(api: Api) -> None:
    """Ids in hex, times to the nanosecond, money to the last digit, unknown as null and zero as zero."""
    [told] = api.ask("/v1/events", api.key(), where__user_id=EVERYTHING.user_id).json["events"]
    assert list(told) == [
        "lines" if name == "lines.unit" else name
        for name in COLUMNS
        if not name.startswith("lines.") or name == "lines.unit"
    ]
    assert told["event_id"] == EVERYTHING.event_id.hex()
    assert told["event_time"] == "2026-04-01T12:50:00.123456789Z"
    assert told["cost"] == "12345678901234567.890123456789012345"
    assert [told[name] for name in ("reported_cost", "fx_rate")] == ["0.000000000000000001", "0.5"]
    assert told["reporting_cost"] == "-0.000000000000000003"
    least = "0.000000000000000001"
    assert told["lines"] == [
        {"unit": "input_tokens", "quantity": 100, "unit_price": None, "amount": None},
        {"unit": "output_tokens", "quantity": 20, "unit_price": least, "amount": f"-{least}"},
    ]
    assert (told["cache_read_tokens"], told["reasoning_tokens"], told["time_to_first_token_ms"]) == (None, 0, 0)
    for name in ("agent_path", "tools", "flags", "metadata", "user_id", "attempt", "tenant", "scope"):
        expected = getattr(EVERYTHING, name)
        assert told[name] == ([*expected] if isinstance(expected, tuple) else expected)


def test_filters_and_bounds_name_what_is_wanted(api: Api) -> None:
    """Values as they are, one of several, half-open bounds in any offset."""
    key = api.key()

    def count(**query: object) -> int:
        answer = api.ask("/v1/events", key, limit=EVENTS_MAX, **query)
        assert answer.status == 200, answer.body
        return len(answer.json["events"])

    assert count() == 22
    assert count(where__kind="reversal") == 1
    assert count(where__tenant=["acme", "globex"]) == 22
    assert count(where__tenant="acme", where__kind=["charge", "reversal"]) == 10
    assert count(where__user_id="' OR 1=1 --") == 0
    assert count(since="2026-04-01T12:01:00Z", until="2026-04-01T12:02:00Z") == 4
    assert count(since="2026-04-01T14:01:00+02:00", until="2026-04-01T14:02:00+02:00") == 4
    assert count(until="2026-04-01T12:00:00Z") == 0


def test_an_event_is_explained(api: Api) -> None:
    """Its lines multiplied again, and in sentences; an id that nobody has is not found."""
    key = api.key("acme")
    told = api.ask(f"/v1/events/{ledger()[0].event_id.hex().upper()}", key).json
    assert told["event"]["event_id"] == ledger()[0].event_id.hex()
    assert told["adds_up"] is True
    assert [line["adds_up"] for line in told["lines"]] == [True, True]
    assert "gpt-4o-mini of openai is charged to tenant acme: 0.000027 USD" in told["sentences"][0]
    others = ledger()[1].event_id.hex()
    for unknown in ("00" * 16, others, "acme", "0" * 33, "%27", "..%2f"):
        answer = api.ask(f"/v1/events/{unknown}", key)
        assert (answer.status, answer.json["error"]) == (404, "NotFound")
    assert api.ask(f"/v1/events/{others}", api.key("globex")).status == 200
