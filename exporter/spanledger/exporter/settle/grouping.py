"""A set of claims → the calls they tell of, and the rule that put each claim where it is. Pure: the set decides.

The set must be closed: with a claim come all of its trace, all with its response id and all that resemble it.
Roll-ups are evidence if a call lies below them; else they are left over, and the settler's window decides.
Explicit work is what the application says it is: one with its like by identity alone, never by lying near a call.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Final

import msgspec

from spanledger.exporter.settle.charge import Rule, voices
from spanledger.exporter.settle.continuing import continued
from spanledger.exporter.settle.nesting import nested
from spanledger.exporter.settle.resemblance import resembling
from spanledger.exporter.settle.standing import Standing, lies_in
from spanledger.schemas import units as u
from spanledger.schemas.claim import Claim

# Reasons for being one call, the weakest last: a call is no surer than its weakest join.
_STRENGTH: Final[dict[Rule, int]] = {
    "single": 0,
    "same_span": 1,
    "response_id": 2,
    "continuation": 3,
    "nested": 4,
    "resemblance": 5,
}

# What roll-ups sum up: explicit work of any other unit below one says nothing of its calls.
_TOKENS: Final = frozenset({u.INPUT_TOKENS, u.OUTPUT_TOKENS})


class Group(msgspec.Struct):
    """Claims about one call, and why they are one."""

    standings: list[Standing]
    rule: Rule


class Grouping(msgspec.Struct):
    """What a closed set of claims amounts to."""

    calls: list[Group]
    evidence: list[Standing]
    """Claims that repeat what calls below them state."""
    left: list[Standing]
    """Roll-ups above no call."""


def group(standings: Iterable[Standing]) -> Grouping:
    """Group a closed set of claims; their order means nothing."""
    ordered = sorted(standings, key=lambda standing: standing.claim_id)
    rollups = [standing for standing in ordered if standing.claim.call.role == "rollup"]
    calls = _by_identity([standing for standing in ordered if standing.claim.call.role != "rollup"])
    works = [call for call in calls if _is_work(call)]
    if works:
        calls = [call for call in calls if not _is_work(call)]
    repeating: list[Standing] = []
    if len(calls) > 1:
        calls = _joined(calls, continued([call.standings for call in calls]), "continuation")
        pairs, above = nested([call.standings for call in calls], rollups)
        repeating = [standing for place in above for standing in calls[place].standings]
        calls = _joined(calls, pairs, "nested", without=above)
        calls = _joined(calls, resembling([call.standings for call in calls]), "resemblance")
    calls += works
    covered = _covered(rollups, calls)
    return Grouping(
        calls,
        [*repeating, *(standing for standing in rollups if standing.claim_id in covered)],
        [standing for standing in rollups if standing.claim_id not in covered],
    )


def _is_work(call: Group) -> bool:
    return call.standings[0].claim.call.role == "work"


def rules_of(call: Group) -> list[tuple[Standing, Rule]]:
    """Each claim of a call with its rule: of a span exported twice with other content, one version speaks."""
    if len(call.standings) == 1:
        return [(call.standings[0], call.rule)]
    speaking = {standing.claim_id for standing in voices(call.standings)}
    return [(standing, call.rule if standing.claim_id in speaking else "conflict") for standing in call.standings]


def _by_identity(standings: Sequence[Standing]) -> list[Group]:
    """Claims with one response id, and claims of one span, are one call."""
    singles = [Group([standing], "single") for standing in standings]
    by_response: dict[bytes, int] = {}
    by_span: dict[tuple[str, str, str, str], int] = {}
    responses: list[tuple[int, int]] = []
    spans: list[tuple[int, int]] = []
    for place, standing in enumerate(standings):
        if (first := by_span.setdefault(standing.span_key, place)) != place:
            spans.append((first, place))
        if standing.response_charge and (first := by_response.setdefault(standing.response_charge, place)) != place:
            responses.append((first, place))
    if not spans and not responses:
        return singles
    return _joined_by([(spans, "same_span"), (responses, "response_id")], singles)


def _joined(
    calls: list[Group], pairs: Sequence[tuple[int, int]], rule: Rule, without: set[int] | frozenset[int] = frozenset()
) -> list[Group]:
    return _joined_by([(pairs, rule)], calls, without) if pairs or without else calls


def _joined_by(
    joins: Sequence[tuple[Sequence[tuple[int, int]], Rule]], calls: list[Group], without: Iterable[int] = ()
) -> list[Group]:
    """Calls with those that pairs connect made one."""
    root = list(range(len(calls)))

    def find(place: int) -> int:
        while root[place] != place:
            root[place] = root[root[place]]
            place = root[place]
        return place

    weakest: dict[int, Rule] = {place: call.rule for place, call in enumerate(calls)}
    for pairs, rule in joins:
        for one, other in pairs:
            this, that = sorted((find(one), find(other)))
            root[that] = this
            weakest[this] = max(weakest[this], weakest[that], rule, key=_STRENGTH.__getitem__)
    members: dict[int, list[Standing]] = defaultdict(list)
    left_out = set(without)
    for place, call in enumerate(calls):
        if place not in left_out:
            members[find(place)] += call.standings
    return [
        Group(sorted(standings, key=lambda standing: standing.claim_id), weakest[place])
        for place, standings in sorted(members.items())
    ]


def _covered(rollups: Sequence[Standing], calls: Sequence[Group]) -> set[bytes]:
    """The roll-ups whose usage is stated below them, or by a claim of the same response.

    Of two roll-ups the shorter may cover the longer and never the reverse, so that one of them always stands.
    """
    if not rollups:
        return set()
    responses = {standing.response_charge for call in calls for standing in call.standings}
    by_trace: dict[tuple[str, str], list[Claim]] = defaultdict(list)
    for standing in chain.from_iterable(call.standings for call in calls):
        if standing.claim.usage and (
            standing.claim.call.role != "work" or not _TOKENS.isdisjoint(standing.claim.usage)
        ):
            by_trace[standing.trace_key].append(standing.claim)
    shorter: dict[tuple[str, str], list[Standing]] = defaultdict(list)
    covered: set[bytes] = set()
    for outer in sorted(rollups, key=_length):
        key = outer.trace_key
        below = chain(by_trace[key], (each.claim for each in shorter[key]))
        told = bool(outer.response_charge) and outer.response_charge in responses
        if told or any(_below(inner, outer.claim) for inner in below):
            covered.add(outer.claim_id)
        shorter[key].append(outer)
    return covered


def _length(standing: Standing) -> tuple[int, bytes]:
    return standing.claim.end_ns - standing.claim.start_ns, standing.claim_id


def _below(inner: Claim, outer: Claim) -> bool:
    """By parent link, else contained in time (the spans between are not kept)."""
    return inner.parent_span_id == outer.span_id or lies_in(inner, outer)
