"""A rated charge → its ledger event. Pure; the id comes from the content, never from a clock or chance."""

from hashlib import blake2b
from typing import Final

from spanledger.exporter.rate import Rated
from spanledger.exporter.settle import Charge
from spanledger.schemas import units as u
from spanledger.schemas.claim import Attribution, Claim
from spanledger.schemas.event import NO_EVENT, LedgerEvent
from spanledger.schemas.money import parse_amount

_NS_PER_MS: Final = 1_000_000
_DAY_NS: Final = 86_400 * 10**9

# Farther from its receipt than this, a span is booked all the same and shown as such: weeks-late duplicates and
# imports are real, and so are wrong clocks.
LATE_NS: Final = 35 * _DAY_NS
AHEAD_NS: Final = 300 * 10**9


def event_of(charge: Charge, rated: Rated, *, times_reversed: int = 0) -> LedgerEvent:
    """The row of a charge. One that was reversed and holds again is another event: how often it was is in its id."""
    claim = charge.claim
    return _row(charge, rated, _event_id(charge, rated, times_reversed), claim, claim.attribution)


def _row(charge: Charge, rated: Rated, event_id: bytes, claim: Claim, who: Attribution) -> LedgerEvent:
    return LedgerEvent(
        event_id,
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
        (call := claim.call).provider,
        rated.model,
        call.request_model,
        call.response_model,
        call.operation,
        call.region,
        call.account,
        call.service_tier,
        1 if charge.kind == "charge" else 0,
        (usage := claim.usage).get(u.INPUT_TOKENS),
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
        rated.revenue,
        rated.revenue_currency,
        rated.reporting_cost,
        rated.reporting_currency,
        rated.fx_rate,
        rated.fx_source,
        rated.price_book,
        rated.price_id,
        claim.usage_source,
        charge.quality,
        call.dialect,
        claim.scope,
        claim.status,
        claim.error_type,
        claim.attempt,
        duration_ms(claim),
        None if (first_ns := claim.time_to_first_token_ns) is None else first_ns // _NS_PER_MS,
        claim.trace_id,
        claim.span_id,
        claim.parent_span_id,
        claim.response_id,
        _flags(charge, rated),
        who.metadata,
    )


def _event_id(charge: Charge, rated: Rated, times_reversed: int) -> bytes:
    """The earliest claim's start (8 bytes, big-endian ns), then 8 bytes of a digest."""
    identity = b"".join((charge.charge_id, charge.kind.encode(), *charge.claim_ids, repr(rated.amounts).encode()))
    salt = times_reversed.to_bytes(8, "big") if times_reversed else b""
    return charge.start_ns.to_bytes(8, "big") + blake2b(identity, digest_size=8, salt=salt).digest()


def duration_ms(claim: Claim) -> int:
    """How long a call took, in whole milliseconds: what is stored, and what a price by the second is charged for."""
    return (claim.end_ns - claim.start_ns) // _NS_PER_MS


def _flags(charge: Charge, rated: Rated) -> tuple[str, ...]:
    flags = charge.claim.flags
    if rated.reason not in {"", "no_usage"}:
        flags = (*flags, rated.reason)
    flags = (*flags, *rated.notes, *_doubts(rated))
    age_ns = charge.received_ns - charge.claim.end_ns
    if age_ns > LATE_NS or age_ns < -AHEAD_NS:
        flags = (*flags, "late" if age_ns > 0 else "clock_ahead")
    return flags


def _doubts(rated: Rated) -> tuple[str, ...]:
    """What of a priced call is unknown beside its cost."""
    if rated.cost is None:
        return ()
    unsold = ("no_sell_price",) if rated.revenue_currency and rated.revenue is None else ()
    return (*unsold, "no_fx_rate") if rated.reporting_currency and rated.reporting_cost is None else unsold
