"""Rows of the ledger's tables as Native blocks, ready for `Store.insert(table, *block)`.

The event's columns come from the record's own declarations; the other tables' stand beside their row types here.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Any, Final, NamedTuple

import msgspec

from spanledger.exporter.store import native
from spanledger.schemas import LedgerEvent
from spanledger.schemas.event import COLUMNS

ROWS_PER_BLOCK: Final = 2048
"""Few enough for the processor's cache, enough for the engine, to which every column of a block is a piece of work."""
_EVENTS_TRANSPOSED: Final = 128
"""Events that are tuples at one time: so few that the garbage collector is not called over them (measured)."""

_Encoder = Callable[[Sequence[Any]], bytes]

_ENCODERS: Final[dict[str, _Encoder]] = {
    "FixedString(16)": partial(native.fixed, width=16),
    "LowCardinality(String)": native.words,
    "String": native.strings,
    "DateTime64(9, 'UTC')": native.int64s,
    "Int64": native.int64s,
    "Date32": native.int32s,
    "UInt8": native.uint8s,
    "UInt16": native.uint16s,
    "UInt64": native.uint64s,
    "Nullable(Int64)": native.nullable_int64s,
    "Nullable(Decimal(38, 18))": native.decimals,
    "Array(LowCardinality(String))": native.word_arrays,
    "Array(Int64)": native.int64_arrays,
    "Array(Nullable(Decimal(38, 18)))": native.decimal_arrays,
    "Map(LowCardinality(String), String)": native.word_maps,
    "Map(LowCardinality(String), Int64)": native.word_int64_maps,
}
"""ClickHouse type → encoder; a column of another type fails when this module is imported."""


class ClaimRow(NamedTuple):
    """One row of `ledger_claims`. Times are nanoseconds since 1970 UTC."""

    tenant: str
    claim_id: bytes
    charge_id: bytes
    rule: str
    scope: str
    trace_id: str
    response_id: str
    likeness: int
    service_name: str
    signal: str
    emitter: str
    claim_time: int
    received_at: int
    settled_at: int
    poster: str
    payload: bytes
    """The claim as JSON, as `spanledger.schemas.claim.seal` gives it."""


class PostingRow(NamedTuple):
    """One row of `ledger_postings`: what became of a stretch of a journal."""

    posted_at: int
    shard: str
    first_seq: int
    last_seq: int
    counts: Mapping[str, int]


class AdjustmentRow(NamedTuple):
    """What an adjustment says other than the charge it adjusts. Money in whole atto units."""

    tenant: str
    adjusts: bytes
    """The event_id of the charge."""
    event_id: bytes
    units: tuple[str, ...]
    quantities: tuple[int, ...]
    unit_prices: tuple[int | None, ...]
    amounts: tuple[int | None, ...]
    cost: int | None
    currency: str
    cost_state: str
    price_book: str
    price_id: str
    revenue: int | None
    revenue_currency: str
    reporting_cost: int | None
    reporting_currency: str
    fx_rate: int | None
    fx_source: str


class BookRow(NamedTuple):
    """One row of `ledger_price_books`: a price book's text, under its digest."""

    digest: str
    loaded_at: int
    name: str
    content: str


class QuarantineRow(NamedTuple):
    """One row of `ledger_quarantine`: something accepted that cannot be booked, and why."""

    quarantine_id: bytes
    received_at: int
    shard: str
    seq: int
    """With the shard: the journal record that brought it."""
    tenant: str
    scope: str
    default_tenant: str
    """With the scope: the credential that it came with."""
    signal: str
    reason: str
    trace_id: str
    span_id: str
    elements: int
    """How many accepted spans or log records it stands for: 1, or those of a whole record that cannot be read."""
    payload: bytes
    """The request that brings it again, and nothing else."""


class DecisionRow(NamedTuple):
    """One row of `ledger_quarantine_decisions`: what became of something quarantined."""

    quarantine_id: bytes
    decided_at: int
    decision: str
    """`replayed`, `failed` or `discarded`."""
    reason: str
    shard: str
    seq: int
    """With the shard: the journal record that replayed it."""


class BudgetRow(NamedTuple):
    """One row of `ledger_budgets`: a budget as it was set at a time, or its end. Money in whole atto units."""

    name: str
    changed_at: int
    removed: int
    """1 ends it."""
    scope: Mapping[str, str]
    time_window: str
    tz: str
    currency: str
    limit_amount: int
    hard: int
    thresholds: Sequence[int]
    unpriced_per_million_tokens: int
    unpriced_per_request: int


class MarkRow(NamedTuple):
    """One row of `ledger_dirty_days`."""

    day: int
    """Days since 1970."""
    mark: bytes
    cleaned: int
    """1 takes the mark back."""


Block = tuple[list[str], bytes]
"""The column names and the Native bytes of some rows."""


def events_block(events: Sequence[LedgerEvent]) -> Block:
    """Rows of `ledger_events`. Raises `ValueError` or `OverflowError` on an event no column can hold."""
    return _EVENTS.encode(map(msgspec.structs.astuple, events))


def claims_block(rows: Sequence[ClaimRow]) -> Block:
    """Rows of `ledger_claims`."""
    return _CLAIMS.encode(rows)


def postings_block(rows: Sequence[PostingRow]) -> Block:
    """Rows of `ledger_postings`."""
    return _POSTINGS.encode(rows)


def adjustments_block(rows: Sequence[AdjustmentRow]) -> Block:
    """Rows of a table made with `ADJUSTMENT_TYPES`."""
    return _ADJUSTMENTS.encode(rows)


