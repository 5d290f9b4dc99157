"""The exporter inside an application, in front of disks that stall or are full."""

from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from opentelemetry.instrumentation.utils import is_instrumentation_enabled
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from support.application import journaled
from support.disks import FullDisk, StalledDisk
from support.journal import WAIT_S, GatedDisk
from support.sdk import chat_span

from spanledger.exporter.inprocess import span_exporter
from spanledger.exporter.inprocess.appender import Appender
from spanledger.exporter.inprocess.counts import Counts
from spanledger.exporter.inprocess.entries import Home, entries
from spanledger.exporter.inprocess.recorder import Recorder
from spanledger.exporter.inprocess.span_exporter import LedgerSpanExporter
from spanledger.exporter.inprocess.writer import Writer
from spanledger.exporter.journal import Entry, JournalWriter
from spanledger.exporter.journal.disk import DISK, Disk

SUCCESS, FAILURE = SpanExportResult.SUCCESS, SpanExportResult.FAILURE


@contextmanager
def exporting(root: Path, disk: Disk = DISK, look: Callable[[], None] = lambda: None) -> Generator[LedgerSpanExporter]:
    """An exporter whose journal lies on a disk; `look` is called whenever spans are encoded."""

    def open_writer(counts: Counts) -> Writer:
        def encode(spans: Sequence[ReadableSpan]) -> Iterator[Entry]:
            look()
            return entries(spans, Home("acme"), counts)

        return Writer(Appender(lambda: JournalWriter(root, disk=disk), counts), encode, None, counts)

    with pytest.MonkeyPatch.context() as patched:
        recorder = Recorder(open_writer)
        patched.setattr(span_exporter, "open_recorder", {None: recorder}.get)
        exporter = LedgerSpanExporter()
    yield exporter
    exporter.shutdown()


@pytest.mark.parametrize("disk", [StalledDisk, FullDisk])
def test_a_bad_disk_costs_an_export_its_time_and_no_span(
    tmp_path: Path, disk: type[StalledDisk] | type[FullDisk], monkeypatch: pytest.MonkeyPatch
) -> None:
    """C87, C89: FAILURE within the limit (10 s; here 0.2 s), nothing raised; it is durable once the disk goes on."""
    monkeypatch.setattr(span_exporter, "EXPORT_TIMEOUT_S", 0.2)
    made = disk()
    with exporting(tmp_path, made) as exporter:
        assert exporter.export([chat_span("m1")]) is FAILURE
        assert list(journaled(tmp_path)) == []
        (made.goes_on if isinstance(made, StalledDisk) else made.room).set()
        while not exporter.force_flush():
            pass
        assert exporter.export([chat_span("m2")]) is SUCCESS
        assert len(list(journaled(tmp_path))) == 2


def test_an_exporter_may_be_called_from_many_threads(tmp_path: Path) -> None:
    """C88: the specification says that nobody does; eight at once lose nothing and hear SUCCESS."""
    span = chat_span("m1")
    with exporting(tmp_path) as exporter, ThreadPoolExecutor(8) as threads:
        results = [threads.submit(exporter.export, [span] * 5) for _ in range(80)]
        assert {result.result(WAIT_S) for result in results} == {SUCCESS}
        assert len(list(journaled(tmp_path))) == 400


def test_shutdown_flushes_and_later_exports_are_refused_at_once(tmp_path: Path) -> None:
    """C90: what a disk held up is written first; twice is as good as once."""
    disk = GatedDisk()
    with exporting(tmp_path, disk) as exporter, ThreadPoolExecutor() as threads:
        disk.shut()
        exported = threads.submit(exporter.export, [chat_span("m1")])
        assert disk.reached.wait(WAIT_S)
        stopped = threads.submit(exporter.shutdown)
        disk.gate.set()
        stopped.result(WAIT_S)
        assert exported.result(WAIT_S) is SUCCESS
        assert len(list(journaled(tmp_path))) == 1
        exporter.shutdown()
        assert exporter.export([chat_span("m2")]) is FAILURE
        assert len(list(journaled(tmp_path))) == 1


def test_what_an_export_calls_is_not_instrumented(tmp_path: Path) -> None:
    """C91: the thread that encodes and delivers works under suppression; the caller's own context is as it was."""
    enabled: list[bool] = []

    def look() -> None:
        enabled.append(is_instrumentation_enabled())

    with exporting(tmp_path, look=look) as exporter:
        assert exporter.export([chat_span("m1")]) is SUCCESS
    look()
    assert enabled == [False, True]
