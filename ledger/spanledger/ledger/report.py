"""Sums of the ledger by dimension: the SQL, and the folding of its answer. Pure: no store, no clock.

Plain sums over every kind of event are right (a reversal carries negative amounts). Two currencies are never
added: currency is always a key. Unknown is not zero: a cost nobody could price is None and counted in a share.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final, TypeVar, cast
from zoneinfo import ZoneInfo

from spanledger.ledger.periods import instant_ns, zone
from spanledger.ledger.tables import EXACT, Row, Table, Value, decimal_text
from spanledger.schemas import ConfigurationError
from spanledger.schemas.claim import UNATTRIBUTED
from spanledger.schemas.event import COLUMNS

_TIMES: Final = {
    "hour": "toUnixTimestamp64Milli(toDateTime64(dateTrunc('hour', booked_time, '{tz}'), 3))",
    "day": "toDate32(booked_time, '{tz}')",
    "month": "toYYYYMM(booked_time, '{tz}')",
}
"""Buckets of booked time in the report's zone."""

_WORDS: Final = ("LowCardinality(String)", "String")
DIMENSIONS: Final = (*(name for name, column in COLUMNS.items() if column.type in _WORDS), *_TIMES)
"""What a report can be split by: every column that holds one word, and the time buckets."""

_SHARES: Final = {
    "unpriced_share": "cost_state != 'priced'"
    " AND (tenant, event_id) NOT IN (SELECT p.tenant, p.event_id FROM priced_later AS p)",
    "estimated_share": "usage_source = 'estimated'",
    "probable_share": "quality = 'probable'",
    "unattributed_share": f"tenant = '{UNATTRIBUTED}'",
}
"""Each share and the condition on an event; shares are parts of the requests, from 0 to 1."""

_MEASURES: Final = {
    "requests": "Int64",
    "input_tokens": "Nullable(Int64)",
    "output_tokens": "Nullable(Int64)",
    "cost": "Nullable(Decimal(38, 18))",
    "currency": "Nullable(String)",
    **dict.fromkeys(_SHARES, "Nullable(Float64)"),
}
_SHARE_DECIMALS: Final = 6

_Number = TypeVar("_Number", int, Decimal)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A report that was asked for, checked. Bounds are half-open, in nanoseconds since 1970 UTC."""

    by: tuple[str, ...]
    since_ns: int | None
    until_ns: int | None
    tz: ZoneInfo


@dataclass(frozen=True, slots=True)
class _Sums:
    """The sums of one group of the query's answer."""

    requests: int
    input_tokens: int | None
    output_tokens: int | None
    cost: Decimal | None
    parts: tuple[int, ...]
    """Requests that count towards each share, in the order of `_SHARES`."""

    def __add__(self, other: "_Sums") -> "_Sums":
        return _Sums(
            self.requests + other.requests,
            _known(self.input_tokens, other.input_tokens, int.__add__),
            _known(self.output_tokens, other.output_tokens, int.__add__),
            _known(self.cost, other.cost, EXACT.add),
            tuple(a + b for a, b in zip(self.parts, other.parts, strict=True)),
        )


def question(by: str | Sequence[str], since: str | None, until: str | None, tz: str) -> Question:
    """Check what a report was asked for. Raises `ConfigurationError` naming the wrong option and the cure."""
    names = [name.strip() for name in (by.split(",") if isinstance(by, str) else by)]
    for name in names:
        if name not in DIMENSIONS:
            msg = f"--by {name!r} is no dimension; choose from {', '.join(DIMENSIONS)}"
            raise ConfigurationError(msg)
    place = zone(tz)
    return Question(
        by=tuple(dict.fromkeys(name for name in names if name != "currency")),
        since_ns=instant_ns("--since", since, place) if since else None,
        until_ns=instant_ns("--until", until, place) if until else None,
        tz=place,
    )


def report_sql(asked: Question) -> str:
    """The query; the columns of its answer are what `report_table` folds, by position."""
    keys = [_TIMES[name].format(tz=asked.tz.key) if name in _TIMES else name for name in asked.by]
    # An event without a cost belongs to no currency yet: it must not open a row of its own (see `report_table`).
    keys.append("if(isNull(cost), '', currency)")
    selected = [
        *(f"{key} AS key{place}" for place, key in enumerate(keys)),
        *(f"sum({name}) AS sum_{name}" for name in ("requests", "input_tokens", "output_tokens", "cost")),
        *(f"sumIf(requests, {condition}) AS part{place}" for place, condition in enumerate(_SHARES.values())),
    ]
    bounds = ((">=", asked.since_ns), ("<", asked.until_ns))
    conditions = [f"booked_time {sign} fromUnixTimestamp64Nano(toInt64({ns}))" for sign, ns in bounds if ns is not None]
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    grouped = ", ".join(f"key{place}" for place in range(len(keys)))
    # Every word is from the tables above, a checked zone or a whole number: nothing a person typed.
    return f"SELECT {', '.join(selected)} FROM ledger_events FINAL{where} GROUP BY {grouped}"  # noqa: S608


