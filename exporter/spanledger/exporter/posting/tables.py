"""The statements of posting and recall. What is asked of the store, and nothing about why.

Order of a posting, each step durable before the next (a crash between two is repaired by posting again):
dirty days, reversals, claims, events, quarantine, the posting's own row. That last row is the commit mark.
"""

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Final, TypeVar, cast

from spanledger.exporter.posting.aside import Aside, Place
from spanledger.exporter.posting.bounds import Bounds, bounds_of, sum_of
from spanledger.exporter.posting.repriced import Asked, Stretch
from spanledger.exporter.posting.repricing import Rate, Repricing
from spanledger.exporter.posting.seen import Seen, charge_seen_key
from spanledger.exporter.posting.stretches import stretches
from spanledger.exporter.rate import BookText
from spanledger.exporter.settle import COLUMNS as POSTED_COLUMNS
from spanledger.exporter.settle import (
    SERVICES_MAX,
    Posted,
    Rule,
    Ruling,
    Standing,
    Teller,
    TraceKey,
    response_charge,
    stand,
)
from spanledger.exporter.store import Store
from spanledger.exporter.store.blocks import (
    BookRow,
    ClaimRow,
    DecisionRow,
    PostingRow,
    QuarantineRow,
    books_block,
    claims_block,
    decisions_block,
    events_block,
    postings_block,
    quarantine_block,
)
from spanledger.exporter.store.rollup import Rollup
from spanledger.schemas import StoreUnavailableError
from spanledger.schemas.claim import payload_of, unseal
from spanledger.schemas.event import COLUMNS, LedgerEvent

_Key = TypeVar("_Key", str, bytes, int)

# Keys in one recall: the text of a statement stays well under ClickHouse's 256 KiB default.
_KEYS_PER_RECALL: Final = 2_000

_CHARGES: Final = "(SELECT arrayJoin(arrayMap(id -> toFixedString(unhex(id), 16), {charges:Array(String)})))"

# The keys are looked for in narrow columns with skipping indices; payloads are read of what was found.
_RECALL: Final = """
SELECT claim_id, payload, rule, toUnixTimestamp64Nano(received_at), charge_id
FROM ledger_claims FINAL
WHERE (tenant, claim_id) IN (
    SELECT tenant, claim_id FROM ledger_claims
    WHERE trace_id IN {traces:Array(String)} OR response_id IN {responses:Array(String)}
    OR likeness IN {likenesses:Array(UInt64)}
)
"""

_PENDING: Final = """
SELECT claim_id, payload, rule, toUnixTimestamp64Nano(received_at), charge_id
FROM ledger_claims FINAL WHERE rule = 'pending' ORDER BY received_at LIMIT {limit:UInt64}
"""

_OPEN: Final = f"""
SELECT charge_id, {", ".join(POSTED_COLUMNS)}
FROM ledger_events FINAL
WHERE charge_id IN {_CHARGES} AND kind IN ('charge', 'attempt', 'denial')
AND event_id NOT IN (SELECT reverses FROM ledger_events WHERE kind = 'reversal' AND charge_id IN {_CHARGES})
"""  # noqa: S608 (our own text)

_REVERSED: Final = f"SELECT DISTINCT reverses FROM ledger_events WHERE kind = 'reversal' AND reverses IN {_CHARGES}"  # noqa: S608

_SUM_WITHIN: Final = """
SELECT count(), sum(reinterpretAsUInt64(substring(event_id, 9, 8))) FROM (
    SELECT DISTINCT event_id FROM ledger_events
    WHERE event_id >= unhex({first:String}) AND event_id <= unhex({last:String})
    AND ingest_time >= fromUnixTimestamp64Nano({since:Int64}, 'UTC')
    AND ingest_time <= fromUnixTimestamp64Nano({until:Int64}, 'UTC')
)
"""

_HELD: Final = f"SELECT uniqExact(event_id) FROM ledger_events WHERE event_id IN {_CHARGES}"  # noqa: S608 (our own text)

