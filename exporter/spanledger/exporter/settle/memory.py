"""The claims in memory, and which of them can meet. Bounded: what is forgotten is recalled from the store by its keys.

A trace is here whole or not at all, and with it every trace it is tied to: by a response id in both, or by claims that
resemble each other. Such a *closure* is what settlement looks at, and what is forgotten together.
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

import msgspec

from spanledger.exporter.settle.charge import Rule
from spanledger.exporter.settle.continuing import continues
from spanledger.exporter.settle.matching import Timeline
from spanledger.exporter.settle.resemblance import alike
from spanledger.exporter.settle.standing import Standing, likenesses_near

TraceKey = tuple[str, str]
Teller = tuple[str, str]

SERVICES_MAX: Final = 16_384
"""Services of which it is known who tells, some 400 bytes each: a sender chooses their names. Of any further one
several may tell, which costs its claims a look at those they resemble."""


class Place(NamedTuple):
    """Where a claim is: its charge, its rule, and its heading in the accounting invariant."""

    charge_id: bytes
    rule: Rule
    heading: str


class Unknown(NamedTuple):
    """Keys that memory cannot answer for: to be recalled if the store has them."""

    traces: set[TraceKey]
    responses: dict[bytes, str]
    """Response charge → response id."""
    likenesses: set[int]


class Trace(msgspec.Struct, eq=False):
    """The claims of one trace, all of them."""

    key: TraceKey
    claims: dict[bytes, Standing] = {}
    places: dict[bytes, Place] = {}
    """Claims as they were last posted; one that is not here never was."""
    expired: frozenset[bytes] = frozenset()
    """Roll-ups whose window has ended."""
    ties: "set[Trace] | None" = None
    """Traces that must be looked at with this one."""
    plain: bool = True
    """Whether no claim of this trace can meet another of it."""
    # What is known of a plain trace, to see whether one more claim leaves it so. Sets from the second claim on.
    teller: Teller | None = None
    with_ids: bool = False
    linked: bool = False
    spans: set[str] | None = None
    parents: set[str] | None = None


class Memory:
    """Claims by trace, response and likeness."""

    def __init__(self) -> None:
        self.traces: OrderedDict[TraceKey, Trace] = OrderedDict()
        self.claims = 0
        self.bytes = 0
        self._forgotten = 0
        self._responses: dict[bytes, Trace] = {}
        self._tellers: dict[TraceKey, Teller] = {}
        """(scope, service) → who tells of its calls."""
        self._told_by_several: set[TraceKey] = set()
        self._likes: dict[int, Timeline] = {}
        """Likeness → the claims that have it, for services of which several tell."""
        self._told_by_one: dict[TraceKey, list[Standing]] = {}
        """(scope, service) → the claims that would have likes, were there another teller; also some long forgotten."""
        self._whole: set[int] = set()
        """Likenesses of which memory has every claim there is."""

    def trace(self, key: TraceKey) -> Trace:
        """The trace with a key, now the newest."""
        trace = self.traces.get(key)
        if trace is None:
            trace = self.traces[key] = Trace(key)
        else:
            self.traces.move_to_end(key)
        return trace

    @property
    def services(self) -> int:
        """How many services are kept apart."""
        return len(self._tellers)

    def tell(self, service: TraceKey, teller: Teller) -> None:
        """Know that somebody tells of a service's calls; from the second teller on, likes are looked for."""
        known = self._tellers.get(service)
        if known is None and len(self._tellers) < SERVICES_MAX:
            self._tellers[service] = teller
        elif known not in {None, teller} and service not in self._told_by_several:
            self._told_by_several.add(service)
            for standing in self._remembered(self._told_by_one.pop(service, [])):
                self._tie_likes(self.traces[standing.trace_key], standing)

    def unknown(self, standings: Sequence[Standing]) -> Unknown:
        """The traces, responses and likenesses of some claims that are not in memory."""
        unknown = Unknown(set(), {}, set())
        for standing in standings:
            if standing.likeness:
                self.tell(_service(standing), standing.teller)
        for standing in standings:
            if (key := standing.trace_key) not in self.traces:
                unknown.traces.add(key)
            if (charge_id := standing.response_charge) and charge_id not in self._responses:
                unknown.responses[charge_id] = standing.claim.response_id
            if standing.likeness and (standing.in_two or self._may_be_told_by_several(_service(standing))):
                unknown.likenesses.update(key for key in likenesses_near(standing.likeness) if key not in self._whole)
        return unknown

    def having(self, keys: Unknown) -> list[Trace]:
        """The traces that have any of some keys."""
        found = dict.fromkeys(self.traces[key] for key in keys.traces if key in self.traces)
        found |= dict.fromkeys(self._responses[key] for key in keys.responses if key in self._responses)
        for likeness in keys.likenesses:
            for near in likenesses_near(likeness):
                self._whole.discard(near)
                for standing in self._likes[near].claims() if near in self._likes else ():
                    found[self.traces[standing.trace_key]] = None
        return list(found)

    def is_whole(self, likenesses: Iterable[int]) -> None:
        """Memory now has every claim with these likenesses."""
        self._whole.update(likenesses)

    def keep(self, standing: Standing, trace: Trace) -> None:
        """Remember a claim, and what it ties together."""
        charge_id = standing.response_charge
        known = self._responses.get(charge_id) if charge_id else None
        trace.plain = trace.plain and known is not trace and _stays_plain(standing, trace)
        if charge_id:
            if known is None:
                self._responses[charge_id] = trace
            elif known is not trace:
                _tie(trace, known)
        trace.claims[standing.claim_id] = standing
        self.claims += 1
        self.bytes += standing.size
        if standing.likeness:
            service = _service(standing)
            self.tell(service, standing.teller)
            if standing.in_two or self._may_be_told_by_several(service):
                self._tie_likes(trace, standing)
            else:
                self._told_by_one.setdefault(service, []).append(standing)

    def closures(self, traces: Iterable[Trace]) -> Iterator[list[Trace]]:
        """The closure of each trace, once."""
        done: set[Trace] = set()
        for start in traces:
            if start in done:
                continue
            closure, ahead = {start: None}, [start]
            while ahead:
                for other in ahead.pop().ties or ():
                    if other not in closure:
                        closure[other] = None
                        ahead.append(other)
            done.update(closure)
            yield list(closure)

    def forget(self, closure: Iterable[Trace]) -> None:
        """Drop a closure."""
        for trace in closure:
            del self.traces[trace.key]
            self.claims -= len(trace.claims)
            for standing in trace.claims.values():
                self.bytes -= standing.size
                self._responses.pop(standing.response_charge, None)
                self._forget_likes(standing)
            self._forgotten += len(trace.claims)
        if self._forgotten > self.claims:
            self._tidy()

    def _may_be_told_by_several(self, service: TraceKey) -> bool:
        return service in self._told_by_several or service not in self._tellers

    def _tie_likes(self, trace: Trace, standing: Standing) -> None:
        own = standing.in_two
        for key in likenesses_near(standing.likeness):
            for other in self._likes[key].near(standing, own=own) if key in self._likes else ():
                if _may_be_one(standing, other):
                    other_trace = self.traces[other.trace_key]
                    trace.plain = trace.plain and other_trace is not trace
                    if other_trace is not trace:
                        _tie(trace, other_trace)
        self._likes.setdefault(standing.likeness, Timeline()).add(standing)

    def _forget_likes(self, standing: Standing) -> None:
        self._whole.discard(standing.likeness)
        if standing.likeness in self._likes and not self._likes[standing.likeness].discard(standing):
            del self._likes[standing.likeness]

    def _remembered(self, standings: Iterable[Standing]) -> list[Standing]:
        traces = self.traces
        return [each for each in standings if (trace := traces.get(each.trace_key)) and each.claim_id in trace.claims]

    def _tidy(self) -> None:
        """Let go of claims that are in no trace any more; seldom, for it looks at all of them.

        What is whole is asked again: a likeness without claims in memory would be remembered for ever.
        """
        self._forgotten = 0
        self._whole.clear()
        self._told_by_one = {
            service: kept for service, some in self._told_by_one.items() if (kept := self._remembered(some))
        }


