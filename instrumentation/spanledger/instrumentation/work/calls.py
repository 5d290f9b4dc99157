"""A call to a model as the application knows it: `track_cost(…)`, and the event objects of a predecessor.

It settles with whatever else tells of the same call: with the same response id they are one charge.
"""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from datetime import datetime
from time import time_ns
from typing import TYPE_CHECKING, Any, Final, Self, cast

from spanledger.instrumentation.attributing.failing import failed
from spanledger.instrumentation.work.sink import hand_over
from spanledger.instrumentation.work.stating import described, number, text
from spanledger.instrumentation.work.track import begun
from spanledger.schemas import attributes as a

if TYPE_CHECKING:
    from opentelemetry.util.types import AttributeValue

_NS_PER_S: Final = 10**9
_ERRORS: Final = frozenset({"error", "failed", "failure"})


@dataclass(kw_only=True)
class LLMEvent:
    """One call to a model. Counts that are None are unknown, not zero; `input_tokens` contains `cached_tokens`.

    A predecessor's `cost_usd` is kept beside our price. `metadata_extra` and fields of attribution say whom it is for.
    """

    provider: str = ""
    model: str = ""
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    cost_usd: object = None
    duration_ms: float | None = None
    status: str = "success"
    error_type: str = ""
    timestamp: datetime | None = None
    operation: str = "chat"
    response_id: str = ""
    tenant: str = ""
    user_id: str = ""
    session_id: str = ""
    organization_id: str = ""
    feature: str = ""
    team: str = ""
    project: str = ""
    cost_center: str = ""
    metadata_extra: Mapping[str, object] = field(default_factory=dict[str, object])

    def __post_init__(self) -> None:
        """Look at the counts now, so that the log names the place; what is wrong is set aside by the ledger."""
        for name in ("input_tokens", "output_tokens", "cached_tokens"):
            if (count := getattr(self, name)) is not None:
                setattr(self, name, number(count))

    @classmethod
    def fast_construct(cls, **values: object) -> Self:
        """Make one without looking at anything."""
        event = cls.__new__(cls)
        event.__dict__.update(_DEFAULTS)
        event.__dict__.update(values)
        return event


_DEFAULTS: Final[dict[str, object]] = {
    each.name: {} if each.default is MISSING else each.default for each in fields(LLMEvent)
}

_COUNTS: Final = {
    "input_tokens": a.USAGE_INPUT_TOKENS,
    "output_tokens": a.USAGE_OUTPUT_TOKENS,
    "cached_tokens": a.USAGE_CACHE_READ,
    "cache_write_tokens": a.USAGE_CACHE_WRITE,
    "reasoning_tokens": a.USAGE_REASONING,
}
_WHO: Final = ("tenant", "user_id", "session_id", "organization_id", "feature", "team", "project", "cost_center")


def track_cost(
    input_tokens: int | None = None,
    output_tokens: int | None = None,
    model: str = "",
    user_id: str = "",
    **dimensions: object,
) -> None:
    """Record what a call to a model used. Dimensions: as of `LLMEvent` and `attribution`. Never raises."""
    try:
        state(
            {**dimensions, "input_tokens": input_tokens, "output_tokens": output_tokens, "model": model},
            {"user_id": user_id},
        )
    except Exception as error:  # noqa: BLE001 (the guard between our faults and the application)
        failed("a call cannot be recorded", error)


def track_event(event: LLMEvent) -> None:
    """Record a call that is an object. Never raises."""
    try:
        values = dict(vars(event))
        extra = values.pop("metadata_extra", None)
        state(values, cast("Mapping[str, object]", extra) if isinstance(extra, Mapping) else {})
    except Exception as error:  # noqa: BLE001 (the guard between our faults and the application)
        failed("a call cannot be recorded", error)


def state(call: Mapping[str, Any], more: Mapping[str, object]) -> None:
    """Hand over a call by the names of `LLMEvent`; what is none of them, and `more`, says whom it is for."""
    get = call.get
    who = {**more, **{name: value for name, value in call.items() if name not in _FIELDS}}
    who.update({name: value for name in _WHO if (value := get(name))})
    operation = text(get("operation")) or "chat"
    model = text(get("model"))
    attributes: dict[str, AttributeValue] = {**described(who), a.OPERATION_NAME: operation}
    for key, name in ((a.PROVIDER_NAME, "provider"), (a.RESPONSE_ID, "response_id")):
        if value := text(get(name)):
            attributes[key] = value
    if model:
        attributes[a.REQUEST_MODEL] = attributes[a.RESPONSE_MODEL] = model
    for name, key in _COUNTS.items():
        if (count := get(name)) is not None:
            attributes[key] = number(count)
    if (cost := get("cost_usd")) is not None:
        attributes[a.USAGE_COST] = text(cost)
    error = str(get("status") or "").lower() in _ERRORS
    if error_type := text(get("error_type")):
        attributes[a.ERROR_TYPE] = error_type
    end_ns = _time_of(get("timestamp"))
    hand_over(f"{operation} {model}", attributes, begun(end_ns, get("duration_ms")), end_ns, error=error)


def _time_of(timestamp: object) -> int:
    if isinstance(timestamp, datetime):
        # In whole microseconds, as it states them: a float would round.
        return int(timestamp.replace(microsecond=0).timestamp()) * _NS_PER_S + timestamp.microsecond * 1_000
    return time_ns()


_FIELDS: Final = frozenset({*_DEFAULTS, *_COUNTS})
