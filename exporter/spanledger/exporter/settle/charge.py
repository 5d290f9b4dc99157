"""One group of claims about one call → what is charged. Pure: the same set gives the same charge in any order.

Usage comes from the most precise claim, identity from the outermost, the tenant from whichever names one
(DESIGN 5, rule 6). A claim alone is the common case and passes through untouched.
"""

from collections.abc import Iterable
from hashlib import blake2b
from operator import attrgetter
from typing import Final, Literal

import msgspec

from spanledger.schemas.claim import UNATTRIBUTED, Attribution, Claim, seal
from spanledger.schemas.dialects import DIALECTS
from spanledger.schemas.event import Quality

Rule = Literal["single", "response_id", "same_span", "conflict", "rolled_up", "pending", "aggregate"]
"""Why a claim is where it is: readable in the `claims` view and told by `explain`.

single       the only claim of its call
response_id  one of several claims with the same provider response id
same_span    the same span again, with other content: the fullest speaks
conflict     the same span again, with other content: not the fullest, kept as evidence
rolled_up    repeats what claims below it state; not charged
pending      a roll-up whose settling window is still open
aggregate    a roll-up with no charge below it after the window: the only evidence there is
"""

_SOURCE_RANK: Final = {"provider": 3, "manual": 3, "estimated": 2, "missing": 1}
_DOUBTS: Final = frozenset({"inconsistent", "unknown_operation", "attributes_dropped"}).union(
    doubt.flag for dialect in DIALECTS for doubt in dialect.doubts
)
"""Flags of counts that may be a guess, or short."""
_PRECISION: Final = {dialect.name: dialect.precision for dialect in DIALECTS}


class Standing(msgspec.Struct, frozen=True, gc=False):
    """A claim and where it stands."""

    claim_id: bytes
    payload: bytes
    claim: Claim
    received_ns: int
    """When the journal received it, ns since 1970 UTC: the only clock of settlement."""
    response_charge: bytes
    """The charge of the claim's response id within its scope; empty without one."""

    @property
    def trace_key(self) -> tuple[str, str]:
        """The trace within its scope; a log record without a trace is one of its own."""
        claim = self.claim
        return claim.scope, claim.trace_id or claim.span_id

    @property
    def span_key(self) -> tuple[str, str, str, str]:
        """What redeliveries of one span have in common, whatever their content."""
        claim = self.claim
        return claim.scope, claim.signal, claim.trace_id, claim.span_id


def stand(claim: Claim, received_ns: int) -> Standing:
    """A claim as it arrives."""
    claim_id, payload = seal(claim)
    return Standing(claim_id, payload, claim, received_ns, response_charge_of(claim))


class Charge(msgspec.Struct, frozen=True):
    """What one provider response (or unit of work) used, and whom it is charged to."""

    charge_id: bytes
    kind: Literal["charge", "attempt"]
    claim_ids: tuple[bytes, ...]
    claim: Claim
    """The claims made one."""
    quality: Quality
    received_ns: int
    start_ns: int
    """Of the earliest claim: the sortable half of the event's id."""


def response_charge_of(claim: Claim) -> bytes:
    """The 16-byte identity of a claim's provider response within its scope; empty without a response id."""
    if not claim.response_id:
        return b""
    return blake2b(f"{claim.scope}\0{claim.response_id}".encode(), digest_size=16).digest()


def charge_of(standings: Iterable[Standing], *, aggregate: bool = False) -> Charge:
    """The charge of a group of claims (at least one) about one call."""
    group = sorted(standings, key=_claim_id)
    first, alone = group[0], len(group) == 1
    claim = first.claim if alone else _merged([standing.claim for standing in voices(group)])
    response_charge = first.response_charge if alone else response_charge_of(claim)
    return Charge(
        charge_id=(response_charge if not aggregate else b"") or first.claim_id,
        kind="attempt" if claim.status == "error" and not claim.usage else "charge",
        claim_ids=tuple(map(_claim_id, group)),
        claim=claim,
        quality="aggregate" if aggregate else _quality(claim),
        received_ns=first.received_ns if alone else max(standing.received_ns for standing in group),
        start_ns=first.claim.start_ns,
    )


_claim_id = attrgetter("claim_id")


def voices(group: list[Standing]) -> list[Standing]:
    """One standing a span: of a span exported twice with different content the fullest, ties by content hash."""
    speaking: dict[tuple[str, str, str, str], Standing] = {}
    for standing in group:
        key = standing.span_key
        if key not in speaking or _fullness(standing) > _fullness(speaking[key]):
            speaking[key] = standing
    return list(speaking.values())


def _fullness(standing: Standing) -> tuple[int, int, bytes]:
    return len(standing.claim.usage), len(standing.payload), standing.claim_id[8:]


def _merged(claims: list[Claim]) -> Claim:
    if len(claims) == 1:
        return claims[0]
    precise = max(claims, key=_precision)
    outer = min(claims, key=lambda claim: (claim.start_ns, -claim.end_ns, claim.span_id))
    inner_first = sorted(claims, key=lambda claim: (-claim.start_ns, claim.end_ns, claim.span_id))
    calls = [claim.call for claim in inner_first]
    return msgspec.structs.replace(
        precise,
        trace_id=outer.trace_id,
        span_id=outer.span_id,
        parent_span_id=outer.parent_span_id,
        start_ns=outer.start_ns,
        end_ns=max(outer.start_ns, outer.end_ns),
        status=precise.status,
        response_id=_first_stated("response_id", (precise, *inner_first)),
        call=msgspec.structs.replace(
            precise.call, **{name: _first_stated(name, (precise.call, *calls)) for name in _CALL_NAMES}
        ),
        attribution=_merged_attribution([outer.attribution, *(claim.attribution for claim in reversed(inner_first))]),
        flags=tuple(sorted({flag for claim in claims for flag in claim.flags})),
    )


_CALL_NAMES: Final = ("provider", "request_model", "response_model", "service_tier", "region", "operation")


def _first_stated(name: str, holders: Iterable[object]) -> str:
    return next((value for holder in holders if (value := str(getattr(holder, name)))), "")


def _precision(claim: Claim) -> tuple[int, bool, int, int, int, str]:
    parts = len(claim.usage)
    rank = _PRECISION.get(claim.call.dialect, 0)
    return (
        _SOURCE_RANK[claim.usage_source],
        claim.signal == "traces",
        rank,
        parts,
        sum(claim.usage.values()),
        claim.span_id,
    )


def _merged_attribution(outer_first: list[Attribution]) -> Attribution:
    """Each field from the outermost claim that states it; a tenant that is named before one that is a default."""
    fields: dict[str, object] = {}
    for attribution in reversed(outer_first):
        fields |= {name: value for name in Attribution.__struct_fields__ if (value := getattr(attribution, name))}
    named = [who.tenant for who in outer_first if who.tenant not in {"", UNATTRIBUTED}]
    metadata = {key: value for who in reversed(outer_first) for key, value in who.metadata.items()}
    return msgspec.convert({**fields, "metadata": metadata, "tenant": named[0] if named else UNATTRIBUTED}, Attribution)


def _quality(claim: Claim) -> Quality:
    certain = (
        claim.usage_source in {"provider", "manual"}
        and claim.inclusivity in {"", "declared", "table"}
        and _DOUBTS.isdisjoint(claim.flags)
    )
    return "exact" if certain else "inferred"
