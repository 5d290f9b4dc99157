"""`/v1/events`: the rows of the ledger as they are, page by page, and how each came to be.

A page is found by the narrow key first and read by it: rows are wide, and only those of the page are opened. Events are
only added, so a page that was read stays what it is; what is posted later with an earlier id is on no later page.
"""

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Annotated, Final, cast

import msgspec

from spanledger.exporter.authentication import Role
from spanledger.exporter.store.statements import literal
from spanledger.ledger.api.confining import SCOPE, check_words, only, scope_shown
from spanledger.ledger.api.cursors import cursor_of, place_of
from spanledger.ledger.api.route import AnyRoute, Context, NotFoundError, Nothing, Raw, Route
from spanledger.ledger.api.sheets import SHEET_EVENTS_MAX, Format, check_rows, sheet
from spanledger.ledger.api.times import bounds_ns
from spanledger.ledger.api.wanted import Cursor, Since, Until, Where
from spanledger.ledger.api.wire import EVENTS_DEFAULT, EVENTS_MAX, Event, EventPage, ExplainedEvent, Line, LineChecked
from spanledger.ledger.explain import ClaimSeen, Explained, explain
from spanledger.ledger.explain_text import sentences
from spanledger.ledger.tables import Table, Value
from spanledger.schemas.event import COLUMNS

_ID_HEX_CHARS: Final = 32
_LINES: Final = ("lines.unit", "lines.quantity", "lines.unit_price", "lines.amount")


class EventsAsked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`GET /v1/events`."""

    since: Since = ""
    until: Until = ""
    where: Where = {}
    newest: Annotated[bool, msgspec.Meta(description="The newest first; the oldest unless set")] = False
    limit: Annotated[int, msgspec.Meta(ge=1, le=EVENTS_MAX)] = EVENTS_DEFAULT
    cursor: Cursor = ""
    format: Format = "json"


class _Place(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The last event of a page."""

    event_id: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{32}$")]
    tenant: str


def _events(context: Context, asked: EventsAsked) -> EventPage | Raw:
    check_words(context.tenants, asked.where)
    place = place_of(_Place, asked) if asked.format == "json" else None
    conditions = [
        *only(context.tenants),
        *_within(*bounds_ns(asked.since, asked.until)),
        *(f"{name} IN ({', '.join(map(literal, values))})" for name, values in asked.where.items()),
        *([_beyond(place, newest=asked.newest)] if place else []),
    ]
    if asked.format == "csv":
        return _sheet(context, conditions, newest=asked.newest)
    events, more = _of(context, conditions, newest=asked.newest, limit=asked.limit)
    last = _Place(events[-1].event_id, events[-1].tenant) if more and events else None
    return EventPage(events=events, next_cursor=cursor_of(last, asked) if last else None)


def _event(context: Context, _: Nothing) -> ExplainedEvent:
    wanted = context.path["event_id"].strip().lower()
    known = len(wanted) == _ID_HEX_CHARS and set(wanted) <= set("0123456789abcdef")
    of = [f"event_id = unhex('{wanted}')", *only(context.tenants)]
    found = _of(context, of, newest=False, limit=1)[0] if known else []
    if not found:
        msg = f"no event has the id {wanted[:_ID_HEX_CHARS]!r}"
        raise NotFoundError(msg)
    explained = [
        each
        for each in explain(context.query, wanted, context.tenants)
        if (each.event["event_id"], each.event.get("tenant")) == (found[0].event_id, found[0].tenant)
    ]
    one = explained[0] if explained else Explained({}, (), None, (), ())
    return ExplainedEvent(
        event=found[0],
        adds_up=one.adds_up,
        lines=[LineChecked(line.unit, line.quantity, line.unit_price, line.amount, line.adds_up) for line in one.lines],
        claims=[_claim(context, seen) for seen in one.claims],
        evidence=[_claim(context, seen) for seen in one.evidence],
        sentences=[line for line in sentences(one) if line] if explained else [],
    )


def _claim(context: Context, seen: ClaimSeen) -> dict[str, Value]:
    shown = {**seen.claim, SCOPE: scope_shown(context.tenants, str(seen.claim.get(SCOPE, "")))}
    return {"claim_id": seen.claim_id, "rule": seen.rule, **shown}


def _sheet(context: Context, conditions: Sequence[str], *, newest: bool) -> Raw:
    """All that fulfil the conditions, every column as it is in the ledger."""
    table, more = _found(context, conditions, newest=newest, limit=SHEET_EVENTS_MAX)
    check_rows(len(table.rows) + more, SHEET_EVENTS_MAX)
    scope = table.columns.index(SCOPE)
    rows = [(*row[:scope], scope_shown(context.tenants, str(row[scope])), *row[scope + 1 :]) for row in table.rows]
    return sheet(Table(table.columns, table.types, rows))


