"""A stream told in two spans: one that opens it, one that ends it and states its usage (Logfire's streams). Pure.

The opening span ends when the answer begins, so it states nothing; the closing one begins then, has no id, and often
a trace of its own. Of one emitter, service and model they are matched one to one: each end to the closest opening.
"""

from collections import defaultdict
from collections.abc import Sequence

from spanledger.exporter.settle.matching import Call, Timeline
from spanledger.exporter.settle.standing import Standing, is_end, is_opening


def continues(end: Standing, opening: Standing) -> bool:
    """Whether one claim may be the end of what the other opened."""
    closing, opened = end.claim, opening.claim
    return (
        is_end(closing)
        and is_opening(opened)
        and _stream(end) == _stream(opening)
        and opened.start_ns <= closing.start_ns
        and (not closing.parent_span_id or closing.trace_id == opened.trace_id)
    )


def continued(calls: Sequence[Call]) -> list[tuple[int, int]]:
    """Pairs of places in `calls`: an opening without usage, and its end."""
    openings: dict[tuple[object, ...], Timeline] = defaultdict(Timeline)
    place_of: dict[bytes, int] = {}
    ends: list[Standing] = []
    for place, (first, *_) in enumerate(calls):
        place_of[first.claim_id] = place
        if is_end(first.claim):
            ends.append(first)
        elif is_opening(first.claim):
            openings[_stream(first)].add(first)
    gaps = sorted(
        (_gap(opening, end), opening.claim_id, end.claim_id)
        for end in ends
        if _stream(end) in openings
        for opening in openings[_stream(end)].near(end, own=True)
        if continues(end, opening)
    )
    taken: set[bytes] = set()
    pairs: list[tuple[int, int]] = []
    for _, opening_id, end_id in gaps:
        if not taken & {opening_id, end_id}:
            taken |= {opening_id, end_id}
            pairs.append((place_of[opening_id], place_of[end_id]))
    return pairs


def _stream(standing: Standing) -> tuple[object, ...]:
    claim = standing.claim
    who = claim.attribution
    return claim.scope, standing.teller, claim.call.request_model, who.service_instance or who.service_name


def _gap(opening: Standing, end: Standing) -> int:
    return abs(end.claim.start_ns - opening.claim.end_ns)
