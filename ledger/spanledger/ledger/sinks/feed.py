"""What was posted since a sink last looked: the questions, and the folding of their answers. Pure but for `query`.

The ledger has no order of arrival, so claims are followed: every posting stores its claims, under the store's clock,
and then its events. A row can appear some seconds after the instant it bears, so the last minute is always read again.
Adjustments have no claim of their own, and are found by their kind; they count for the size of a page all the same.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, cast

from spanledger.exporter.store.statements import quoted
from spanledger.ledger.sinks.port import Event
from spanledger.ledger.tables import Table, Value
from spanledger.schemas.event import COLUMNS

# A row can appear this long after the instant it bears: an insert, with its retries, takes no longer.
OVERLAP_NS: Final = 60 * 10**9
ARRIVALS_PER_PAGE: Final = 2_000

Query = Callable[[str], Table]

_ADJUSTING: Final = "('adjustment', 'credit')"
_IDS: Final = ("event_id", "charge_id", "reverses")
_LINES: Final = ("unit", "quantity", "unit_price", "amount")


@dataclass(frozen=True, slots=True)
class Page:
    """Events that were posted between two instants of the store's clock."""

    events: Sequence[Event]
    upto_ns: int
    """Where it ends."""
    safe_ns: int
    """Before this nothing can appear any more: from here the next look begins."""
    more: bool
    """Whether more was posted by now."""


def now_ns(query: Query) -> int:
    """The store's clock."""
    return _number(query("SELECT toUnixTimestamp64Nano(now64(9, 'UTC'))"), 0)


def page_after(query: Query, cursor_ns: int) -> Page:
    """What was posted after an instant; of the minute before now, what is visible so far."""
    now = now_ns(query)
    upto = _number(query(_upto_sql(cursor_ns)), cursor_ns)
    more = upto > cursor_ns and _number(query(_count_sql(upto)), 0) > 0
    bound_ns = upto if more else max(upto, now)
    events = [_event(record) for record in query(_events_sql(cursor_ns, bound_ns)).records()]
    return Page(events, bound_ns, min(bound_ns, now - OVERLAP_NS), more)


def _upto_sql(cursor_ns: int) -> str:
    return (
        "SELECT toUnixTimestamp64Nano(max(s)) FROM ("  # noqa: S608 (numbers)
        f"SELECT s FROM ({_arrivals_sql(cursor_ns)}) ORDER BY s LIMIT {ARRIVALS_PER_PAGE}) HAVING count() > 0"
    )


def _count_sql(upto_ns: int) -> str:
    return f"SELECT count() FROM ({_arrivals_sql(upto_ns)})"  # noqa: S608 (a number)


def _arrivals_sql(after_ns: int) -> str:
    """The instants at which something arrived."""
    after = _time(after_ns)
    return (
        f"SELECT stored_at AS s FROM ledger_claims WHERE stored_at > {after}"  # noqa: S608 (a number)
        f" UNION ALL SELECT ingest_time FROM ledger_events WHERE kind IN {_ADJUSTING} AND ingest_time > {after}"
    )


def _events_sql(cursor_ns: int, upto_ns: int) -> str:
    between = f"BETWEEN {_time(cursor_ns)} AND {_time(upto_ns)}"
    recent = f"FROM ledger_claims WHERE stored_at {between}"
    columns = (f"lower(hex(e.{name})) AS {name}" if name in _IDS else f"e.{quoted(name)}" for name in COLUMNS)
    return (
        f"SELECT {', '.join(columns)} FROM ledger_events AS e FINAL"  # noqa: S608 (our own columns, and numbers)
        f" WHERE (e.tenant, e.charge_id) IN (SELECT tenant, charge_id {recent})"
        f" OR (e.kind = 'reversal' AND e.trace_id IN (SELECT trace_id {recent} AND trace_id != ''))"
        f" OR (e.kind IN {_ADJUSTING} AND e.ingest_time {between})"
        " ORDER BY e.event_id"
    )


def _time(ns: int) -> str:
    return f"fromUnixTimestamp64Nano(toInt64({ns}), 'UTC')"


def _number(answer: Table, otherwise: int) -> int:
    return int(str(answer.rows[0][0])) if answer.rows else otherwise


def _event(record: Mapping[str, Value]) -> Event:
    """A row as one mapping; its four columns of lines as one list."""
    event = {name.removeprefix("e."): value for name, value in record.items()}
    columns = [cast("Sequence[Value]", event.pop(f"lines.{name}")) for name in _LINES]
    event["lines"] = [dict(zip(_LINES, line, strict=True)) for line in zip(*columns, strict=True)]
    return event
