"""One group of claims about one call → what is charged. Pure: the same set gives the same charge in any order.

A claim alone is the common case and passes through untouched; several are made one by `merging`.
"""

from collections.abc import Iterable
from operator import attrgetter
from typing import Final, Literal

import msgspec

from spanledger.exporter.settle.merging import merged
from spanledger.exporter.settle.standing import Standing, response_charge_of
from spanledger.schemas.claim import DENIED, Claim
from spanledger.schemas.dialects import DIALECTS
from spanledger.schemas.event import Quality

Rule = Literal[
    "single",
    "response_id",
    "same_span",
    "continuation",
    "nested",
    "resemblance",
    "conflict",
    "rolled_up",
    "pending",
    "aggregate",
]
"""Why a claim is where it is: readable in the `claims` view and told by `explain`.

single       the only claim of its call
response_id  one of several claims with the same provider response id
same_span    the same span again, with other content: the fullest speaks
continuation the end of a stream that another span of its emitter began
nested       one of several claims that lie inside each other and share at most one response id
resemblance  told by somebody else, unlinked, at the same time with equal counts: probably the same call
conflict     the same span again, with other content: not the fullest, kept as evidence
rolled_up    repeats what claims below it state; not charged
pending      a roll-up whose settling window is still open
aggregate    a roll-up with no charge below it after the window: the only evidence there is
"""

ChargeKind = Literal["charge", "attempt", "denial"]
"""What of the kinds of ledger events settlement makes."""

INTERRUPTED: Final = "interrupted"
"""Flag of a failed call whose answer had begun: something was used."""

_DOUBTS: Final = frozenset({"inconsistent", "unknown_operation", "attributes_dropped"}).union(
    doubt.flag for dialect in DIALECTS for doubt in dialect.doubts
)
"""Flags of counts that may be a guess, or short."""


class Charge(msgspec.Struct, frozen=True, gc=False):
    """What one provider response (or unit of work) used, and whom it is charged to."""

    charge_id: bytes
    kind: ChargeKind
    claim_ids: tuple[bytes, ...]
    claim: Claim
    """The claims made one."""
    quality: Quality
    received_ns: int
    start_ns: int
    """Of the earliest claim: the sortable half of the event's id."""


def charge_of(standings: Iterable[Standing], rule: Rule = "single") -> Charge:
    """The charge of a group of claims (at least one) about one call, grouped by a rule."""
    group = sorted(standings, key=_claim_id)
    if len(group) == 1:
        return charge_alone(group[0], rule)
    claim = merged([standing.claim for standing in voices(group)])
    return Charge(
        response_charge_of(claim) or group[0].claim_id,
        kind_of(claim),
        tuple(map(_claim_id, group)),
        claim,
        _QUALITY_OF.get(rule) or _quality(claim),
        max(standing.received_ns for standing in group),
        group[0].claim.start_ns,
    )


def charge_alone(standing: Standing, rule: Rule = "single") -> Charge:
    """The charge of one claim: the common case."""
    claim, claim_id = standing.claim, standing.claim_id
    return Charge(
        (standing.response_charge if rule != "aggregate" else b"") or claim_id,
        kind_of(claim),
        (claim_id,),
        claim,
        _QUALITY_OF.get(rule) or _quality(claim),
        standing.received_ns,
        claim.start_ns,
    )


_QUALITY_OF: Final[dict[Rule, Quality]] = {"aggregate": "aggregate", "resemblance": "probable"}
_claim_id = attrgetter("claim_id")


def kind_of(claim: Claim) -> ChargeKind:
    """What a call amounts to: a denial is a failed try that was never sent. Whatever used something is charged."""
    if not is_failed_try(claim):
        return "charge"
    return "denial" if DENIED in claim.flags else "attempt"


def is_failed_try(claim: Claim) -> bool:
    """Whether a claim is a failed try: nothing is known to have been used, and no answer had begun."""
    return claim.status == "error" and not claim.usage and INTERRUPTED not in claim.flags


def voices(group: list[Standing]) -> list[Standing]:
    """One standing a span: of a span exported twice with different content the fullest, ties by content hash."""
    speaking: dict[tuple[str, str, str, str], Standing] = {}
    for standing in group:
        key = standing.span_key
        if key not in speaking or _fullness(standing) > _fullness(speaking[key]):
            speaking[key] = standing
    return list(speaking.values())


def _fullness(standing: Standing) -> tuple[int, bytes]:
    return len(standing.claim.usage), standing.claim_id[8:]


def _quality(claim: Claim) -> Quality:
    certain = (
        claim.usage_source in {"provider", "manual"}
        and claim.inclusivity in {"", "declared", "table"}
        and _DOUBTS.isdisjoint(claim.flags)
    )
    return "exact" if certain else "inferred"
