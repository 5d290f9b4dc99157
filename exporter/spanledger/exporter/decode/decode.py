"""One usage span → a claim, nothing, or the reason it is set aside. Pure: no I/O, no clock.

A count or a time that cannot be is quarantined, never repaired and never refused: refusing would lose money,
and a guess would bill it.
"""

from dataclasses import dataclass
from typing import Final

from spanledger.exporter.credential import Credential
from spanledger.exporter.decode.anyvalue import name, text
from spanledger.exporter.decode.attribution import TEXT_CHARS_MAX, attribute
from spanledger.exporter.decode.plan import Keys, Plan, plan_for
from spanledger.exporter.decode.usage import ImpossibleCountError, counted, make_consistent, read_usage
from spanledger.exporter.sift import UsageSpan
from spanledger.schemas import attributes as a
from spanledger.schemas.claim import Claim, Inclusivity, Role, Status, UsageSource
from spanledger.schemas.dialects import Dialect
from spanledger.schemas.money import parse_amount

_ERROR: Final = 2
"""`STATUS_CODE_ERROR` of opentelemetry-proto."""

# Nothing was billed by the token before 2000, and ClickHouse's DateTime64(9) ends in April 2262. A time outside is
# a zero or overflowed clock; one inside, however old, is booked (imports and late duplicates are real).
TIME_NS_MIN: Final = 946_684_800 * 10**9
TIME_NS_MAX: Final = 9_214_646_400 * 10**9

