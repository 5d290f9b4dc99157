"""The claims in memory and what they settle into. No I/O, no clock: journal time and stored claims come in.

A *unit* is a set of claims about one call: joined by provider response id, or by being the same span. A roll-up
claim joins no unit. It is covered if any claim lies below it or shares its response id: then it is evidence.
Uncovered, it waits for its window and becomes a unit of its own, until something covers it after all. Memory is
a bounded cache: what left it is recalled from the store by trace and charge, and settles as if it had never left.
"""

from collections import Counter, OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import chain
from typing import Final

from spanledger.exporter.settle.charge import Charge, Rule, Standing, charge_of, voices
from spanledger.schemas.claim import Claim

NO_CHARGE: Final = bytes(16)

# How long a roll-up waits for the calls below it. SDKs export a span within 5 s of its end and retry for 10 s more.
WINDOW_NS: Final = 60 * 10**9

# What is remembered of traces; some 4 KB a claim, so 120 MB.
CLAIMS_MAX: Final = 30_000

TraceKey = tuple[str, str]
Tally = tuple[tuple[str, int], ...]
"""Claims by their heading in the accounting invariant (DESIGN 3)."""
SpanKey = tuple[str, str, str, str]


@dataclass(slots=True, eq=False)
class Unit:
    """Claims about one call, and the charge that stands for them."""

    standings: dict[bytes, Standing] = field(default_factory=dict[bytes, Standing])
    charge: Charge | None = None
    """What was posted for this unit; None before the first settlement."""
    aggregate: bool = False
    tally: Tally = ()
    """How its claims are counted, as of the last settlement."""


@dataclass(slots=True, eq=False)
class Trace:
    """The claims of one trace."""

    units: dict[bytes, Unit] = field(default_factory=dict[bytes, Unit])
    """Claim id → the unit it is in; roll-ups are in none."""
    rollups: dict[bytes, Standing] = field(default_factory=dict[bytes, Standing])
    aggregates: dict[bytes, Unit] = field(default_factory=dict[bytes, Unit])
    """Roll-up claim id → the unit made of it alone, as long as it is the only evidence."""


@dataclass(slots=True)
class Settlement:
    """What changed: rows for the store, in the order they are posted."""

    rulings: list[tuple[Standing, bytes, Rule]] = field(default_factory=list[tuple[Standing, bytes, Rule]])
    """Claims that are new or whose ruling changed, with the charge they went into."""
    withdrawn: list[Charge] = field(default_factory=list[Charge])
    """Charges that were posted and no longer hold: each is reversed."""
    charges: list[Charge] = field(default_factory=list[Charge])
    counts: Counter[str] = field(default_factory=Counter[str])

    def count(self, tally: Tally, sign: int = 1) -> None:
        """Add a tally, or take one back."""
        for heading, number in tally:
            self.counts[heading] += sign * number


