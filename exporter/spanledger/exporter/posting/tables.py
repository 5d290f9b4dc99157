"""The statements of posting and recall. What is asked of the store, and nothing about why.

Order of a posting, each step durable before the next (a crash between two is repaired by posting again):
dirty days, claims, reversals, events, quarantine, the posting's own row. That last row is the commit mark.
"""

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Final, cast

from spanledger.exporter.posting.seen import Seen
from spanledger.exporter.settle import Rule, Standing
from spanledger.exporter.settle.charge import response_charge_of
from spanledger.exporter.store import Store
from spanledger.exporter.store.blocks import (
    ClaimRow,
    PostingRow,
    QuarantineRow,
    claims_block,
    events_block,
    postings_block,
    quarantine_block,
)
from spanledger.exporter.store.rollup import Rollup
from spanledger.schemas import StoreUnavailableError
from spanledger.schemas.claim import unseal
from spanledger.schemas.event import COLUMNS, LedgerEvent

# Keys in one recall: the text of a statement stays well under ClickHouse's 256 KiB default.
_KEYS_PER_RECALL: Final = 2_000

_CHARGES: Final = "(SELECT arrayJoin(arrayMap(id -> toFixedString(unhex(id), 16), {charges:Array(String)})))"

_RECALL: Final = f"""
SELECT claim_id, payload, rule, toUnixTimestamp64Nano(received_at), charge_id
FROM ledger_claims FINAL
WHERE trace_id IN {{traces:Array(String)}} OR charge_id IN {_CHARGES}
"""  # noqa: S608 (our own text)

_PENDING: Final = """
SELECT claim_id, payload, rule, toUnixTimestamp64Nano(received_at), charge_id
FROM ledger_claims FINAL WHERE rule = 'pending' ORDER BY received_at LIMIT {limit:UInt64}
"""

_OPEN: Final = f"""
SELECT charge_id FROM ledger_events FINAL WHERE charge_id IN {_CHARGES}
GROUP BY charge_id
HAVING countIf(kind IN ('charge', 'attempt')) > countIf(kind = 'reversal')
"""  # noqa: S608 (our own text)

_BOOKED: Final = f"""
SELECT DISTINCT toUnixTimestamp64Nano(booked_time) FROM ledger_events WHERE charge_id IN {_CHARGES}
"""  # noqa: S608 (our own text)

_NEGATED: Final = {
    "kind": "'reversal'",
    "event_id": "concat(substring(event_id, 1, 8), substring(SHA256(concat(event_id, 'reversal')), 1, 8))",
    "reverses": "event_id",
    "requests": "-requests",
    "input_tokens": "-input_tokens",
    "cache_read_tokens": "-cache_read_tokens",
    "cache_write_tokens": "-cache_write_tokens",
    "output_tokens": "-output_tokens",
    "reasoning_tokens": "-reasoning_tokens",
    "lines.quantity": "arrayMap(quantity -> -quantity, `lines.quantity`)",
    "lines.amount": "arrayMap(amount -> -amount, `lines.amount`)",
    "cost": "-cost",
    "reported_cost": "-reported_cost",
}


