"""A charge → its price, and its ledger event. Pure but for the price book it loads.

An event's id comes from the content, never from a clock or chance.
"""

from hashlib import blake2b
from typing import Final

from spanledger.exporter import rate
from spanledger.exporter.rate import Rated
from spanledger.exporter.settle import Charge
from spanledger.schemas import units as u
from spanledger.schemas.event import NO_EVENT, LedgerEvent
from spanledger.schemas.money import parse_amount

_NS_PER_MS: Final = 1_000_000
_DAY_NS: Final = 86_400 * 10**9

# Farther from its receipt than this, a span is booked all the same and shown as such: weeks-late duplicates and
# imports are real, and so are wrong clocks.
LATE_NS: Final = 35 * _DAY_NS
AHEAD_NS: Final = 300 * 10**9


def rated(charge: Charge) -> Rated:
    """The price in force of what a charge used. An attempt used nothing that is known, and costs nothing."""
    claim = charge.claim
    return rate.catalogue().rate(
        claim.usage,
        provider=claim.call.provider,
        model=claim.call.response_model,
        fallback_model=claim.call.request_model,
        at_ns=claim.start_ns,
        service_tier=claim.call.service_tier,
        region=claim.call.region,
    )


def event_of(charge: Charge, rated: Rated) -> LedgerEvent:
    """The row of a charge. Its id: the earliest claim's start (8 bytes, big-endian ns), then 8 bytes of a digest."""
    claim = charge.claim
    who, call, usage = claim.attribution, claim.call, claim.usage
    identity = b"".join((charge.charge_id, charge.kind.encode(), *charge.claim_ids, repr(rated.amounts).encode()))
    digest = blake2b(identity, digest_size=8)
    return LedgerEvent(
        charge.start_ns.to_bytes(8, "big") + digest.digest(),
        charge.charge_id,
        charge.kind,
        NO_EVENT,
        claim.end_ns,
        claim.end_ns,
        charge.received_ns,
        who.tenant,
        who.environment,
        who.service_name,
        who.user_id,
        who.session_id,
        who.organization_id,
        who.feature,
        who.team,
        who.project,
        who.cost_center,
        who.agent,
        who.agent_path,
        who.workflow_id,
        who.conversation_id,
        who.tools,
        call.provider,
        rated.model,
        call.request_model,
        call.response_model,
        call.operation,
        call.region,
        call.service_tier,
        1 if charge.kind == "charge" else 0,
        usage.get(u.INPUT_TOKENS),
        usage.get(u.CACHE_READ_TOKENS),
        usage.get(u.CACHE_WRITE_TOKENS),
        usage.get(u.OUTPUT_TOKENS),
        usage.get(u.REASONING_TOKENS),
        rated.units,
        rated.quantities,
        rated.unit_prices,
        rated.amounts,
        rated.cost,
        rated.currency,
        rated.state,
        parse_amount(claim.reported_cost) if claim.reported_cost else None,
        rated.price_book,
        claim.usage_source,
        charge.quality,
        call.dialect,
        claim.scope,
        claim.status,
        claim.error_type,
        claim.attempt,
        (claim.end_ns - claim.start_ns) // _NS_PER_MS,
        claim.trace_id,
        claim.span_id,
        claim.parent_span_id,
        claim.response_id,
        _flags(charge, rated),
        who.metadata,
    )


def _flags(charge: Charge, rated: Rated) -> tuple[str, ...]:
    flags = charge.claim.flags
    if rated.reason not in {"", "no_usage"}:
        flags = (*flags, rated.reason)
    age_ns = charge.received_ns - charge.claim.end_ns
    if age_ns > LATE_NS or age_ns < -AHEAD_NS:
        flags = (*flags, "late" if age_ns > 0 else "clock_ahead")
    return flags
