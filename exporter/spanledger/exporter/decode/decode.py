"""One usage span → a claim, nothing, or the reason it is set aside. Pure: no I/O, no clock.

A count or a time that cannot be is quarantined, never repaired and never refused: refusing would lose money,
and a guess would bill it.
"""

from dataclasses import dataclass
from typing import Final

from spanledger.exporter.credential import Credential
from spanledger.exporter.decode.anyvalue import text
from spanledger.exporter.decode.attribution import TEXT_CHARS_MAX, attribute
from spanledger.exporter.decode.usage import ImpossibleCountError, consistent, counted, read_usage
from spanledger.exporter.sift import UsageSpan
from spanledger.schemas import attributes as a
from spanledger.schemas.claim import Claim, Status
from spanledger.schemas.dialects import DIALECTS, Dialect
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
    try:
        return _read(span, credential)
    except ImpossibleCountError as error:
        return Quarantined(str(error), attribute(span.resource, span.attributes, credential)[0].tenant, span)


def _read(span: UsageSpan, credential: Credential) -> Claim | None:
    if span.conflicting:
        msg = f"{span.conflicting[0]} is stated twice with different values"
        raise ImpossibleCountError(msg)
    if a.LEDGER_UNITS in span.attributes:
        return _work(span, credential)
    dialect = next((dialect for dialect in DIALECTS if _speaks(dialect, span)), None)
    return _call(span, dialect, credential) if dialect else None


def _speaks(dialect: Dialect, span: UsageSpan) -> bool:
    attributes = span.attributes
    return (
        any(mark in attributes for mark in dialect.marks)
        or (dialect.scopes != () and span.resource.scope_name.startswith(dialect.scopes))
        or (dialect.mark_prefixes != () and any(key.startswith(dialect.mark_prefixes) for key in attributes))
    )


def _call(span: UsageSpan, dialect: Dialect, credential: Credential) -> Claim | None:
    """A span of a dialect: an inference, or a roll-up of inferences below it."""
    attributes = span.attributes
    operation = _first(attributes, dialect.operation)
    if operation in dialect.ignored:
        return None
    stated = read_usage(dialect, attributes)
    request_model, response_model = (
        _first(attributes, dialect.request_model),
        _first(attributes, dialect.response_model),
    )
    is_rollup = operation in dialect.rollups
    is_call = operation in dialect.inference or (not operation and bool(request_model or response_model))
    if not stated and (is_rollup or not is_call):
        return None
    usage, inclusivity, flags = consistent(stated, dialect, attributes)
    if not (is_rollup or is_call):
        flags = (*flags, "unknown_operation")
    start_ns, end_ns, time_flags = _times(span)
    attribution, conflict = attribute(span.resource, attributes, credential)
    status, error_type = _outcome(span)
    if status == "error" and not any(usage.values()):
        usage = {}
    reported_cost = _reported_cost(attributes, dialect)
    return Claim(
        scope=credential.scope,
        signal="traces",
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_span_id=span.parent_span_id.hex(),
        start_ns=start_ns,
        end_ns=end_ns,
        role="rollup" if is_rollup else "inference",
        dialect=dialect.name,
        emitter=span.resource.scope_name[:TEXT_CHARS_MAX],
        operation=operation,
        provider=_first(attributes, dialect.provider),
        request_model=request_model,
        response_model=response_model,
        response_id=_first(attributes, dialect.response_id),
        usage=usage,
        usage_source="provider" if usage else "missing",
        inclusivity=inclusivity,
        reported_cost=reported_cost,
        reported_currency="USD" if reported_cost else "",
        region=_first(attributes, (a.CLOUD_REGION,)),
        service_tier=_first(attributes, dialect.service_tier),
        status=status,
        error_type=error_type,
        attempt=_attempt(attributes),
        attribution=attribution,
        flags=_flags(span, conflict, flags, time_flags),
    )


def _work(span: UsageSpan, credential: Credential) -> Claim:
    """Explicit work: `ledger.units` of `ledger.unit_type`, for anything that is not a call to a model."""
    attributes = span.attributes
    number = counted(a.LEDGER_UNITS, attributes[a.LEDGER_UNITS])
    unit = _first(attributes, (a.LEDGER_UNIT_TYPE,)) or "units"
    start_ns, end_ns, time_flags = _times(span)
    attribution, conflict = attribute(span.resource, attributes, credential)
    status, error_type = _outcome(span)
    return Claim(
        scope=credential.scope,
        signal="traces",
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_span_id=span.parent_span_id.hex(),
        start_ns=start_ns,
        end_ns=end_ns,
        role="work",
        dialect=EXPLICIT,
        emitter=span.resource.scope_name[:TEXT_CHARS_MAX],
        operation=_first(attributes, (a.LEDGER_OPERATION, a.OPERATION_NAME)),
        provider=_first(attributes, (a.LEDGER_SERVICE, a.PROVIDER_NAME)),
        request_model=_first(attributes, (a.REQUEST_MODEL,)),
        response_id=_first(attributes, (a.RESPONSE_ID,)),
        usage={} if number is None else {unit: number},
        usage_source="missing" if number is None else "manual",
        status=status,
        error_type=error_type,
        attribution=attribution,
        flags=_flags(span, conflict, time_flags),
    )


def _first(attributes: dict[str, bytes], keys: tuple[str, ...]) -> str:
    """The first stated text among some attributes, cut to a name's length; empty if none is."""
    for key in keys:
        if key in attributes and (value := text(attributes[key])):
            return value[:TEXT_CHARS_MAX]
    return ""


def _reported_cost(attributes: dict[str, bytes], dialect: Dialect) -> str:
    """The cost that the sender states, if it is one; emitters write 0 when they found no price."""
    stated = _first(attributes, dialect.reported_cost)
    try:
        return stated if stated and parse_amount(stated) else ""
    except ValueError:
        return ""


def _times(span: UsageSpan) -> tuple[int, int, tuple[str, ...]]:
    """Start, end and flags. Raises `ImpossibleCountError` if neither can be a time."""
    start_ns, end_ns = span.start_ns, span.end_ns
    possible = [time_ns for time_ns in (start_ns, end_ns) if TIME_NS_MIN <= time_ns < TIME_NS_MAX]
    if len(possible) < 2:
        if not possible or (start_ns and end_ns):
            msg = "its start or end is before 2000 or after 2261"
            raise ImpossibleCountError(msg)
        return possible[0], possible[0], ("time_missing",)
    if end_ns < start_ns:
        return start_ns, start_ns, ("duration_clamped",)
    return start_ns, end_ns, ()


def _outcome(span: UsageSpan) -> tuple[Status, str]:
    error_type = _first(span.attributes, (a.ERROR_TYPE,))
    if span.status_code == _ERROR or error_type:
        return "error", error_type
    return ("fallback" if _first(span.attributes, (a.LEDGER_STATUS,)) == "fallback" else "ok"), ""


def _attempt(attributes: dict[str, bytes]) -> int:
    number = _first(attributes, (a.HTTP_RESEND_COUNT,))
    return int(number) if number.isascii() and number.isdigit() and len(number) <= 4 else 0


def _flags(span: UsageSpan, conflict: bool, *more: tuple[str, ...]) -> tuple[str, ...]:  # noqa: FBT001
    own = (("tenant_conflict",) if conflict else ()) + (("attributes_dropped",) if span.dropped_attributes else ())
    return (*own, *(flag for flags in more for flag in flags))
