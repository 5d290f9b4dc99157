"""The book of reservations on the disk: one SQLite file of one server.

What it wrote survives a kill and a loss of power. The file is opened for this process alone; rows are written in
groups, each durable when `write` returns.
"""

import os
import sqlite3
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

import msgspec

from spanledger.ledger.budgets.book import Held, Kept
from spanledger.schemas import StoreLockedError, StoreUnavailableError

if TYPE_CHECKING:
    from spanledger.ledger.budgets.reservation import State

NAME: Final = "reservations.sqlite"
FORGET_NS: Final = 7 * 86_400 * 10**9
"""How long a closed reservation is known by its id, for whoever settles it twice."""

_VERSION: Final = 1
_MODE: Final = 0o600
_FORGOTTEN_MAX: Final = 1_000
"""Rows deleted in one go, so that nobody waits long for it."""

_SCHEMA: Final = f"""
CREATE TABLE reservations (
    reservation_id TEXT PRIMARY KEY,
    call TEXT NOT NULL,
    currency TEXT NOT NULL,
    amount TEXT NOT NULL,
    calls INTEGER NOT NULL,
    reserved_ns INTEGER NOT NULL,
    expires_ns INTEGER NOT NULL,
    state TEXT NOT NULL,
    closed_ns INTEGER NOT NULL,
    settled TEXT NOT NULL,
    done INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX those_that_count ON reservations (reserved_ns) WHERE done = 0;
CREATE INDEX those_to_forget ON reservations (closed_ns) WHERE done = 1;
CREATE TABLE kept (
    scope TEXT NOT NULL,
    currency TEXT NOT NULL,
    quarter_ns INTEGER NOT NULL,
    amount TEXT NOT NULL,
    PRIMARY KEY (scope, currency, quarter_ns)
) STRICT, WITHOUT ROWID;
PRAGMA user_version = {_VERSION};
"""
_HELD: Final = "reservation_id, call, currency, amount, calls, reserved_ns, expires_ns, state, closed_ns, settled, done"
_INSERT: Final = "INSERT OR REPLACE INTO reservations SELECT {} FROM json_each(?)".format(  # noqa: S608 (own names)
    ", ".join(f"json_extract(value, '$[{place}]')" for place in range(len(_HELD.split(","))))
)


class BookFile:
    """The open file. One thread at a time."""

    def __init__(self, file: Path) -> None:
        """Open it, or make it. Raises `StoreLockedError` while another server has it, `StoreUnavailableError`."""
        self.file = file
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._told():
            # One that is there is not opened: closing it would end the lock that this process may have on it.
            with suppress(FileExistsError):
                os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE))
            self._connection = sqlite3.connect(file, timeout=0, isolation_level=None, check_same_thread=False)
            try:
                self._prepare()
            except BaseException:
                self._connection.close()
                raise

    def load(self) -> tuple[list[Held], list[Kept]]:
        """Every reservation that may count, the oldest first, and the amounts that nobody waits for."""
        with self._told():
            held = self._connection.execute(f"SELECT {_HELD} FROM reservations WHERE done = 0 ORDER BY reserved_ns")  # noqa: S608
            kept = self._connection.execute("SELECT scope, currency, quarter_ns, amount FROM kept")
            return [_held(row) for row in held], [
                Kept(scope, currency, quarter_ns, int(amount)) for scope, currency, quarter_ns, amount in kept
            ]

    def find(self, reservation_id: str) -> Held | None:
        """A reservation by its id, as it was written last."""
        with self._told():
            row = self._connection.execute(
                f"SELECT {_HELD} FROM reservations WHERE reservation_id = ?",  # noqa: S608
                (reservation_id,),
            ).fetchone()
        return None if row is None else _held(row)

    def write(self, changes: Sequence[Held | Kept]) -> None:
        """Write these rows, all or none; they are durable when it returns."""
        # Of several rows of one reservation the last is what holds.
        held = {each.reservation_id: _row(each) for each in changes if isinstance(each, Held)}
        kept = {(each.scope, each.currency, each.quarter_ns): each for each in changes if isinstance(each, Kept)}
        with self._told():
            if not kept:
                self._write_held([*held.values()])
                return
            self._connection.execute("BEGIN IMMEDIATE")
            with self._connection:
                self._write_held([*held.values()])
                self._connection.executemany(
                    "INSERT OR REPLACE INTO kept VALUES (?, ?, ?, ?)",
                    [(*key, str(each.amount)) for key, each in kept.items()],
                )

    def _write_held(self, rows: list[tuple[object, ...]]) -> None:
        """In one statement: between two of them this thread would wait for all others of a busy process."""
        if rows:
            self._connection.execute(_INSERT, (msgspec.json.encode(rows).decode(),))

    def forget(self, now_ns: int) -> None:
        """Delete some of what nobody asks for any more."""
        with self._told():
            self._connection.execute(
                "DELETE FROM reservations WHERE reservation_id IN ("
                "SELECT reservation_id FROM reservations WHERE done = 1 AND closed_ns < ? ORDER BY closed_ns LIMIT ?)",
                (now_ns - FORGET_NS, _FORGOTTEN_MAX),
            )

    def close(self) -> None:
        """Let another process have it. Doing it twice is harmless."""
        self._connection.close()

    def _prepare(self) -> None:
        run = self._connection.execute
        # Without shared memory, and with a lock that ends with the process.
        run("PRAGMA locking_mode = EXCLUSIVE")
        run("PRAGMA journal_mode = WAL")
        run("PRAGMA synchronous = FULL")
        run("BEGIN IMMEDIATE")
        with self._connection:
            ((version,),) = run("PRAGMA user_version")
            if version == 0:
                for statement in _SCHEMA.split(";\n"):
                    run(statement)
            elif version != _VERSION:
                msg = "a newer spanledger wrote it"
                raise sqlite3.DatabaseError(msg)

    @contextmanager
    def _told(self) -> Generator[None]:
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            if isinstance(error, sqlite3.OperationalError) and "locked" in str(error):
                msg = f"another server keeps the reservations in {self.file}: one at a time can"
                raise StoreLockedError(msg) from error
            msg = f"the reservations in {self.file} cannot be used ({error}): see that the disk has room and works"
            raise StoreUnavailableError(msg) from error


def _row(held: Held) -> tuple[object, ...]:
    return (
        held.reservation_id,
        msgspec.json.encode(held.call).decode(),
        held.currency,
        str(held.amount),
        held.calls,
        held.reserved_ns,
        held.expires_ns,
        held.state,
        held.closed_ns,
        str(held.settled),
        int(held.done),
    )


def _held(row: tuple[object, ...]) -> Held:
    name, call, currency, amount, calls, reserved_ns, expires_ns, state, closed_ns, settled, done = row
    return Held(
        reservation_id=cast("str", name),
        call=msgspec.json.decode(cast("str", call), type=dict[str, str]),
        currency=cast("str", currency),
        amount=int(cast("str", amount)),
        calls=cast("int", calls),
        reserved_ns=cast("int", reserved_ns),
        expires_ns=cast("int", expires_ns),
        state=cast("State", state),
        closed_ns=cast("int", closed_ns),
        settled=int(cast("str", settled)),
        done=bool(done),
    )