class Settler:
    """Settles arriving claims against those it remembers."""

    def __init__(self, *, window_ns: int = WINDOW_NS, claims_max: int = CLAIMS_MAX) -> None:
        """Remember up to `claims_max` claims; let a roll-up wait `window_ns` of journal time."""
        self._window_ns = window_ns
        self._claims_max = claims_max
        self._traces: OrderedDict[TraceKey, Trace] = OrderedDict()
        self._responses: dict[bytes, Unit] = {}
        self._spans: dict[SpanKey, Unit] = {}
        self._pending: dict[bytes, Standing] = {}
        self._rolled_up: dict[bytes, Trace] = {}
        """Response charge → the trace of a roll-up that carries its response id."""
        self._claims = 0

    def unknown(self, standings: Iterable[Standing]) -> tuple[set[TraceKey], set[bytes]]:
        """The traces and response charges of some claims that are not in memory: to be recalled if they exist."""
        traces: set[TraceKey] = set()
        charges: set[bytes] = set()
        for standing in standings:
            if (key := standing.trace_key) not in self._traces:
                traces.add(key)
            if (charge_id := standing.response_charge) and charge_id not in self._responses:
                charges.add(charge_id)
        return traces, charges

    def learn(self, stored: Iterable[tuple[Standing, Rule]], open_charges: set[bytes]) -> None:
        """Take claims back into memory. A unit counts as posted only if `open_charges` has its charge."""
        units: dict[int, Unit] = {}
        for standing, rule in stored:
            trace = self._trace(standing.trace_key)
            if standing.claim_id in trace.units or standing.claim_id in trace.rollups:
                continue
            self._claims += 1
            if standing.claim.call.role == "rollup":
                self._keep_rollup(standing, trace)
                if rule == "pending":
                    self._pending[standing.claim_id] = standing
                if rule != "aggregate":
                    continue
                unit = trace.aggregates[standing.claim_id] = Unit({standing.claim_id: standing}, aggregate=True)
            else:
                unit = self._join(standing, trace, Settlement())
            units[id(unit)] = unit
        for unit in units.values():
            charge = charge_of(unit.standings.values(), aggregate=unit.aggregate)
            if charge.charge_id in open_charges:
                unit.charge, unit.tally = charge, _tally(unit, charge)

    def settle(self, arrivals: Iterable[Standing], now_ns: int, *, close: bool = False) -> Settlement:
        """Settle claims in the order they arrive; `now_ns` is journal time, `close` ends every window now."""
        settlement = Settlement()
        touched: dict[int, Unit] = {}
        traces: dict[int, Trace] = {}
        for standing in arrivals:
            trace = self._trace(standing.trace_key)
            known = trace.units.get(standing.claim_id) or trace.aggregates.get(standing.claim_id)
            if known and known.charge is None and id(known) not in touched:
                # Stored by a posting that a crash cut off: it is settled, and counted, only now.
                touched[id(known)] = known
                continue
            if known or standing.claim_id in trace.rollups:
                settlement.counts["duplicates"] += 1
                continue
            self._claims += 1
            traces[id(trace)] = trace
            if standing.claim.call.role == "rollup":
                self._keep_rollup(standing, trace)
                self._pending[standing.claim_id] = standing
                settlement.counts["pending"] += 1
                settlement.rulings.append((standing, NO_CHARGE, "pending"))
            else:
                unit = self._join(standing, trace, settlement)
                touched[id(unit)] = unit
                if above := self._rolled_up.get(standing.response_charge):
                    traces[id(above)] = above
        for unit in touched.values():
            if unit.standings:
                _resettle(unit, settlement)
        self._settle_rollups(traces.values(), now_ns, settlement, close=close)
        self._forget_oldest(settlement)
        return settlement

    @property
    def has_pending(self) -> bool:
        """Whether any roll-up waits for its window to end."""
        return bool(self._pending)

    def forget(self) -> None:
        """Drop all memory: what matters is recalled from the store. After a failed posting."""
        self.__init__(window_ns=self._window_ns, claims_max=self._claims_max)

    def _trace(self, key: TraceKey) -> Trace:
        trace = self._traces.get(key)
        if trace is None:
            trace = self._traces[key] = Trace()
        else:
            self._traces.move_to_end(key)
        return trace

    def _join(self, standing: Standing, trace: Trace, settlement: Settlement) -> Unit:
        """Put a claim into the unit of its response id or of its span; two units it connects become one."""
        charge_id, span_key = standing.response_charge, standing.span_key
        unit = self._responses.get(charge_id)
        same_span = self._spans.get(span_key)
        if unit and same_span and unit is not same_span:
            self._absorb(unit, same_span, settlement)
        unit = unit or same_span or Unit()
        unit.standings[standing.claim_id] = standing
        trace.units[standing.claim_id] = unit
        self._spans[span_key] = unit
        if charge_id:
            self._responses[charge_id] = unit
        return unit

    def _absorb(self, unit: Unit, other: Unit, settlement: Settlement) -> None:
        if other.charge:
            settlement.withdrawn.append(other.charge)
        settlement.count(other.tally, -1)
        for standing in other.standings.values():
            self._trace(standing.trace_key).units[standing.claim_id] = self._spans[standing.span_key] = unit
            if charge_id := standing.response_charge:
                self._responses[charge_id] = unit
        unit.standings |= other.standings
        other.standings, other.charge = {}, None

    def _keep_rollup(self, standing: Standing, trace: Trace) -> None:
        trace.rollups[standing.claim_id] = standing
        if charge_id := standing.response_charge:
            self._rolled_up[charge_id] = trace

    def _settle_rollups(self, touched: Iterable[Trace], now_ns: int, settlement: Settlement, *, close: bool) -> None:
        for trace in touched:
            for standing in trace.rollups.values():
                decided = standing.claim_id not in self._pending and standing.claim_id not in trace.aggregates
                if not decided and self._covered(standing, trace):
                    self._roll_up(standing, trace, settlement)
        expired: list[Standing] = []
        for standing in self._pending.values():
            if not close and now_ns - standing.received_ns < self._window_ns:
                break
            expired.append(standing)
        for standing in expired:
            self._charge_aggregate(standing, settlement)

    def _roll_up(self, standing: Standing, trace: Trace, settlement: Settlement) -> None:
        """A roll-up is evidence; if it was charged as an aggregate, that is taken back."""
        if self._pending.pop(standing.claim_id, None):
            settlement.counts["pending"] -= 1
        if unit := trace.aggregates.pop(standing.claim_id, None):
            settlement.count(unit.tally, -1)
            if unit.charge:
                settlement.withdrawn.append(unit.charge)
        settlement.counts["rolled_up"] += 1
        settlement.rulings.append((standing, NO_CHARGE, "rolled_up"))

    def _charge_aggregate(self, standing: Standing, settlement: Settlement) -> None:
        """No more evidence will come: the roll-up is charged."""
        del self._pending[standing.claim_id]
        settlement.counts["pending"] -= 1
        unit = Unit({standing.claim_id: standing}, aggregate=True)
        self._trace(standing.trace_key).aggregates[standing.claim_id] = unit
        _resettle(unit, settlement)

    def _covered(self, outer: Standing, trace: Trace) -> bool:
        """Whether what a roll-up states is stated below it, or by a claim of the same response.

        Of two roll-ups the shorter may cover the longer and never the reverse, so that one of them always stands.
        """
        if outer.response_charge in self._responses:
            return True
        below = (
            unit.standings[claim_id].claim
            for claim_id, unit in trace.units.items()
            if unit.standings[claim_id].claim.usage
        )
        shorter = (each.claim for each in trace.rollups.values() if _length(each) < _length(outer))
        return any(_below(inner, outer.claim) for inner in chain(below, shorter))

    def _forget_oldest(self, settlement: Settlement) -> None:
        while self._claims > self._claims_max and self._traces:
            key = next(iter(self._traces))
            for standing in list(self._traces[key].rollups.values()):
                if standing.claim_id in self._pending:
                    self._charge_aggregate(standing, settlement)
            self._forget_trace(key)

    def _forget_trace(self, key: TraceKey) -> None:
        """Forget a trace, its units, and every trace that shares one: memory holds all of a unit or none of it."""
        trace = self._traces.pop(key)
        self._claims -= len(trace.rollups) + len(trace.units)
        for standing in trace.rollups.values():
            self._rolled_up.pop(standing.response_charge, None)
        for unit in trace.units.values():
            for standing in unit.standings.values():
                claim = standing.claim
                self._spans.pop(standing.span_key, None)
                self._responses.pop(standing.response_charge, None)
                other = (claim.scope, claim.trace_id or claim.span_id)
                if other in self._traces:
                    self._forget_trace(other)


