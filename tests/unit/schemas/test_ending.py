import os
import posix
import signal
import weakref
from collections.abc import Callable, Generator
from functools import wraps

import pytest

from spanledger.schemas.ending import flush_before_the_end


class Waiting:
    """Somebody with something to make durable."""

    flushes = 0

    def flush(self, timeout_s: float) -> bool:
        """Count it."""
        assert timeout_s > 0
        self.flushes += 1
        return True


@pytest.fixture
def waiting() -> Waiting:
    """Who is flushed before this process ends itself."""
    made = Waiting()
    flush_before_the_end(made)
    return made


@pytest.fixture
def handled() -> Generator[list[int]]:
    """The signals that a handler of the application's was given."""
    seen: list[int] = []
    before = signal.signal(signal.SIGUSR1, lambda number, _frame: seen.append(number))
    yield seen
    signal.signal(signal.SIGUSR1, before)


def test_a_signal_that_is_left_to_the_system_may_be_the_end(waiting: Waiting) -> None:
    """Raised at oneself by either call; this one the system ignores, so the test goes on."""
    assert signal.getsignal(signal.SIGCHLD) is signal.SIG_DFL
    signal.raise_signal(signal.SIGCHLD)
    os.kill(os.getpid(), signal.SIGCHLD)
    assert waiting.flushes == 2


def test_a_signal_that_is_handled_is_the_applications(waiting: Waiting, handled: list[int]) -> None:
    """Its handler runs, and decides what the end is; a question is no signal."""
    signal.raise_signal(signal.SIGUSR1)
    os.kill(os.getpid(), signal.SIGUSR1)
    os.kill(os.getpid(), 0)
    assert handled == [signal.SIGUSR1] * 2
    assert waiting.flushes == 0


def test_a_wrong_call_raises_what_it_raised(waiting: Waiting) -> None:
    """The calls are what they were."""
    with pytest.raises(TypeError):
        os.kill("me", signal.SIGTERM)  # pyright: ignore[reportArgumentType]
    with pytest.raises(FileNotFoundError):
        os.execv("/nowhere/at/all", ["nowhere"])  # noqa: S606 (there is none)
    assert os._exit.__name__ == "_exit"
    # A program that cannot be started is known only afterwards.
    assert waiting.flushes == 1


def test_who_is_gone_is_let_go() -> None:
    """Nobody is kept alive for it."""
    made = Waiting()
    flush_before_the_end(made)
    alive = weakref.ref(made)
    del made
    signal.raise_signal(signal.SIGCHLD)
    assert alive() is None


def test_who_wrapped_a_call_before_us_is_no_reason_to_leave_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another's wrapper looks like ours, but for the mark; over ours it has the mark, and nobody flushes twice."""
    made = Waiting()
    for original in (posix.kill, os.kill):

        @wraps(original)
        def theirs(pid: int, number: int, call: Callable[[int, int], None] = original) -> None:
            call(pid, number)

        made.flushes = 0
        monkeypatch.setattr(os, "kill", theirs)
        flush_before_the_end(made)
        os.kill(os.getpid(), signal.SIGCHLD)
        assert made.flushes == 1
