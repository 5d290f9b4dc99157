"""Ledger events for tests: one plain charge, and changes to it by name."""

import msgspec

from spanledger.exporter.rate import Rated
from spanledger.schemas import LedgerEvent
from spanledger.schemas.event import NO_EVENT

NOON_NS = 1_775_044_800_000_000_000
"""2026-04-01T12:00:00Z."""
HOUR_NS = 3_600 * 10**9

_CHARGE = LedgerEvent(
    event_id=bytes(16),
    charge_id=bytes(16),
    kind="charge",
    reverses=NO_EVENT,
    event_time=NOON_NS,
    booked_time=NOON_NS,
    ingest_time=NOON_NS,
    tenant="acme",
    environment="production",
    service_name="checkout",
    user_id="u-1",
    session_id="s-1",
    organization_id="",
    feature="chat",
    team="search",
    project="",
    cost_center="",
    agent="",
    agent_path=(),
    workflow_id="",
    conversation_id="",
    tools=(),
    provider="openai",
    model="gpt-4o-mini",
    request_model="gpt-4o-mini",
    response_model="gpt-4o-mini",
    operation="chat",
    region="",
    account="",
    service_tier="",
    requests=1,
    input_tokens=100,
    cache_read_tokens=None,
    cache_write_tokens=None,
    output_tokens=20,
    reasoning_tokens=None,
    lines_unit=("input_tokens", "output_tokens"),
    lines_quantity=(100, 20),
    lines_unit_price=(150_000_000_000, 600_000_000_000),
    lines_amount=(15_000_000_000_000, 12_000_000_000_000),
    cost=27_000_000_000_000,
    currency="USD",
    cost_state="priced",
    reported_cost=None,
    revenue=None,
    revenue_currency="",
    reporting_cost=None,
    reporting_currency="",
    fx_rate=None,
    fx_source="",
    price_book="book-1",
    price_id="openai/gpt-4o-mini",
    usage_source="provider",
    quality="exact",
    dialect="genai",
    scope="*",
    status="ok",
    error_type="",
    attempt=0,
    duration_ms=1500,
    time_to_first_token_ms=None,
    trace_id="0af7651916cd43dd8448eb211c80319c",
    span_id="b7ad6b7169203331",
    parent_span_id="",
    response_id="resp-1",
    flags=(),
    metadata={},
)


def event(number: int, **changes: object) -> LedgerEvent:
    """A charge of 100 input and 20 output tokens for 0.000027 dollars; `number` makes its id, `time_ns` moves it."""
    time_ns = changes.pop("time_ns", NOON_NS)
    assert isinstance(time_ns, int)
    event_id = time_ns.to_bytes(8, "big") + number.to_bytes(8, "big")
    base = {
        "event_id": event_id,
        "charge_id": event_id,
        "event_time": time_ns,
        "booked_time": time_ns,
        "ingest_time": time_ns,
    }
    return msgspec.structs.replace(_CHARGE, **{**base, **changes})


def reversal(of: LedgerEvent, **changes: object) -> LedgerEvent:
    """The event that takes another back: the same row with negative requests, quantities and amounts."""
    base = {
        "event_id": of.event_id[:8] + bytes([0xFF]) + of.event_id[9:],
        "kind": "reversal",
        "reverses": of.event_id,
        "requests": -of.requests,
        "input_tokens": _negative(of.input_tokens),
        "output_tokens": _negative(of.output_tokens),
        "lines_quantity": tuple(-quantity for quantity in of.lines_quantity),
        "lines_amount": tuple(_negative(amount) for amount in of.lines_amount),
        "cost": _negative(of.cost),
    }
    return msgspec.structs.replace(of, **{**base, **changes})


def _negative(number: int | None) -> int | None:
    return None if number is None else -number


def rating_of(of: LedgerEvent) -> Rated:
    """What a price book says of an event."""
    return Rated(
        of.lines_unit,
        of.lines_quantity,
        of.lines_unit_price,
        of.lines_amount,
        of.cost,
        of.currency,
        of.cost_state,
        "",
        of.model,
        of.price_id,
        of.price_book,
        (),
        (),
        (),
        of.revenue,
        of.revenue_currency,
        of.reporting_cost,
        of.reporting_currency,
        of.fx_rate,
        of.fx_source,
    )
