"""Sampling thins out traces, never the bill: a usage span the root sampler drops is recorded, still unsampled.

Nothing else changes: the sampled flag, the trace state and every other span are as the root sampler decided, so
other processors and every child see the same trace as without us.
"""

from collections.abc import Mapping, Sequence
from typing import Final, cast

from opentelemetry.context import Context
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult
from opentelemetry.trace import Link, SpanKind, TraceState
from opentelemetry.util.types import AnyValue, Attributes

from spanledger.schemas import attributes as a
from spanledger.schemas.dialects import DIALECTS

USAGE_AT_START: Final = frozenset(
    (
        *(key for dialect in DIALECTS for key in (*dialect.marks, *dialect.request_model)),
        a.LEDGER_UNITS,
        a.LEDGER_UNIT_TYPE,
    )
)
"""A span started with one of these may state usage when it ends. The conventions ask for the operation, the
provider and the model at start ("SHOULD be provided at span creation time", GenAI client spans)."""


class UsageSampler(Sampler):
    """A root sampler, except that a usage span it drops becomes `RECORD_ONLY`."""

    def __init__(self, root: Sampler) -> None:
        self._root = root

    def should_sample(  # noqa: PLR0917 (the SDK's signature)
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        """The root sampler's decision; a dropped usage span is recorded with its own attributes."""
        # The SDK passes six arguments, and a foreign sampler may take no more.
        more = () if trace_state is None else (trace_state,)
        result = self._root.should_sample(parent_context, trace_id, name, kind, attributes, links, *more)
        if (
            result.decision is not Decision.DROP
            or not isinstance(attributes, Mapping)
            or USAGE_AT_START.isdisjoint(attributes)
        ):
            return result
        # A sampler that drops a span drops its attributes too; what it added itself is kept on top.
        added = cast("Mapping[str, AnyValue]", result.attributes)
        return SamplingResult(Decision.RECORD_ONLY, {**attributes, **added}, result.trace_state)

    def get_description(self) -> str:
        """The root sampler's description inside ours."""
        return f"UsageSampler{{{self._root.get_description()}}}"
