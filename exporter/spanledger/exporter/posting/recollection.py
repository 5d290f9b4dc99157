"""What settlement remembers, and how the store fills it in: recall by key, and heed of what other posters stored.

The filter of everything the store holds stands in front of recall, so that only a claim that looks known costs a query.
"""

from collections.abc import Sequence
from typing import Final

from spanledger.exporter.posting.neighbours import Neighbours
from spanledger.exporter.posting.seen import Seen, charge_seen_key, trace_seen_key
from spanledger.exporter.posting.tables import LedgerTables
from spanledger.exporter.settle import NO_CHARGE, Ruling, Settlement, Settler, Standing, Unknown

PENDING_MAX: Final = 50_000


class Recollection:
    """A settler that knows whatever the store does about the claims it is given."""

    def __init__(self, tables: LedgerTables, *, shared: bool) -> None:
        """Settle over a store. `shared`: other posters may write to it."""
        self._tables = tables
        self._shared = shared
        self._settler = Settler()
        self._seen: Seen | None = None
        self._neighbours: Neighbours | None = None

    @property
    def has_pending(self) -> bool:
        """Whether a roll-up waits for its window to end."""
        return self._settler.has_pending

    @property
    def poster(self) -> str:
        """What marks this poster's claims in a store it shares."""
        return self._neighbours.poster if self._neighbours else ""

    def settle(self, arrivals: Sequence[Standing], now_ns: int, *, close: bool = False) -> Settlement:
        """Settle claims with all that they could meet."""
        pending: list[Ruling] = []
        if self._seen is None:
            # The clock is read first: what is stored while the filter is read is news.
            self._neighbours = Neighbours(self._tables) if self._shared else None
            self._seen = self._tables.seen()
            self._settler.know(self._tables.tellers())
            pending = self._tables.pending(PENDING_MAX)
        self.heed()
        self._recall(arrivals, pending, self._seen)
        return self._settler.settle(arrivals, now_ns, close=close)

    def heed(self) -> set[bytes]:
        """Let go of whatever others stored claims about since we looked: the charges it was in. It is recalled."""
        if self._neighbours is None or self._seen is None:
            return set()
        keys, tellers = self._neighbours.news(self._seen)
        self._settler.know(tellers)
        dropped = self._settler.drop(keys)
        if dropped:
            self._bring_back(keys, [], self._seen)
        return dropped

    def forget(self) -> None:
        """After a failure: what the store really holds is asked again."""
        self._settler.forget()
        self._seen = None

    def _recall(self, arrivals: Sequence[Standing], pending: Sequence[Ruling], seen: Seen) -> None:
        unknown = self._settler.unknown([*arrivals, *(standing for standing, _, _ in pending)])
        self._bring_back(unknown, pending, seen)
        seen.add(trace_seen_key(trace_id) for _, trace_id in unknown.traces)
        seen.add(charge_seen_key(standing.response_charge) for standing in arrivals if standing.response_charge)
        seen.add(standing.likeness for standing in arrivals if standing.likeness)

    def _bring_back(self, unknown: Unknown, rulings: Sequence[Ruling], seen: Seen) -> None:
        """Learn the stored claims with some keys, and whatever those could meet."""
        found = {ruling[0].claim_id: ruling for ruling in rulings}
        asked = Unknown(set(), {}, set())
        while True:
            traces = {key for key in unknown.traces - asked.traces if trace_seen_key(key[1]) in seen}
            responses = {
                charge_id: response_id
                for charge_id, response_id in unknown.responses.items()
                if charge_id not in asked.responses and charge_seen_key(charge_id) in seen
            }
            likenesses = {key for key in unknown.likenesses - asked.likenesses if key in seen}
            asked = Unknown(
                asked.traces | unknown.traces,
                asked.responses | unknown.responses,
                asked.likenesses | unknown.likenesses,
            )
            if not traces and not responses and not likenesses:
                break
            recalled = self._tables.recall({trace for _, trace in traces}, responses.values(), likenesses)
            found |= {ruling[0].claim_id: ruling for ruling in recalled}
            unknown = self._settler.unknown([standing for standing, _, _ in recalled])
        if found:
            opened = self._tables.open_charges({charge_id for _, charge_id, _ in found.values()} - {NO_CHARGE})
            self._settler.learn(found.values(), opened)
        self._settler.is_whole(asked.likenesses)