def report_table(asked: Question, answer: Table) -> Table:
    """Fold the query's answer into the report: dimensions, then the measures and shares.

    Requests without a cost join the row of their dimensions that has one, so that its `unpriced_share`
    tells how much the cost leaves out; where nothing has a cost the row says None.
    """
    groups: dict[Row, dict[str, _Sums]] = {}
    for row in answer.rows:
        *dimensions, currency = row[: len(asked.by) + 1]
        groups.setdefault(tuple(dimensions), {})[cast("str", currency)] = _sums(row[len(asked.by) + 1 :])
    entries = [(dims, currency, sums) for dims, some in groups.items() for currency, sums in _costed(some).items()]
    if any(name in _TIMES for name in asked.by):
        # By the instant, not by its text: an hour that happens twice has the later offset second.
        entries.sort(key=lambda entry: (cast("tuple[str, ...]", entry[0]), entry[1]))
    else:
        entries.sort(key=_dearest_first)
    return Table(
        columns=(*asked.by, *_MEASURES),
        types=(*("String" for _ in asked.by), *_MEASURES.values()),
        rows=[(*_shown(asked, dims), *_measures(currency, sums)) for dims, currency, sums in entries],
    )


def for_people(table: Table) -> Table:
    """The report as people read it: shares in percent, and only those that tell something."""
    at = [place for place, name in enumerate(table.columns) if name not in _SHARES or any(r[place] for r in table.rows)]
    return Table(
        columns=tuple(table.columns[place].removesuffix("_share") for place in at),
        types=tuple(table.types[place] for place in at),
        rows=[tuple(_percent(row[p]) if table.columns[p] in _SHARES else row[p] for p in at) for row in table.rows],
    )


def totals(table: Table) -> list[str]:
    """For each currency of a report a phrase of its requests and exact cost."""
    requests: dict[str, int] = {}
    costs: dict[str, Decimal] = {}
    for record in table.records():
        currency = cast("str | None", record["currency"]) or ""
        requests[currency] = requests.get(currency, 0) + cast("int", record["requests"])
        costs[currency] = EXACT.add(costs.get(currency, Decimal(0)), Decimal(cast("str | None", record["cost"]) or 0))
    return [
        f"{count} requests, {decimal_text(costs[currency])} {currency}" if currency else f"{count} without a cost"
        for currency, count in sorted(requests.items())
    ]


def _sums(row: Row) -> _Sums:
    requests, input_tokens, output_tokens, cost, *parts = row
    return _Sums(
        cast("int", requests),
        cast("int | None", input_tokens),
        cast("int | None", output_tokens),
        None if cost is None else Decimal(cast("str", cost)),
        tuple(cast("list[int]", parts)),
    )


def _costed(currencies: dict[str, _Sums]) -> dict[str, _Sums]:
    """Add what has no cost to the busiest of its currencies, if there is one."""
    costed = {currency: sums for currency, sums in currencies.items() if currency}
    if not costed or "" not in currencies:
        return currencies
    busiest = max(costed, key=lambda currency: (costed[currency].requests, currency))
    return {**costed, busiest: costed[busiest] + currencies[""]}


def _shown(asked: Question, dimensions: Row) -> Row:
    return tuple(_bucket(name, value, asked.tz) for name, value in zip(asked.by, dimensions, strict=True))


def _bucket(name: str, value: Value, tz: ZoneInfo) -> Value:
    match name:
        case "hour":
            return datetime.fromtimestamp(cast("int", value) // 1_000, UTC).astimezone(tz).isoformat()
        case "month":
            year, month = divmod(cast("int", value), 100)
            return f"{year:04d}-{month:02d}"
        case _:
            return value


def _measures(currency: str, sums: _Sums) -> Row:
    cost = _cost(sums)
    return (
        sums.requests,
        sums.input_tokens,
        sums.output_tokens,
        None if cost is None else decimal_text(cost),
        currency or None,
        *(round(part / sums.requests, _SHARE_DECIMALS) if sums.requests else None for part in sums.parts),
    )


def _cost(sums: _Sums) -> Decimal | None:
    """The cost, unless attempts and reversals left a zero that no priced request stands behind: that is no price."""
    unpriced = sums.parts[0]
    return None if sums.cost == 0 and unpriced == sums.requests != 0 else sums.cost


def _percent(share: Value) -> Value:
    return f"{share:.1%}" if isinstance(share, float) else share


def _dearest_first(entry: tuple[Row, str, _Sums]) -> tuple[bool, Decimal, tuple[str, ...]]:
    dimensions, currency, sums = entry
    cost = _cost(sums)
    return cost is None, EXACT.minus(cost or Decimal(0)), (*map(str, dimensions), currency)


def _known(left: _Number | None, right: _Number | None, add: Callable[[_Number, _Number], _Number]) -> _Number | None:
    """A sum of what is known; None while nothing is."""
    return right if left is None else left if right is None else add(left, right)
