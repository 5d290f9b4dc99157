"""What a dialect is: how one family of emitters states usage, as a table. Pure data.

A dialect only says where things stand and how the emitter counts. What follows from that (inclusive wholes, roles,
doubts) is worked out in one place, by `decode`, for all of them.
"""

from collections.abc import Mapping
from typing import Literal

import msgspec

from spanledger.schemas.claim import Signal, UsageSource

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
    models: Names = ()
    """… of a model whose name contains one of these; empty for any."""
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
    found_by: Names = ()
    """Texts of which every usage span or record holds one, where they are fewer than its marks or no attributes: each
    is a search of every batch that arrives."""
    texts: Names = ()
    """Attributes whose value is JSON (or a Python literal). What is read of one is named `<attribute>.<path>`, where
    the path joins object keys by dots and skips list places; nothing else of the text is kept, so no prompt is."""
    text_types: Mapping[str, str] = {}
    """Text → attribute with its media type: read only where that says JSON, for a model may answer in JSON too."""
    usage: Mapping[str, Names]
    """Unit of `spanledger.schemas.units` → attributes that state it."""
    added: Mapping[str, Names] = {}
    """Unit → attributes stating what the provider bills on top of the counts in `usage`: each is another quantity, and
    all that are present are added."""
    zero_is_unknown: frozenset[str] = frozenset()
    """Units of which this emitter states zero where it does not know."""
    total: Names = ()
    """Attributes that state the provider's own total: they show which way the emitter counted."""
    inclusion: Inclusion
    """Whether the stated input contains the cache counts."""
    exclusive_for: frozenset[str] = frozenset()
    """Providers whose own exclusive counts this emitter passes on, whatever `inclusion` says of the others."""
    reasoning: Inclusion = "inclusive"
    """Whether the stated output contains the reasoning count."""
    basis: Basis = "table"
    """Why `inclusion` is believed: `declared` by the conventions the emitter follows, `table` by recordings of this
    emitter, `assumed` when anyone may speak this dialect."""
    operation: Names = ()
    operations: Mapping[str, str] = {}
    """What the emitter calls an operation → the conventions' name, or a name of `rollups` or `ignored`; read as
    `span_names`."""
    span_names: Mapping[str, str] = {}
    """Span (or event) name → operation, for emitters that state none: an exact name, a prefix ending in `*`
    or a suffix beginning with it; the first that fits."""
    inference: frozenset[str] = INFERENCE
    rollups: frozenset[str] = ROLLUPS
    ignored: frozenset[str] = IGNORED
    provider: Names = ()
    providers: Mapping[str, str] = {}
    """What the emitter calls a provider → the conventions' name; empty for what is no provider (a framework); read as
    `span_names`."""
    provider_cut: str = ""
    """What is unknown to `providers` ends where this begins (`openai.chat`)."""
    prefixed: Names = ()
    """Attributes of the form `provider/model`: they name the provider where nothing else does."""
    request_model: Names = ()
    response_model: Names = ()
    response_id: Names = ()
    service_tier: Names = ()
    account: Names = ()
    """Attributes that state the account with the provider, as the provider's answer or its client names it."""
    reported_cost: Names = ()
    """Attributes that state a cost in US dollars."""
    attribution: Mapping[str, Names] = {}
    """Field of `Attribution` → attributes of this emitter that state it, after the ones every emitter may use."""
    duration: Names = ()
    """Attributes that state a call's seconds on a record without length, written when the call ended."""
    duration_unit_ns: int = 10**9
    """What one of `duration` is, where it is not a second."""
    first_token: Mapping[str, int] = {}
    """Attributes that state the time to the first piece of a streamed answer → the nanoseconds in one of it; 0 where it
    is an instant (ISO 8601). The first that is not empty wins."""
    streams: Names = ()
    """Attributes that say whether the answer streams: of one that does not, no piece is the first."""
    begun_before_ns: int = 0
    """How long before its span a call is taken to have begun, where the span only handles what came of it."""
    default_provider: str = ""
    """Whose models this emitter calls, where it does not say so."""
    failures: frozenset[str] = frozenset()
    """Event names of failed calls, on a signal that has no status."""
    error_type: Names = ()
    """Attributes that state the class of a failed call's error, or its HTTP status."""
    continuations: Names = ()
    """Span names (read as `span_names`) of records that tell the rest of a call which another span began to tell: the
    claim is flagged `continuation`, and is one with that span's."""
    doubts: tuple[Doubt, ...] = ()
    source: UsageSource = "provider"
    """Where counts come from that nothing makes doubtful: `manual` where somebody's own books state them."""
    precision: int = 0
    """Of several claims about one call the most precise speaks: 2 the provider's own SDK, 1 careful, 0 ordinary, -1
    known to miscount."""

    def keys(self) -> frozenset[str]:
        """Every attribute this dialect reads: its share of the allow-list. A path into a text is one name."""
        named = (self.operation, self.provider, self.request_model, self.response_model, self.response_id)
        more = (self.service_tier, self.account, self.reported_cost, self.total, self.marks, self.texts, self.prefixed)
        tables = (*self.usage.values(), *self.added.values(), *self.attribution.values())
        doubted = tuple(doubt.attribute for doubt in self.doubts if doubt.attribute)
        types = (*self.text_types.values(), *self.error_type, *self.duration, *self.first_token, *self.streams)
        return frozenset(key for keys in (*named, *more, *tables, doubted, types) for key in keys)
