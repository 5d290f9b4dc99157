"""What a server's thread tells of a posting that fails."""

import logging
import threading
from collections import Counter
from collections.abc import Callable

from spanledger.exporter.background import BackgroundPoster
from spanledger.exporter.poster import Poster

SECRET = 'the secret prompt\n{"level":"fatal"}'


class Failing(Poster):
    """A poster with a bug that quotes what it was given."""

    def __init__(self) -> None:
        """Hold no store."""

    def post_waiting(
        self, progress: Callable[[int], None] | None = None, go_on: Callable[[], bool] = lambda: True
    ) -> Counter[str]:
        """Fail as a bug does."""
        del progress, go_on
        raise KeyError(SECRET)


class Told(logging.Handler):
    """Keeps lines as they would be written."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.told = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one."""
        self.lines.append(self.format(record))
        self.told.set()


def test_a_bug_is_told_by_its_place_and_not_by_what_it_quotes() -> None:
    """The text of an exception that nobody expected may be telemetry; the lines of our own code are not."""
    log, told = logging.getLogger("spanledger.exporter.background"), Told()
    log.addHandler(told)
    background = BackgroundPoster(Failing(), lambda: None)
    try:
        background.start()
        assert told.told.wait(10)
    finally:
        background.stop()
        log.removeHandler(told)
    assert "KeyError" in told.lines[0]
    assert "in post_waiting" in told.lines[0]
    assert not any(part in told.lines[0] for part in ("secret", "fatal"))
