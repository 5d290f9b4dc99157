import json
from collections.abc import Iterator
from typing import Any, cast

import pytest
from opentelemetry.context import Context, attach, detach
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import (
    ReadableSpan,
    Span,
    SpanLimits,
    SpanProcessor,
    SynchronousMultiSpanProcessor,
    Tracer,
    TracerProvider,
)
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    ALWAYS_ON,
    Decision,
    ParentBased,
    Sampler,
    SamplingResult,
    TraceIdRatioBased,
)
from opentelemetry.trace import NonRecordingSpan, NoOpTracerProvider, SpanContext, TraceFlags, set_span_in_context

from spanledger.exporter import LedgerSpanProcessor
from spanledger.instrumentation import attribution
from spanledger.instrumentation.attributing.processor import AttributionSpanProcessor
from spanledger.instrumentation.sampler import UsageSampler
from spanledger.instrumentation.wire.spans import Spans
from spanledger.schemas import attributes as a

ASKED = {a.OPERATION_NAME: "chat", a.REQUEST_MODEL: "gpt-4o"}
SAID = {a.USAGE_INPUT_TOKENS: 12, a.FINISH_REASONS: ("stop",), a.TIME_TO_FIRST_CHUNK: 0.25}
RESOURCE = Resource({"service.name": "shop"})
# What no two spans have in common.
OWN = ("context", "start_time", "end_time", "parent_id")


class Ended(SpanProcessor):
    """Remembers the spans that ended; whatever starts is nothing to it."""

    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        """Remember one."""
        self.spans.append(span)


class Watching(Ended):
    """Looks at spans as they start."""

    def __init__(self) -> None:
        super().__init__()
        self.started: list[Span] = []

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:  # noqa: ARG002
        """Remember one."""
        self.started.append(span)


class Finishing(Watching):
    """Looks at spans that are about to end; it is told of no start."""

    on_start = SpanProcessor.on_start

    def _on_ending(self, span: Span) -> None:
        self.started.append(span)


class States(SpanProcessor):
    """States something on spans that start."""

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:  # noqa: ARG002
        """State it."""
        span.set_attribute("stated", True)  # noqa: FBT003 (the SDK's signature)


class StatingProcessors(SynchronousMultiSpanProcessor):
    """The processors of a provider that states something itself."""

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """State it, then let the others."""
        States().on_start(span)
        super().on_start(span, parent_context)


class Adds(Sampler):
    """A sampler of somebody else's that adds what no attribute may be."""

    def should_sample(self, *_asked: object, **_more: object) -> SamplingResult:
        """Sample it."""
        return SamplingResult(
            Decision.RECORD_AND_SAMPLE, cast("Any", {"list": [1, 2], "": 1, a.OPERATION_NAME: "chat"})
        )

    def get_description(self) -> str:
        """Its name."""
        return "Adds"


def made_by(
    *processors: SpanProcessor, sampler: Sampler = ALWAYS_ON, limits: SpanLimits | None = None, failed: bool = False
) -> bool:
    """Whether a provider of these processors made a span of an attempt."""
    provider = TracerProvider(sampler=sampler, resource=RESOURCE, span_limits=limits, shutdown_on_exit=False)
    for each in processors:
        provider.add_span_processor(each)
    span = Spans(provider.get_tracer(a.WIRE_SCOPE, "1")).begin("chat gpt-4o", dict(ASKED))
    if span is not None:
        span.end(SAID, failed=failed)
    return span is not None


def told(span: ReadableSpan) -> dict[str, object]:
    """All that a span says but what no two have in common."""
    stated = json.loads(span.to_json())
    scope = span.instrumentation_scope
    context = span.get_span_context()
    assert scope is not None
    assert context is not None
    return {
        **{name: value for name, value in stated.items() if name not in OWN},
        "scope": scope.to_json(),
        "flags": context.trace_flags,
        "state": context.trace_state.to_header(),
        "dropped": span.dropped_attributes,
        "has parent": span.parent is not None,
    }


@pytest.fixture(params=["alone", "below a sampled span", "below an unsampled span"])
def surroundings(request: pytest.FixtureRequest) -> Iterator[SpanContext | None]:
    """What an attempt begins in."""
    if request.param == "alone":
        yield None
        return
    flags = TraceFlags(TraceFlags.SAMPLED if request.param == "below a sampled span" else TraceFlags.DEFAULT)
    above = SpanContext(7 << 100, 9, is_remote=True, trace_flags=flags)
    token = attach(set_span_in_context(NonRecordingSpan(above)))
    yield above
    detach(token)


