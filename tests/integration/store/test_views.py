from datetime import date
from decimal import Decimal

from support.ledger_events import HOUR_NS, NOON_NS, event, reversal

from spanledger.exporter.posting.tables import LedgerTables
from spanledger.exporter.store import Store
from spanledger.exporter.store.blocks import events_block
from spanledger.schemas import LedgerEvent

ONE_CALL = Decimal("0.000027")
DAY = date(2026, 4, 1)


def book(store: Store, *events: LedgerEvent) -> None:
    """Post events as two inserts, the second of which repeats the first event."""
    store.insert("ledger_events", *events_block(events))
    store.insert("ledger_events", *events_block(events[:1]))


def test_a_reversed_charge_is_not_open(store: Store) -> None:
    """The reversal nets out in sums over events, and takes its charge out of `charges`."""
    first, second = event(1), event(2)
    book(store, first, second, reversal(first))
    assert store.query("SELECT sum(requests), sum(cost) FROM ledger_events FINAL") == [(1, ONE_CALL)]
    assert store.query("SELECT event_id, cost FROM charges") == [(second.event_id.hex(), ONE_CALL)]


def test_the_first_token_of_a_stream_stands_beside_the_duration(store: Store) -> None:
    """In milliseconds on the charge; NULL where nobody says. A reversal says what its charge said."""
    book(store, event(1, time_to_first_token_ms=410), event(2), event(3, time_to_first_token_ms=0))
    rows = "SELECT duration_ms, time_to_first_token_ms FROM charges ORDER BY event_id"
    assert store.query(rows) == [(1500, 410), (1500, None), (1500, 0)]
    LedgerTables(store).reverse([event(1).charge_id], NOON_NS)
    assert store.query("SELECT time_to_first_token_ms FROM ledger_events WHERE kind = 'reversal'") == [(410,)]


def test_attempts_are_not_charges(store: Store) -> None:
    """A try that states no usage is shown apart."""
    book(store, event(1), event(2, kind="attempt", requests=0, cost_state="unknown", cost=None, status="error"))
    assert store.query("SELECT count(), sum(requests) FROM charges") == [(1, 1)]
    assert store.query("SELECT status, requests FROM attempts") == [("error", 0)]


def test_a_charge_shows_its_lines(store: Store) -> None:
    """Quantity times unit price is the amount, line by line."""
    book(store, event(1))
    assert store.query("SELECT line, unit, quantity, unit_price, amount FROM charge_lines ORDER BY line") == [
        (1, "input_tokens", 100, Decimal("0.00000015"), Decimal("0.000015")),
        (2, "output_tokens", 20, Decimal("0.0000006"), Decimal("0.000012")),
    ]


def test_unpriced_lists_what_nothing_has_priced(store: Store) -> None:
    """A charge without a price stays listed until an adjustment brings one."""
    unknown = {"cost": None, "cost_state": "unpriced", "model": "mystery-1"}
    adjusted = event(2, **unknown)
    price = event(3, kind="adjustment", requests=0, charge_id=adjusted.charge_id)
    book(store, event(1, **unknown), adjusted, price)
    assert store.query("SELECT event_id, model, cost FROM unpriced") == [(event(1).event_id.hex(), "mystery-1", None)]


def test_unattributed_lists_what_names_nobody(store: Store) -> None:
    """It is charged, and there is one place to see it."""
    nobodys = event(1, tenant="unattributed")
    book(store, nobodys, event(2))
    assert store.query("SELECT event_id, cost FROM unattributed") == [(nobodys.event_id.hex(), ONE_CALL)]


def test_daily_costs_keep_unknown_apart_from_zero(store: Store) -> None:
    """Counts of what is unpriced, estimated, missing, probable or failed stand beside the sums."""
    book(
        store,
        event(1),
        event(2, cost=None, cost_state="unpriced", usage_source="estimated", model="mystery-1"),
        event(3, input_tokens=None, output_tokens=None, cost=None, cost_state="unknown", usage_source="missing"),
        event(4, quality="probable", status="error"),
    )
    counts = "unpriced_requests, estimated_requests, missing_requests, probable_requests, error_requests"
    assert store.query(
        f"SELECT model, requests, input_tokens, cost, {counts} FROM live_daily_costs ORDER BY model, currency"
    ) == [
        ("gpt-4o-mini", 1, None, None, 0, 0, 1, 0, 0),
        ("gpt-4o-mini", 2, 200, 2 * ONE_CALL, 0, 0, 0, 1, 1),
        ("mystery-1", 1, 100, None, 1, 1, 0, 0, 0),
    ]
    assert store.query("SELECT model, uncosted_requests FROM live_daily_costs WHERE currency = '' ORDER BY model") == [
        ("gpt-4o-mini", 1),
        ("mystery-1", 1),
    ]


