"""What a dialect is: how one family of emitters states usage, as a table. Pure data.

A dialect only says where things stand and how the emitter counts. What follows from that (inclusive wholes, roles,
doubts) is worked out in one place, by `decode`, for all of them.
"""

from collections.abc import Mapping
from typing import Literal

import msgspec

from spanledger.schemas.claim import Signal

Inclusion = Literal["inclusive", "exclusive"]
Basis = Literal["declared", "table", "assumed"]
Names = tuple[str, ...]
"""Attribute names, most to least preferred: the first that is present and not empty wins."""

INFERENCE = frozenset({"chat", "text_completion", "generate_content", "embeddings", "rerank"})
"""Operations that are one call to a model (semantic conventions, `gen_ai.operation.name`; rerank is LiteLLM's)."""

ROLLUPS = frozenset(
    {"invoke_agent", "invoke_workflow", "create_agent", "execute_tool", "execute_task", "execute_event_loop_cycle"}
    | {"agent_step", "handoff", "chain", "plan", "retrieval"}
)
"""Operations that repeat what their descendants used."""

IGNORED = frozenset({"fetch_response", "execute_hook"})
"""Operations that use nothing of their own and are no evidence: `GET /responses/{id}` names one already billed."""


class Doubt(msgspec.Struct, frozen=True, kw_only=True):
    """A case in which an emitter's counts are known to be a guess, or short: the claim is flagged, never `exact`."""

    flag: str
    """`estimated` (surely the emitter's own guess), `may_be_estimated`, `cache_not_stated`, `output_overstated`, …"""
    attribute: str = ""
    """The case holds only where this attribute is present …"""
    values: frozenset[str] = frozenset()
    """… with one of these values; empty for any."""
    providers: frozenset[str] = frozenset()
    """… from one of these providers; empty for any."""
    operations: frozenset[str] = frozenset()
    """… in one of these operations; empty for any."""
    unless: frozenset[str] = frozenset()
    """A unit whose being stated clears the doubt: a guess has no such detail."""


class Dialect(msgspec.Struct, frozen=True, kw_only=True):
    """One way of stating usage over OTLP."""

    name: str
    signal: Signal = "traces"
    scopes: Names = ()
    """Prefixes of instrumentation scope names that speak this dialect."""
    marks: Names = ()
    """Attributes of which any one, present, means this dialect."""
    mark_prefixes: Names = ()
    """As `marks`, by prefix."""
    texts: Names = ()
    """Attributes whose value is JSON (or a Python literal). What is read of one is named `<attribute>.<path>`, where
    the path joins object keys by dots and skips list places; nothing else of the text is kept, so no prompt is."""
    usage: Mapping[str, Names]
    """Unit of `spanledger.schemas.units` → attributes that state it."""
    added: Mapping[str, Names] = {}
    """Unit → attributes stating what the provider bills on top of the counts in `usage`: added to them."""
    total: Names = ()
    """Attributes that state the provider's own total: they show which way the emitter counted."""
    inclusion: Inclusion
    """Whether the stated input contains the cache counts."""
    reasoning: Inclusion = "inclusive"
    """Whether the stated output contains the reasoning count."""
    basis: Basis = "table"
    """Why `inclusion` is believed: `declared` by the conventions the emitter follows, `table` by recordings of this
    emitter, `assumed` when anyone may speak this dialect."""
    operation: Names = ()
    operations: Mapping[str, str] = {}
    """What the emitter calls an operation → the conventions' name, or a name of `rollups` or `ignored`."""
    span_names: Mapping[str, str] = {}
    """Span (or event) name → operation, for emitters that state none: an exact name, or a prefix ending in `*`."""
    inference: frozenset[str] = INFERENCE
    rollups: frozenset[str] = ROLLUPS
    ignored: frozenset[str] = IGNORED
    provider: Names = ()
    providers: Mapping[str, str] = {}
    """What the emitter calls a provider → the conventions' name; empty for what is no provider (a framework)."""
    request_model: Names = ()
    response_model: Names = ()
    response_id: Names = ()
    service_tier: Names = ()
    reported_cost: Names = ()
    """Attributes that state a cost in US dollars."""
    attribution: Mapping[str, Names] = {}
    """Field of `Attribution` → attributes of this emitter that state it, after the ones every emitter may use."""
    doubts: tuple[Doubt, ...] = ()
    precision: int = 0
    """Of several claims about one call the most precise speaks: 2 the provider's own SDK, 1 careful, 0 ordinary, -1
    known to miscount."""

    def keys(self) -> frozenset[str]:
        """Every attribute this dialect reads: its share of the allow-list. Paths into texts stand as their full names."""
        named = (self.operation, self.provider, self.request_model, self.response_model, self.response_id)
        more = (self.service_tier, self.reported_cost, self.total, self.marks, self.texts)
        tables = (*self.usage.values(), *self.added.values(), *self.attribution.values())
        doubted = tuple(doubt.attribute for doubt in self.doubts if doubt.attribute)
        return frozenset(key for keys in (*named, *more, *tables, doubted) for key in keys)
