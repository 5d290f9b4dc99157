import signal
import threading
import time
from pathlib import Path

import pytest
from support.application import journaled, text
from support.disks import FullDisk, StalledDisk
from support.sdk import chat_span, ended_span

from spanledger.exporter.inprocess import recorder as recorder_module
from spanledger.exporter.inprocess import writer as writer_module
from spanledger.exporter.inprocess.appender import Appender
from spanledger.exporter.inprocess.counts import Counts
from spanledger.exporter.inprocess.entries import Home, entries
from spanledger.exporter.inprocess.recorder import Recorder
from spanledger.exporter.inprocess.writer import Writer
from spanledger.exporter.journal import JournalWriter
from spanledger.exporter.journal.disk import DISK, Disk
from spanledger.schemas import attributes as a

SECONDS_MAX = 10.0


def recorder_on(root: Path, disk: Disk = DISK) -> Recorder:
    """A recorder into a journal under `root` on this disk."""

    def open_writer(counts: Counts) -> Writer:
        appender = Appender(lambda: JournalWriter(root, segment_bytes=64 * 1024, disk=disk), counts)
        return Writer(appender, lambda spans: entries(spans, Home("acme"), counts), None, counts)

    return Recorder(open_writer)


def models(root: Path) -> list[str]:
    """The models called, as journaled."""
    return sorted(text(span, a.REQUEST_MODEL) for span in journaled(root))


def test_nothing_starts_before_the_first_usage_span(tmp_path: Path) -> None:
    """No thread, no folder: an application that calls no model does not know we are there."""
    threads = threading.active_count()
    recorder = recorder_on(tmp_path / "journal")
    assert not recorder.offer(ended_span({"db.system": "sqlite"}))
    assert recorder.flush(0.0)
    assert threading.active_count() == threads
    assert not (tmp_path / "journal").exists()


def test_after_a_flush_everything_offered_is_durable(tmp_path: Path) -> None:
    """Only usage spans are, and they are counted."""
    recorder = recorder_on(tmp_path)
    assert recorder.offer(chat_span("m1"))
    assert not recorder.offer(ended_span({"db.system": "sqlite"}))
    assert recorder.offer(chat_span("m2"))
    assert recorder.flush(SECONDS_MAX)
    assert models(tmp_path) == ["m1", "m2"]
    assert recorder.counts() == {"journaled": 2}
    recorder.close()


def test_a_span_is_written_without_being_asked(tmp_path: Path) -> None:
    """No flush, no exit: what a killed process had offered a moment ago is on the disk."""
    recorder = recorder_on(tmp_path)
    recorder.offer(chat_span("m1"))
    deadline = time.monotonic() + SECONDS_MAX
    while not models(tmp_path):
        assert time.monotonic() < deadline
        time.sleep(0.001)
    recorder.close()


def test_many_threads_lose_nothing(tmp_path: Path) -> None:
    """Eight threads offer and flush at once."""
    recorder = recorder_on(tmp_path)
    span = chat_span("m1")

    def work() -> None:
        for _ in range(100):
            recorder.offer(span)
        assert recorder.flush(SECONDS_MAX)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert models(tmp_path) == ["m1"] * 800
    recorder.close()


def test_a_crowded_queue_is_relieved_by_the_threads_that_fill_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Above the bound, the thread that ends a span encodes it; nothing is lost."""
    monkeypatch.setattr(writer_module, "WAITING_SPANS_MAX", 0)
    recorder = recorder_on(tmp_path)
    for number in range(10):
        recorder.offer(chat_span(f"m{number}"))
    assert recorder.flush(SECONDS_MAX)
    assert models(tmp_path) == [f"m{number}" for number in range(10)]
    recorder.close()


def test_a_signal_handler_may_end_spans_too(tmp_path: Path) -> None:
    """It interrupts an offer at any instruction of the same thread, and neither deadlocks nor loses a span."""
    recorder = recorder_on(tmp_path)
    span, interrupting = chat_span("m1"), chat_span("m2")
    interruptions = 0

    def interrupt(_signal: int, _frame: object) -> None:
        nonlocal interruptions
        interruptions += 1
        recorder.offer(interrupting)

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
    try:
        for _ in range(2000):
            recorder.offer(span)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert recorder.flush(SECONDS_MAX)
    assert models(tmp_path) == ["m1"] * 2000 + ["m2"] * interruptions
    assert interruptions
    recorder.close()


def test_a_stalled_disk_holds_nobody(tmp_path: Path) -> None:
    """Offers go on, a flush gives up after its time, and all is written once the disk goes on."""
    disk = StalledDisk()
    recorder = recorder_on(tmp_path, disk)
    recorder.offer(chat_span("m1"))
    assert not recorder.flush(0.05)
    recorder.offer(chat_span("m2"))
    disk.goes_on.set()
    assert recorder.flush(SECONDS_MAX)
    assert models(tmp_path) == ["m1", "m2"]
    recorder.close()


def test_a_full_disk_is_tried_again_until_there_is_room(tmp_path: Path) -> None:
    """A flush does not wait out its time for a disk that refuses; the spans are written once it takes them."""
    disk = FullDisk()
    recorder = recorder_on(tmp_path, disk)
    recorder.offer(chat_span("m1"))
    assert not recorder.flush(SECONDS_MAX)
    disk.room.set()
    deadline = time.monotonic() + SECONDS_MAX
    while not recorder.flush(SECONDS_MAX):
        assert time.monotonic() < deadline
    assert models(tmp_path) == ["m1"]
    recorder.close()


def test_closing_keeps_everything_and_then_refuses(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Twice is as good as once; a span that comes later is counted, told once, and not taken."""
    recorder = recorder_on(tmp_path)
    recorder.offer(chat_span("m1"))
    recorder.close()
    recorder.close()
    assert models(tmp_path) == ["m1"]
    assert recorder.offer(chat_span("m2"))
    assert recorder.offer(chat_span("m3"))
    assert recorder.flush(SECONDS_MAX)
    assert recorder.counts() == {"journaled": 1, "late": 2}
    assert len(caplog.records) == 1


def test_what_a_failing_disk_keeps_to_the_end_is_counted_as_lost(tmp_path: Path) -> None:
    """Nobody learns of it otherwise."""
    recorder = recorder_on(tmp_path, FullDisk())
    recorder.offer(chat_span("m1"))
    recorder.offer(chat_span("m2"))
    recorder.close()
    assert recorder.counts()["lost"] == 2


def test_without_a_thread_spans_are_lost_and_the_application_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An interpreter at its end gives no more threads; when it gives one again, metering goes on."""
    recorder = recorder_on(tmp_path)

    def no_thread(_thread: threading.Thread) -> None:
        msg = "can't start new thread"
        raise RuntimeError(msg)

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", no_thread)
        assert recorder.offer(chat_span("m1"))
    assert recorder.counts() == {"lost": 1}
    assert recorder.given_up() == 1
    recorder.offer(chat_span("m2"))
    assert recorder.flush(SECONDS_MAX)
    assert models(tmp_path) == ["m2"]
    recorder.close()


def test_at_exit_a_stalled_disk_is_waited_for_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The provider's shutdown gets what the flush at exit left of the time, not as much again."""
    monkeypatch.setattr(recorder_module, "EXIT_TIMEOUT_S", 0.1)
    disk = StalledDisk()
    recorder = recorder_on(tmp_path, disk)
    recorder.offer(chat_span("m1"))
    recorder.flush_at_exit()
    begun = time.monotonic()
    recorder.close(SECONDS_MAX)
    assert time.monotonic() - begun < SECONDS_MAX / 2
    disk.goes_on.set()
