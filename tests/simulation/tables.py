"""The ledger's tables in memory, under the real logic of posting: away, slow to tell, forgetful, as a store can be."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from hashlib import sha256
from random import Random
from typing import Any, TypeAlias

import msgspec
from simulation.disk import Killed

from spanledger.exporter.posting.bounds import Bounds, sum_of
from spanledger.exporter.posting.seen import Seen, charge_seen_key, trace_seen_key
from spanledger.exporter.posting.tables import LedgerTables
from spanledger.exporter.rate import BookText
from spanledger.exporter.settle import COLUMNS, Posted, Ruling, Teller, TraceKey
from spanledger.exporter.store.blocks import PostingRow, QuarantineRow
from spanledger.schemas import StoreUnavailableError
from spanledger.schemas.event import NO_EVENT, LedgerEvent

Row: TypeAlias = Any
"""A row of whichever table: a ruling, an event, a posting or a set-aside span."""


@dataclass
class Troubles:
    """What can go wrong with a store now, as chances by statement."""

    chance: Random
    down: bool = False
    death: float = 0.0
    lost_reply: float = 0.0
    partial: float = 0.0
    forgets_acknowledged: float = 0.0
    """It answers well, and some events were not kept."""


@dataclass
class Database:
    """What the store holds: every insert as it was made, whether the disk has it, and what that comes to."""

    witness: Callable[[Ruling], None]
    """Sees every claim that is new to the store."""
    inserts: list[tuple[str, Sequence[Row], bool]] = field(default_factory=list[tuple[str, Sequence[Row], bool]])
    claims: dict[bytes, Ruling] = field(default_factory=dict[bytes, Ruling])
    events: dict[bytes, LedgerEvent] = field(default_factory=dict[bytes, LedgerEvent])
    postings: dict[tuple[str, int], PostingRow] = field(default_factory=dict[tuple[str, int], PostingRow])
    aside: int = 0
    """Spans in quarantine: here nothing should be."""

    def insert(self, table: str, rows: Sequence[Row]) -> None:
        """Take rows in, not yet durable."""
        if table == "claims":
            for ruling in rows:
                if ruling[0].claim_id not in self.claims:
                    self.witness(ruling)
        self.inserts.append((table, rows, False))
        self._take_in(table, rows)

    def sync(self) -> None:
        """Make everything durable."""
        for at in range(len(self.inserts) - 1, -1, -1):
            table, rows, durable = self.inserts[at]
            if durable:
                return
            self.inserts[at] = table, rows, True

    def lose_power(self, survives: Callable[[], bool]) -> None:
        """Of the inserts that were not durable, whole ones are gone, whatever their order was."""
        self.inserts = [(table, rows, True) for table, rows, durable in self.inserts if durable or survives()]
        self.claims, self.events, self.postings = {}, {}, {}
        for table, rows, _ in self.inserts:
            self._take_in(table, rows)

    def _take_in(self, table: str, rows: Sequence[Row]) -> None:
        if table == "claims":
            self.claims.update((ruling[0].claim_id, ruling) for ruling in rows)
        elif table == "events":
            self.events.update((event.event_id, event) for event in rows)
        elif table == "quarantine":
            self.aside = len(rows)
        elif table == "postings":
            self.postings.update(((row.shard, row.first_seq), row) for row in rows)


class SimTables(LedgerTables):
    """One poster's way to the database. What posting decides is the product's; the statements are played here."""

    def __init__(self, database: Database, troubles: Troubles) -> None:
        self._database = database
        self._troubles = troubles

    def seen(self) -> Seen:
        """The filter over every key."""
        self._ask()
        seen = _ExactSeen()
        for standing, charge_id, _ in self._database.claims.values():
            seen.add((trace_seen_key(standing.trace_key[1]), charge_seen_key(charge_id), standing.likeness))
            if standing.response_charge:
                seen.add((charge_seen_key(standing.response_charge),))
        return seen

    def tellers(self) -> list[tuple[TraceKey, Teller]]:
        """Who tells of whose calls."""
        self._ask()
        claims = [standing for standing, _, _ in self._database.claims.values() if standing.likeness]
        return list({((each.claim.scope, each.claim.attribution.service_name), each.teller) for each in claims})

    def recall(self, traces: Iterable[str], responses: Iterable[str], likenesses: Iterable[int]) -> list[Ruling]:
        """The stored claims with some keys."""
        self._ask()
        asked = set(traces), set(responses) - {""}, set(likenesses)
        return [
            ruling
            for ruling in self._database.claims.values()
            if ruling[0].trace_key[1] in asked[0]
            or ruling[0].claim.response_id in asked[1]
            or ruling[0].likeness in asked[2]
        ]

    def pending(self, limit: int) -> list[Ruling]:
        """The roll-ups that wait."""
        self._ask()
        return [ruling for ruling in self._database.claims.values() if ruling[2] == "pending"][:limit]

    def open_charges(self, charges: Iterable[bytes]) -> dict[bytes, Posted]:
        """The charges that have an event which is not reversed."""
        self._ask()
        wanted = set(charges)
        return {
            event.charge_id: tuple(getattr(event, name) for name in COLUMNS)
            for event in self._open_events(wanted)
            if event.kind in {"charge", "attempt", "denial"}
        }

    def reversed_among(self, events: Iterable[bytes]) -> set[bytes]:
        """Those that were taken back."""
        self._ask()
        return set(events) & {event.reverses for event in self._database.events.values()} - {NO_EVENT}

    def posted_through(self, shard: str) -> int:
        """How far a shard's postings are complete."""
        self._ask()
        return max((row.last_seq for row in self._database.postings.values() if row.shard == shard), default=0)

    def touching(self, events: Sequence[LedgerEvent], withdrawn: Sequence[bytes]) -> AbstractContextManager[None]:
        """Daily sums are recomputed from the events, so nothing about them is simulated."""
        self._ask()
        return nullcontext()

    def insert_claims(self, rulings: Sequence[Ruling], settled_ns: int, poster: str = "") -> None:
        """Keep claims."""
        self._insert("claims", rulings)

    def reverse(self, charges: Sequence[bytes], received_ns: int) -> None:
        """Take back every open event of some charges."""
        self._insert("events", [_reversal(event) for event in self._open_events(set(charges))])

    def append_events(self, events: Sequence[LedgerEvent]) -> None:
        """Append events; a forgetful store keeps some of them."""
        troubles = self._troubles
        if events and troubles.chance.random() < troubles.forgets_acknowledged:
            self._ask()
            self._database.insert("events", [event for event in events if troubles.chance.random() < 0.5])
        else:
            self._insert("events", events)

    def sum_within(self, bounds: Bounds) -> tuple[int, int]:
        """How many events lie within bounds, and the sum of their ids' last 8 bytes."""
        self._ask()
        ids = [
            event_id
            for event_id, event in self._database.events.items()
            if bounds.first <= event_id <= bounds.last and bounds.since_ns <= event.ingest_time <= bounds.until_ns
        ]
        return len(ids), sum_of(ids)

    def held_among(self, ids: Sequence[bytes]) -> int:
        """How many of some events there are."""
        self._ask()
        return len(set(ids) & self._database.events.keys())

    def keep_books(self, books: Iterable[BookText], now_ns: int) -> None:
        """Books are not what is simulated."""
        self._ask()

    def insert_quarantine(self, rows: Sequence[QuarantineRow]) -> None:
        """Set spans aside."""
        self._insert("quarantine", rows)

    def insert_postings(self, rows: Sequence[PostingRow]) -> None:
        """The commit mark."""
        self._insert("postings", rows)

    def make_durable(self) -> None:
        """Sync."""
        self._ask()
        self._database.sync()

    def _open_events(self, charges: set[bytes]) -> list[LedgerEvent]:
        events = [event for event in self._database.events.values() if event.charge_id in charges]
        reversed_ids = {event.reverses for event in events}
        return [event for event in events if event.kind != "reversal" and event.event_id not in reversed_ids]

    def _insert(self, table: str, rows: Sequence[Row]) -> None:
        self._ask()
        if not rows:
            return
        troubles = self._troubles
        if troubles.chance.random() < troubles.partial:
            self._database.insert(table, rows[: troubles.chance.randint(0, len(rows))])
            msg = "the store stopped in the middle of an insert"
            raise StoreUnavailableError(msg)
        self._database.insert(table, rows)
        if troubles.chance.random() < troubles.death:
            raise Killed
        if troubles.chance.random() < troubles.lost_reply:
            msg = "the store's answer to an insert was lost"
            raise StoreUnavailableError(msg)

    def _ask(self) -> None:
        if self._troubles.chance.random() < self._troubles.death:
            raise Killed
        if self._troubles.down:
            msg = "the store is away"
            raise StoreUnavailableError(msg)


class _ExactSeen(Seen):
    """The filter without its 16 MB."""

    def __init__(self) -> None:
        self._keys: set[int] = set()

    def add(self, keys: Iterable[int]) -> None:
        """Remember keys."""
        self._keys.update(keys)

    def __contains__(self, key: int) -> bool:
        return key in self._keys


def _reversal(event: LedgerEvent) -> LedgerEvent:
    """As the statement of the real tables makes it."""
    digest = sha256(event.event_id + b"reversal").digest()[:8]
    return msgspec.structs.replace(
        event,
        kind="reversal",
        event_id=event.event_id[:8] + digest,
        reverses=event.event_id,
        requests=-event.requests,
        input_tokens=None if event.input_tokens is None else -event.input_tokens,
        output_tokens=None if event.output_tokens is None else -event.output_tokens,
        cost=None if event.cost is None else -event.cost,
    )
