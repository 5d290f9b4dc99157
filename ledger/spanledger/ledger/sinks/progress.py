"""How far each sink is, in one SQLite file beside the journal: a cursor, and which events it was given lately."""

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Final, cast

from spanledger.schemas import StoreUnavailableError

FILE: Final = "sinks.sqlite"
"""Its name in the journal's folder."""

# Only events near the cursor are read again; a day covers what a late claim of a call brings back.
KEPT_NS: Final = 24 * 3600 * 10**9
_BUSY_S: Final = 10.0
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS cursors (
    sink TEXT PRIMARY KEY, cursor_ns INTEGER NOT NULL, delivered INTEGER NOT NULL, failures INTEGER NOT NULL,
    failure TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS delivered (
    sink TEXT NOT NULL, event_id TEXT NOT NULL, at_ns INTEGER NOT NULL, PRIMARY KEY (sink, event_id)
) WITHOUT ROWID;
"""


class Progress:
    """The progress of every sink of a journal folder. One thread at a time."""

    def __init__(self, folder: Path) -> None:
        """Open it, and make it if it is new. Raises `StoreUnavailableError`."""
        try:
            # As the journal makes it: whoever comes first, it is for its owner.
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._db = sqlite3.connect(folder / FILE, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
            self._db.executescript(f"PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; {_SCHEMA}")
        except (sqlite3.Error, OSError) as error:
            msg = f"the progress of the sinks in {folder / FILE} cannot be read: {error}"
            raise StoreUnavailableError(msg) from error

    def cursor_ns(self, sink: str, otherwise: int) -> int:
        """How far a sink is; a new one begins at `otherwise`."""
        self._db.execute("INSERT OR IGNORE INTO cursors VALUES (?, ?, 0, 0, '')", (sink, otherwise))
        return int(self._row("SELECT cursor_ns FROM cursors WHERE sink = ?", sink)[0])

    def known(self, sink: str, event_ids: Iterable[str]) -> set[str]:
        """Of some events those that a sink was given."""
        with closing(self._db.cursor()) as cursor:
            found = (
                cursor.execute("SELECT 1 FROM delivered WHERE sink = ? AND event_id = ?", (sink, each)).fetchone()
                and each
                for each in event_ids
            )
            return {each for each in found if each}

    def note(self, sink: str, event_ids: Iterable[str], at_ns: int) -> None:
        """A sink has taken events."""
        rows = [(sink, each, at_ns) for each in event_ids]
        self._db.execute("BEGIN IMMEDIATE")
        self._db.executemany("INSERT OR IGNORE INTO delivered VALUES (?, ?, ?)", rows)
        self._db.execute("UPDATE cursors SET delivered = delivered + ?, failure = '' WHERE sink = ?", (len(rows), sink))
        self._db.execute("COMMIT")

    def advance(self, sink: str, cursor_ns: int) -> None:
        """All up to an instant was given to a sink."""
        self._db.execute("BEGIN IMMEDIATE")
        self._db.execute("UPDATE cursors SET cursor_ns = max(cursor_ns, ?) WHERE sink = ?", (cursor_ns, sink))
        self._db.execute("DELETE FROM delivered WHERE sink = ? AND at_ns < ?", (sink, cursor_ns - KEPT_NS))
        self._db.execute("COMMIT")

    def failed(self, sink: str, why: str) -> None:
        """A sink took nothing."""
        self._db.execute("UPDATE cursors SET failures = failures + 1, failure = ? WHERE sink = ?", (why, sink))

    def counts(self, sink: str) -> tuple[int, int, str]:
        """Events taken, failures, and why the last try failed (empty if it did not)."""
        row = self._row("SELECT delivered, failures, failure FROM cursors WHERE sink = ?", sink) or (0, 0, "")
        return cast("tuple[int, int, str]", row)

    def close(self) -> None:
        """Close the file. Doing it twice is harmless."""
        self._db.close()

    def _row(self, sql: str, sink: str) -> tuple[int, ...]:
        return cast("tuple[int, ...]", self._db.execute(sql, (sink,)).fetchone() or ())
