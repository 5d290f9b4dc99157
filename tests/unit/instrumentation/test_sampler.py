from collections.abc import Mapping, Sequence
from typing import cast

import pytest
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    ALWAYS_ON,
    DEFAULT_OFF,
    Decision,
    ParentBased,
    Sampler,
    SamplingResult,
    TraceIdRatioBased,
)
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, SpanKind, TraceFlags, TraceState
from opentelemetry.util.types import Attributes

from spanledger.instrumentation.sampler import UsageSampler
from spanledger.schemas import attributes as a

CHAT = {a.OPERATION_NAME: "chat", a.PROVIDER_NAME: "openai"}
QUERY = {"db.system": "postgresql"}
TRACE_ID = 0x0AF7651916CD43DD8448EB211C80319C


class Ended(SpanProcessor):
    """Remembers the spans that ended, as any processor sees them."""

    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        """Remember one."""
        self.spans.append(span)


class DropsAndExplains(Sampler):
    """A sampler of somebody else's that takes no `trace_state` and adds an attribute to what it drops."""

    def should_sample(  # noqa: PLR0917 (the SDK's signature)  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
        parent_context: Context | None,  # noqa: ARG002
        trace_id: int,  # noqa: ARG002
        name: str,  # noqa: ARG002
        kind: SpanKind | None = None,  # noqa: ARG002
        attributes: Attributes = None,  # noqa: ARG002
        links: Sequence[Link] | None = None,  # noqa: ARG002
    ) -> SamplingResult:
        """Drop it."""
        return SamplingResult(Decision.DROP, {"sampler.rule": "7"}, TraceState([("vendor", "x")]))

    def get_description(self) -> str:
        """Its name."""
        return "DropsAndExplains"


def parent(*, sampled: bool, remote: bool) -> Context:
    """A context whose current span has this sampling decision."""
    flags = TraceFlags(TraceFlags.SAMPLED if sampled else TraceFlags.DEFAULT)
    state = TraceState([("vendor", "kept")])
    span = NonRecordingSpan(SpanContext(TRACE_ID, 1, remote, flags, state))
    return trace.set_span_in_context(span)


def decide(root: Sampler, attributes: Attributes, context: Context | None = None) -> SamplingResult:
    """What our sampler around `root` decides."""
    return UsageSampler(root).should_sample(context, TRACE_ID, "call", SpanKind.CLIENT, attributes, ())


def stated(result: SamplingResult) -> dict[str, object]:
    """The attributes the span will start with."""
    return dict(cast("Mapping[str, object]", result.attributes))


@pytest.mark.parametrize(
    "attributes",
    [
        {a.OPERATION_NAME: "chat"},
        {a.PROVIDER_NAME: "openai"},
        {a.SYSTEM: "openai"},
        {a.REQUEST_MODEL: "gpt-4o"},
        {a.LEDGER_UNITS: 3},
        {a.LEDGER_UNIT_TYPE: "pages"},
    ],
)
def test_a_dropped_usage_span_is_recorded_unsampled_with_its_attributes(attributes: dict[str, str]) -> None:
    """Whichever attribute tells it at start: it records, and the sampled flag stays off."""
    result = decide(ALWAYS_OFF, attributes)
    assert result.decision is Decision.RECORD_ONLY
    assert stated(result) == attributes


@pytest.mark.parametrize("attributes", [QUERY, {}, None])
def test_every_other_dropped_span_stays_dropped(attributes: Attributes) -> None:
    """Recording costs; only usage is worth it."""
    assert decide(ALWAYS_OFF, attributes).decision is Decision.DROP


def test_a_sampled_span_is_the_root_samplers_own() -> None:
    """A decision to sample is passed on as it is."""
    result = decide(ALWAYS_ON, CHAT)
    assert result.decision is Decision.RECORD_AND_SAMPLE
    assert stated(result) == CHAT


def test_attributes_that_are_no_mapping_change_nothing() -> None:
    """A caller's mistake that the root sampler tolerates does not fail in ours."""
    assert decide(ALWAYS_OFF, 5).decision is Decision.DROP  # pyright: ignore[reportArgumentType] (the mistake)


def test_a_foreign_sampler_keeps_its_attributes_and_trace_state() -> None:
    """What it added and the state it chose are on the recorded span."""
    result = decide(DropsAndExplains(), CHAT)
    assert result.decision is Decision.RECORD_ONLY
    assert stated(result) == {**CHAT, "sampler.rule": "7"}
    assert result.trace_state == TraceState([("vendor", "x")])


@pytest.mark.parametrize(
    ("sampled", "remote", "decision"),
    [
        (True, True, Decision.RECORD_AND_SAMPLE),
        (True, False, Decision.RECORD_AND_SAMPLE),
        (False, True, Decision.RECORD_ONLY),
        (False, False, Decision.RECORD_ONLY),
    ],
)
def test_the_parents_decision_is_respected(*, sampled: bool, remote: bool, decision: Decision) -> None:
    """A parent-based sampler follows the parent's flag, and the parent's trace state goes on."""
    result = decide(ParentBased(TraceIdRatioBased(0.0)), CHAT, parent(sampled=sampled, remote=remote))
    assert result.decision is decision
    assert result.trace_state == TraceState([("vendor", "kept")])


def test_the_description_names_both() -> None:
    """Whoever prints the sampler sees what was configured."""
    assert UsageSampler(ALWAYS_OFF).get_description() == "UsageSampler{AlwaysOffSampler}"


def test_children_of_a_recorded_span_are_decided_as_without_us() -> None:
    """In an unsampled trace the usage span reaches processors; its parent and child do not, and no flag is set."""
    ended = Ended()
    provider = TracerProvider(sampler=UsageSampler(DEFAULT_OFF), shutdown_on_exit=False)
    provider.add_span_processor(ended)
    tracer = provider.get_tracer("app")
    with (
        tracer.start_as_current_span("request") as request,
        tracer.start_as_current_span("chat", attributes=CHAT) as chat,
        tracer.start_as_current_span("http") as http,
    ):
        assert not request.is_recording()
        assert chat.is_recording()
        assert not http.is_recording()
        assert not chat.get_span_context().trace_flags.sampled
    assert [span.name for span in ended.spans] == ["chat"]
    assert ended.spans[0].parent == request.get_span_context()
