"""The key store: one small SQLite file for its owner alone. Nothing in it lets anybody in: secrets are only digests.

Every change is durable before it is told (`synchronous = FULL`). A key is never deleted: a revoked one stays, so that
an id always means the same, and so that revoking the last key does not open the doors.
"""

import os
import sqlite3
from collections.abc import Generator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from spanledger.exporter.authentication.principal import Principal, Role
from spanledger.exporter.credential import Credential
from spanledger.schemas import ConfigurationError, StoreUnavailableError

BUSY_S_MAX: Final = 5.0
"""How long a change waits for another one."""
_VERSION: Final = 1
_MODE: Final = 0o600
_OTHERS: Final = 0o007

_SCHEMA: Final = f"""
CREATE TABLE keys (
    id TEXT PRIMARY KEY,
    secret_sha256 BLOB,
    certificate TEXT,
    role TEXT NOT NULL,
    scope TEXT NOT NULL,
    tenant TEXT NOT NULL,
    created_ns INTEGER NOT NULL,
    expires_ns INTEGER,
    revoked_ns INTEGER,
    first_used_ns INTEGER,
    last_used_ns INTEGER,
    last_source TEXT,
    CHECK ((secret_sha256 IS NULL) != (certificate IS NULL))
) STRICT;
CREATE UNIQUE INDEX one_entry_for_a_certificate ON keys (certificate) WHERE revoked_ns IS NULL;
PRAGMA user_version = {_VERSION};
"""


class Entry(NamedTuple):
    """One key, or one client certificate's name, and what it may do. Times in nanoseconds since 1970."""

    id: str
    role: str
    scope: str
    tenant: str
    created_ns: int
    secret_sha256: bytes | None = None
    certificate: str | None = None
    """`URI:…`, `DNS:…` or `CN:…`."""
    expires_ns: int | None = None
    revoked_ns: int | None = None
    first_used_ns: int | None = None
    last_used_ns: int | None = None
    last_source: str | None = None

    @property
    def principal(self) -> Principal:
        """Who shows this key."""
        return Principal(f"key {self.id}", Role(self.role), Credential(self.scope, self.tenant))

    def state(self, now_ns: int) -> str:
        """`active`, `revoked` or `expired`."""
        if self.revoked_ns is not None:
            return "revoked"
        return "expired" if self.expires_ns is not None and self.expires_ns <= now_ns else "active"


@dataclass(frozen=True, slots=True)
class Use:
    """When a key was used, first and last, since this was last written; and from where, the last time."""

    first_ns: int
    last_ns: int
    source: str


_COLUMNS: Final = Entry._fields


class KeyStore:
    """The file, opened for each use: a handful of keys, a few changes a month."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def add(self, entry: Entry) -> None:
        """Write a new entry. Raises `ConfigurationError` when its certificate has one that is not revoked."""
        _prepare(self.file)
        names = ", ".join(_COLUMNS)
        holes = ", ".join(f":{name}" for name in _COLUMNS)
        try:
            with self._changing() as change:
                change.execute(f"INSERT INTO keys ({names}) VALUES ({holes})", entry._asdict())  # noqa: S608 (own names)
        except sqlite3.IntegrityError as error:
            msg = f"{entry.certificate} is bound already: revoke that entry first"
            raise ConfigurationError(msg) from error

    def revoke(self, key_id: str, now_ns: int) -> bool:
        """Revoke a key, for good. Return whether it was not revoked before; raises `ConfigurationError` if unknown."""
        with self._changing() as change:
            if change.execute("SELECT 1 FROM keys WHERE id = ?", (key_id,)).fetchone() is None:
                msg = f"there is no key {key_id!r} in {self.file}: spanledger keys list shows their ids"
                raise ConfigurationError(msg)
            done = change.execute(
                "UPDATE keys SET revoked_ns = ? WHERE id = ? AND revoked_ns IS NULL", (now_ns, key_id)
            )
            return done.rowcount == 1

    def note_uses(self, uses: Mapping[str, Use]) -> None:
        """Write when, and from where, the keys of these ids were used."""
        with self._changing() as change:
            change.executemany(
                "UPDATE keys SET first_used_ns = coalesce(first_used_ns, ?1), last_used_ns = ?2, last_source = ?3"
                " WHERE id = ?4",
                [(use.first_ns, use.last_ns, use.source, key_id) for key_id, use in uses.items()],
            )

    def entries(self) -> list[Entry]:
        """Every entry, the oldest first; none when there is no file. Raises `StoreUnavailableError`."""
        if not self.file.exists():
            return []
        with self._told(), closing(connect(self.file)) as connection:
            return read(connection)

    @contextmanager
    def _changing(self) -> Generator[sqlite3.Connection]:
        with self._told(), closing(_opened(self.file, BUSY_S_MAX)) as connection:
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("BEGIN IMMEDIATE")
            with connection:
                ((version,),) = connection.execute("PRAGMA user_version")
                if version == 0:
                    for statement in _SCHEMA.split(";\n"):
                        connection.execute(statement)
                yield connection

    @contextmanager
    def _told(self) -> Generator[None]:
        try:
            yield
        except sqlite3.IntegrityError:
            raise
        except (OSError, sqlite3.Error) as error:
            msg = f"the key store {self.file} cannot be used ({error}): see that it is a file of this user's, and whole"
            raise StoreUnavailableError(msg) from error


def connect(file: Path) -> sqlite3.Connection:
    """Open for reading, from any thread, without waiting for anybody. Raises `sqlite3.Error`.

    As a reader who may write, where that is allowed: a change that a power cut broke off is taken back by the next one
    who opens the file, and nobody else can do that.
    """
    connection = _opened(file, 0)
    connection.execute("PRAGMA query_only = ON")
    return connection


def _opened(file: Path, wait_s: float) -> sqlite3.Connection:
    """Open a file that is there: SQLite would make a new one, and not only for its owner."""
    return sqlite3.connect(
        f"{file.as_uri()}?mode=rw", uri=True, timeout=wait_s, isolation_level=None, check_same_thread=False
    )


def read(connection: sqlite3.Connection) -> list[Entry]:
    """Every entry, the oldest first. Raises `sqlite3.Error`, also for a file that is not a key store."""
    ((version,),) = connection.execute("PRAGMA user_version")
    if version != _VERSION:
        msg = "a newer spanledger wrote it" if version > _VERSION else "nothing was ever written to it"
        raise sqlite3.DatabaseError(msg)
    rows = connection.execute(f"SELECT {', '.join(_COLUMNS)} FROM keys ORDER BY created_ns, id")  # noqa: S608
    return [Entry._make(row) for row in rows]


def check_private(file: Path) -> None:
    """Raise `ConfigurationError` when every user of the machine could read or change the file."""
    if file.exists() and file.stat().st_mode & _OTHERS:
        msg = f"the key store {file} is open to every user of this machine: chmod 600 {file}"
        raise ConfigurationError(msg)


def _prepare(file: Path) -> None:
    """Make an empty file for its owner alone; SQLite's journal beside it takes its mode."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    check_private(file)
    os.close(os.open(file, os.O_RDWR | os.O_CREAT, _MODE))
