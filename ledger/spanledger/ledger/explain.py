"""How an event came to be: the claims behind it, the rule that settled them, and its arithmetic done again.

Asks by plain SQL and answers plain data; the sentences are `explain_text`'s.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, TypeAlias, cast

import msgspec

from spanledger.ledger.tables import EXACT, Table, Value, decimal_text
from spanledger.schemas.event import COLUMNS

Query: TypeAlias = Callable[[str], Table]

# A trace of an agent has some hundred calls; what exceeds this is a list, not an explanation.
EVENTS_MAX: Final = 1_000

_ID_BYTES: Final = 16
_ATTO: Final = Decimal(1).scaleb(-18)


@dataclass(frozen=True, slots=True)
class Line:
    """One priced quantity, recomputed. Money is decimal text; None is unknown."""

    unit: str
    quantity: int
    unit_price: str | None
    amount: str | None
    adds_up: bool | None
    """Whether quantity times unit price is the amount, within the rounding of the unit price to 18 places."""


@dataclass(frozen=True, slots=True)
class ClaimSeen:
    """What one span said, and where it went."""

    claim_id: str
    rule: str
    claim: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Explained:
    """One event with all that made it. Without an event: claims that are not charged (yet)."""

    event: Mapping[str, Value]
    lines: tuple[Line, ...]
    adds_up: bool | None
    """Whether every line does and the lines sum to the cost; None without a cost."""
    claims: tuple[ClaimSeen, ...]
    """The claims of this event's charge."""
    evidence: tuple[ClaimSeen, ...]
    """Claims of the same trace that repeat what others state: kept, not charged."""

    def record(self) -> dict[str, object]:
        """One flat object: the event's columns, then lines and claims."""
        return {
            **self.event,
            "lines": self.lines,
            "adds_up": self.adds_up,
            "claims": [{"claim_id": seen.claim_id, "rule": seen.rule, **seen.claim} for seen in self.claims],
            "evidence": [{"claim_id": seen.claim_id, "rule": seen.rule, **seen.claim} for seen in self.evidence],
        }


def explain(query: Query, identifier: str, tenants: frozenset[str] | None = None) -> list[Explained]:
    """Every event of a trace, span, event, charge or response id, oldest first; empty when nothing has that id.

    With `tenants`, events and claims of others are as if they were not there: a trace may cross many tenants.
    """
    wanted, of = identifier.strip(), _of(tenants)
    charges, traces = _found(query, wanted, of)
    events = _records(query(_events_sql(charges, of))) if charges else []
    claims = _records(query(_claims_sql(charges, traces, of))) if charges or traces else []
    seen = [(str(claim["charge_id"]), str(claim["trace_id"]), _claim(claim)) for claim in claims]
    if not events and seen:
        return [Explained({"event_id": None}, (), None, (), tuple(claim for _, _, claim in seen))]
    return [_explained(event, seen) for event in events]


def _of(tenants: frozenset[str] | None) -> str:
    """A condition behind others that keeps everybody else's rows out; nothing when all may be told of."""
    if tenants is None:
        return ""
    names = ", ".join(f"unhex('{name.encode().hex()}')" for name in sorted(tenants) or [""])
    return f" AND tenant IN ({names})"


def _found(query: Query, wanted: str, of: str) -> tuple[list[str], list[str]]:
    """The charges, and the traces, that an identifier leads to."""
    ids = "SELECT DISTINCT lower(hex(charge_id)), trace_id FROM"
    answer = query(
        f"{ids} ledger_events WHERE {_matches(wanted, 'event_id')}{of} UNION DISTINCT"
        f" {ids} ledger_claims WHERE {_matches(wanted, 'claim_id')}{of} LIMIT {EVENTS_MAX}"
    )
    no_charge = bytes(_ID_BYTES).hex()
    charges = sorted({str(charge) for charge, _ in answer.rows} - {no_charge})
    return charges, sorted({str(trace) for _, trace in answer.rows} - {""})


