"""Calls inside calls: which of several claims of one trace tell of the same call (docs/settlement.md, rule 3). Pure.

A wrapper's span lies around its client's. Of an outer and the single inner call, at least one without a response id,
both are one call; an outer without an id above several calls only repeats them; two different ids are two calls.
"Above" is a parent link, through roll-ups where need be. Where the links are lost, somebody else's claim that lies
around one in the same trace with equal usage is the same call, one to one.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from spanledger.exporter.settle.charge import is_failed_try
from spanledger.exporter.settle.matching import Call, matched
from spanledger.exporter.settle.standing import Standing, lies_in
from spanledger.schemas import units as u
from spanledger.schemas.claim import DENIED

SpanId = tuple[str, str, str]


def nested(calls: Sequence[Call], rollups: Iterable[Standing]) -> tuple[list[tuple[int, int]], set[int]]:
    """Pairs of places in `calls` that are one call by their links, and places of calls that only repeat others."""
    outer_of = _without_cycles(_Links(calls, rollups).outer_calls())
    inner_of: dict[int, list[int]] = defaultdict(list)
    for inner, outer in outer_of.items():
        # A failed try repeats no call, and a denial was never sent.
        unlike = _denied(calls[outer]) if _spent(calls[inner]) else _spent(calls[outer])
        if not unlike:
            inner_of[outer].append(inner)
    ids = [{standing.response_charge for standing in call} - {b""} for call in calls]
    same: list[tuple[int, int]] = []
    repeating: set[int] = set()
    for outer in _innermost_first(outer_of, inner_of):
        inners = sorted(inner_of[outer])
        if not ids[outer] and len(inners) > 1:
            repeating.add(outer)
            continue
        fitting = [inner for inner in inners if ids[inner] == ids[outer] or len(ids[inner] | ids[outer]) < 2]
        if len(fitting) > 1:
            fitting = [inner for inner in fitting if _usage(calls[inner]) == _usage(calls[outer])]
        for inner in fitting[:1]:
            same.append((outer, inner))
            ids[outer] |= ids[inner]
    return same, repeating


def contained(calls: Sequence[Call]) -> list[tuple[int, int]]:
    """Pairs of places in `calls` that are one call by time and usage, in one trace whose links are lost."""
    usage = {standing.claim_id: stated for call in calls for stated in (_usage(call),) for standing in call}

    def seat(standing: Standing) -> Sequence[tuple[object, ...]]:
        claim, wholes = standing.claim, usage[standing.claim_id]
        return ((claim.scope, claim.trace_id, *wholes),) if claim.trace_id and any(wholes) else ()

    return matched(calls, seat, _lies_around)


class _Links:
    """The parent links between the spans of a closed set of claims."""

    def __init__(self, calls: Sequence[Call], rollups: Iterable[Standing]) -> None:
        self._calls = calls
        self._place_of = {_span(standing): place for place, call in enumerate(calls) for standing in call}
        self._rollup_parent = {_span(standing): standing.claim.parent_span_id for standing in rollups}
        self._above: dict[SpanId, SpanId | None] = {}
        """Roll-up → the first span above it that is none."""

    def outer_calls(self) -> dict[int, int]:
        """Call → the nearest other call above it, where there is one."""
        found = ((place, self._outer(place, call)) for place, call in enumerate(self._calls))
        return {place: outer for place, outer in found if outer is not None}

    def _outer(self, place: int, call: Call) -> int | None:
        for standing in call:
            scope, trace_id, _ = _span(standing)
            parent = self._past_rollups((scope, trace_id, standing.claim.parent_span_id))
            if parent is not None and self._place_of.get(parent, place) != place:
                return self._place_of[parent]
        return None

    def _past_rollups(self, span: SpanId) -> SpanId | None:
        """The first span on the way up that is no roll-up; None at the top, and in a cycle."""
        way: dict[SpanId, None] = {}
        here: SpanId | None = span
        while here is not None and here not in self._place_of and here in self._rollup_parent:
            if here in way:
                here = None
            elif here in self._above:
                here = self._above[here]
            else:
                way[here] = None
                here = (*here[:2], self._rollup_parent[here])
        self._above.update(dict.fromkeys(way, here))
        return here


def _without_cycles(outer_of: dict[int, int]) -> dict[int, int]:
    """Parent links that form a circle say nothing about who is outside."""
    safe: set[int] = set()
    circling: set[int] = set()
    for start in outer_of:
        way: dict[int, None] = {}
        place: int | None = start
        while place is not None and place not in safe and place not in way:
            way[place] = None
            place = outer_of.get(place)
        if place is not None and place in way:
            steps = list(way)
            circling.update(steps[steps.index(place) + 1 :])
        safe.update(way)
    return {inner: outer for inner, outer in outer_of.items() if inner not in circling}


def _innermost_first(outer_of: dict[int, int], inner_of: Iterable[int]) -> list[int]:
    depth: dict[int, int] = {}
    for start in outer_of:
        way: list[int] = []
        place = start
        while place not in depth and place in outer_of:
            way.append(place)
            place = outer_of[place]
        below = depth.setdefault(place, 0)
        for each in reversed(way):
            below = depth[each] = below + 1
    return sorted(inner_of, key=lambda place: (-depth.get(place, 0), place))


def _span(standing: Standing) -> SpanId:
    claim = standing.claim
    return claim.scope, claim.trace_id, claim.span_id


def _lies_around(one: Standing, other: Standing) -> bool:
    return lies_in(one.claim, other.claim) or lies_in(other.claim, one.claim)


def _usage(call: Call) -> tuple[int | None, int | None]:
    stated = max((standing.claim.usage for standing in call), key=len)
    return stated.get(u.INPUT_TOKENS), stated.get(u.OUTPUT_TOKENS)


def _spent(call: Call) -> bool:
    """Whether a call used something, or may have: a failed try did not."""
    return any(not is_failed_try(standing.claim) for standing in call)


def _denied(call: Call) -> bool:
    """Whether a budget or a policy did not let a call go."""
    return any(DENIED in standing.claim.flags for standing in call)