EXPLICIT: Final = "explicit"
"""The dialect of work that the application states itself with `ledger.units`."""


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A span kept aside: not counted, shown, and replayable once its reason is understood."""

    reason: str
    tenant: str
    span: UsageSpan


def decode(span: UsageSpan, credential: Credential) -> Claim | Quarantined | None:
    """Read one span. None: it says nothing about usage. Quarantined: it says something impossible."""
    plan = plan_for(span.resource.scope_name, frozenset(span.attributes))
    try:
        return _read(span, plan, credential)
    except ImpossibleCountError as error:
        who, _ = attribute(span.resource, span.attributes, plan, credential)
        return Quarantined(str(error), who.tenant, span)


def _read(span: UsageSpan, plan: Plan, credential: Credential) -> Claim | None:
    if span.conflicting:
        msg = f"{span.conflicting[0]} is stated twice with different values"
        raise ImpossibleCountError(msg)
    if plan.explicit:
        return _work(span, plan, credential)
    return _call(span, plan, plan.dialect, credential) if plan.dialect else None


def _call(span: UsageSpan, plan: Plan, dialect: Dialect, credential: Credential) -> Claim | None:
    """A span of a dialect: an inference, or a roll-up of inferences below it."""
    attributes = span.attributes
    operation = _first(attributes, plan.operation)
    if operation in dialect.ignored:
        return None
    usage = read_usage(plan, attributes)
    request_model, response_model = _first(attributes, plan.request_model), _first(attributes, plan.response_model)
    is_rollup = operation in dialect.rollups
    is_call = operation in dialect.inference or (not operation and bool(request_model or response_model))
    if not usage and (is_rollup or not is_call):
        return None
    inclusivity, flags = make_consistent(usage, dialect, attributes)
    if not (is_rollup or is_call):
        flags = (*flags, "unknown_operation")
    return _claim(
        span,
        plan,
        credential,
        role="rollup" if is_rollup else "inference",
        dialect=dialect.name,
        operation=operation,
        request_model=request_model,
        response_model=response_model,
        usage=usage,
        source="provider",
        inclusivity=inclusivity,
        flags=flags,
    )


def _work(span: UsageSpan, plan: Plan, credential: Credential) -> Claim:
    """Explicit work: `ledger.units` of `ledger.unit_type`, for anything that is not a call to a model."""
    attributes = span.attributes
    number = counted(a.LEDGER_UNITS, attributes[a.LEDGER_UNITS])
    unit = _first(attributes, (a.LEDGER_UNIT_TYPE,)) if a.LEDGER_UNIT_TYPE in attributes else ""
    return _claim(
        span,
        plan,
        credential,
        role="work",
        dialect=EXPLICIT,
        operation=_first(attributes, plan.operation),
        request_model=_first(attributes, plan.request_model),
        response_model="",
        usage={} if number is None else {unit or "units": number},
        source="manual",
        inclusivity="",
        flags=(),
    )


def _claim(
    span: UsageSpan,
    plan: Plan,
    credential: Credential,
    *,
    role: Role,
    dialect: str,
    operation: str,
    request_model: str,
    response_model: str,
    usage: dict[str, int],
    source: UsageSource,
    inclusivity: Inclusivity,
    flags: tuple[str, ...],
) -> Claim:
    attributes = span.attributes
    start_ns, end_ns, time_flags = _times(span)
    attribution, conflict = attribute(span.resource, attributes, plan, credential)
    status, error_type = _outcome(span)
    if status == "error" and not any(usage.values()):
        usage = {}
    reported_cost = _reported_cost(attributes, plan) if plan.reported_cost else ""
    return Claim(
        scope=credential.scope,
        signal="traces",
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_span_id=span.parent_span_id.hex(),
        start_ns=start_ns,
        end_ns=end_ns,
        role=role,
        dialect=dialect,
        emitter=span.resource.scope_name[:TEXT_CHARS_MAX],
        operation=operation,
        provider=_first(attributes, plan.provider),
        request_model=request_model,
        response_model=response_model,
        response_id=next((value for key in plan.response_id if (value := text(attributes[key])[:TEXT_CHARS_MAX])), ""),
        usage=usage,
        usage_source=source if usage else "missing",
        inclusivity=inclusivity,
        reported_cost=reported_cost,
        reported_currency="USD" if reported_cost else "",
        region=text(attributes[a.CLOUD_REGION]) if a.CLOUD_REGION in attributes else "",
        service_tier=_first(attributes, plan.service_tier),
        status=status,
        error_type=error_type,
        attempt=_attempt(attributes) if a.HTTP_RESEND_COUNT in attributes else 0,
        attribution=attribution,
        flags=flags + time_flags
        if not (conflict or span.dropped_attributes)
        else _flags(span, conflict, flags, time_flags),
    )


def _first(attributes: dict[str, bytes], keys: Keys) -> str:
    """The first name that is not empty among some attributes that are present, cut to its length."""
    for key in keys:
        if value := name(attributes[key]):
            return value[:TEXT_CHARS_MAX]
    return ""


def _reported_cost(attributes: dict[str, bytes], plan: Plan) -> str:
    """The cost that the sender states, if it is one; emitters write 0 when they found no price."""
    stated = _first(attributes, plan.reported_cost)
    try:
        return stated if stated and parse_amount(stated) else ""
    except ValueError:
        return ""


def _times(span: UsageSpan) -> tuple[int, int, tuple[str, ...]]:
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


def _outcome(span: UsageSpan) -> tuple[Status, str]:
    attributes = span.attributes
    error_type = text(attributes[a.ERROR_TYPE])[:TEXT_CHARS_MAX] if a.ERROR_TYPE in attributes else ""
    if span.status_code == _ERROR or error_type:
        return "error", error_type
    fallback = a.LEDGER_STATUS in attributes and text(attributes[a.LEDGER_STATUS]) == "fallback"
    return ("fallback" if fallback else "ok"), ""


def _attempt(attributes: dict[str, bytes]) -> int:
    number = text(attributes[a.HTTP_RESEND_COUNT])
    return int(number) if number.isascii() and number.isdigit() and len(number) <= 4 else 0


def _flags(span: UsageSpan, conflict: bool, *more: tuple[str, ...]) -> tuple[str, ...]:  # noqa: FBT001
    own = (("tenant_conflict",) if conflict else ()) + (("attributes_dropped",) if span.dropped_attributes else ())
    return (*own, *(flag for flags in more for flag in flags))
