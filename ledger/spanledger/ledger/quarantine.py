"""What lies in quarantine, as it is asked for and shown: the questions as SQL, the content as plain data.

Everything shown of it is strangers' text: whoever prints it makes it printable.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias, cast

from spanledger.exporter.decode.anyvalue import text
from spanledger.exporter.failures import Refused
from spanledger.exporter.posting.quarantine import Outcome
from spanledger.exporter.sift import sift
from spanledger.exporter.sift.records import UsageRecord
from spanledger.ledger.tables import Table, Value
from spanledger.schemas.claim import Signal

Query: TypeAlias = Callable[[str], Table]

# A request of a thousand ids is read and journaled as one piece of work; so many fit a posting.
IDS_AT_ONCE: Final = 100

_SHOWN: Final = (
    "quarantine_id, state, received_at, tenant, signal, reason, trace_id, span_id, elements, decided_at, failure, why"
)
_ID_DIGITS: Final = 32


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which of what is set aside; empty and None bound nothing."""

    tenant: str = ""
    reason: str = ""
    """A part of the reason."""
    since_ns: int | None = None
    """When it was received: from then on."""
    everything: bool = False
    """Also what is discarded, or in the ledger by now."""


def listed(query: Query, wanted: Wanted, limit: int) -> Table:
    """The newest of what is wanted."""
    return query(
        f"SELECT {_SHOWN} FROM quarantine WHERE {_condition(wanted)}"  # noqa: S608 (our own text, and hex digits)
        f" ORDER BY received_at DESC, quarantine_id LIMIT {limit}"
    )


def ids(query: Query, wanted: Wanted) -> Iterator[list[str]]:
    """The ids of what is wanted, some at a time; what becomes of them meanwhile does not matter."""
    last = ""
    while rows := query(
        f"SELECT quarantine_id FROM quarantine WHERE {_condition(wanted)} AND quarantine_id > '{last}'"  # noqa: S608
        f" ORDER BY quarantine_id LIMIT {IDS_AT_ONCE}"
    ).rows:
        some = [str(each) for (each,) in rows]
        yield some
        last = some[-1]


def at_once(given: Sequence[str]) -> Iterator[list[str]]:
    """Ids that a person gave, each once, some at a time."""
    each = list(dict.fromkeys(given))
    return (each[start : start + IDS_AT_ONCE] for start in range(0, len(each), IDS_AT_ONCE))


def shown(query: Query, quarantine_id: str) -> dict[str, object] | None:
    """One thing set aside: where it is from, what it says, what became of it; None if nothing has this id."""
    wanted = quarantine_id.strip().lower()
    if len(wanted) != _ID_DIGITS or set(wanted) - set("0123456789abcdef"):
        return None
    rows = query(
        f"SELECT {_SHOWN}, scope, default_tenant, shard, seq, payload FROM quarantine"  # noqa: S608 (hex digits)
        f" WHERE quarantine_id = '{wanted}'"
    ).records()
    if not rows:
        return None
    decisions = query(
        "SELECT decided_at, decision, reason, shard, seq FROM ledger_quarantine_decisions FINAL"  # noqa: S608
        f" WHERE quarantine_id = unhex('{wanted}') ORDER BY decided_at, decision"
    ).records()
    facts: dict[str, Value] = dict(rows[0])
    payload, signal = bytes.fromhex(str(facts.pop("payload"))), cast("Signal", facts["signal"])
    return {**facts, "decisions": decisions, "content": _content(payload, signal)}


def unsettled(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Of what was replayed, what is not in the ledger now."""
    return [each for each in outcomes if each.state != "replayed"]


def _condition(wanted: Wanted) -> str:
    """Texts travel as hex digits: nothing in them can be SQL."""
    conditions = ["true" if wanted.everything else "state = 'open'"]
    if wanted.tenant:
        conditions.append(f"tenant = unhex('{wanted.tenant.encode().hex()}')")
    if wanted.reason:
        conditions.append(f"position(reason, unhex('{wanted.reason.encode().hex()}')) > 0")
    if wanted.since_ns is not None:
        conditions.append(f"received_at >= fromUnixTimestamp64Nano(toInt64({wanted.since_ns}), 'UTC')")
    return " AND ".join(conditions)


def _content(payload: bytes, signal: Signal) -> list[dict[str, object]]:
    try:
        return [_element(span) for span in sift(payload, signal).spans]
    except Refused as refusal:
        return [{"unreadable": str(refusal), "bytes": len(payload)}]


def _element(span: UsageRecord) -> dict[str, object]:
    return {
        "name": span.name.decode(errors="replace"),
        "start_ns": span.start_ns,
        "end_ns": span.end_ns,
        "emitter": span.resource.scope_name,
        "emitter_version": span.resource.scope_version,
        "resource": {key: _value(value) for key, value in sorted(span.resource.attributes.items())},
        "attributes": {key: _value(value) for key, value in sorted(span.attributes.items())},
        "stated_twice": list(span.conflicting),
    }


def _value(raw: bytes) -> str:
    return text(raw) or f"({len(raw)} bytes: neither a text nor a number)"
