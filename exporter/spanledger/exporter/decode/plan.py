"""Which attribute answers which question, worked out once for all spans with the same keys. Pure.

The spans of one emitter carry the same keys over and over: what is preferred, present or absent is then known
before a span is read, and reading one is a handful of look-ups.
"""

from functools import lru_cache
from typing import Final

import msgspec

from spanledger.schemas import attributes as a
from spanledger.schemas.allowlist import ATTRIBUTION_KEYS, CALL_KEYS
from spanledger.schemas.dialects import DIALECTS, Dialect

METADATA_KEYS_MAX: Final = 64

_NOT_METADATA: Final = frozenset(CALL_KEYS).union(*ATTRIBUTION_KEYS.values())

Keys = tuple[str, ...]


class Plan(msgspec.Struct, frozen=True, eq=False):
    """For one set of keys: the keys present that answer each question, most preferred first. Compared by identity."""

    dialect: Dialect | None
    explicit: bool
    """Whether the span states work itself (`ledger.units`)."""
    usage: tuple[tuple[str, Keys], ...]
    operation: Keys
    provider: Keys
    request_model: Keys
    response_model: Keys
    response_id: Keys
    service_tier: Keys
    reported_cost: Keys
    fields: tuple[tuple[str, Keys], ...]
    """Attribution field → keys."""
    metadata: Keys
    attributing: Keys
    """Every key that takes part in attribution: spans alike in these are attributed alike."""


# Emitters times their span shapes; a hostile sender of ever new keys only makes us plan again.
@lru_cache(maxsize=4_096)
def plan_for(scope_name: str, keys: frozenset[str]) -> Plan:
    """The plan of spans with these attribute keys under an instrumentation scope of this name."""
    dialect = next((dialect for dialect in DIALECTS if _speaks(dialect, scope_name, keys)), None)
    explicit = a.LEDGER_UNITS in keys

    def present(preferred: Keys) -> Keys:
        return tuple(key for key in preferred if key in keys)

    def of_call(preferred: Keys, explicitly: Keys) -> Keys:
        return present(explicitly if explicit else preferred)

    none: Keys = ()
    extra = sorted(key for key in keys if key.startswith(a.LEDGER_PREFIX) and key not in _NOT_METADATA)
    fields = tuple((field, found) for field, names in ATTRIBUTION_KEYS.items() if (found := present(names)))
    metadata = tuple(extra[:METADATA_KEYS_MAX])
    return Plan(
        dialect=dialect,
        explicit=explicit,
        usage=tuple(
            (unit, found) for unit, names in (dialect.usage.items() if dialect else ()) if (found := present(names))
        ),
        operation=of_call(dialect.operation if dialect else none, (a.LEDGER_OPERATION, a.OPERATION_NAME)),
        provider=of_call(dialect.provider if dialect else none, (a.LEDGER_SERVICE, a.PROVIDER_NAME)),
        request_model=of_call(dialect.request_model if dialect else none, (a.REQUEST_MODEL,)),
        response_model=of_call(dialect.response_model if dialect else none, ()),
        response_id=of_call(dialect.response_id if dialect else none, (a.RESPONSE_ID,)),
        service_tier=of_call(dialect.service_tier if dialect else none, ()),
        reported_cost=of_call(dialect.reported_cost if dialect else none, ()),
        fields=fields,
        metadata=metadata,
        attributing=(*(key for _, found in fields for key in found), *metadata),
    )


def _speaks(dialect: Dialect, scope_name: str, keys: frozenset[str]) -> bool:
    return (
        not keys.isdisjoint(dialect.marks)
        or (dialect.scopes != () and scope_name.startswith(dialect.scopes))
        or (dialect.mark_prefixes != () and any(key.startswith(dialect.mark_prefixes) for key in keys))
    )
