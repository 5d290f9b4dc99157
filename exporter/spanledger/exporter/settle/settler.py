"""Arriving claims → what changed. No I/O, no clock: journal time and stored claims come in.

Settling is grouping anew: a claim that arrives calls up everything it could meet, the set is grouped as if it had
come at once, and the difference to what was posted is posted. So the set of claims alone decides every sum; order,
batches and redelivery decide only how many corrections are written.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from spanledger.exporter.settle.charge import Charge, Rule, charge_alone, charge_of
from spanledger.exporter.settle.grouping import Group, group, rules_of
from spanledger.exporter.settle.memory import Memory, Place, Teller, Trace, TraceKey, Unknown
from spanledger.exporter.settle.posted import Posted, posted_of
from spanledger.exporter.settle.standing import Standing

NO_CHARGE: Final = bytes(16)

# How long a roll-up waits for the calls below it. SDKs export a span within 5 s of its end and retry for 10 s more.
WINDOW_NS: Final = 60 * 10**9

# What is remembered of traces; at most 2.4 KB a claim, so 120 MB.
CLAIMS_MAX: Final = 50_000
# And of what they say, as it is stored: some 700 bytes each, but a sender may fill every text it can name.
CLAIM_BYTES_MAX: Final = 64 * 1024 * 1024

Ruling = tuple[Standing, bytes, Rule]
"""A claim, the charge it went into (`NO_CHARGE` for none), and the rule that put it there."""

_UNCOUNTED: Final = ""
"""The heading of a claim that is stored, and in no posting's counts."""
_ALONE: Final[Mapping[str, str]] = {"charge": "charged", "attempt": "attempts", "denial": "attempts"}


@dataclass(slots=True)
class Settlement:
    """What changed: rows for the store, in the order they are posted."""

    rulings: list[Ruling] = field(default_factory=list[Ruling])
    """Claims that are new or whose place changed."""
    withdrawn: list[bytes] = field(default_factory=list[bytes])
    """Charges that were posted and no longer hold: each is reversed."""
    charges: list[Charge] = field(default_factory=list[Charge])
    regrouped: set[bytes] = field(default_factory=set[bytes])
    """Of `charges` those that may have been posted, and reversed, before."""
    counts: Counter[str] = field(default_factory=Counter[str])
    """Claims by their heading in the accounting invariant, less those that left it."""