class LedgerTables:
    """The ledger's tables as posting needs them."""

    def __init__(self, store: Store) -> None:
        """Work over an open, migrated store."""
        self._store = store
        self._rollup = Rollup(store)
        self._rollup.recover()

    def seen(self) -> Seen:
        """The filter over every trace and charge that the store holds. Reads 16 bytes a claim."""
        seen = Seen()
        rows = self._store.query(
            "SELECT reinterpretAsUInt64(reverse(substring(unhex(trace_id), 1, 8))),"
            " reinterpretAsUInt64(reverse(substring(charge_id, 9, 8))) FROM ledger_claims"
        )
        seen.add(cast("int", key) for row in rows for key in row)
        return seen

    def recall(self, traces: Iterable[str], charges: Iterable[bytes]) -> list[tuple[Standing, Rule, bytes]]:
        """The stored claims of some traces, and of some charges: standing, rule, charge id."""
        found: list[tuple[Standing, Rule, bytes]] = []
        for some_traces, some_charges in _chunks(sorted(traces), sorted(charges)):
            parameters = {"traces": some_traces, "charges": [charge.hex() for charge in some_charges]}
            found += [_standing(row) for row in self._store.query(_RECALL, parameters)]
        return found

    def pending(self, limit: int) -> list[tuple[Standing, Rule, bytes]]:
        """The roll-ups whose window was open when posting last stopped, oldest first."""
        return [_standing(row) for row in self._store.query(_PENDING, {"limit": limit})]

    def open_charges(self, charges: Iterable[bytes]) -> set[bytes]:
        """Those of some charges that have an event which is not reversed."""
        opened: set[bytes] = set()
        for _, some in _chunks([], sorted(charges)):
            rows = self._store.query(_OPEN, {"charges": [charge.hex() for charge in some]})
            opened |= {cast("bytes", row[0]) for row in rows}
        return opened

    def posted_through(self, shard: str) -> int:
        """The last sequence number of a shard whose posting is complete; 0 if there is none."""
        rows = self._store.query(
            "SELECT max(last_seq) FROM ledger_postings WHERE shard = {shard:String}", {"shard": shard}
        )
        return cast("int", rows[0][0])

    def touching(self, events: Sequence[LedgerEvent], withdrawn: Sequence[bytes]) -> AbstractContextManager[None]:
        """Hold this around the inserts of events and of the reversals of charges: their days' sums are changing."""
        times_ns = {event.booked_time for event in events}
        for _, some in _chunks([], withdrawn):
            rows = self._store.query(_BOOKED, {"charges": [charge.hex() for charge in some]})
            times_ns |= {cast("int", row[0]) for row in rows}
        return self._rollup.touching(self._rollup.days_of(times_ns))

    def insert_claims(self, rulings: Sequence[tuple[Standing, bytes, Rule]], settled_ns: int) -> None:
        """Keep claims with where they stand; a claim settled anew replaces its row."""
        if not rulings:
            return
        rows = [
            ClaimRow(
                standing.claim.attribution.tenant,
                standing.claim_id,
                charge_id,
                rule,
                standing.claim.scope,
                standing.claim.trace_id,
                standing.claim.response_id,
                standing.claim.attribution.service_name,
                standing.claim.start_ns,
                standing.received_ns,
                settled_ns,
                standing.payload,
            )
            for standing, charge_id, rule in rulings
        ]
        self._store.insert("ledger_claims", *claims_block(rows))

    def reverse(self, charges: Sequence[bytes], received_ns: int) -> None:
        """Take back every open event of some charges: the same row negated, with an id made from the event's."""
        columns = [f"`{name}`" for name in COLUMNS]
        taken = {**_NEGATED, "ingest_time": f"fromUnixTimestamp64Nano(toInt64({received_ns}), 'UTC')"}
        for _, some in _chunks([], charges):
            ids = ", ".join(f"unhex('{charge.hex()}')" for charge in some)
            self._store.command(
                f"INSERT INTO ledger_events ({', '.join(columns)})"  # noqa: S608 (hex digits and our own columns)
                f" SELECT {', '.join(taken.get(name, f'`{name}`') for name in COLUMNS)} FROM ledger_events FINAL"
                f" WHERE kind IN ('charge', 'attempt') AND charge_id IN ({ids}) AND event_id NOT IN"
                f" (SELECT reverses FROM ledger_events FINAL WHERE kind = 'reversal' AND charge_id IN ({ids}))"
            )

    def insert_events(self, events: Sequence[LedgerEvent]) -> None:
        """Append events, and read back that they are there."""
        if not events:
            return
        self._store.insert("ledger_events", *events_block(events))
        ids = sorted(event.event_id for event in events)
        rows = self._store.query(
            "SELECT uniqExact(event_id) FROM ledger_events WHERE event_id >= unhex({first:String})"
            " AND event_id <= unhex({last:String})",
            {"first": ids[0].hex(), "last": ids[-1].hex()},
        )
        if cast("int", rows[0][0]) < len(set(ids)):
            msg = f"the store acknowledged {len(events)} events and holds fewer"
            raise StoreUnavailableError(msg)

    def insert_quarantine(self, rows: Sequence[QuarantineRow]) -> None:
        """Set aside what cannot be booked."""
        if rows:
            self._store.insert("ledger_quarantine", *quarantine_block(rows))

    def insert_postings(self, rows: Sequence[PostingRow]) -> None:
        """The commit mark of a posting."""
        self._store.insert("ledger_postings", *postings_block(rows))

    def refresh_rollup(self) -> None:
        """Recompute the daily sums of days that changed."""
        self._rollup.refresh()


def _standing(row: tuple[object, ...]) -> tuple[Standing, Rule, bytes]:
    claim_id, payload, rule, received_ns, charge_id = cast("tuple[bytes, str, Rule, int, bytes]", row)
    claim = unseal(payload)
    return Standing(claim_id, payload.encode(), claim, received_ns, response_charge_of(claim)), rule, charge_id


def _chunks(traces: Sequence[str], charges: Sequence[bytes]) -> Iterable[tuple[Sequence[str], Sequence[bytes]]]:
    for start in range(0, max(len(traces), len(charges)), _KEYS_PER_RECALL):
        end = start + _KEYS_PER_RECALL
        yield traces[start:end], charges[start:end]
