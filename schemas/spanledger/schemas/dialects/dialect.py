"""What a dialect is: how one family of emitters states usage, as a table. Pure data."""

from collections.abc import Mapping
from typing import Literal

import msgspec

Inclusion = Literal["inclusive", "exclusive"]


class Dialect(msgspec.Struct, frozen=True, kw_only=True):
    """One way of stating usage over OTLP. Names are listed most to least preferred; the first present wins."""

    name: str
    scopes: tuple[str, ...] = ()
    """Prefixes of instrumentation scope names that speak this dialect."""
    marks: tuple[str, ...] = ()
    """Attributes of which any one, present, means this dialect."""
    mark_prefixes: tuple[str, ...] = ()
    """As `marks`, by prefix."""
    usage: Mapping[str, tuple[str, ...]]
    """Unit of `spanledger.schemas.units` → attributes that state it."""
    inclusion: Inclusion
    """Whether the stated input contains the cache counts."""
    operation: tuple[str, ...]
    provider: tuple[str, ...]
    request_model: tuple[str, ...]
    response_model: tuple[str, ...]
    response_id: tuple[str, ...]
    service_tier: tuple[str, ...] = ()
    reported_cost: tuple[str, ...] = ()
    """Attributes that state a cost in US dollars."""
    conversation_id: tuple[str, ...] = ()
    agent: tuple[str, ...] = ()
    workflow_id: tuple[str, ...] = ()
    inference: frozenset[str]
    """Operations that are one call to a model."""
    rollups: frozenset[str]
    """Operations that repeat what their descendants used."""
    ignored: frozenset[str] = frozenset()
    """Operations that use nothing of their own and are no evidence of anything."""

    def keys(self) -> frozenset[str]:
        """Every attribute this dialect reads: its share of the allow-list."""
        named = (self.operation, self.provider, self.request_model, self.response_model, self.response_id)
        more = (self.service_tier, self.reported_cost, self.conversation_id, self.agent, self.workflow_id, self.marks)
        return frozenset(key for keys in (*self.usage.values(), *named, *more) for key in keys)