def _matches(wanted: str, own_id: str) -> str:
    """A condition on any of a row's identifiers. The text travels as hex digits: nothing in it can be SQL."""
    text = f"unhex('{wanted.encode().hex()}')"
    conditions = [f"response_id = {text}", f"trace_id = lower({text})"]
    if own_id == "event_id":
        conditions.append(f"span_id = lower({text})")
    if len(wanted) == 2 * _ID_BYTES and all(digit in "0123456789abcdefABCDEF" for digit in wanted):
        conditions += [f"{own_id} = unhex('{wanted}')", f"charge_id = unhex('{wanted}')"]
    return f"({' OR '.join(conditions)})"


def _events_sql(charges: list[str], of: str) -> str:
    columns = ", ".join(_column(name) for name in COLUMNS)
    where = f"WHERE e.charge_id IN ({_ids(charges)}){of} ORDER BY e.event_id, e.ingest_time, e.kind LIMIT {EVENTS_MAX}"
    return f"SELECT {columns} FROM ledger_events AS e FINAL {where}"  # noqa: S608 (hex digits)


def _claims_sql(charges: list[str], traces: list[str], of: str) -> str:
    texts = ", ".join(f"unhex('{trace.encode().hex()}')" for trace in traces)
    conditions = [f"c.charge_id IN ({_ids(charges)})"] if charges else []
    conditions += [f"c.trace_id IN ({texts})"] if traces else []
    columns = "lower(hex(c.claim_id)) AS claim_id, lower(hex(c.charge_id)) AS charge_id, trace_id, rule, payload"
    where = f"WHERE ({' OR '.join(conditions)}){of} ORDER BY c.claim_id LIMIT {EVENTS_MAX}"
    return f"SELECT {columns} FROM ledger_claims AS c FINAL {where}"  # noqa: S608 (hex digits)


def _column(name: str) -> str:
    return f"lower(hex(e.{name})) AS {name}" if COLUMNS[name].type == "FixedString(16)" else f"`{name}`"


def _ids(charges: list[str]) -> str:
    return ", ".join(f"unhex('{charge}')" for charge in charges)


def _records(table: Table) -> list[dict[str, Value]]:
    return table.records()


def _claim(row: Mapping[str, Value]) -> ClaimSeen:
    stated = cast("dict[str, Value]", msgspec.json.decode(str(row["payload"])))
    call = cast("dict[str, Value]", stated.pop("call", {}))
    return ClaimSeen(str(row["claim_id"]), str(row["rule"]), {**call, **stated})


def _explained(event: Mapping[str, Value], seen: list[tuple[str, str, ClaimSeen]]) -> Explained:
    names = ("lines.unit", "lines.quantity", "lines.unit_price", "lines.amount")
    columns = [cast("list[Value]", event[name]) for name in names]
    lines = tuple(_line(*values) for values in zip(*columns, strict=True))
    cost = cast("str | None", event["cost"])
    return Explained(
        event={name: value for name, value in event.items() if name not in names},
        lines=lines,
        adds_up=None if cost is None else _sums_to(lines, cost),
        claims=tuple(claim for charge, _, claim in seen if charge == event["charge_id"]),
        evidence=tuple(
            claim
            for charge, trace, claim in seen
            if trace == event["trace_id"] and charge != event["charge_id"] and claim.rule in {"rolled_up", "pending"}
        ),
    )


def _line(unit: Value, quantity: Value, unit_price: Value, amount: Value) -> Line:
    count = cast("int", quantity)
    price, total = cast("str | None", unit_price), cast("str | None", amount)
    return Line(
        str(unit), count, price, total, None if price is None or total is None else _agrees(count, price, total)
    )


def _agrees(quantity: int, unit_price: str, amount: str) -> bool:
    """The unit price may be rounded by half of its last place; the amount was made from the exact one."""
    product = EXACT.multiply(Decimal(quantity), Decimal(unit_price))
    off = EXACT.abs(EXACT.subtract(product, Decimal(amount)))
    return off * 2 <= _ATTO * (abs(quantity) + 1)


def _sums_to(lines: tuple[Line, ...], cost: str) -> bool:
    total = Decimal(0)
    for line in lines:
        total = EXACT.add(total, Decimal(line.amount or 0))
    # A line that was taken back because it had no price has nothing to add.
    return all(line.adds_up is not False for line in lines) and decimal_text(total) == cost