@pytest.mark.parametrize("failed", [False, True])
@pytest.mark.parametrize(
    "sampler",
    [ALWAYS_ON, UsageSampler(ParentBased(ALWAYS_ON)), UsageSampler(TraceIdRatioBased(0.0)), UsageSampler(ALWAYS_OFF)],
    ids=lambda sampler: sampler.get_description(),
)
def test_a_span_made_at_its_end_says_what_the_sdks_own_says(
    surroundings: SpanContext | None, sampler: Sampler, *, failed: bool
) -> None:
    """Name, kind, attributes, status, resource, scope, flags and trace, below any parent and any sampler."""
    late, watching = Ended(), Watching()
    with attribution(tenant="acme", feature="search"):
        assert made_by(AttributionSpanProcessor(), late, sampler=sampler, failed=failed)
        assert made_by(AttributionSpanProcessor(), watching, sampler=sampler, failed=failed)
    assert told(late.spans[0]) == told(watching.spans[0])
    assert (late.spans[0].attributes or {})[a.LEDGER_TENANT] == "acme"
    context, parent = late.spans[0].get_span_context(), late.spans[0].parent
    assert context is not None
    assert context.is_valid
    assert parent == surroundings
    if surroundings is not None:
        assert context.trace_id == surroundings.trace_id
    assert (late.spans[0].start_time or 0) <= (late.spans[0].end_time or 0)


def test_what_looks_at_spans_before_they_end_sees_the_sdks_own() -> None:
    """A processor that is told of starts, or of endings, or that came later; and limits that cut."""
    watching, finishing, cut = Watching(), Finishing(), Ended()
    made_by(watching)
    assert [type(span).__mro__[1] for span in watching.started] == [Span]
    made_by(finishing)
    assert [type(span).__mro__[1] for span in finishing.started] == [Span]
    made_by(cut, limits=SpanLimits(max_span_attribute_length=3))
    assert (cut.spans[0].attributes or {})[a.REQUEST_MODEL] == "gpt"

    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(Ended())
    spans = Spans(provider.get_tracer(a.WIRE_SCOPE))
    assert spans.begin("chat", dict(ASKED)) is not None
    provider.add_span_processor(watching)
    assert spans.begin("chat", dict(ASKED)) is not None
    assert len(watching.started) == 2


def stated(provider: TracerProvider, ended: Ended) -> object:
    """What somebody states on a span of an attempt."""
    provider.add_span_processor(ended)
    span = Spans(provider.get_tracer(a.WIRE_SCOPE)).begin("chat", dict(ASKED))
    assert span is not None
    span.end(SAID, failed=False)
    return (ended.spans[-1].attributes or {}).get("stated")


def test_whoever_is_put_before_the_sdk_sees_what_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a processor's object, its class, all processors of a provider, a tracer of its own, the SDK's tracer."""

    def on_start(span: Span, parent_context: Context | None = None) -> None:
        States().on_start(span, parent_context)

    for processor in (LedgerSpanProcessor(), AttributionSpanProcessor(), Ended()):
        monkeypatch.setattr(processor, "on_start", on_start)
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(processor)
        assert stated(provider, Ended()) is True, processor
    of_its_own = TracerProvider(shutdown_on_exit=False, active_span_processor=StatingProcessors())
    assert stated(of_its_own, Ended()) is True

    sdks = Tracer.start_span

    def start_span(tracer: Tracer, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        span = sdks(tracer, *args, **kwargs)
        span.set_attribute("stated", True)  # noqa: FBT003
        return span

    monkeypatch.setattr(Tracer, "start_span", start_span)
    assert stated(TracerProvider(shutdown_on_exit=False), Ended()) is True
    monkeypatch.undo()
    assert stated(TracerProvider(shutdown_on_exit=False), Ended()) is None


def test_what_a_sampler_adds_is_cleaned_as_the_sdk_cleans_it() -> None:
    """Nothing that is no attribute reaches an exporter."""
    late, watching = Ended(), Watching()
    assert made_by(late, sampler=Adds())
    assert made_by(watching, sampler=Adds())
    assert dict(late.spans[0].attributes or {}) == dict(watching.spans[0].attributes or {})
    assert dict(late.spans[0].attributes or {})["list"] == (1, 2)


def test_beside_the_sdks_exporting_processors_it_is_made_once() -> None:
    """They leave spans alone until they have ended."""
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(InMemorySpanExporter()))
    span = Spans(provider.get_tracer(a.WIRE_SCOPE)).begin("chat", dict(ASKED))
    assert not isinstance(getattr(span, "_span", None), Span)


def test_exporters_get_it_as_any_span() -> None:
    """Through the SDK's own batch and simple processors."""
    batched, simple = InMemorySpanExporter(), InMemorySpanExporter()
    batch = BatchSpanProcessor(batched)
    made_by(batch, SimpleSpanProcessor(simple))
    assert batch.force_flush()
    spans = (*batched.get_finished_spans(), *simple.get_finished_spans())
    assert [(span.attributes or {})[a.USAGE_INPUT_TOKENS] for span in spans] == [12, 12]
    batch.shutdown()


def test_nobody_looks_at_what_a_sampler_drops_or_no_provider_makes() -> None:
    """There is no span then, and nothing to end."""
    late, watching = Ended(), Watching()
    assert not made_by(late, sampler=ALWAYS_OFF)
    assert not made_by(watching, sampler=ALWAYS_OFF)
    assert not late.spans
    assert Spans(NoOpTracerProvider().get_tracer("any")).begin("chat", {}) is None
