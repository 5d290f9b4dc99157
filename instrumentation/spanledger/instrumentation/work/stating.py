"""What a caller states of work → attributes. What is no number of units is passed on, to be set aside in sight."""

from collections.abc import Mapping
from decimal import Decimal
from operator import index
from typing import Final

from opentelemetry.util.types import AttributeValue

from spanledger.instrumentation.attributing.failing import failed
from spanledger.instrumentation.attributing.fields import TEXT_CHARS_MAX, attributes_of, joined
from spanledger.instrumentation.attributing.installing import install
from spanledger.schemas import attributes as a
from spanledger.schemas.ambient import statement

_NUMBER_CHARS_MAX: Final = 64
_INT64: Final = 2**63

_NAMES: Final = {
    "model": a.REQUEST_MODEL,
    "region": a.CLOUD_REGION,
    "error_type": a.ERROR_TYPE,
}
"""Dimension → attribute, where it is none of attribution."""


def work_of(
    service: object, operation: object, units: object, unit_type: object, dimensions: Mapping[str, object]
) -> dict[str, AttributeValue]:
    """The attributes of explicit work."""
    unit = text(unit_type)
    stated: dict[str, AttributeValue] = {
        **described(dimensions),
        a.LEDGER_UNITS: number(units),
        a.LEDGER_UNIT_TYPE: unit,
        a.LEDGER_OPERATION: text(operation),
        a.LEDGER_SERVICE: text(service),
    }
    if dimensions:
        if (key := dimensions.get("idempotency_key")) is not None:
            stated[a.RESPONSE_ID] = f"{text(service)}/{text(operation)}/{unit}/{text(key)}"[:TEXT_CHARS_MAX]
        if (cost := dimensions.get("cost")) is not None:
            stated[a.LEDGER_COST] = str(cost)[:_NUMBER_CHARS_MAX]
        if (status := dimensions.get("status")) is not None:
            stated[a.LEDGER_STATUS] = text(status)
    return stated


def described(dimensions: Mapping[str, object]) -> dict[str, AttributeValue]:
    """Whom the work is for, here and by its own dimensions; and its dimensions that are not attribution."""
    install()
    ambient = statement()
    if not dimensions:
        return {**ambient}
    own = {name: value for name, value in dimensions.items() if name not in _OWN}
    described: dict[str, AttributeValue] = {**(joined(ambient, attributes_of(own)) if own else ambient)}
    for name, key in _NAMES.items():
        if (value := dimensions.get(name)) is not None:
            described[key] = text(value)
    return described


def number(units: object) -> int | str:
    """A whole number as it is; anything else as text, which the ledger sets aside for a human."""
    try:
        if isinstance(units, float | Decimal) and units == int(units):
            whole = int(units)
        elif isinstance(units, bool):
            raise TypeError  # noqa: TRY301 (a truth is no number of anything)
        else:
            whole = index(units)  # pyright: ignore[reportArgumentType] (that is the question)
        if -_INT64 <= whole < _INT64:
            return whole
    except Exception as error:  # noqa: BLE001 (any object may be given)
        failed("work of no whole number of units", error)
    return repr(units)[:_NUMBER_CHARS_MAX] or "unknown"


def text(value: object) -> str:
    """A name."""
    return value[:TEXT_CHARS_MAX] if isinstance(value, str) else "" if value is None else str(value)[:TEXT_CHARS_MAX]


_OWN: Final = frozenset({*_NAMES, "idempotency_key", "cost", "status", "duration_ms"})
"""Dimensions that are not attribution."""
