"""What the API asks and answers, as records: for the routes, the OpenAPI document and the client alike. Pure data.

Money is decimal text, never a float; times are ISO 8601 in UTC; ids are lowercase hex; None is unknown, not zero.
"""

from typing import Annotated, Any, Final, TypeAlias

import msgspec

EVENTS_DEFAULT: Final = 100
EVENTS_MAX: Final = 1_000
"""What one page of events may hold: some two megabytes."""
ROWS_DEFAULT: Final = 1_000
ROWS_MAX: Final = 10_000
"""What one page of any other table may hold."""

Money: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^-?[0-9]+(\.[0-9]+)?$", description="A decimal, exact")]
Record: TypeAlias = dict[str, Any]


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Rows of a table, each a mapping from column to value. With `next_cursor`, the same question has more of them."""

    rows: list[Record]
    next_cursor: str | None = None


class PricePage(msgspec.Struct, frozen=True, kw_only=True):
    """Prices as `spanledger prices list` has them, and the digest of the book that states them."""

    price_book: str
    rows: list[Record]
    next_cursor: str | None = None


class Line(msgspec.Struct, frozen=True):
    """One priced quantity of an event."""

    unit: str
    quantity: int
    unit_price: Money | None
    amount: Money | None


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One event of the ledger: every column, under the column's name; `lines.…` as one list.

    `scope`, the tenants that its sender could have charged, is empty for a reader who may not know of them all.
    """

    event_id: str
    charge_id: str
    kind: str
    reverses: str
    event_time: str
    booked_time: str
    ingest_time: str
    tenant: str
    environment: str
    service_name: str
    user_id: str
    session_id: str
    organization_id: str
    feature: str
    team: str
    project: str
    cost_center: str
    agent: str
    agent_path: tuple[str, ...]
    workflow_id: str
    conversation_id: str
    tools: tuple[str, ...]
    provider: str
    model: str
    request_model: str
    response_model: str
    operation: str
    region: str
    account: str
    service_tier: str
    requests: int
    input_tokens: int | None
    cache_read_tokens: int | None
    cache_write_tokens: int | None
    output_tokens: int | None
    reasoning_tokens: int | None
    lines: tuple[Line, ...]
    cost: Money | None
    currency: str
    cost_state: str
    reported_cost: Money | None
    revenue: Money | None
    revenue_currency: str
    reporting_cost: Money | None
    reporting_currency: str
    fx_rate: Money | None
    fx_source: str
    price_book: str
    price_id: str
    usage_source: str
    quality: str
    dialect: str
    scope: str
    status: str
    error_type: str
    attempt: int
    duration_ms: int
    time_to_first_token_ms: int | None
    trace_id: str
    span_id: str
    parent_span_id: str
    response_id: str
    flags: tuple[str, ...]
    metadata: dict[str, str]


class EventPage(msgspec.Struct, frozen=True, kw_only=True):
    """Events in the order of their ids, which is that of time. With `next_cursor`, the same question has more."""

    events: list[Event]
    next_cursor: str | None = None


class LineChecked(msgspec.Struct, frozen=True):
    """A line, multiplied again."""

    unit: str
    quantity: int
    unit_price: Money | None
    amount: Money | None
    adds_up: bool | None
    """Whether quantity times unit price is the amount, within the rounding of the unit price to 18 places."""


class ExplainedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event and how it came to be. Claims are of the tenants that the reader may know of."""

    event: Event
    adds_up: bool | None
    """Whether every line does and the lines sum to the cost; None without a cost."""
    lines: list[LineChecked]
    claims: list[Record]
    """What spans and log records said of this call, each with the rule that put it here."""
    evidence: list[Record]
    """Of the same trace: what repeats others, kept and not charged."""
    sentences: list[str]
    """The same for people."""
