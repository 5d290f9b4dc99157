"""Explicit work on disks that stall or are full: the application neither waits nor hears of it."""

import asyncio
from pathlib import Path

import pytest
from opentelemetry.sdk.resources import Resource
from support.application import journaled, text
from support.disks import FullDisk, StalledDisk

from spanledger.exporter import LedgerSpanProcessor
from spanledger.exporter.inprocess.appender import Appender
from spanledger.exporter.inprocess.counts import Counts
from spanledger.exporter.inprocess.entries import Home, entries
from spanledger.exporter.inprocess.recorder import Recorder
from spanledger.exporter.inprocess.writer import Writer
from spanledger.exporter.journal import JournalWriter
from spanledger.exporter.journal.disk import Disk
from spanledger.instrumentation import arecording, atrack, flush, recording, track
from spanledger.instrumentation.work.sink import Sink, sinks
from spanledger.schemas import attributes as a


def processor_on(root: Path, disk: Disk) -> LedgerSpanProcessor:
    """The ledger's processor over a journal on a disk; the work of this process goes there."""

    def open_writer(counts: Counts) -> Writer:
        appender = Appender(lambda: JournalWriter(root, disk=disk), counts)
        return Writer(appender, lambda spans: entries(spans, Home("acme"), counts), None, counts)

    processor = LedgerSpanProcessor(recorder=Recorder(open_writer))
    sinks.use(Sink(processor, Resource({})))
    return processor


def test_a_stalled_disk_blocks_no_loop(tmp_path: Path) -> None:
    """While nothing can become durable, coroutines record and others run; once it goes on, everything is there."""
    disk = StalledDisk()
    processor = processor_on(tmp_path, disk)
    beats: list[int] = []

    async def beat() -> None:
        while True:
            beats.append(1)
            await asyncio.sleep(0)

    async def work() -> None:
        beating = asyncio.create_task(beat())
        for number in range(100):
            await atrack("db", f"{number:03}")
            async with arecording("db", f"{number + 100:03}"):
                await asyncio.sleep(0)
        beating.cancel()

    try:
        asyncio.run(work())
        assert len(beats) >= 100
        assert not flush(0.0)
        assert processor.ledger_counts() == {}
        disk.goes_on.set()
        assert flush()
    finally:
        disk.goes_on.set()
        sinks.use(None)
        processor.shutdown()
    found = sorted(text(span, a.LEDGER_OPERATION) for span in journaled(tmp_path))
    assert found == [f"{number:03}" for number in range(200)]


def test_a_full_disk_and_a_closed_ledger_raise_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What was lost is counted and told once; so is what comes after the end."""
    processor = processor_on(tmp_path, FullDisk())
    try:
        for _ in range(3):
            track("db", "full")
        with recording("db", "full"):
            pass
        assert not flush(1.0)
        processor.shutdown()
        track("db", "late")
    finally:
        sinks.use(None)
    counts = processor.ledger_counts()
    assert (counts["lost"], counts["late"]) == (4, 1)
    assert {record.name for record in caplog.records} == {"spanledger.exporter"}
    assert len(caplog.records) == len({record.getMessage() for record in caplog.records}) == 3
