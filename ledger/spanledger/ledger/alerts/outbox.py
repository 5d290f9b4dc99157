"""What was told, and what is still to be delivered: one small SQLite file for its owner alone, beside the journal.

A notice and its deliveries are durable, together, before anything is sent. A delivery is tried until it is taken or its
time is over, across restarts; its id is the same at each attempt.
"""

import os
import sqlite3
from collections import Counter
from collections.abc import Generator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import closing, contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

import msgspec

from spanledger.ledger.alerts.alert import Alert, Kind, Notice
from spanledger.ledger.alerts.settings import Channel
from spanledger.ledger.alerts.telling import Standing, Terms, told
from spanledger.schemas import StoreUnavailableError

FILE_NAME: Final = "alerts.sqlite"
BUSY_S_MAX: Final = 5.0
GIVEN_UP_AFTER_NS: Final = 24 * 3600 * 10**9
"""How long a delivery is tried: a channel that is away overnight misses nothing."""
KEPT_NS: Final = 7 * 24 * 3600 * 10**9
"""How long a delivery that ended is shown."""
_MODE: Final = 0o600
_VERSION: Final = 1

_SCHEMA: Final = f"""
CREATE TABLE standing (key TEXT PRIMARY KEY, body BLOB NOT NULL) STRICT;
CREATE TABLE deliveries (
    id TEXT PRIMARY KEY,
    channel TEXT NOT NULL,
    alert_key TEXT NOT NULL,
    notice BLOB NOT NULL,
    made_ns INTEGER NOT NULL,
    next_ns INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    state TEXT NOT NULL DEFAULT 'waiting',
    failure TEXT NOT NULL DEFAULT '',
    ended_ns INTEGER
) STRICT;
CREATE INDEX deliveries_by_turn ON deliveries (channel, next_ns) WHERE state = 'waiting';
CREATE TABLE counts (outcome TEXT PRIMARY KEY, number INTEGER NOT NULL) STRICT;
PRAGMA user_version = {_VERSION};
"""

_Form = TypeVar("_Form")

OUTCOMES: Final = ("sent", "retried", "failed")


class Delivery(NamedTuple):
    """A notice on its way to a channel."""

    id: str
    notice: Notice
    made_ns: int
    attempts: int
    """That failed before."""


class Tally(NamedTuple):
    """Numbers for a scraper."""

    outcomes: dict[str, int]
    waiting: int
    open: dict[Kind, int]


class Known(NamedTuple):
    """A matter, and what became of its deliveries."""

    standing: Standing
    deliveries: dict[str, int]
    """State → how many."""
    failure: str
    """Why the last attempt of a delivery that is not done failed."""


