"""The ledger event: one append-only row of `ledger_events`. Nothing is updated; plain sums are right.

The class is the one source of the table's columns: the DDL in `migrations` and `ledger_event.schema.json`
are tested equal to it. Money is a whole number of *atto* units: 1 is 10⁻¹⁸ of the currency, exactly what
ClickHouse's Decimal(38, 18) holds, so no float and no rounding stands between a price and its row.
"""

from typing import Annotated, Final, Literal

import msgspec

from spanledger.schemas.columns import Column, columns_of

ATTO: Final = 10**18
"""Atto units in one unit of a currency."""

Kind = Literal["charge", "attempt", "reversal", "adjustment", "credit", "denial"]
CostState = Literal["priced", "unpriced", "unknown"]
Quality = Literal["exact", "inferred", "probable", "aggregate"]

_WORD: Final = "LowCardinality(String)"
_TIME: Final = "DateTime64(9, 'UTC')"
_MONEY: Final = "Nullable(Decimal(38, 18))"
_COUNT: Final = "Nullable(Int64)"

NO_EVENT: Final = bytes(16)
"""`reverses` of an event that reverses none."""


class LedgerEvent(msgspec.Struct, frozen=True, gc=False):
    """One row of the ledger; its fields in the table's order. Times are nanoseconds since 1970 UTC."""

    event_id: Annotated[bytes, Column("FixedString(16)", "Sorts by time: earliest claim's start, then a content hash.")]
    charge_id: Annotated[bytes, Column("FixedString(16)", "The provider response or unit of work this event is about.")]
    kind: Annotated[Kind, Column(_WORD, "charge, attempt, reversal, adjustment, credit or denial.")]
    reverses: Annotated[bytes, Column("FixedString(16)", "The event_id a reversal takes back; zeros otherwise.")]
    event_time: Annotated[int, Column(_TIME, "When the work ended.")]
    booked_time: Annotated[
        int, Column(_TIME, "event_time, or the open period's first instant if its period was closed.")
    ]
    ingest_time: Annotated[int, Column(_TIME, "When the journal received the claim that caused this event.")]
    tenant: Annotated[str, Column(_WORD, "Who is charged.")]
    environment: Annotated[str, Column(_WORD, "deployment.environment.name.")]
    service_name: Annotated[str, Column(_WORD, "service.name of the emitting process.")]
    user_id: Annotated[str, Column("String", "The human on whose behalf.", personal=True)]
    session_id: Annotated[str, Column("String", "session.id.", personal=True)]
    organization_id: Annotated[str, Column(_WORD, "The customer organisation.")]
    feature: Annotated[str, Column(_WORD, "Product feature.")]
    team: Annotated[str, Column(_WORD, "Team.")]
    project: Annotated[str, Column(_WORD, "Project.")]
    cost_center: Annotated[str, Column(_WORD, "Cost centre.")]
    agent: Annotated[str, Column(_WORD, "gen_ai.agent.name, else its id.")]
    agent_path: Annotated[
        tuple[str, ...], Column("Array(LowCardinality(String))", "Agents above the call, outermost first.")
    ]
    workflow_id: Annotated[str, Column("String", "Workflow or durable-execution run.")]
    conversation_id: Annotated[str, Column("String", "gen_ai.conversation.id.", personal=True)]
    tools: Annotated[tuple[str, ...], Column("Array(LowCardinality(String))", "Tools the call used.")]
    provider: Annotated[str, Column(_WORD, "gen_ai.provider.name.")]
    model: Annotated[str, Column(_WORD, "The model that was priced.")]
    request_model: Annotated[str, Column(_WORD, "gen_ai.request.model.")]
    response_model: Annotated[str, Column(_WORD, "gen_ai.response.model.")]
    operation: Annotated[str, Column(_WORD, "gen_ai.operation.name.")]
    region: Annotated[str, Column(_WORD, "Region of the provider's endpoint.")]
    account: Annotated[str, Column(_WORD, "The account with the provider that the call was made under.")]
    service_tier: Annotated[str, Column(_WORD, "Service tier of the response.")]
    requests: Annotated[int, Column("Int64", "Provider responses: 1 on a charge, 0 on an attempt, -1 on a reversal.")]
    input_tokens: Annotated[int | None, Column(_COUNT, "All input tokens, cache included; NULL is unknown.")]
    cache_read_tokens: Annotated[int | None, Column(_COUNT, "Input tokens served from cache.")]
    cache_write_tokens: Annotated[int | None, Column(_COUNT, "Input tokens written to cache.")]
    output_tokens: Annotated[int | None, Column(_COUNT, "All output tokens, reasoning included; NULL is unknown.")]
    reasoning_tokens: Annotated[int | None, Column(_COUNT, "Output tokens spent on reasoning.")]
    lines_unit: Annotated[tuple[str, ...], Column("Array(LowCardinality(String))", "Unit of each priced line.")]
    lines_quantity: Annotated[tuple[int, ...], Column("Array(Int64)", "Quantity of each line.")]
    lines_unit_price: Annotated[
        tuple[int | None, ...], Column("Array(Nullable(Decimal(38, 18)))", "Price of one unit.")
    ]
    lines_amount: Annotated[tuple[int | None, ...], Column("Array(Nullable(Decimal(38, 18)))", "Amount of each line.")]
    cost: Annotated[int | None, Column(_MONEY, "Sum of the lines; NULL while unpriced or unknown.")]
    currency: Annotated[str, Column(_WORD, "ISO 4217 code of cost and lines.")]
    cost_state: Annotated[CostState, Column(_WORD, "priced, unpriced (no price found) or unknown (no usage).")]
    reported_cost: Annotated[int | None, Column(_MONEY, "The cost the sender stated, kept beside ours.")]
    revenue: Annotated[
        int | None, Column(_MONEY, "What the tenant pays by the book's sell prices; NULL without one that holds.")
    ]
    revenue_currency: Annotated[str, Column(_WORD, "ISO 4217 code of revenue; empty where nothing is sold.")]
    reporting_cost: Annotated[
        int | None, Column(_MONEY, "cost in the reporting currency; NULL without a cost or a rate for the day.")
    ]
    reporting_currency: Annotated[str, Column(_WORD, "ISO 4217 code of reporting_cost; empty where none is set.")]
    fx_rate: Annotated[int | None, Column(_MONEY, "Units of reporting_currency for one unit of currency.")]
    fx_source: Annotated[str, Column(_WORD, "Where fx_rate is from.")]
    price_book: Annotated[str, Column(_WORD, "Digest of the price book used.")]
    price_id: Annotated[str, Column(_WORD, "The book's own name of the price used; empty where there was none.")]
    usage_source: Annotated[str, Column(_WORD, "provider, estimated, missing or manual.")]
    quality: Annotated[Quality, Column(_WORD, "exact, inferred, probable or aggregate.")]
    dialect: Annotated[str, Column(_WORD, "The emitter's dialect the usage was read in.")]
    scope: Annotated[str, Column(_WORD, "The credential's scope.")]
    status: Annotated[str, Column(_WORD, "ok, error or fallback.")]
    error_type: Annotated[str, Column(_WORD, "error.type.")]
    attempt: Annotated[int, Column("UInt16", "Resend count; 0 is the first try.")]
    duration_ms: Annotated[int, Column("Int64", "Duration of the call in whole milliseconds.")]
    time_to_first_token_ms: Annotated[
        int | None, Column(_COUNT, "Whole milliseconds to the first piece of a streamed answer; NULL is unknown.")
    ]
    trace_id: Annotated[str, Column("String", "32 lowercase hex digits.")]
    span_id: Annotated[str, Column("String", "16 lowercase hex digits.")]
    parent_span_id: Annotated[str, Column("String", "16 lowercase hex digits, or empty.")]
    response_id: Annotated[str, Column("String", "gen_ai.response.id.")]
    flags: Annotated[
        tuple[str, ...], Column("Array(LowCardinality(String))", "What a reader should know of this event.")
    ]
    metadata: Annotated[
        dict[str, str], Column("Map(LowCardinality(String), String)", "Further attribution.", personal=True)
    ]


def column_name(field: str) -> str:
    """The column of a field: the four `lines_…` fields are the nested column `lines`."""
    return f"lines.{field.removeprefix('lines_')}" if field.startswith("lines_") else field


COLUMNS: Final = {column_name(field): column for field, column in columns_of(LedgerEvent).items()}
"""Column name → its declaration, in the table's order."""
