"""One usage span → a claim, nothing, or the reason it is set aside. Pure: no I/O, no clock.

A count or a time that cannot be is quarantined, never repaired and never refused: refusing would lose money,
and a guess would bill it.
"""

from dataclasses import dataclass
from typing import Final

from spanledger.exporter.credential import Credential
from spanledger.exporter.decode.anyvalue import text
from spanledger.exporter.decode.attribution import attribute
from spanledger.exporter.decode.call import CONTINUATION, TEXT_CHARS_MAX, Reading, reading_of
from spanledger.exporter.decode.first_token import first_token
from spanledger.exporter.decode.plan import Plan, plan_for, plan_once
from spanledger.exporter.decode.response_id import unwrapped
from spanledger.exporter.decode.usage import ImpossibleCountError, counted, make_consistent, read_usage
from spanledger.exporter.sift import UsageRecord
from spanledger.schemas import attributes as a
from spanledger.schemas import units as u
from spanledger.schemas.claim import DENIED, Call, Claim, Inclusivity, Status, UsageSource
from spanledger.schemas.money import parse_amount

_ERROR: Final = 2
"""`STATUS_CODE_ERROR` of opentelemetry-proto."""

# Nothing was billed by the token before 2000, and ClickHouse's DateTime64(9) ends in April 2262. A time outside is
# a zero or overflowed clock; one inside, however old, is booked (imports and late duplicates are real).
TIME_NS_MIN: Final = 946_684_800 * 10**9
TIME_NS_MAX: Final = 9_214_646_400 * 10**9

# What a span of this size says is worth remembering; a larger one is read anew, or a sender could fill the memory of
# every question with values of its own (some 30 000 answers).
REMEMBERED_BYTES_MAX: Final = 4 * 1_024

INTERRUPTED: Final = "interrupted"
"""The flag of a failure that names the response and its model: the provider had begun to answer, and bills for it."""


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A span kept aside: not counted, shown, and replayable once its reason is understood."""

    reason: str
    tenant: str
    span: UsageRecord


def decode(span: UsageRecord, credential: Credential) -> Claim | Quarantined | None:
    """Read one span. None: it says nothing about usage. Quarantined: it says something impossible."""
    resource = span.resource
    keys = frozenset(span.attributes)
    if resource.remembered and len(span.raw) <= REMEMBERED_BYTES_MAX:
        plan = plan_for(resource.signal, resource.scope_name, keys)
    else:
        plan = plan_once(resource.signal, resource.scope_name, keys)
    try:
        return _read(span, plan, credential)
    except ImpossibleCountError as error:
        who, _ = attribute(resource, span.attributes, plan, credential)
        return Quarantined(str(error), who.tenant, span)


def _read(span: UsageRecord, plan: Plan, credential: Credential) -> Claim | None:
    attributes, dialect = span.attributes, plan.dialect
    if span.conflicting:
        msg = f"{span.conflicting[0]} is stated twice with different values"
        raise ImpossibleCountError(msg)
    said = tuple([attributes[key] for key in plan.calling])
    span_name = span.name if dialect and (dialect.span_names or dialect.continuations) else b""
    reading = reading_of(plan, span.resource, said, span_name)
    if reading is None:
        return None
    flags: tuple[str, ...] = ()
    inclusivity: Inclusivity = ""
    if dialect is None or plan.explicit:
        usage = _work(attributes)
    else:
        usage = read_usage(plan, attributes)
        silent = not reading.known or reading.call.role == "rollup" or CONTINUATION in reading.flags
        if not usage and silent and a.LEDGER_DENIED_BY not in attributes:
            return None
        inclusivity, flags = make_consistent(usage, plan, dialect, attributes, reading)
    if reading.doubts or reading.flags or not reading.known:
        flags = (*flags, *reading.flags, *_doubts(reading, usage))
    return _claim(span, plan, credential, reading, usage, inclusivity, flags)


def _work(attributes: dict[str, bytes]) -> dict[str, int]:
    """Explicit work: `ledger.units` of `ledger.unit_type`; of a part's whole there is no more than the part."""
    number = counted((a.LEDGER_UNITS,), attributes)
    stated = text(attributes[a.LEDGER_UNIT_TYPE])[:TEXT_CHARS_MAX] if a.LEDGER_UNIT_TYPE in attributes else ""
    usage: dict[str, int] = {}
    unit = u.SPELLINGS.get(stated, stated) or "units"
    while number is not None and unit:
        usage[unit] = number
        unit = u.WHOLE_OF.get(unit, "")
    return usage


def _doubts(reading: Reading, usage: dict[str, int]) -> tuple[str, ...]:
    used = any(usage.values())
    doubts = [doubt.flag for doubt in reading.doubts if used and doubt.unless.isdisjoint(usage)]
    return (*doubts, *(() if reading.known else ("unknown_operation",)))


