"""Broken context: two instrumentations tell of one call and nothing links them (DESIGN 5, rule 4). Pure.

A framework's callback does not become the current context, so the client's span starts a trace of its own. Told by
somebody else, from the same service, at overlapping times, with equal input, nearly equal output and at most one
response id: matched one to one by closeness, and said to be `probable`, never `exact`.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

from spanledger.exporter.settle.standing import Standing, likenesses_near
from spanledger.schemas import units as u

Call = list[Standing]

OUTPUT_TOLERANCE: Final = 16
"""Output tokens by which two tellers of one call may differ (an emitter adds a stream's placeholder count)."""


def alike(one: Standing, other: Standing) -> bool:
    """Whether two claims may tell of one call without being linked."""
    this, that = one.claim, other.claim
    return (
        one.teller != other.teller
        and not (one.response_charge and other.response_charge)
        and this.scope == that.scope
        and this.usage.get(u.INPUT_TOKENS) == that.usage.get(u.INPUT_TOKENS)
        and abs(this.usage.get(u.OUTPUT_TOKENS, 0) - that.usage.get(u.OUTPUT_TOKENS, 0)) <= OUTPUT_TOLERANCE
        and this.start_ns <= that.end_ns
        and that.start_ns <= this.end_ns
        and _service(one) == _service(other)
    )


def resembling(calls: Sequence[Call]) -> list[tuple[int, int]]:
    """Pairs of places in `calls` that are one call, closest first, each teller at most once in what becomes one."""
    tellers = [{standing.teller for standing in call} for call in calls]
    ids = [{standing.response_charge for standing in call} - {b""} for call in calls]
    group = list(range(len(calls)))
    same: list[tuple[int, int]] = []
    for *_, one, other in sorted(_pairs(calls)):
        this, that = group[one], group[other]
        if this == that or tellers[this] & tellers[that] or len(ids[this] | ids[that]) > 1:
            continue
        tellers[this] |= tellers[that]
        ids[this] |= ids[that]
        group = [this if each == that else each for each in group]
        same.append((one, other))
    return same


def _pairs(calls: Sequence[Call]) -> Iterator[tuple[int, bytes, bytes, int, int]]:
    """Calls that resemble each other: how far apart, their first claims, their places."""
    by_likeness: dict[int, list[tuple[int, Standing]]] = defaultdict(list)
    for place, call in enumerate(calls):
        for standing in call:
            if standing.likeness:
                by_likeness[standing.likeness].append((place, standing))
    for place, call in enumerate(calls):
        for standing in call:
            for key in likenesses_near(standing.likeness):
                for other_place, other in by_likeness.get(key, ()):
                    if place < other_place and alike(standing, other):
                        yield _distance(standing, other), call[0].claim_id, other.claim_id, place, other_place


def _distance(one: Standing, other: Standing) -> int:
    return abs(one.claim.start_ns - other.claim.start_ns) + abs(one.claim.end_ns - other.claim.end_ns)


def _service(standing: Standing) -> str:
    who = standing.claim.attribution
    return who.service_instance or who.service_name
