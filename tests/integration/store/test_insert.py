from decimal import Decimal

import pytest
from support.ledger_events import NOON_NS, event

from spanledger.exporter.store import RefusedRowsError, Store
from spanledger.exporter.store.blocks import (
    ROWS_PER_BLOCK,
    ClaimRow,
    PostingRow,
    QuarantineRow,
    claims_block,
    events_block,
    postings_block,
    quarantine_block,
)
from spanledger.schemas import StoreError
from spanledger.schemas.event import COLUMNS

LAST_NS = 2**63 - 1
MONEY_MAX = 10**38 - 1
FULL = event(
    1,
    kind="adjustment",
    reverses=b"\xff" * 16,
    agent_path=("planner", "критик"),
    tools=("search",),
    workflow_id="run-1",
    conversation_id="conv-1",
    cache_read_tokens=7,
    cache_write_tokens=0,
    reasoning_tokens=2**63 - 1,
    lines_unit=("input_tokens", "gpu_seconds", "images"),
    lines_quantity=(-5, 0, 2**63 - 1),
    lines_unit_price=(None, 1, -MONEY_MAX),
    lines_amount=(0, None, MONEY_MAX),
    cost=-MONEY_MAX,
    reported_cost=10**18,
    attempt=65535,
    flags=("clock_skew",),
    metadata={"region": "eu", "ключ": "значение"},
)


def columns_read_back(store: Store) -> dict[str, object]:
    """The only row of the ledger, times as nanoseconds."""
    times = {name for name, column in COLUMNS.items() if column.type.startswith("DateTime64")}
    shown = ", ".join(f"toUnixTimestamp64Nano({name})" if name in times else f"`{name}`" for name in COLUMNS)
    (row,) = store.query(f"SELECT {shown} FROM ledger_events")
    return dict(zip(COLUMNS, row, strict=True))


def money(atto: int | None) -> Decimal | None:
    """An amount as the engine gives it back."""
    return None if atto is None else Decimal(f"{atto}E-18")


def test_every_column_of_an_event_comes_back(any_store: Store) -> None:
    """Extremes of every type: what is read is what was written, to the last digit and nanosecond."""
    any_store.insert("ledger_events", *events_block([FULL]))
    row = columns_read_back(any_store)
    assert {name: row[name] for name in ("event_id", "kind", "reverses", "event_time", "requests", "attempt")} == {
        "event_id": FULL.event_id,
        "kind": "adjustment",
        "reverses": b"\xff" * 16,
        "event_time": NOON_NS,
        "requests": 1,
        "attempt": 65535,
    }
    assert (row["cache_read_tokens"], row["cache_write_tokens"], row["reasoning_tokens"]) == (7, 0, 2**63 - 1)
    assert row["lines.unit"] == ["input_tokens", "gpu_seconds", "images"]
    assert row["lines.quantity"] == [-5, 0, 2**63 - 1]
    assert row["lines.unit_price"] == [None, money(1), money(-MONEY_MAX)]
    assert row["lines.amount"] == [money(0), None, money(MONEY_MAX)]
    assert (row["cost"], row["reported_cost"]) == (money(-MONEY_MAX), Decimal(1))
    assert (row["agent_path"], row["tools"], row["flags"]) == (["planner", "критик"], ["search"], ["clock_skew"])
    assert row["metadata"] == {"region": "eu", "ключ": "значение"}
    texts = ("tenant", "user_id", "workflow_id", "trace_id", "span_id", "response_id", "price_book", "dialect")
    assert {name: row[name] for name in texts} == {name: getattr(FULL, name) for name in texts}


def test_a_large_insert_is_one_part(any_store: Store) -> None:
    """Several blocks of one insert are stored together, whole or not at all."""
    assert ROWS_PER_BLOCK < 2500
    events = [event(number, tenant=f"tenant-{number % 300}") for number in range(5000)]
    any_store.insert("ledger_events", *events_block(events))
    assert any_store.query("SELECT count(), uniqExact(tenant), sum(input_tokens) FROM ledger_events") == [
        (5000, 300, 500_000),
    ]
    parts = "SELECT count() FROM system.parts WHERE database = currentDatabase() AND active AND table = 'ledger_events'"
    assert any_store.query(parts) == [(1,)]