Foreign = tuple[bytes, bytes, str, str, str, str, int, str, str, str, int]
"""claim id, charge id, rule, scope, trace, response id, likeness, service, signal, emitter, when it was stored"""
_FOREIGN: Final = """
SELECT claim_id, charge_id, rule, scope, trace_id, response_id, likeness, service_name, signal, emitter,
    toUnixTimestamp64Nano(stored_at)
FROM ledger_claims
WHERE stored_at >= fromUnixTimestamp64Nano({since:Int64}, 'UTC') AND poster != {poster:String}
"""

_ASIDE: Final = """
SELECT quarantine_id, shard, seq, toUnixTimestamp64Nano(received_at) FROM ledger_quarantine FINAL
WHERE quarantine_id IN (SELECT arrayJoin(arrayMap(id -> toFixedString(unhex(id), 16), {ids:Array(String)})))
"""
_REPLAYED: Final = """
SELECT quarantine_id, shard, seq FROM ledger_quarantine_decisions FINAL WHERE decision = 'replayed'
AND quarantine_id IN (SELECT arrayJoin(arrayMap(id -> toFixedString(unhex(id), 16), {ids:Array(String)})))
"""

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
    "revenue": "-revenue",
    "reporting_cost": "-reporting_cost",
}


class LedgerTables:
    """The ledger's tables as posting needs them."""

    def __init__(self, store: Store) -> None:
        """Work over an open, migrated store."""
        self._store = store
        self._rollup = Rollup(store)
        self._rollup.recover()

    def seen(self) -> Seen:
        """The filter over every key that the store's claims can be recalled by. Reads 24 bytes a claim."""
        seen = Seen()
        rows = self._store.query(
            "SELECT reinterpretAsUInt64(reverse(substring(unhex(trace_id), 1, 8))),"
            " reinterpretAsUInt64(reverse(substring(charge_id, 9, 8))), likeness FROM ledger_claims"
        )
        seen.add(cast("int", key) for row in rows for key in row)
        # A claim alone in its charge has its own response's; of the others each is asked.
        rows = self._store.query(
            "SELECT scope, response_id FROM ledger_claims WHERE rule != 'single' AND response_id != ''"
        )
        seen.add(charge_seen_key(response_charge(cast("str", scope), cast("str", each))) for scope, each in rows)
        return seen

    def tellers(self) -> list[tuple[TraceKey, Teller]]:
        """Who tells of whose calls: (scope, service) and (signal, emitter); of several tellers two.

        Of no more services than settlement keeps apart, and one.
        """
        rows = self._store.query(
            "SELECT scope, service_name, min((signal, emitter)), max((signal, emitter)) FROM ledger_claims"  # noqa: S608
            f" WHERE likeness != 0 GROUP BY scope, service_name LIMIT {SERVICES_MAX + 1}"
        )
        told = cast("list[tuple[str, str, Teller, Teller]]", rows)
        return [
            ((scope, service), (signal, emitter))
            for scope, service, *tellers in told
            for signal, emitter in dict.fromkeys(tellers)
        ]

    def recall(
        self, traces: Iterable[str], responses: Iterable[str], likenesses: Iterable[int]
    ) -> list[tuple[Standing, bytes, Rule]]:
        """The stored claims of some traces, response ids and likenesses."""
        found: dict[bytes, Ruling] = {}
        asked: list[tuple[str, Sequence[str | int]]] = []
        asked += [("traces", some) for some in _chunks(sorted(traces))]
        asked += [("responses", some) for some in _chunks(sorted(responses))]
        asked += [("likenesses", some) for some in _chunks(sorted(likenesses))]
        for name, keys in asked:
            rows = self._store.query(_RECALL, {"traces": [], "responses": [], "likenesses": [], name: keys})
            found |= {ruling[0].claim_id: ruling for ruling in map(_ruling, rows)}
        return list(found.values())

    def pending(self, limit: int) -> list[Ruling]:
        """The roll-ups whose window was open when posting last stopped, oldest first."""
        return [_ruling(row) for row in self._store.query(_PENDING, {"limit": limit})]

    def open_charges(self, charges: Iterable[bytes]) -> dict[bytes, Posted]:
        """Those of some charges that have an event which is not reversed, and what it says."""
        opened: dict[bytes, Posted] = {}
        for some in _chunks(sorted(charges)):
            rows = self._store.query(_OPEN, {"charges": [charge.hex() for charge in some]})
            opened |= {cast("bytes", row[0]): cast("Posted", tuple(row[1:])) for row in rows}
        return opened

    def reversed_among(self, events: Iterable[bytes]) -> set[bytes]:
        """Those of some event ids that were taken back."""
        taken: set[bytes] = set()
        for some in _chunks(sorted(events)):
            rows = self._store.query(_REVERSED, {"charges": [event.hex() for event in some]})
            taken |= {cast("bytes", row[0]) for row in rows}
        return taken

    def claims_of_others(self, poster: str, since_ns: int) -> list[Foreign]:
        """The claims that other posters put into the store at or after an instant of the store's clock."""
        return cast("list[Foreign]", self._store.query(_FOREIGN, {"poster": poster, "since": since_ns}))

    def now_ns(self) -> int:
        """The store's clock, ns since 1970 UTC."""
        return cast("int", self._store.query("SELECT toUnixTimestamp64Nano(now64(9))")[0][0])

    def posted_through(self, shard: str) -> int:
        """The last sequence number of a shard whose posting is complete; 0 if there is none."""
        rows = self._store.query(
            "SELECT max(last_seq) FROM ledger_postings WHERE shard = {shard:String}", {"shard": shard}
        )
        return cast("int", rows[0][0])

    def touching(self, events: Sequence[LedgerEvent], withdrawn: Sequence[bytes]) -> AbstractContextManager[None]:
        """Hold this around the inserts of events and of the reversals of charges: their days' sums are changing."""
        times_ns = {event.booked_time for event in events}
        for some in _chunks(withdrawn):
            rows = self._store.query(_BOOKED, {"charges": [charge.hex() for charge in some]})
            times_ns |= {cast("int", row[0]) for row in rows}
        return self._rollup.touching(self._rollup.days_of(times_ns))

    def insert_claims(self, rulings: Sequence[Ruling], settled_ns: int, poster: str = "") -> None:
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
                standing.trace_key[1],
                standing.claim.response_id,
                standing.likeness,
                standing.claim.attribution.service_name,
                *standing.teller,
                standing.claim.start_ns,
                standing.received_ns,
                settled_ns,
                poster,
                payload_of(standing.claim),
            )
            for standing, charge_id, rule in rulings
        ]
        self._store.insert("ledger_claims", *claims_block(rows))

    def reverse(self, charges: Sequence[bytes], received_ns: int) -> None:
        """Take back every open event of some charges: the same row negated, with an id made from the event's."""
        columns = [f"`{name}`" for name in COLUMNS]
        taken = {**_NEGATED, "ingest_time": f"fromUnixTimestamp64Nano(toInt64({received_ns}), 'UTC')"}
        for some in _chunks(charges):
            ids = ", ".join(f"unhex('{charge.hex()}')" for charge in some)
            self._store.command(
                f"INSERT INTO ledger_events ({', '.join(columns)})"  # noqa: S608 (hex digits and our own columns)
                f" SELECT {', '.join(taken.get(name, f'`{name}`') for name in COLUMNS)} FROM ledger_events FINAL"
                f" WHERE kind IN ('charge', 'attempt', 'denial', 'adjustment') AND charge_id IN ({ids})"
                f" AND event_id NOT IN"
                f" (SELECT reverses FROM ledger_events FINAL WHERE kind = 'reversal' AND charge_id IN ({ids}))"
            )

    def insert_events(self, events: Sequence[LedgerEvent]) -> None:
        """Append events, and read back that they are there."""
        if not events:
            return
        self.append_events(events)
        ids = sorted({event.event_id for event in events})
        # Usually nothing else was received meanwhile, and one sum tells; else each is looked for.
        if self.sum_within(bounds_of(events)) != (len(ids), sum_of(ids)) and self.held_among(ids) < len(ids):
            msg = f"the store acknowledged {len(ids)} events and holds fewer"
            raise StoreUnavailableError(msg)

    def append_events(self, events: Sequence[LedgerEvent]) -> None:
        """Append events; that they are there is not read back."""
        self._store.insert("ledger_events", *events_block(events))

    def sum_within(self, bounds: Bounds) -> tuple[int, int]:
        """How many events lie within bounds, and the sum of their ids' last 8 bytes, modulo 2⁶⁴."""
        rows = self._store.query(
            _SUM_WITHIN,
            {
                "first": bounds.first.hex(),
                "last": bounds.last.hex(),
                "since": bounds.since_ns,
                "until": bounds.until_ns,
            },
        )
        return cast("tuple[int, int]", rows[0])

    def held_among(self, ids: Sequence[bytes]) -> int:
        """How many of some event ids the store holds."""
        found = 0
        for some in _chunks(ids):
            rows = self._store.query(_HELD, {"charges": [event_id.hex() for event_id in some]})
            found += cast("int", rows[0][0])
        return found

    def make_durable(self) -> None:
        """What was inserted survives a loss of power from now on."""
        self._store.make_durable()

    def keep_books(self, books: Iterable[BookText], now_ns: int) -> None:
        """Keep the texts of price books that are not kept yet."""
        kept = {cast("str", digest) for (digest,) in self._store.query("SELECT digest FROM ledger_price_books")}
        rows = [BookRow(book.digest, now_ns, book.name, book.content) for book in books if book.digest not in kept]
        if rows:
            self._store.insert("ledger_price_books", *books_block(rows))

    def insert_quarantine(self, rows: Sequence[QuarantineRow]) -> None:
        """Set aside what cannot be booked."""
        if rows:
            self._store.insert("ledger_quarantine", *quarantine_block(rows))

    def insert_decisions(self, rows: Sequence[DecisionRow]) -> None:
        """Keep what became of what was set aside."""
        if rows:
            self._store.insert("ledger_quarantine_decisions", *decisions_block(rows))

    def aside(self, ids: Iterable[bytes]) -> dict[bytes, Aside]:
        """Those of some quarantine ids that the store holds, with the records that brought and replayed each."""
        found: dict[bytes, Aside] = {}
        for some in _chunks(sorted(set(ids))):
            asked = {"ids": [each.hex() for each in some]}
            replayed = {cast("bytes", row[0]): cast("Place", row[1:]) for row in self._store.query(_REPLAYED, asked)}
            for row in self._store.query(_ASIDE, asked):
                quarantine_id, shard, seq, received_ns = cast("tuple[bytes, str, int, int]", row)
                found[quarantine_id] = Aside((shard, seq), received_ns, replayed.get(quarantine_id))
        return found

    def insert_postings(self, rows: Sequence[PostingRow]) -> None:
        """The commit mark of a posting."""
        self._store.insert("ledger_postings", *postings_block(rows))

    def stretches(self, asked: Asked) -> list[Stretch]:
        """Divide the booked charges that are to be rated again."""
        return stretches(self._store, asked)

    def repricing(self, rate: Rate) -> Repricing:
        """What rates the booked charges again by the book in use."""
        return Repricing(self._store, self._rollup, rate)

    def refresh_rollup(self) -> None:
        """Recompute the daily sums of days that changed."""
        self._rollup.refresh()


def _ruling(row: tuple[object, ...]) -> Ruling:
    _, payload, rule, received_ns, charge_id = cast("tuple[bytes, str, Rule, int, bytes]", row)
    return stand(unseal(payload), received_ns), charge_id, rule


def _chunks(keys: Sequence[_Key]) -> Iterable[Sequence[_Key]]:
    return (keys[start : start + _KEYS_PER_RECALL] for start in range(0, len(keys), _KEYS_PER_RECALL))
