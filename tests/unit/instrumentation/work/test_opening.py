"""Work that is stated while the ledger is being opened."""

import threading

import pytest
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor

from spanledger.instrumentation.attributing.failing import failures
from spanledger.instrumentation.work import opening
from spanledger.instrumentation.work.opening import Opening

DISABLED = "work is not recorded: the ledger is disabled"


class Taken(SpanProcessor):
    """Remembers the names of spans as they come."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.threads: set[str] = set()

    def on_end(self, span: ReadableSpan) -> None:
        """Remember one."""
        self.names.append(span.name)
        self.threads.add(threading.current_thread().name)


class Door:
    """What opens when it is told to, and says that it was asked."""

    def __init__(self) -> None:
        self.taken = Taken()
        self.asked = threading.Event()
        self.may = threading.Event()

    def open(self) -> SpanProcessor:
        """Wait for the word."""
        self.asked.set()
        assert self.may.wait(10)
        return self.taken


def test_nobody_waits_for_the_opening_and_nothing_overtakes() -> None:
    """Callers go on while it is opened; what they stated comes in order, and what comes later goes straight on."""
    door = Door()
    ledger = Opening(door.open)
    assert ledger.force_flush(), "nothing was begun"
    assert not door.asked.is_set()
    for number in range(3):
        ledger.on_end(ReadableSpan(str(number)))
    assert door.asked.wait(10)
    assert not ledger.force_flush(timeout_millis=1)
    assert door.taken.names == []
    door.may.set()
    assert ledger.force_flush()
    ledger.on_end(ReadableSpan("3"))
    assert door.taken.names == ["0", "1", "2", "3"]
    assert door.taken.threads == {"spanledger-opening", threading.current_thread().name}


def test_over_the_bound_callers_wait_for_the_opening(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits is bounded, and nothing of it is lost."""
    monkeypatch.setattr(opening, "WAITING_SPANS_MAX", 2)
    door = Door()
    ledger = Opening(door.open)
    for name in "ab":
        ledger.on_end(ReadableSpan(name))
    opened = threading.Timer(0, lambda: door.asked.wait(10) and door.may.set())
    opened.start()
    ledger.on_end(ReadableSpan("c"))
    opened.join()
    assert door.taken.names == ["a", "b", "c"]


def test_a_forked_child_begins_with_nothing_of_its_parents() -> None:
    """The parent hands on what waits there."""
    door = Door()
    ledger = Opening(door.open)
    ledger.on_end(ReadableSpan("the parent's"))
    ledger.renew()
    door.may.set()
    ledger.on_end(ReadableSpan("the child's"))
    assert ledger.force_flush()
    assert door.taken.names == ["the child's"]


@pytest.mark.parametrize("raises", [False, True])
def test_a_ledger_that_cannot_be_opened_is_counted(*, raises: bool) -> None:
    """No caller notices."""

    def refuse() -> None:
        if raises:
            raise OSError

    before = failures().get(DISABLED, 0)
    ledger = Opening(refuse)
    ledger.on_end(ReadableSpan("a"))
    assert ledger.force_flush()
    ledger.on_end(ReadableSpan("b"))
    ledger.shutdown()
    assert failures()[DISABLED] == before + 2
