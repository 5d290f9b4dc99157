"""What changed most: each group's sum of a time beside that of the time just before it.

The time before is as long as people count: of whole months, as many whole months; of whole days, as many days, however
many hours they had; else exactly as long. Unknown is not zero: what nobody could price has no difference.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Final, cast
from zoneinfo import ZoneInfo

from spanledger.exporter.store.statements import literal
from spanledger.ledger.periods import NS_MIN, day_start_ns
from spanledger.ledger.queries.buckets import day_of
from spanledger.ledger.queries.dimensions import TIMES as BUCKETS
from spanledger.ledger.queries.measures import MEASURES, SUMMED, known_cost
from spanledger.ledger.queries.question import Question, ask
from spanledger.ledger.queries.sources import Query, source_in, standing
from spanledger.ledger.queries.statements import sums_sql
from spanledger.ledger.tables import EXACT, Row, Table, Value, decimal_text, is_money
from spanledger.schemas import ConfigurationError

MOVERS_LIMIT: Final = 10
MOVERS_MAX: Final = 1_000

_NOTHING: Final[Mapping[str, str]] = {}
_RATIO_DECIMALS: Final = 6
_TIMES: Final = (0, 1)
"""The time before, and the time asked for."""


def movers(
    query: Query,
    *,
    since: str | None,
    until: str | None,
    by: str | Sequence[str] = (),
    measure: str = "cost",
    tz: str = "UTC",
    where: Mapping[str, str | Sequence[str]] = _NOTHING,
    tenants: frozenset[str] | None = None,
    currency: str | None = None,
    limit: int = MOVERS_LIMIT,
) -> Table:
    """Each group's measure before and after, the largest differences first; those that are unknown come last.

    Money is told by currency, of one alone with `currency`; counts are of all events and have none. `ratio` is the
    later over the earlier. Raises `ConfigurationError` for a question that has no answer.
    """
    if measure not in SUMMED:
        msg = f"measure {measure!r} cannot be compared by its difference; choose from {', '.join(SUMMED)}"
        raise ConfigurationError(msg)
    if since is None or until is None:
        msg = "a time before needs a time with both ends: give since and until"
        raise ConfigurationError(msg)
    asked = ask(by, measures=measure, where=where, since=since, until=until, tz=tz, tenants=tenants)
    if set(asked.by) & set(BUCKETS):
        msg = "what changed is told of words, not of times: name dimensions such as model or tenant"
        raise ConfigurationError(msg)
    if not 0 < limit <= MOVERS_MAX:
        msg = f"limit {limit} is no number of rows: give one from 1 to {MOVERS_MAX}"
        raise ConfigurationError(msg)
    found = query(_sql(query, asked, measure, currency, limit))
    rows = [_row(len(asked.by), measure, row) for row in found.rows]
    return _table(asked, measure, sorted(rows, key=_largest_first))


def time_before(since_ns: int, until_ns: int, tz: ZoneInfo) -> tuple[int, int]:
    """The time that ends where this one begins, and is as long as people count. Raises `ConfigurationError`."""
    first, end = day_of(since_ns, tz), day_of(until_ns, tz)
    try:
        if (day_start_ns(first, tz), day_start_ns(end, tz)) != (since_ns, until_ns):
            before_ns = 2 * since_ns - until_ns
        elif first.day == end.day == 1:
            before_ns = day_start_ns(_months_before(first, _months(end) - _months(first)), tz)
        else:
            before_ns = day_start_ns(first - (end - first), tz)
    except (OverflowError, ValueError):
        before_ns = NS_MIN - 1
    if before_ns < NS_MIN:
        msg = "the time before this one begins before 1900, which the ledger cannot hold"
        raise ConfigurationError(msg)
    return before_ns, since_ns


def _months(day: date) -> int:
    return day.year * 12 + day.month - 1


def _months_before(day: date, months: int) -> date:
    year, month = divmod(_months(day) - months, 12)
    return date(year, month + 1, 1)


def _sql(query: Query, asked: Question, measure: str, currency: str | None, limit: int) -> str:
    """Both times side by side, each read from where it is told fastest: the groups that moved most, nearly in order.

    The engine subtracts as floats; what is told is subtracted exactly. A call without a cost is in no currency's row:
    what it leaves unknown is of its whole group. The columns: the keys, then of each time the measure, the requests
    without a price and all requests.
    """
    before_ns, since_ns = time_before(cast("int", asked.since_ns), cast("int", asked.until_ns), asked.tz)
    earlier = replace(asked, since_ns=before_ns, until_ns=since_ns)
    ledger, needed = standing(query), tuple(dict.fromkeys((measure, "unpriced", "requests")))
    both = " UNION ALL ".join(
        f"SELECT *, {late} AS late FROM ({sums_sql(part, source_in(ledger, part), sums=needed)})"  # noqa: S608
        for late, part in enumerate((earlier, asked))
    )
    groups = [f"k{place}" for place in range(len(asked.by))]
    # Of the two currencies of a row the revenue's is the last.
    own = f"k{len(asked.by) + (measure == 'revenue')}" if _is_money(measure) else ""
    keys = [*groups, own] if own else groups
    sums = [
        f"{function}(s_{name}, late = {late}) AS {short}{late}"
        for short, function, name in (
            ("m", "sumOrNullIf", measure),
            ("u", "sumIf", "unpriced"),
            ("r", "sumIf", "requests"),
        )
        for late in _TIMES
    ]
    grouped = f" GROUP BY {', '.join(keys)}" if keys else ""
    partition = f"PARTITION BY {', '.join(groups)}" if groups else ""
    of_group = [f"sum({name}{late}) OVER ({partition}) AS group_{name}{late}" for name in "ur" for late in _TIMES]
    named = f"{own} = {literal(currency)}" if currency else f"{own} != ''"
    told = [*keys, *(f"{name}{late}" for late in _TIMES for name in ("m", "group_u", "group_r"))]
    order = [
        " OR ".join(_unknown(measure, late) for late in _TIMES),
        "abs(ifNull(toFloat64(m1), 0) - ifNull(toFloat64(m0), 0)) DESC",
        *keys,
    ]
    return (
        f"SELECT {', '.join(told)} FROM (SELECT *, {', '.join(of_group)}"  # noqa: S608
        f" FROM (SELECT {', '.join([*keys, *sums])} FROM ({both}){grouped}))"
        f"{f' WHERE {named}' if own else ''} ORDER BY {', '.join(order)} LIMIT {limit}"
    )


def _unknown(measure: str, late: int) -> str:
    """When the measure of a time is unknown, as `_value` says it."""
    if measure == "cost":
        return f"(ifNull(toFloat64(m{late}), 0) = 0 AND group_u{late} = group_r{late} AND group_r{late} != 0)"
    return "0" if _is_money(measure) else f"(m{late} IS NULL AND group_r{late} != 0)"


def _value(measure: str, amount: Value, unpriced: Value, requests: Value) -> Value:
    """A measure of one time. Who used nothing then has nothing of it."""
    if _is_money(measure):
        money = "0" if amount is None else amount
        return known_cost(money, unpriced, requests) if measure == "cost" else money
    return 0 if amount is None and not requests else amount


def _row(width: int, measure: str, row: Row) -> Row:
    """The keys, both values, their difference and their ratio."""
    before, after = _value(measure, *row[-6:-3]), _value(measure, *row[-3:])
    currency = (row[width],) if _is_money(measure) else (None,)
    if before is None or after is None:
        return (*row[:width], *currency, before, after, None, None)
    earlier, later = Decimal(cast("str | int", before)), Decimal(cast("str | int", after))
    difference = EXACT.subtract(later, earlier)
    ratio = round(float(later / earlier), _RATIO_DECIMALS) if earlier > 0 else None
    return (
        *row[:width],
        *currency,
        before,
        after,
        decimal_text(difference) if _is_money(measure) else int(difference),
        ratio,
    )


def _largest_first(row: Row) -> tuple[bool, Decimal]:
    difference = row[-2]
    return difference is None, Decimal(0) if difference is None else -abs(Decimal(cast("str | int", difference)))


def _table(asked: Question, measure: str, rows: list[Row]) -> Table:
    kind = MEASURES[measure].type
    values = dict.fromkeys(
        ("before", "after", "difference"), kind if kind.startswith("Nullable") else f"Nullable({kind})"
    )
    columns = {
        **dict.fromkeys(asked.by, "String"),
        "currency": "Nullable(String)",
        **values,
        "ratio": "Nullable(Float64)",
    }
    return Table(tuple(columns), tuple(columns.values()), rows)


def _is_money(measure: str) -> bool:
    return is_money(MEASURES[measure].type)