def test_an_event_inserted_again_is_one_event(any_store: Store) -> None:
    """Redelivery, in whatever company, leaves the sums as they were."""
    any_store.insert("ledger_events", *events_block([event(1), event(2)]))
    any_store.insert("ledger_events", *events_block([event(2), event(3), event(3)]))
    assert any_store.query("SELECT count(), sum(requests), sum(input_tokens) FROM ledger_events FINAL") == [(3, 3, 300)]


def test_two_equal_inserts_are_both_stored(any_store: Store) -> None:
    """The engine must never take one insert for a repetition of another: that loses acknowledged rows."""
    for _ in range(2):
        any_store.insert("ledger_postings", *postings_block([PostingRow(1, "shard", 1, 2, {"charged": 1})]))
    assert any_store.query("SELECT count() FROM ledger_postings") == [(2,)]
    assert any_store.query("SELECT counts FROM ledger_postings FINAL") == [({"charged": 1},)]


def test_times_from_1970_to_2262_are_stored(any_store: Store) -> None:
    """The first and the last nanosecond are kept exactly, in the partitions of the oldest and the newest month."""
    any_store.insert(
        "ledger_events",
        *events_block([event(1, time_ns=0), event(2, time_ns=LAST_NS), event(3), event(4, time_ns=2**50)]),
    )
    stored = "SELECT toUnixTimestamp64Nano(event_time), _partition_id FROM ledger_events ORDER BY event_time"
    assert any_store.query(stored) == [(0, "202001"), (2**50, "202001"), (NOON_NS, "202604"), (LAST_NS, "205001")]


def test_claims_come_back(any_store: Store) -> None:
    """A claim settled again keeps one row, the newest; its payload's fields are columns of the view."""
    payload = b'{"span_id":"b7ad6b7169203331","usage":{"input_tokens":5},"end_ns":7,"attribution":{"team":"search"}}'
    claim = ClaimRow(
        "acme",
        bytes(15) + b"\1",
        bytes(16),
        "pending",
        "*",
        "t",
        "resp-1",
        9,
        "checkout",
        "traces",
        "app",
        5,
        6,
        7,
        "",
        payload,
    )
    settled = claim._replace(charge_id=b"\xaa" * 16, rule="response_id", settled_at=8)
    any_store.insert("ledger_claims", *claims_block([claim, settled]))
    columns = "claim_id, charge_id, rule, span_id, usage, team, status, toUnixTimestamp64Nano(end_time)"
    assert any_store.query(f"SELECT {columns} FROM claims") == [
        ("00" * 15 + "01", "aa" * 16, "response_id", "b7ad6b7169203331", {"input_tokens": 5}, "search", "ok", 7),
    ]


def test_quarantined_bytes_come_back(any_store: Store) -> None:
    """The reason and the thing itself are kept; quarantining it again does not count twice."""
    row = QuarantineRow(
        bytes(16), 5, "shard", 7, "acme", "*", "unattributed", "traces", "a count", "t", "s", 1, b"\xff\n\0 bytes"
    )
    any_store.insert("ledger_quarantine", *quarantine_block([row, row]))
    assert any_store.query("SELECT reason, hex(payload) FROM ledger_quarantine FINAL") == [
        ("a count", b"\xff\n\0 bytes".hex().upper()),
    ]


@pytest.mark.parametrize(
    "changes",
    [{"tenant": ""}, {"kind": "gift"}, {"cost": None}],
    ids=["no tenant", "unknown kind", "priced without a cost"],
)
def test_a_row_that_breaks_a_rule_is_refused(any_store: Store, changes: dict[str, object]) -> None:
    """The engine blames the rows, nothing of the insert is stored, and the next insert works."""
    with pytest.raises(RefusedRowsError, match="ledger_events"):
        any_store.insert("ledger_events", *events_block([event(1), event(2, **changes)]))
    any_store.insert("ledger_events", *events_block([event(3)]))
    assert any_store.query("SELECT count() FROM ledger_events") == [(1,)]


def test_a_broken_block_is_refused(any_store: Store) -> None:
    """A cut block stores nothing and says so."""
    columns, block = events_block([event(1)])
    with pytest.raises(RefusedRowsError):
        any_store.insert("ledger_events", columns, block[:-1])
    assert any_store.query("SELECT count() FROM ledger_events") == [(0,)]


def test_a_missing_table_is_not_the_rows_fault(any_store: Store) -> None:
    """Good rows must not be set aside because a migration is missing."""
    with pytest.raises(StoreError) as refused:
        any_store.insert("no_such_table", *events_block([event(1)]))
    assert not isinstance(refused.value, RefusedRowsError)