def _may_be_one(one: Standing, other: Standing) -> bool:
    return alike(one, other) or continues(one, other) or continues(other, one)


def _service(standing: Standing) -> TraceKey:
    return standing.claim.scope, standing.claim.attribution.service_name


def _stays_plain(standing: Standing, trace: Trace) -> bool:
    """Whether a claim is about another call than each of a plain trace.

    Two response ids are two calls. Without them, one teller tells of a call once, unless it links spans; what tells
    more is a roll-up, or somebody else's claim around or beside it.
    """
    claim = standing.claim
    if claim.call.role == "rollup":
        return False
    if not trace.claims:
        trace.teller, trace.with_ids = standing.teller, standing.response_charge != b""
        return True
    if trace.spans is None or trace.parents is None:
        (first,) = trace.claims.values()
        trace.spans, trace.parents = {first.claim.span_id}, {first.claim.parent_span_id}
    if claim.span_id in trace.spans:
        return False
    trace.with_ids = trace.with_ids and standing.response_charge != b""
    if trace.teller != standing.teller:
        trace.teller = None
    linked = claim.parent_span_id in trace.spans or claim.span_id in trace.parents
    trace.spans.add(claim.span_id)
    trace.parents.add(claim.parent_span_id)
    trace.linked = trace.linked or linked
    return trace.with_ids or (trace.teller is not None and not trace.linked)


def _tie(one: Trace, other: Trace) -> None:
    for this, that in ((one, other), (other, one)):
        if this.ties is None:
            this.ties = set()
        this.ties.add(that)