class Settler:
    """Settles arriving claims against those it remembers."""

    def __init__(
        self, *, window_ns: int = WINDOW_NS, claims_max: int = CLAIMS_MAX, bytes_max: int = CLAIM_BYTES_MAX
    ) -> None:
        """Remember `claims_max` claims at most, of `bytes_max` bytes; a roll-up waits `window_ns` of journal time."""
        self._window_ns = window_ns
        self._claims_max = claims_max
        self._bytes_max = bytes_max
        self.forget()

    def forget(self) -> None:
        """Drop all memory: what matters is recalled from the store. After a failed posting."""
        self._memory = Memory()
        self._posted: dict[bytes, Charge | None] = {}
        """Open charges as they were posted; None if the event says something else than the stored claims."""
        self._pending: dict[bytes, Standing] = {}
        self._learned: set[bytes] = set()
        """Claims that came from the store and not yet again from a journal."""
        self._unsure: list[Trace] = []
        """Traces whose stored claims and events do not agree: a crash lay between them."""

    def know(self, tellers: Iterable[tuple[TraceKey, Teller]]) -> None:
        """Know who tells of whose calls: (scope, service) and (signal, emitter)."""
        for service, teller in tellers:
            self._memory.tell(service, teller)

    def unknown(self, standings: Sequence[Standing]) -> Unknown:
        """The traces, responses and likenesses of some claims that are not in memory."""
        return self._memory.unknown(standings)

    def drop(self, keys: Unknown) -> set[bytes]:
        """Forget whatever has some keys, so that it is recalled; the charges it was in."""
        charges: set[bytes] = set()
        for closure in list(self._memory.closures(self._memory.having(keys))):
            for trace in closure:
                self._learned -= trace.claims.keys()
                for claim_id, place in trace.places.items():
                    charges.add(place.charge_id)
                    self._posted.pop(place.charge_id, None)
                    self._pending.pop(claim_id, None)
            self._memory.forget(closure)
        self._unsure = [trace for trace in self._unsure if trace.key in self._memory.traces]
        return charges - {NO_CHARGE}

    def is_whole(self, likenesses: Iterable[int]) -> None:
        """Every claim with these likenesses is now in memory."""
        self._memory.is_whole(likenesses)

    def learn(self, stored: Iterable[Ruling], opened: Mapping[bytes, Posted]) -> None:
        """Take claims back into memory, with the open events of their charges."""
        by_charge: dict[bytes, list[tuple[Trace, Standing, Rule]]] = {}
        for standing, charge_id, rule in stored:
            trace = self._memory.trace(standing.trace_key)
            if standing.claim_id in trace.claims:
                continue
            self._memory.keep(standing, trace)
            self._learned.add(standing.claim_id)
            if rule == "aggregate":
                trace.expired |= {standing.claim_id}
            if charge_id != NO_CHARGE:
                by_charge.setdefault(charge_id, []).append((trace, standing, rule))
                continue
            trace.places[standing.claim_id] = Place(charge_id, rule, rule)
            if rule == "pending":
                self._pending[standing.claim_id] = standing
        for charge_id, members in by_charge.items():
            self._believe(charge_id, members, opened.get(charge_id))

    def settle(self, arrivals: Iterable[Standing], now_ns: int, *, close: bool = False) -> Settlement:
        """Settle claims that arrive; `now_ns` is journal time, `close` ends every window now."""
        settlement = Settlement()
        memory = self._memory
        touched: dict[Trace, None] = dict.fromkeys(self._unsure)
        self._unsure = []
        new: dict[bytes, tuple[Standing, Trace]] = {}
        for standing in arrivals:
            claim_id, trace = standing.claim_id, memory.trace(standing.trace_key)
            if claim_id not in trace.claims:
                memory.keep(standing, trace)
            elif not self._was_cut_off(standing, trace):
                settlement.counts["duplicates"] += 1
                continue
            else:
                trace.places[claim_id] = trace.places[claim_id]._replace(heading=_UNCOUNTED)
                touched[trace] = None
            new[claim_id] = standing, trace
        alone: list[str] = []
        for standing, trace in new.values():
            if trace.plain and trace.ties is None and trace not in touched:
                alone.append(self._charge_alone(standing, trace, settlement))
            else:
                touched[trace] = None
                if close and standing.claim.call.role == "rollup":
                    trace.expired |= {standing.claim_id}
        settlement.counts.update(alone)
        touched |= dict.fromkeys(self._with_ended_windows(now_ns, close=close))
        self._settle_anew(touched, settlement)
        self._forget_oldest(settlement)
        return settlement

    @property
    def has_pending(self) -> bool:
        """Whether any roll-up waits for its window to end."""
        return bool(self._pending)

    def _was_cut_off(self, standing: Standing, trace: Trace) -> bool:
        """Whether a claim is of the very record that a posting stored it from, and did not get to count: a crash."""
        claim_id = standing.claim_id
        if claim_id not in self._learned:
            return False
        self._learned.discard(claim_id)
        return trace.claims[claim_id].received_ns == standing.received_ns

    def _believe(self, charge_id: bytes, members: list[tuple[Trace, Standing, Rule]], opened: Posted | None) -> None:
        """Hold stored claims for posted if the open event of their charge is what they amount to; else settle anew."""
        agreeing: list[Rule] = [rule for _, _, rule in members if rule != "conflict"]
        rule: Rule = agreeing[0] if agreeing else "same_span"
        charge = charge_of([standing for _, standing, _ in members], rule)
        if charge.charge_id == charge_id and posted_of(charge) == opened:
            self._posted[charge_id] = charge
        else:
            self._unsure += [trace for trace, *_ in members]
            if opened is not None:
                self._posted[charge_id] = None
        for (trace, standing, _), place in zip(members, _places(charge, [each[1:] for each in members]), strict=True):
            trace.places[standing.claim_id] = place._replace(charge_id=charge_id)

    def _charge_alone(self, standing: Standing, trace: Trace, settlement: Settlement) -> str:
        """The common case, a claim that can meet no other: its heading."""
        charge = charge_alone(standing)
        charge_id, heading = charge.charge_id, _ALONE[charge.kind]
        self._posted[charge_id] = charge
        trace.places[standing.claim_id] = Place(charge_id, "single", heading)
        settlement.charges.append(charge)
        settlement.rulings.append((standing, charge_id, "single"))
        return heading

    def _settle_anew(self, touched: Iterable[Trace], settlement: Settlement) -> None:
        for closure in self._memory.closures(touched):
            traces = {standing.claim_id: trace for trace in closure for standing in trace.claims.values()}
            expired = frozenset[bytes]().union(*(trace.expired for trace in closure))
            charges: dict[bytes, Charge] = {}
            places: list[tuple[Standing, Place]] = []
            grouping = group(standing for trace in closure for standing in trace.claims.values())
            for call in grouping.calls:
                charge = self._posted_as(call, traces) or charge_of(call.standings, call.rule)
                ruled = rules_of(call)
                charges[charge.charge_id] = charge
                places += zip((standing for standing, _ in ruled), _places(charge, ruled), strict=True)
            for standing in grouping.left:
                if standing.claim_id in expired:
                    charge = charges[standing.claim_id] = charge_of((standing,), "aggregate")
                    places.append((standing, Place(charge.charge_id, "aggregate", _ALONE[charge.kind])))
                else:
                    places.append((standing, Place(NO_CHARGE, "pending", "pending")))
            places += [(standing, Place(NO_CHARGE, "rolled_up", "rolled_up")) for standing in grouping.evidence]
            self._post_difference(closure, charges, settlement)
            for standing, place in places:
                self._move(standing, place, traces[standing.claim_id], settlement)

    def _posted_as(self, call: Group, traces: Mapping[bytes, Trace]) -> Charge | None:
        """The charge that was posted for the very same claims by the same rule."""
        claim_ids = tuple(standing.claim_id for standing in call.standings)
        place = traces[claim_ids[0]].places.get(claim_ids[0])
        posted = self._posted.get(place.charge_id) if place and place.rule == call.rule else None
        return posted if posted and posted.claim_ids == claim_ids else None

    def _post_difference(self, closure: Sequence[Trace], charges: dict[bytes, Charge], settlement: Settlement) -> None:
        before = {place.charge_id for trace in closure for place in trace.places.values()} | charges.keys()
        for charge_id in sorted(before - {NO_CHARGE}):
            charge, is_open = charges.get(charge_id), charge_id in self._posted
            if is_open and charge and (charge is self._posted[charge_id] or _same(charge, self._posted[charge_id])):
                continue
            if is_open:
                settlement.withdrawn.append(charge_id)
                del self._posted[charge_id]
            if charge:
                settlement.charges.append(charge)
                settlement.regrouped.add(charge_id)
                self._posted[charge_id] = charge

    def _move(self, standing: Standing, place: Place, trace: Trace, settlement: Settlement) -> None:
        """Put a claim where it belongs, and say so if that is elsewhere than before."""
        claim_id, before = standing.claim_id, trace.places.get(standing.claim_id)
        if place == before:
            return
        if before is not None and before.heading != _UNCOUNTED:
            settlement.counts[before.heading] -= 1
        settlement.counts[place.heading] += 1
        trace.places[claim_id] = place
        if place.rule == "pending":
            self._pending[claim_id] = standing
        else:
            self._pending.pop(claim_id, None)
        if before is None or before[:2] != place[:2]:
            settlement.rulings.append((standing, place.charge_id, place.rule))

    def _with_ended_windows(self, now_ns: int, *, close: bool) -> list[Trace]:
        """Traces with roll-ups for which no more evidence will come: each that is left alone is charged."""
        ended: list[Standing] = []
        for standing in self._pending.values():
            if not close and now_ns - standing.received_ns < self._window_ns:
                break
            ended.append(standing)
        return self._expire(ended)

    def _expire(self, ended: Iterable[Standing]) -> list[Trace]:
        traces: dict[Trace, None] = {}
        for standing in ended:
            trace = self._memory.traces[standing.trace_key]
            trace.expired |= {standing.claim_id}
            traces[trace] = None
        return list(traces)

    def _forget_oldest(self, settlement: Settlement) -> None:
        memory = self._memory
        while memory.traces and (memory.claims > self._claims_max or memory.bytes > self._bytes_max):
            oldest = next(iter(memory.traces.values()))
            (closure,) = memory.closures([oldest])
            waiting = [self._pending[each] for trace in closure for each in trace.claims if each in self._pending]
            self._settle_anew(self._expire(waiting), settlement)
            for trace in closure:
                self._learned -= trace.claims.keys()
                for place in trace.places.values():
                    self._posted.pop(place.charge_id, None)
            memory.forget(closure)


def _same(charge: Charge, posted: Charge | None) -> bool:
    """Whether their events say the same; which claims stand behind them is not part of that."""
    return posted is not None and (charge.kind, charge.quality, charge.claim) == (
        posted.kind,
        posted.quality,
        posted.claim,
    )


def _places(charge: Charge, ruled: Sequence[tuple[Standing, Rule]]) -> list[Place]:
    """The places of a call's claims: one stands for the charge, the others are merged into it or in conflict."""
    headings = ["conflicts" if rule == "conflict" else "merged" for _, rule in ruled]
    headings[headings.index("merged")] = _ALONE[charge.kind]
    return [Place(charge.charge_id, rule, heading) for (_, rule), heading in zip(ruled, headings, strict=True)]