def test_models_users_and_days_are_compared(store: Store) -> None:
    """By price, success and time; what nobody could price has no currency, and what nobody measured no time."""
    store.command("INSERT INTO ledger_dirty_days (day, mark) VALUES ('2026-04-01', 'm')")
    book(
        store,
        event(1, duration_ms=100, time_to_first_token_ms=40),
        event(2, duration_ms=300, user_id="u-2"),
        event(3, duration_ms=0, user_id="u-2", status="error"),
        event(4, kind="attempt", requests=0, cost_state="unknown", cost=None, status="error", duration_ms=900),
        event(5, cost=None, cost_state="unpriced", model="mystery-1"),
    )
    rates = "model, currency, requests, errors, success_rate, output_per_input, duration_ms_p50_p95"
    assert store.query(f"SELECT {rates} FROM benchmarks WHERE currency != ''") == [
        ("gpt-4o-mini", "USD", 3, 1, 1 - 1 / 3, 0.2, [300, 300])
    ]
    assert store.query(f"SELECT {rates} FROM benchmarks WHERE model = 'mystery-1'") == [
        ("mystery-1", "", 1, 0, 1.0, 0.2, [1500, 1500])
    ]
    compared = "round(cost_per_million_tokens, 6), time_to_first_token_ms_p50_p95"
    [(price, first)] = store.query(f"SELECT {compared} FROM benchmarks WHERE currency = 'USD'")
    assert (price, first) == (0.225, [40, 40])
    assert store.query("SELECT user_id, currency, requests, cost FROM leaderboard") == [
        ("u-2", "USD", 2, 2 * ONE_CALL),
        ("u-1", "USD", 1, ONE_CALL),
        ("u-1", "", 1, None),
    ]
    assert store.query("SELECT day, currency, requests, cost, error_requests FROM daily_trend ORDER BY currency") == [
        (DAY, "", 1, None, 0),
        (DAY, "USD", 3, 3 * ONE_CALL, 1),
    ]


def test_the_predecessor_s_views_answer(store: Store) -> None:
    """Its table and its sums by day, user, team and cost centre, under its names."""
    store.command("INSERT INTO ledger_dirty_days (day, mark) VALUES ('2026-04-01', 'm')")
    book(
        store,
        event(1, metadata={"tier": "gold"}),
        event(2, user_id="", team="", cost_center="cc-1", time_ns=NOON_NS + HOUR_NS, duration_ms=500, status="error"),
    )
    rows = "SELECT model, cached_tokens, cost_usd, cost, status, user_id, team, metadata_extra FROM token_ledger_events"
    assert store.query(f"{rows} ORDER BY timestamp") == [
        ("gpt-4o-mini", None, 0.000027, ONE_CALL, "success", "u-1", "search", '{"tier":"gold"}'),
        ("gpt-4o-mini", None, 0.000027, ONE_CALL, "error", None, None, "{}"),
    ]
    assert store.query("SELECT * FROM token_ledger_daily_costs") == [
        (DAY, "openai", "gpt-4o-mini", 2, 200, 40, 240, 2 * ONE_CALL, 1000.0),
    ]
    users = "SELECT user_id, request_count, total_tokens, total_cost FROM token_ledger_user_costs ORDER BY user_id"
    assert store.query(users) == [("anonymous", 1, 120, ONE_CALL), ("u-1", 1, 120, ONE_CALL)]
    assert store.query("SELECT * FROM token_ledger_team_costs ORDER BY team") == [
        ("search", DAY, 1, 120, ONE_CALL, 1500.0),
        ("unassigned", DAY, 1, 120, ONE_CALL, 500.0),
    ]
    assert store.query("SELECT * FROM token_ledger_cost_center_costs ORDER BY cost_center") == [
        ("cc-1", DAY, 1, 120, ONE_CALL),
        ("unassigned", DAY, 1, 120, ONE_CALL),
    ]


def test_cost_and_revenue_stand_side_by_side(store: Store) -> None:
    """The margin where both are known and in one currency; what is not sold is a row of its own."""
    sold = {"revenue": 30 * 10**12, "revenue_currency": "USD"}
    book(store, event(1, **sold), event(2, **sold), event(3), event(4, revenue=9, revenue_currency="EUR"))
    columns = "revenue_currency, requests, toString(cost), toString(revenue), toString(margin)"
    assert store.query(f"SELECT {columns} FROM margins ORDER BY revenue_currency") == [
        ("", 1, "0.000027", None, None),
        ("EUR", 1, "0.000027", "0.000000000000000009", None),
        ("USD", 2, "0.000054", "0.00006", "0.000006"),
    ]
