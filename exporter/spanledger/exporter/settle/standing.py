"""A claim as settlement sees it: its ids, and the keys under which claims about the same call meet. Pure."""

from functools import lru_cache
from hashlib import blake2b
from typing import Final

import msgspec

from spanledger.schemas import units as u
from spanledger.schemas.claim import Claim, seal
from spanledger.schemas.dialects import DIALECTS

# Claims that resemble each other end within one step of each other: some 69 seconds, 2³⁶ ns.
_STEP_BITS: Final = 36
_SPREAD: Final = 0x9E3779B97F4A7C15
_MASK: Final = (1 << 64) - 1


CONTINUATION: Final = "continuation"
"""Flag of a claim that ends what another span of its emitter began."""
_CONTINUED: Final = frozenset(dialect.name for dialect in DIALECTS if dialect.continuations)


SKEW_NS: Final = 50 * 10**6
"""By how much a span may reach out of the one around it: JavaScript's clocks tick in milliseconds, and drift."""


class Standing(msgspec.Struct, frozen=True, gc=False):
    """A claim and where it stands."""

    claim_id: bytes
    claim: Claim
    received_ns: int
    """When the journal received it, ns since 1970 UTC: the only clock of settlement."""
    response_charge: bytes
    """The charge of the claim's response id within its scope; empty without one."""
    likeness: int
    """What claims about one call have in common whoever tells of it: scope, service, input and time. 0: nothing."""
    in_two: bool
    """Whether its emitter may tell of the call in two spans, of which this is one."""
    size: int
    """The claim's bytes as it is stored."""

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

    @property
    def teller(self) -> tuple[str, str]:
        """Who tells of the call: a signal and an instrumentation scope."""
        return self.claim.signal, self.claim.call.emitter


def stand(claim: Claim, received_ns: int) -> Standing:
    """A claim as it arrives."""
    claim_id, payload = seal(claim)
    in_two = is_opening(claim) or is_end(claim)
    likeness = likeness_of(claim, in_two=in_two)
    return Standing(claim_id, claim, received_ns, response_charge_of(claim), likeness, in_two, len(payload))


def response_charge_of(claim: Claim) -> bytes:
    """The 16-byte identity of a claim's provider response within its scope; empty without a response id."""
    return response_charge(claim.scope, claim.response_id) if claim.response_id else b""


def response_charge(scope: str, response_id: str) -> bytes:
    """The charge of a provider response."""
    return blake2b(f"{scope}\0{response_id}".encode(), digest_size=16).digest()


def lies_in(inner: Claim, outer: Claim) -> bool:
    """Whether a span ran while another did."""
    return outer.start_ns - SKEW_NS <= inner.start_ns and inner.end_ns <= outer.end_ns + SKEW_NS


def is_opening(claim: Claim) -> bool:
    """Whether another span of the same emitter may tell how this call ended."""
    return claim.call.dialect in _CONTINUED and not claim.usage and claim.status != "error"


def is_end(claim: Claim) -> bool:
    """Whether a claim tells how a call ended that another span of its emitter began."""
    return CONTINUATION in claim.flags


def likeness_of(claim: Claim, *, in_two: bool = False) -> int:
    """The key of calls of one service with equal input that end in the same step of time; 0 if it can have no like.

    The opening and the end of a stream have the emitter and the model in common instead, and the time between them.
    The steps next to it are the next numbers (`likenesses_near`).
    """
    who, call = claim.attribution, claim.call
    service = who.service_instance or who.service_name
    if not service or call.role != "inference":
        return 0
    if in_two:
        step = (claim.end_ns if is_opening(claim) else claim.start_ns) >> _STEP_BITS
        return _place(claim.scope, f"{service}\0{call.emitter}\0{call.request_model}") + step & _MASK or 1
    if not (tokens := claim.usage.get(u.INPUT_TOKENS, 0)):
        return 0
    return (_place(claim.scope, service) ^ tokens * _SPREAD & _MASK) + (claim.end_ns >> _STEP_BITS) & _MASK or 1


def likenesses_near(likeness: int) -> tuple[int, ...]:
    """The keys under which a claim's likes may stand."""
    return (likeness, likeness - 1, likeness + 1) if likeness else ()


@lru_cache(maxsize=16_384)
def _place(scope: str, service: str) -> int:
    return int.from_bytes(blake2b(f"{scope}\0{service}".encode(), digest_size=8).digest(), "big")
