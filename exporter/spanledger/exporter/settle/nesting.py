"""Calls inside calls: which of several claims of one trace tell of the same call (DESIGN 5, rule 3). Pure.

A wrapper's span lies around its client's. Of an outer and the single inner call, at least one without a response id,
both are one call; an outer without an id above several calls only repeats them; two different ids are two calls.
"Above" is a parent link, through roll-ups where need be; else the same trace, containment in time and equal usage,
told by somebody else: an emitter does not nest its own spans without linking them.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from spanledger.exporter.settle.charge import is_failed_try
from spanledger.exporter.settle.standing import Standing, lies_in
from spanledger.schemas import units as u

Call = list[Standing]
"""Claims about one call."""


def nested(calls: Sequence[Call], rollups: Iterable[Standing]) -> tuple[list[tuple[int, int]], set[int]]:
    """Pairs of places in `calls` that are one call, and the places of calls that only repeat those below them."""
    outer_of = _outer_of(calls, rollups)
    inner_of: dict[int, list[int]] = defaultdict(list)
    for inner, outer in outer_of.items():
        if _spent(calls[inner]) or not _spent(calls[outer]):
            inner_of[outer].append(inner)
    ids = [{standing.response_charge for standing in call} - {b""} for call in calls]
    same: list[tuple[int, int]] = []
    repeating: set[int] = set()
    for outer in sorted(inner_of, key=lambda place: (-_depth(outer_of, place), place)):
        inners = sorted(inner_of[outer])
        if not ids[outer] and len(inners) > 1:
            repeating.add(outer)
            continue
        fitting = [inner for inner in inners if len(ids[inner] | ids[outer]) < 2 or ids[inner] == ids[outer]]
        if len(fitting) > 1:
            fitting = [inner for inner in fitting if _usage(calls[inner]) == _usage(calls[outer])]
        for inner in fitting[:1]:
            same.append((outer, inner))
            ids[outer] |= ids[inner]
    return same, repeating


def _depth(outer_of: Mapping[int, int], place: int) -> int:
    depth = 0
    while place in outer_of:
        place, depth = outer_of[place], depth + 1
    return depth


def _outer_of(calls: Sequence[Call], rollups: Iterable[Standing]) -> dict[int, int]:
    """Call → the nearest call above it."""
    place_of: dict[tuple[str, str, str], int] = {}
    parent_of: dict[tuple[str, str, str], str] = {}
    for place, call in enumerate(calls):
        for standing in call:
            claim = standing.claim
            place_of[claim.scope, claim.trace_id, claim.span_id] = place
            parent_of[claim.scope, claim.trace_id, claim.span_id] = claim.parent_span_id
    for standing in rollups:
        claim = standing.claim
        parent_of.setdefault((claim.scope, claim.trace_id, claim.span_id), claim.parent_span_id)
    outer_of: dict[int, int] = {}
    unlinked: list[int] = []
    for place, call in enumerate(calls):
        above = (_linked(standing, place, place_of, parent_of) for standing in call)
        outer = next((each for each in above if each is not None), None)
        if outer is None:
            unlinked.append(place)
        elif not _leads_to(outer_of, outer, place):
            outer_of[place] = outer
    likes: dict[tuple[object, ...], list[int]] = defaultdict(list)
    for place, call in enumerate(calls):
        likes[_usage(call)].append(place)
    for place in unlinked:
        around = [
            other
            for other in likes[_usage(calls[place])]
            if other != place and _around(calls[other], calls[place]) and not _leads_to(outer_of, other, place)
        ]
        if around:
            outer_of[place] = min(around, key=lambda other: (_length(calls[other]), calls[other][0].claim_id))
    return outer_of


def _linked(
    standing: Standing,
    place: int,
    place_of: Mapping[tuple[str, str, str], int],
    parent_of: Mapping[tuple[str, str, str], str],
) -> int | None:
    """The nearest other call on the way up by parent links; a cycle ends the way."""
    claim = standing.claim
    way: set[str] = set()
    span_id = claim.parent_span_id
    while span_id and span_id not in way:
        way.add(span_id)
        key = claim.scope, claim.trace_id, span_id
        if (found := place_of.get(key, place)) != place:
            return found
        span_id = parent_of.get(key, "")
    return None


def _leads_to(outer_of: Mapping[int, int], start: int, end: int) -> bool:
    place: int | None = start
    while place is not None:
        if place == end:
            return True
        place = outer_of.get(place)
    return False


def _around(outer: Call, inner: Call) -> bool:
    return any(
        one.claim.trace_id == other.claim.trace_id
        and one.claim.trace_id != ""
        and one.teller != other.teller
        and lies_in(other.claim, one.claim)
        for one in outer
        for other in inner
    )


def _usage(call: Call) -> tuple[int | None, int | None]:
    """Input and output; calls that state nothing are never equal to another."""
    stated = max((standing.claim.usage for standing in call), key=len)
    return (stated.get(u.INPUT_TOKENS), stated.get(u.OUTPUT_TOKENS)) if stated else (None, id(call))


def _spent(call: Call) -> bool:
    """Whether a call used something, or may have: a failed try did not."""
    return any(not is_failed_try(standing.claim) for standing in call)


def _length(call: Call) -> int:
    return max(standing.claim.end_ns - standing.claim.start_ns for standing in call)
