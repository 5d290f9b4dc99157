import logging
import subprocess
import sys
from collections.abc import Mapping, Sequence

import pytest
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import NoOpTracerProvider, ProxyTracerProvider

from spanledger.instrumentation.hook import install
from spanledger.instrumentation.sampler import UsageSampler
from spanledger.schemas import attributes as a

CHAT = {a.OPERATION_NAME: "chat"}


class Metering(SpanProcessor):
    """A processor that fits the port: it takes every span that ends."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def on_end(self, span: ReadableSpan) -> None:
        """Take one."""
        self.names.append(span.name)

    def ledger_counts(self) -> Mapping[str, int]:
        """How many it took."""
        return {"journaled": len(self.names)}


class Exporter(SpanExporter):
    """An exporter that fits the port."""

    def __init__(self, processor: Metering | None = None) -> None:
        self.processor = processor
        self.exported: list[str] = []
        self.shutdowns = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Take spans the old way."""
        self.exported += [span.name for span in spans]
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """Count it."""
        self.shutdowns += 1

    def ledger_processor(self) -> Metering | None:
        """The better way in."""
        return self.processor


class Foreign(SpanExporter):
    """Somebody else's exporter."""


class Filtering(BatchSpanProcessor):
    """Somebody's own batch processor, which may do anything to spans."""


def provider_with(*processors: SpanProcessor) -> TracerProvider:
    """A provider that samples nothing and exports through these."""
    provider = TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False)
    for processor in processors:
        provider.add_span_processor(processor)
    return provider


def processors_of(provider: TracerProvider) -> tuple[SpanProcessor, ...]:
    """What stands on the provider now."""
    return provider._active_span_processor._span_processors  # pyright: ignore[reportPrivateUsage]


@pytest.mark.parametrize("export_processor", [BatchSpanProcessor, SimpleSpanProcessor])
def test_our_processor_takes_the_place_of_the_sdks(
    export_processor: type[BatchSpanProcessor | SimpleSpanProcessor],
) -> None:
    """In the same position, once, and then an unsampled usage span reaches it."""
    ours, other = Metering(), BatchSpanProcessor(Foreign())
    provider = provider_with(export_processor(Exporter(ours)), other)
    install(provider)
    install(provider)
    assert processors_of(provider) == (ours, other)
    tracer = provider.get_tracer("app")
    tracer.start_span("chat gpt-4o", attributes=CHAT).end()
    tracer.start_span("SELECT").end()
    assert ours.names == ["chat gpt-4o"]
    other.shutdown()


def test_spans_that_the_batch_processor_holds_are_exported_first() -> None:
    """Nothing is lost between the SDK's processor and ours, and the old thread ends."""
    exporter = Exporter(Metering())
    batch = BatchSpanProcessor(exporter)
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(batch)
    provider.get_tracer("app").start_span("early").end()
    install(provider)
    assert exporter.exported == ["early"]
    assert exporter.shutdowns == 1
    assert not batch._batch_processor._worker_thread.is_alive()  # pyright: ignore[reportPrivateUsage]


def test_tracers_made_before_are_metered_too() -> None:
    """A library that asked for its tracer at import time is not left out."""
    ours = Metering()
    provider = provider_with(BatchSpanProcessor(Exporter(ours)))
    tracer = provider.get_tracer("made before")
    install(provider)
    tracer.start_span("chat", attributes=CHAT).end()
    assert ours.names == ["chat"]


def test_our_processor_added_by_hand_gets_unsampled_spans_too() -> None:
    """`add_span_processor(LedgerSpanProcessor())` and `install()` are enough."""
    ours = Metering()
    provider = provider_with(ours)
    install(provider)
    provider.get_tracer("app").start_span("chat", attributes=CHAT).end()
    assert ours.names == ["chat"]


def test_an_application_without_our_exporter_is_untouched() -> None:
    """Having spanledger installed changes nothing for somebody who does not use it."""
    batch = BatchSpanProcessor(Foreign())
    provider = provider_with(batch)
    install(provider)
    assert processors_of(provider) == (batch,)
    assert provider.sampler is ALWAYS_OFF
    batch.shutdown()


def test_a_disabled_exporter_changes_nothing() -> None:
    """With a wrong setting there is nothing to put in place."""
    batch = BatchSpanProcessor(Exporter(None))
    provider = provider_with(batch)
    install(provider)
    assert processors_of(provider) == (batch,)
    assert provider.sampler is ALWAYS_OFF
    batch.shutdown()


def test_a_subclass_of_the_sdks_processor_stays() -> None:
    """It may filter spans, and that is not ours to undo."""
    filtering = Filtering(Exporter(Metering()))
    provider = provider_with(filtering)
    install(provider)
    assert processors_of(provider) == (filtering,)
    filtering.shutdown()


@pytest.mark.parametrize("provider", [NoOpTracerProvider(), ProxyTracerProvider(), object(), 5])
def test_a_provider_that_is_not_the_sdks_is_left_alone(provider: object, caplog: pytest.LogCaptureFixture) -> None:
    """No SDK, a foreign SDK or nonsense: nothing happens, nothing is logged."""
    install(provider)
    assert caplog.records == []


def test_a_provider_that_remembers_no_tracers_is_metered(caplog: pytest.LogCaptureFixture) -> None:
    """Older SDKs hand out tracers and forget them; those made later have the sampler."""
    ours = Metering()
    provider = provider_with(ours)
    delattr(provider, "_tracers")
    install(provider)
    assert isinstance(provider.sampler, UsageSampler)
    assert caplog.records == []


def test_a_provider_of_an_sdk_we_do_not_know_costs_one_log_line(caplog: pytest.LogCaptureFixture) -> None:
    """If the SDK's insides change, the application goes on and somebody is told."""
    provider = provider_with(Metering())
    delattr(provider, "_active_span_processor")
    with caplog.at_level(logging.WARNING):
        install(provider)
    assert caplog.messages == ["spanledger could not take its place on the tracer provider"]
    assert provider.sampler is ALWAYS_OFF


def test_an_exporter_that_fails_to_make_its_processor_costs_one_log_line(caplog: pytest.LogCaptureFixture) -> None:
    """A fault of ours never reaches the application."""

    class Broken(Exporter):
        def ledger_processor(self) -> Metering | None:
            raise RuntimeError

    batch = BatchSpanProcessor(Broken())
    provider = provider_with(batch)
    install(provider)
    assert processors_of(provider) == (batch,)
    assert len(caplog.records) == 1
    batch.shutdown()


def run(program: str) -> None:
    """Run a program in a fresh interpreter."""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_install_without_the_sdk_does_nothing() -> None:
    """Where the SDK cannot be imported, the hook can be, and does not raise."""
    run(
        "import sys; sys.modules['opentelemetry.sdk'] = None\n"
        "from spanledger.instrumentation.hook import install\n"
        "import logging; logging.disable()\n"
        "install()\n"
    )


def test_install_loads_no_exporter() -> None:
    """Instrumentation and exporter meet by their port only."""
    run(
        "import sys\n"
        "from opentelemetry import trace\n"
        "from opentelemetry.sdk.trace import TracerProvider\n"
        "trace.set_tracer_provider(TracerProvider())\n"
        "from spanledger.instrumentation.hook import install\n"
        "install()\n"
        "assert not [name for name in sys.modules if name.startswith('spanledger.exporter')]\n"
    )