def _of(context: Context, conditions: Sequence[str], *, newest: bool, limit: int) -> tuple[list[Event], bool]:
    """The first events, by their ids, that fulfil the conditions; and whether there may be more."""
    table, more = _found(context, conditions, newest=newest, limit=limit)
    return [event_of(record, context.tenants) for record in table.records()], more


def _found(context: Context, conditions: Sequence[str], *, newest: bool, limit: int) -> tuple[Table, bool]:
    """Their rows.

    Two versions of an event, which differ in nothing that a condition names, are one; most have one.
    """
    looked_at = 2 * (limit + 1)
    keys = context.query(keys_sql(conditions, newest=newest, limit=looked_at)).rows
    known = dict.fromkeys(keys)
    shown = set(islice(known, limit))
    if not shown:
        return Table(tuple(COLUMNS), tuple(column.type for column in COLUMNS.values()), []), False
    page = keys_sql(conditions, newest=newest, limit=sum(key in shown for key in keys))
    table = context.query(_rows_sql(page, newest=newest))
    # What was posted between the two statements may stand before the others: a page has its size all the same.
    more = len(known) > limit or len(keys) == looked_at
    return Table(table.columns, table.types, table.rows[:limit]), more


def keys_sql(conditions: Sequence[str], *, newest: bool, limit: int) -> str:
    """The first keys: the narrow columns alone, and nothing that would have to see all of them first."""
    way = "DESC" if newest else "ASC"
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    # Values are literals; all else is from the tables above.
    return f"SELECT tenant, event_id FROM ledger_events{where} ORDER BY event_id {way}, tenant {way} LIMIT {limit}"  # noqa: S608


def _rows_sql(keys: str, *, newest: bool) -> str:
    """Whole rows of a few keys, each as FINAL tells it, which itself would read every column of their neighbours.

    The newest version; of versions of one moment the one that was inserted last.
    """
    way = "DESC" if newest else "ASC"
    columns = ", ".join(_column(name) for name in COLUMNS)
    rows = f"ledger_events AS e WHERE (e.tenant, e.event_id) IN ({keys})"
    order = f"e.event_id {way}, e.tenant {way}, e.ingest_time DESC, e._part_index DESC, e._part_offset DESC"
    return f"SELECT {columns} FROM {rows} ORDER BY {order} LIMIT 1 BY e.event_id, e.tenant"  # noqa: S608


def event_of(record: Mapping[str, Value], tenants: frozenset[str] | None) -> Event:
    """One row as the API tells it."""
    columns = [cast("Sequence[object]", record[name]) for name in _LINES]
    plain = {name: value for name, value in record.items() if name not in _LINES}
    lines = tuple(Line(*cast("tuple[str, int, str | None, str | None]", line)) for line in zip(*columns, strict=True))
    scope = scope_shown(tenants, str(record[SCOPE]))
    return msgspec.convert({**plain, SCOPE: scope, "lines": lines}, Event)


def _column(name: str) -> str:
    match COLUMNS[name].type:
        case "FixedString(16)":
            return f"lower(hex(e.{name})) AS {name}"
        case "DateTime64(9, 'UTC')":
            # To the nanosecond, which a Python time cannot hold.
            return f"concat(replaceOne(toString(e.{name}), ' ', 'T'), 'Z') AS {name}"
        case _:
            return f"e.`{name}` AS `{name}`"


def _within(since_ns: int | None, until_ns: int | None) -> list[str]:
    bounds = ((">=", since_ns), ("<", until_ns))
    return [f"booked_time {sign} fromUnixTimestamp64Nano(toInt64({ns}))" for sign, ns in bounds if ns is not None]


def _beyond(place: _Place, *, newest: bool) -> str:
    sign = "<" if newest else ">"
    return f"(event_id, tenant) {sign} (unhex('{place.event_id}'), {literal(place.tenant)})"


ROUTES: Final[Sequence[AnyRoute]] = (
    Route(
        method="GET",
        path="/v1/events",
        summary="Events of the ledger, page by page",
        asked=EventsAsked,
        answers=EventPage,
        answer=_events,
        role=Role.READ,
    ),
    Route(
        method="GET",
        path="/v1/events/{event_id}",
        summary="One event with its claims, rule and arithmetic",
        asked=Nothing,
        answers=ExplainedEvent,
        answer=_event,
        role=Role.READ,
    ),
)