def books_block(rows: Sequence[BookRow]) -> Block:
    """Rows of `ledger_price_books`."""
    return _BOOKS.encode(rows)


def quarantine_block(rows: Sequence[QuarantineRow]) -> Block:
    """Rows of `ledger_quarantine`."""
    return _QUARANTINE.encode(rows)


def decisions_block(rows: Sequence[DecisionRow]) -> Block:
    """Rows of `ledger_quarantine_decisions`."""
    return _DECISIONS.encode(rows)


def budgets_block(rows: Sequence[BudgetRow]) -> Block:
    """Rows of `ledger_budgets`."""
    return _BUDGETS.encode(rows)


def marks_block(rows: Sequence[MarkRow]) -> Block:
    """Rows of `ledger_dirty_days`."""
    return _MARKS.encode(rows)


class _Table:
    """A table's columns, each with its type and encoder."""

    def __init__(self, types: Mapping[str, str], *, transposed: int = ROWS_PER_BLOCK, **encoders: _Encoder) -> None:
        self._columns = [(name, type_, encoders.get(name) or _ENCODERS[type_]) for name, type_ in types.items()]
        self._names = list(types)
        self._transposed = transposed

    def encode(self, rows: Iterable[Sequence[object]]) -> Block:
        """All rows, as one block after the other."""
        rest = iter(rows)
        blocks: list[bytes] = []
        while columns := self._next_columns(rest):
            encoded = [
                native.Column(name, type_, encode(values))
                for (name, type_, encode), values in zip(self._columns, columns, strict=True)
            ]
            blocks.append(native.block(encoded, len(columns[0])))
        return self._names, b"".join(blocks)

    def _next_columns(self, rest: Iterator[Sequence[object]]) -> list[list[object]]:
        """The next rows' values, column by column; empty at the end."""
        columns: list[list[object]] = [[] for _ in self._columns]
        for _ in range(ROWS_PER_BLOCK // self._transposed):
            some = zip(*islice(rest, self._transposed), strict=True)
            for column, values in zip(columns, some, strict=False):
                column.extend(values)
        return columns if columns[0] else []


_WORD: Final = "LowCardinality(String)"
_TIME: Final = "DateTime64(9, 'UTC')"
_ID: Final = "FixedString(16)"

_EVENTS: Final = _Table({name: column.type for name, column in COLUMNS.items()}, transposed=_EVENTS_TRANSPOSED)
_CLAIMS: Final = _Table(
    {
        "tenant": _WORD,
        "claim_id": _ID,
        "charge_id": _ID,
        "rule": _WORD,
        "scope": _WORD,
        "trace_id": "String",
        "response_id": "String",
        "likeness": "UInt64",
        "service_name": _WORD,
        "signal": _WORD,
        "emitter": _WORD,
        "claim_time": _TIME,
        "received_at": _TIME,
        "settled_at": _TIME,
        "poster": _WORD,
        "payload": "String",
    },
    payload=native.byte_strings,
)
_POSTINGS: Final = _Table(
    {
        "posted_at": _TIME,
        "shard": "String",
        "first_seq": "UInt64",
        "last_seq": "UInt64",
        "counts": "Map(LowCardinality(String), Int64)",
    },
)
_QUARANTINE: Final = _Table(
    {
        "quarantine_id": _ID,
        "received_at": _TIME,
        "shard": "String",
        "seq": "UInt64",
        "tenant": _WORD,
        "scope": _WORD,
        "default_tenant": _WORD,
        "signal": _WORD,
        "reason": _WORD,
        "trace_id": "String",
        "span_id": "String",
        "elements": "UInt64",
        "payload": "String",
    },
    payload=native.byte_strings,
)
_DECISIONS: Final = _Table(
    {
        "quarantine_id": _ID,
        "decided_at": _TIME,
        "decision": _WORD,
        "reason": "String",
        "shard": "String",
        "seq": "UInt64",
    },
)
_BOOKS: Final = _Table({"digest": "String", "loaded_at": _TIME, "name": "String", "content": "String"})
_MARKS: Final = _Table({"day": "Date32", "mark": _ID, "cleaned": "UInt8"})

_MONEY: Final = "Nullable(Decimal(38, 18))"
_BUDGETS: Final = _Table(
    {
        "name": "String",
        "changed_at": _TIME,
        "removed": "UInt8",
        "scope": "Map(LowCardinality(String), String)",
        "time_window": _WORD,
        "tz": _WORD,
        "currency": _WORD,
        "limit_amount": _MONEY,
        "hard": "UInt8",
        "thresholds": "Array(Int64)",
        "unpriced_per_million_tokens": _MONEY,
        "unpriced_per_request": _MONEY,
    },
)
ADJUSTMENT_TYPES: Final = {
    "tenant": _WORD,
    "adjusts": _ID,
    "event_id": _ID,
    "lines.unit": "Array(LowCardinality(String))",
    "lines.quantity": "Array(Int64)",
    "lines.unit_price": "Array(Nullable(Decimal(38, 18)))",
    "lines.amount": "Array(Nullable(Decimal(38, 18)))",
    "cost": _MONEY,
    "currency": _WORD,
    "cost_state": _WORD,
    "price_book": _WORD,
    "price_id": _WORD,
    "revenue": _MONEY,
    "revenue_currency": _WORD,
    "reporting_cost": _MONEY,
    "reporting_currency": _WORD,
    "fx_rate": _MONEY,
    "fx_source": _WORD,
}
"""The columns of the passing table that adjustments are joined with their charges from."""
_ADJUSTMENTS: Final = _Table(ADJUSTMENT_TYPES)
