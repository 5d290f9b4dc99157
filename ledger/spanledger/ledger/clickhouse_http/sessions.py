"""Sessions: a reader's database and settings, kept between statements that name the same session.

One statement of a session at a time; one that is idle beyond its time is forgotten, and so is the one that was idle
longest when there are too many.
"""

import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from spanledger.ledger.clickhouse_http.asked import AskedSession
from spanledger.ledger.clickhouse_http.errors import AskedWronglyError

SESSIONS_MAX: Final = 1_000


@dataclass(slots=True)
class Session:
    """What statements of one session leave for the next."""

    database: str = ""
    settings: dict[str, str] = field(default_factory=dict[str, str])
    busy: bool = True
    ends_s: float = 0.0


class Sessions:
    """The sessions of everybody who is let in, each known by who asks and by its id. Any thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._sessions: dict[tuple[str, str], Session] = {}
        """The one that was left longest ago comes first."""

    @contextmanager
    def entered(self, asked: AskedSession | None, who: str) -> Generator[Session]:
        """The session of a statement, to itself until the block ends; without an id one that is forgotten then.

        Raises `AskedWronglyError` for one that is busy, or that should be there and is not.
        """
        if asked is None:
            yield Session()
            return
        key = (who, asked.name)
        session = self._enter(key, asked)
        try:
            yield session
        finally:
            with self._lock:
                session.busy = False
                session.ends_s = self._clock() + asked.seconds
                self._sessions.pop(key, None)
                self._sessions[key] = session

    def _enter(self, key: tuple[str, str], asked: AskedSession) -> Session:
        with self._lock:
            now_s = self._clock()
            for other in [other for other, each in self._sessions.items() if not each.busy and each.ends_s <= now_s]:
                del self._sessions[other]
            session = self._sessions.get(key)
            if session is None:
                if asked.must_be:
                    raise AskedWronglyError(372, "SESSION_NOT_FOUND", "there is no such session any more")
                self._make_room()
                session = self._sessions[key] = Session()
                return session
            if session.busy:
                raise AskedWronglyError(373, "SESSION_IS_LOCKED", "another statement of this session is under way")
            session.busy = True
            return session

    def _make_room(self) -> None:
        while len(self._sessions) >= SESSIONS_MAX:
            idle = next((key for key, each in self._sessions.items() if not each.busy), None)
            if idle is None:
                raise AskedWronglyError(202, "TOO_MANY_SIMULTANEOUS_QUERIES", "too many sessions are busy")
            del self._sessions[idle]
