"""Which attribute answers which question, worked out once for all spans with the same keys. Pure.

The spans of one emitter carry the same keys over and over: what is preferred, present or absent is then known
before a span is read, and reading one is a handful of look-ups.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

import msgspec

from spanledger.schemas import attributes as a
from spanledger.schemas.allowlist import ATTRIBUTION_KEYS, CALL_KEYS
from spanledger.schemas.claim import Signal
from spanledger.schemas.dialects import DIALECTS, Dialect

METADATA_KEYS_MAX: Final = 64

_NOT_METADATA: Final = frozenset(CALL_KEYS).union(*ATTRIBUTION_KEYS.values(), *(each.keys() for each in DIALECTS))

Keys = tuple[str, ...]
Table = tuple[tuple[str, Keys], ...]


class Plan(msgspec.Struct, frozen=True, eq=False):
    """For one set of keys: the keys present that answer each question, most preferred first. Compared by identity."""

    dialect: Dialect | None
    explicit: bool
    """Whether the span states work itself (`ledger.units`)."""
    usage: Table
    added: Table
    total: Keys
    duration: Keys
    duration_unit_ns: int
    first_token: tuple[tuple[str, int], ...]
    """Keys that state the time to the first token, and the nanoseconds in one of it; 0 for an instant."""
    streams: Keys
    begun_before_ns: int
    error_type: Keys
    operation: Keys
    provider: Keys
    prefixed: Keys
    request_model: Keys
    response_model: Keys
    response_id: Keys
    service_tier: Keys
    account: Keys
    reported_cost: Keys
    calling: Keys
    """Every key of which a `Call` is made: spans alike in these are calls of one kind."""
    fields: Table
    """Attribution field → keys."""
    metadata: Keys
    attributing: Keys
    """Every key that takes part in attribution: spans alike in these are attributed alike."""
    remembered: bool = True
    """Whether what follows from it is worth remembering."""


# Emitters times their span shapes; a hostile sender of ever new keys only makes us plan again.
@lru_cache(maxsize=4_096)
def plan_for(signal: Signal, scope_name: str, keys: frozenset[str]) -> Plan:
    """The plan of spans (or log records) with these attribute keys under an instrumentation scope of this name."""
    dialect = next((dialect for dialect in DIALECTS if _speaks(dialect, signal, scope_name, keys)), None)
    explicit = a.LEDGER_UNITS in keys

    def present(preferred: Keys) -> Keys:
        return tuple(key for key in preferred if key in keys)

    def of_call(preferred: Keys, explicitly: Keys) -> Keys:
        return present(explicitly if explicit else preferred)

    none: Keys = ()
    extra = sorted(key for key in keys if key.startswith(a.LEDGER_PREFIX) and key not in _NOT_METADATA)
    theirs: Mapping[str, Keys] = dialect.attribution if dialect else {}
    fields = tuple(
        (field, found)
        for field in dict.fromkeys((*ATTRIBUTION_KEYS, *theirs))
        if (found := present((*ATTRIBUTION_KEYS.get(field, ()), *theirs.get(field, ()))))
    )
    metadata = tuple(extra[:METADATA_KEYS_MAX])
    operation = of_call(dialect.operation if dialect else none, (a.LEDGER_OPERATION, a.OPERATION_NAME))
    provider = of_call(dialect.provider if dialect else none, (a.LEDGER_SERVICE, a.PROVIDER_NAME))
    prefixed = of_call(dialect.prefixed if dialect else none, ())
    request_model = of_call(dialect.request_model if dialect else none, (a.REQUEST_MODEL,))
    response_model = of_call(dialect.response_model if dialect else none, ())
    service_tier = of_call(dialect.service_tier if dialect else none, ())
    account = of_call(dialect.account if dialect else none, ())
    doubted = present(tuple(doubt.attribute for doubt in (dialect.doubts if dialect else ())))
    said = (
        *operation,
        *provider,
        *prefixed,
        *request_model,
        *response_model,
        *service_tier,
        *account,
        *doubted,
        *present((a.CLOUD_REGION, a.LEDGER_ACCOUNT)),
    )
    return Plan(
        dialect=dialect,
        explicit=explicit,
        usage=_table(dialect.usage if dialect else {}, keys),
        added=_table(dialect.added if dialect else {}, keys),
        total=present(dialect.total if dialect else ()),
        duration=present(dialect.duration if dialect else ()),
        duration_unit_ns=dialect.duration_unit_ns if dialect else 1,
        first_token=tuple((key, unit) for key, unit in dialect.first_token.items() if key in keys) if dialect else (),
        streams=present(dialect.streams if dialect else ()),
        begun_before_ns=dialect.begun_before_ns if dialect else 0,
        error_type=present((a.ERROR_TYPE, *dialect.error_type) if dialect else ()),
        operation=operation,
        provider=provider,
        prefixed=prefixed,
        request_model=request_model,
        response_model=response_model,
        response_id=of_call(dialect.response_id if dialect else none, (a.RESPONSE_ID,)),
        service_tier=service_tier,
        account=account,
        reported_cost=of_call(dialect.reported_cost if dialect else none, (a.LEDGER_COST,)),
        calling=tuple(dict.fromkeys(said)),
        fields=fields,
        metadata=metadata,
        attributing=(*(key for _, found in fields for key in found), *metadata),
    )


def plan_once(signal: Signal, scope_name: str, keys: frozenset[str]) -> Plan:
    """The same plan for a span that is unlike others, which nothing remembers."""
    return msgspec.structs.replace(plan_for.__wrapped__(signal, scope_name, keys), remembered=False)


def _table(names: Mapping[str, Keys], keys: frozenset[str]) -> Table:
    found = ((unit, tuple(key for key in preferred if key in keys)) for unit, preferred in names.items())
    return tuple((unit, present) for unit, present in found if present)


def _speaks(dialect: Dialect, signal: Signal, scope_name: str, keys: frozenset[str]) -> bool:
    return dialect.signal == signal and (
        not keys.isdisjoint(dialect.marks)
        or (dialect.scopes != () and scope_name.startswith(dialect.scopes))
        or (dialect.mark_prefixes != () and any(key.startswith(dialect.mark_prefixes) for key in keys))
    )
