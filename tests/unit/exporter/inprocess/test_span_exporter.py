from pathlib import Path

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from support.application import journaled, text
from support.sdk import chat_span, ended_span

from spanledger.exporter import LedgerSpanExporter, LedgerSpanProcessor
from spanledger.exporter.settings import Settings
from spanledger.instrumentation.hook import install
from spanledger.schemas import attributes as a
from spanledger.schemas.ports import LedgerExporter, LedgerProcessor


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """An embedded store under the test's folder."""
    return Settings(store=str(tmp_path / "store"), data=tmp_path / "store" / "journal", tenant="acme")


def models(settings: Settings) -> list[str]:
    """The models called, as journaled."""
    return sorted(text(span, a.REQUEST_MODEL) for span in journaled(settings.data))


def test_success_means_durable(settings: Settings) -> None:
    """The answer comes after the journal has it; other spans need no journal."""
    exporter = LedgerSpanExporter(settings)
    assert exporter.export([ended_span({"db.system": "sqlite"})]) is SpanExportResult.SUCCESS
    assert not settings.data.exists()
    assert exporter.export([chat_span("m1"), ended_span({}), chat_span("m2")]) is SpanExportResult.SUCCESS
    assert models(settings) == ["m1", "m2"]
    assert exporter.ledger_counts() == {"journaled": 2}
    exporter.shutdown()


def test_failure_means_kept_in_memory(settings: Settings) -> None:
    """Nobody sends a failed export again, so we do: it is there once the journal can be written."""
    journal = settings.data
    journal.parent.mkdir()
    journal.write_text("in the way")
    exporter = LedgerSpanExporter(settings)
    assert exporter.export([chat_span("m1")]) is SpanExportResult.FAILURE
    journal.unlink()
    while not exporter.force_flush():
        pass
    assert models(settings) == ["m1"]
    exporter.shutdown()


def test_a_span_that_cannot_be_kept_is_a_failure(settings: Settings) -> None:
    """SUCCESS is never said of a span that is nowhere; its neighbours are kept."""
    exporter = LedgerSpanExporter(settings)
    broken = ReadableSpan("broken", attributes={a.OPERATION_NAME: "chat"})
    assert exporter.export([broken, chat_span("m1")]) is SpanExportResult.FAILURE
    assert models(settings) == ["m1"]
    assert exporter.ledger_counts() == {"journaled": 1, "refused": 1}
    exporter.shutdown()


def test_anything_but_a_span_is_survived(settings: Settings) -> None:
    """Whatever a foreign processor hands over, the SDK's thread gets an answer."""
    exporter = LedgerSpanExporter(settings)
    assert exporter.export([object()]) is SpanExportResult.FAILURE  # pyright: ignore[reportArgumentType] (the mistake)
    exporter.shutdown()


def test_after_shutdown_exports_are_refused_at_once(settings: Settings) -> None:
    """Shutdown includes a flush, is idempotent, and nothing waits after it."""
    exporter = LedgerSpanExporter(settings)
    exporter.export([chat_span("m1")])
    exporter.shutdown()
    exporter.shutdown()
    assert exporter.export([chat_span("m2")]) is SpanExportResult.FAILURE
    assert exporter.force_flush()
    assert models(settings) == ["m1"]


def test_a_wrong_setting_disables_it_with_one_line(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The no-argument constructor reads the environment and never raises."""
    monkeypatch.setenv("SPANLEDGER_STORE", "mysql://db")
    exporter = LedgerSpanExporter()
    assert exporter.export([chat_span()]) is SpanExportResult.FAILURE
    assert exporter.ledger_processor() is None
    assert exporter.force_flush()
    exporter.shutdown()
    assert exporter.ledger_counts() == {}
    (line,) = caplog.messages
    assert line.startswith("spanledger is disabled, usage is not recorded: SPANLEDGER_STORE 'mysql://db' is neither")


def test_a_disabled_processor_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Added by hand under a wrong setting, it stands there and is silent."""
    monkeypatch.setenv("SPANLEDGER_STORE", "mysql://db")
    processor = LedgerSpanProcessor()
    processor.on_end(chat_span())
    assert processor.force_flush()
    processor.shutdown()
    assert processor.ledger_counts() == {}


def test_the_environment_decides_where_to(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    """As the SDK makes it: without arguments."""
    monkeypatch.setenv("SPANLEDGER_STORE", settings.store)
    exporter = LedgerSpanExporter()
    exporter.export([chat_span("m1")])
    exporter.shutdown()
    assert models(settings) == ["m1"]


def test_both_fit_their_ports(settings: Settings) -> None:
    """The hook recognises them without importing them."""
    exporter = LedgerSpanExporter(settings)
    assert isinstance(exporter, LedgerExporter)
    assert isinstance(exporter.ledger_processor(), LedgerProcessor)


def test_behind_the_sdks_own_processor_it_meters_what_it_is_given(settings: Settings) -> None:
    """Without the hook: sampled spans, in the batch processor's time."""
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(LedgerSpanExporter(settings)))
    provider.get_tracer("app").start_span("chat", attributes={a.REQUEST_MODEL: "m1"}).end()
    provider.shutdown()
    assert models(settings) == ["m1"]


def test_the_hook_puts_the_processor_in_place_and_the_journal_stays_open(settings: Settings) -> None:
    """The retired batch processor shuts its exporter down; what both share must not notice."""
    provider = TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(LedgerSpanExporter(settings)))
    install(provider)
    tracer = provider.get_tracer("app")
    tracer.start_span("chat", attributes={a.REQUEST_MODEL: "m1"}).end()
    assert provider.force_flush()
    assert models(settings) == ["m1"]
    tracer.start_span("chat", attributes={a.REQUEST_MODEL: "m2"}).end()
    provider.shutdown()
    assert models(settings) == ["m1", "m2"]