def _claim(  # noqa: PLR0917 (what was worked out of one span)
    span: UsageRecord,
    plan: Plan,
    credential: Credential,
    reading: Reading,
    usage: dict[str, int],
    inclusivity: Inclusivity,
    flags: tuple[str, ...],
) -> Claim:
    attributes, call = span.attributes, reading.call
    start_ns, end_ns, time_flags = _times(span)
    if plan.duration and start_ns == end_ns:
        start_ns = _begun(end_ns, text(attributes[plan.duration[0]]), plan.duration_unit_ns)
    first_token_ns = first_token(plan, attributes, start_ns, end_ns) if plan.first_token else None
    if plan.begun_before_ns:
        start_ns = max(TIME_NS_MIN, start_ns - plan.begun_before_ns)
    attribution, conflict = attribute(span.resource, attributes, plan, credential)
    status, error_type = _failure(attributes, plan) if reading.failed else _outcome(span)
    response_id = _response_id(attributes, plan) if plan.response_id else ""
    if status == "error" and not any(usage.values()):
        usage = {}
        if a.LEDGER_DENIED_BY in attributes and not (response_id and call.response_model):
            # Nobody answered, so it is one with nobody's answer.
            response_id, flags = "", (*flags, DENIED)
        began = response_id and call.response_model and not reading.failed
        flags = (*flags, INTERRUPTED) if began else flags
    reported_cost = _reported_cost(attributes, plan) if plan.reported_cost else ""
    if time_flags or conflict or span.dropped_attributes:
        flags = _flags(span, conflict, flags, time_flags)
    return Claim(
        scope=credential.scope,
        signal=span.resource.signal,
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_span_id=span.parent_span_id.hex(),
        start_ns=start_ns,
        end_ns=end_ns,
        call=call,
        attribution=attribution,
        response_id=response_id,
        usage=usage,
        usage_source=_source(plan, call, flags) if usage else "missing",
        inclusivity=inclusivity,
        reported_cost=reported_cost,
        reported_currency="USD" if reported_cost else "",
        status=status,
        error_type=error_type,
        attempt=_attempt(attributes) if a.HTTP_RESEND_COUNT in attributes else 0,
        time_to_first_token_ns=first_token_ns,
        flags=flags,
    )


def _source(plan: Plan, call: Call, flags: tuple[str, ...]) -> UsageSource:
    if call.role == "work":
        return "manual"
    if "estimated" in flags:
        return "estimated"
    return plan.dialect.source if plan.dialect else "provider"


def _response_id(attributes: dict[str, bytes], plan: Plan) -> str:
    for key in plan.response_id:
        if value := text(attributes[key]):
            return unwrapped(value[:TEXT_CHARS_MAX])
    return ""


def _reported_cost(attributes: dict[str, bytes], plan: Plan) -> str:
    """The cost that the sender states, if it is one; emitters write 0 when they found no price."""
    stated = next((value for key in plan.reported_cost if (value := text(attributes[key]))), "")
    try:
        return stated if stated and parse_amount(stated) else ""
    except ValueError:
        return ""


def _times(span: UsageRecord) -> tuple[int, int, tuple[str, ...]]:
    """Start, end and flags. Raises `ImpossibleCountError` if neither can be a time."""
    start_ns, end_ns = span.start_ns, span.end_ns
    if TIME_NS_MIN <= start_ns <= end_ns < TIME_NS_MAX:
        return start_ns, end_ns, ()
    possible = [time_ns for time_ns in (start_ns, end_ns) if TIME_NS_MIN <= time_ns < TIME_NS_MAX]
    if len(possible) == 2:
        return start_ns, start_ns, ("duration_clamped",)
    if not possible or (start_ns and end_ns):
        msg = "its start or end is before 2000 or after 2261"
        raise ImpossibleCountError(msg)
    return possible[0], possible[0], ("time_missing",)


def _begun(end_ns: int, length: str, unit_ns: int) -> int:
    """When a call began whose end and length are known; its end if the length cannot be one."""
    try:
        start_ns = end_ns - int(float(length) * unit_ns)
    except (ValueError, OverflowError):
        return end_ns
    return start_ns if TIME_NS_MIN <= start_ns <= end_ns else end_ns


def _failure(attributes: dict[str, bytes], plan: Plan) -> tuple[Status, str]:
    """Of a record whose name says that the call failed."""
    return "error", next((value for key in plan.error_type if (value := text(attributes[key]))), "")[:TEXT_CHARS_MAX]


def _outcome(span: UsageRecord) -> tuple[Status, str]:
    attributes = span.attributes
    error_type = text(attributes[a.ERROR_TYPE])[:TEXT_CHARS_MAX] if a.ERROR_TYPE in attributes else ""
    if span.status_code == _ERROR or error_type:
        return "error", error_type
    fallback = a.LEDGER_STATUS in attributes and text(attributes[a.LEDGER_STATUS]) == "fallback"
    return ("fallback" if fallback else "ok"), ""


def _attempt(attributes: dict[str, bytes]) -> int:
    number = text(attributes[a.HTTP_RESEND_COUNT])
    return int(number) if number.isascii() and number.isdigit() and len(number) <= 4 else 0


def _flags(span: UsageRecord, conflict: bool, *more: tuple[str, ...]) -> tuple[str, ...]:  # noqa: FBT001
    own = (("tenant_conflict",) if conflict else ()) + (("attributes_dropped",) if span.dropped_attributes else ())
    return (*own, *(flag for flags in more for flag in flags))