class Outbox:
    """The file, opened for each use: a handful of rows, a few changes a minute. Any thread."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / FILE_NAME

    def note(
        self,
        firing: Sequence[Alert],
        looked_at: AbstractSet[Kind],
        channels: Sequence[Channel],
        terms: Terms,
        now_ns: int,
    ) -> int:
        """Take what fires now; put what is news, and for whom, on its way. How many deliveries that makes."""
        with self._used() as file:
            rows = file.execute("SELECT body FROM standing").fetchall()
            before = {each.alert.key: each for each in (_read(body, Standing) for (body,) in rows)}
            news = told(before, firing, looked_at, terms, now_ns)
            made = [
                (_delivery_id(channel.name, notice, now_ns), channel.name, notice.alert.key, _written(notice), now_ns)
                for notice in news.notices
                for channel in channels
                if channel.wanted.takes(notice.alert)
            ]
            file.executemany(
                "INSERT INTO deliveries (id, channel, alert_key, notice, made_ns, next_ns)"
                " VALUES (?1, ?2, ?3, ?4, ?5, ?5)",
                made,
            )
            file.executemany(
                "INSERT OR REPLACE INTO standing VALUES (?, ?)",
                [(each.alert.key, _written(each)) for each in news.standing],
            )
            file.executemany("DELETE FROM standing WHERE key = ?", [(key,) for key in news.forgotten])
            file.execute("DELETE FROM deliveries WHERE ended_ns < ?", (now_ns - KEPT_NS,))
        return len(made)

    def next_due(self, channel: str, now_ns: int) -> Delivery | int | None:
        """The delivery whose turn it is; else when there will be one, in nanoseconds since 1970; None without any."""
        with self._used() as file:
            row = file.execute(
                "SELECT id, notice, made_ns, attempts, next_ns FROM deliveries"
                " WHERE channel = ? AND state = 'waiting' ORDER BY next_ns, made_ns, id LIMIT 1",
                (channel,),
            ).fetchone()
            if row is None:
                return None
            delivery_id, notice, made_ns, attempts, next_ns = row
            return next_ns if next_ns > now_ns else Delivery(delivery_id, _read(notice, Notice), made_ns, attempts)

    def sent(self, delivery: Delivery, now_ns: int) -> None:
        """It was taken."""
        self._end(delivery, "sent", "", now_ns)

    def gave_up(self, delivery: Delivery, failure: str, now_ns: int) -> None:
        """It will not be tried again."""
        self._end(delivery, "failed", failure, now_ns)

    def again(self, delivery: Delivery, failure: str, next_ns: int) -> None:
        """It failed, and has another turn."""
        with self._used() as file:
            file.execute(
                "UPDATE deliveries SET attempts = attempts + 1, failure = ?, next_ns = ? WHERE id = ?",
                (failure, next_ns, delivery.id),
            )
            _count(file, "retried", 1)

    def keep_only(self, channels: Sequence[str], now_ns: int) -> None:
        """End what is on its way to channels that are no more."""
        with self._used() as file:
            holes = ", ".join("?" * len(channels))
            done = file.execute(
                "UPDATE deliveries SET state = 'failed', failure = 'the channel is gone', ended_ns = ?"  # noqa: S608 (holes)
                f" WHERE state = 'waiting' AND channel NOT IN ({holes})",
                (now_ns, *channels),
            )
            _count(file, "failed", done.rowcount)

    def tally(self) -> Tally:
        """The numbers, without anybody's name."""
        with self._used() as file:
            outcomes = dict(file.execute("SELECT outcome, number FROM counts"))
            ((waiting,),) = file.execute("SELECT count(*) FROM deliveries WHERE state = 'waiting'")
            standing = [_read(body, Standing) for (body,) in file.execute("SELECT body FROM standing")]
        kinds: list[Kind] = [each.alert.kind for each in standing if each.is_open]
        return Tally(
            {outcome: outcomes.get(outcome, 0) for outcome in OUTCOMES},
            waiting,
            dict(Counter(kinds)),
        )

    def known(self) -> list[Known]:
        """Every matter that is remembered, the newest first; none when there is no file."""
        if not self.file.exists():
            return []
        with self._used() as file:
            standing = [_read(body, Standing) for (body,) in file.execute("SELECT body FROM standing")]
            states: dict[str, dict[str, int]] = {}
            for key, state, number in file.execute(
                "SELECT alert_key, state, count(*) FROM deliveries GROUP BY alert_key, state"
            ):
                states.setdefault(key, {})[state] = number
            failures = dict(
                file.execute(
                    "SELECT alert_key, failure FROM deliveries WHERE state != 'sent' AND failure != '' ORDER BY made_ns"
                )
            )
        standing.sort(key=lambda each: (-each.told_ns, each.alert.key))
        return [Known(each, states.get(each.alert.key, {}), failures.get(each.alert.key, "")) for each in standing]

    def _end(self, delivery: Delivery, state: str, failure: str, now_ns: int) -> None:
        with self._used() as file:
            file.execute(
                "UPDATE deliveries SET state = ?, failure = ?, ended_ns = ? WHERE id = ?",
                (state, failure, now_ns, delivery.id),
            )
            _count(file, state, 1)

    @contextmanager
    def _used(self) -> Generator[sqlite3.Connection]:
        with self._told(), closing(self._opened()) as connection:
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("BEGIN IMMEDIATE")
            with connection:
                ((version,),) = connection.execute("PRAGMA user_version")
                if version == 0:
                    for statement in _SCHEMA.split(";\n"):
                        connection.execute(statement)
                elif version != _VERSION:
                    msg = "a newer spanledger wrote it"
                    raise sqlite3.DatabaseError(msg)
                yield connection

    @contextmanager
    def _told(self) -> Generator[None]:
        try:
            yield
        except (OSError, sqlite3.Error, msgspec.MsgspecError) as error:
            # What another version wrote is no bug of this one: the threads that live on this failure must know it.
            msg = f"the file of alerts {self.file} cannot be used ({error}): see that it is this user's, and whole"
            raise StoreUnavailableError(msg) from error

    def _opened(self) -> sqlite3.Connection:
        self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(self.file, os.O_RDWR | os.O_CREAT, _MODE))
        return sqlite3.connect(self.file, timeout=BUSY_S_MAX, isolation_level=None, check_same_thread=False)


def _delivery_id(channel: str, notice: Notice, now_ns: int) -> str:
    told_as = f"{channel}\0{notice.alert.key}\0{notice.happening}\0{now_ns}"
    return f"msg_{sha256(told_as.encode()).hexdigest()[:32]}"


def _count(file: sqlite3.Connection, outcome: str, number: int) -> None:
    file.execute(
        "INSERT INTO counts VALUES (?1, ?2) ON CONFLICT (outcome) DO UPDATE SET number = number + ?2", (outcome, number)
    )


def _written(value: msgspec.Struct) -> bytes:
    return msgspec.json.encode(value)


def _read(body: bytes, form: type[_Form]) -> _Form:
    return msgspec.json.decode(body, type=form)
