import threading

import pytest
from opentelemetry.instrumentation.utils import is_instrumentation_enabled

from spanledger.exporter.inprocess import courier as module
from spanledger.exporter.inprocess.counts import Counts
from spanledger.exporter.inprocess.courier import Courier, Undelivered

SECONDS_MAX = 10.0


class Rounds:
    """A carrier that fails as often as it is told and counts its rounds."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.done = 0
        self.finished = threading.Semaphore(0)
        self.closed = threading.Event()

    def carry(self) -> None:
        """One round."""
        self.done += 1
        self.finished.release()
        if self.failures:
            raise self.failures.pop(0)

    def close(self) -> None:
        """The end."""
        self.closed.set()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROUND_INTERVAL_S", 0.001)


def test_nothing_starts_before_there_is_news() -> None:
    """A process whose journal is empty has no courier thread."""
    threads = threading.active_count()
    courier = Courier(Rounds, Counts())
    assert threading.active_count() == threads
    courier.close(SECONDS_MAX)


def test_news_makes_a_round_and_the_end_makes_the_last() -> None:
    """What came since is carried before the process goes."""
    rounds = Rounds()
    courier = Courier(lambda: rounds, Counts())
    courier.wake()
    assert rounds.finished.acquire(timeout=SECONDS_MAX)
    courier.wake()
    assert rounds.finished.acquire(timeout=SECONDS_MAX)
    courier.close(SECONDS_MAX)
    assert rounds.closed.is_set()
    assert rounds.done == 3


def test_a_failed_round_is_repeated_for_ever(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Without news too, and whatever was raised; told once."""
    monkeypatch.setattr(module, "PAUSE_S", 0.001)
    counts = Counts()
    rounds = Rounds(Undelivered("down"), OSError("disk"), ValueError("a fault of ours"))
    courier = Courier(lambda: rounds, counts)
    courier.wake()
    for _ in range(4):
        assert rounds.finished.acquire(timeout=SECONDS_MAX)
    courier.close(SECONDS_MAX)
    assert counts.read() == {"delivery_failures": 3}
    assert caplog.messages == [
        "spanledger: usage waits in the journal: down (logged once; counted as delivery_failures)"
    ]


def test_its_own_calls_are_not_instrumented() -> None:
    """A client library that is instrumented makes no spans of what the ledger itself sends."""
    enabled: list[bool] = []

    class Looks(Rounds):
        def carry(self) -> None:
            enabled.append(is_instrumentation_enabled())

    courier = Courier(Looks, Counts())
    courier.wake()
    courier.close(SECONDS_MAX)
    assert enabled
    assert not any(enabled)
    assert is_instrumentation_enabled()


def test_a_failing_destination_does_not_hold_up_the_end() -> None:
    """Neither its hint nor the pause is waited out, and no round more is tried."""
    rounds = Rounds(Undelivered("busy", retry_after_s=1000.0))
    courier = Courier(lambda: rounds, Counts())
    courier.wake()
    assert rounds.finished.acquire(timeout=SECONDS_MAX)
    courier.close(SECONDS_MAX)
    assert rounds.closed.is_set()
    assert rounds.done <= 2