def _resettle(unit: Unit, settlement: Settlement) -> None:
    """Charge a unit anew if what it amounts to has changed, and rule on its claims."""
    before, after = unit.charge, charge_of(unit.standings.values(), aggregate=unit.aggregate)
    new = unit.standings.keys()
    if before is not None and _amounts_to(after) == _amounts_to(before):
        new = new - set(before.claim_ids)
    else:
        if before is not None:
            settlement.withdrawn.append(before)
        settlement.charges.append(after)
    settlement.count(unit.tally, -1)
    unit.charge, unit.tally = after, _tally(unit, after)
    settlement.count(unit.tally)
    for standing, rule in _rules(unit):
        if standing.claim_id in new:
            settlement.rulings.append((standing, after.charge_id, rule))


def _amounts_to(charge: Charge) -> tuple[object, ...]:
    """What an event says of a charge; which claims stand behind it is not part of that."""
    return charge.charge_id, charge.kind, charge.quality, charge.claim


def _rules(unit: Unit) -> list[tuple[Standing, Rule]]:
    group = list(unit.standings.values())
    if len(group) == 1:
        return [(group[0], "aggregate" if unit.aggregate else "single")]
    speaking = {standing.claim_id for standing in voices(group)}
    together: Rule = "same_span" if len({standing.span_key for standing in group}) == 1 else "response_id"
    return [(standing, together if standing.claim_id in speaking else "conflict") for standing in group]


_ALONE: Final[dict[str, Tally]] = {"charge": (("charged", 1),), "attempt": (("attempts", 1),)}


def _tally(unit: Unit, charge: Charge) -> Tally:
    first = _ALONE[charge.kind]
    if len(unit.standings) == 1:
        return first
    conflicts = sum(rule == "conflict" for _, rule in _rules(unit))
    return (*first, ("merged", len(unit.standings) - 1 - conflicts), ("conflicts", conflicts))


def _length(standing: Standing) -> tuple[int, bytes]:
    return standing.claim.end_ns - standing.claim.start_ns, standing.claim_id


def _below(inner: Claim, outer: Claim) -> bool:
    """By parent link, else contained in time (the spans between are not kept)."""
    return inner.parent_span_id == outer.span_id or (outer.start_ns <= inner.start_ns and inner.end_ns <= outer.end_ns)
