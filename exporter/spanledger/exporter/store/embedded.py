"""The embedded engine: chDB under STORE/chdb, one process at a time, data on the disk when an insert returns.

A block goes in through an anonymous memory file and the `file` function, which reports every error. Never use chDB's
`send_insert`, which answers success for rows the engine refused, nor `FROM INFILE`: it also reads the process's
standard input, and takes what a shell pipes there for rows.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from spanledger.exporter.store.lock import FolderLock
from spanledger.exporter.store.raw import RawConnection
from spanledger.exporter.store.refusals import detail
from spanledger.exporter.store.statements import literal, quoted
from spanledger.schemas import ConfigurationError, StoreUnavailableError

DATABASE: Final = "spanledger"
ENGINE_FOLDER: Final = "chdb"

_POSTED_INTO: Final = (
    "ledger_budgets",
    "ledger_claims",
    "ledger_dirty_days",
    "ledger_events",
    "ledger_postings",
    "ledger_price_books",
    "ledger_quarantine",
    "ledger_quarantine_decisions",
)
"""The tables whose rows a checkpoint vouches for."""

# The engine's allocator gives memory back a second after it was used, not when it next happens to look: merges leave
# some 200 MB behind otherwise. It reads this once, when the engine is loaded.
_ALLOCATOR: Final = ("JE_MALLOC_CONF", "dirty_decay_ms:1000,muzzy_decay_ms:0")


class EmbeddedEngine:
    """Opens clients to one folder's engine and knows how a block is inserted there."""

    embedded = True

    def __init__(self, folder: Path) -> None:
        """Take the folder's lock and start the engine; a missing folder is made.

        Raises `StoreLockedError`, `StoreUnavailableError` or, when the engine is not installed, `ConfigurationError`.
        """
        _make(folder)
        self.url = str(folder)
        self._path = str(folder / ENGINE_FOLDER)
        self._lock = FolderLock(folder)
        try:
            # Held open: the engine would stop with its last client, and another folder could take its place.
            self._anchor = self._start()
        except BaseException:
            self._lock.close()
            raise
        self.settings = frozenset(self._anchor.server_settings)
        self._table_folders: tuple[str, ...] = ()

    def connect(self, settings: Mapping[str, object]) -> Client:
        """One more client, with these settings on every statement it runs."""
        return clickhouse_connect.get_client(
            interface="chdb", path=self._path, database=DATABASE, settings=dict(settings), tz_mode="aware"
        )

    def raw_connection(self) -> RawConnection:
        """One more connection, without a database or settings of ours."""
        return RawConnection(os.path.realpath(self._path))

    def insert(self, client: Client, table: str, columns: Sequence[str], block: bytes) -> None:
        """Insert a Native block; returns when it is stored."""
        if not hasattr(os, "memfd_create"):
            client.raw_insert(quoted(table), columns, block, fmt="Native")
            return
        names = ", ".join(quoted(name) for name in columns)
        descriptor = os.memfd_create("spanledger-block")
        try:
            _write(descriptor, block)
            path = literal(f"/proc/self/fd/{descriptor}")
            client.command(f"INSERT INTO {quoted(table)} ({names}) SELECT {names} FROM file({path}, Native)")  # noqa: S608
        finally:
            os.close(descriptor)

    def make_durable(self, client: Client) -> None:
        """Sync the folders of our tables.

        The engine syncs a part's files and their folder, and then names the part in its table's folder, which it does
        not sync: without this, a loss of power takes whole parts whose inserts had returned.
        """
        for folder in self._table_folders or self._find_table_folders(client):
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def close(self) -> None:
        """Stop the engine and let another process have the folder."""
        self._anchor.close()
        self._lock.close()

    def _find_table_folders(self, client: Client) -> tuple[str, ...]:
        """They stay what they are once the store is migrated, and posting begins only then."""
        rows = client.query(
            f"SELECT arrayJoin(data_paths) FROM system.tables WHERE database = '{DATABASE}' AND name IN {_POSTED_INTO}"  # noqa: S608
        ).result_rows
        self._table_folders = tuple(str(path) for (path,) in rows)
        return self._table_folders

    def _start(self) -> Client:
        os.environ.setdefault(*_ALLOCATOR)
        try:
            client = clickhouse_connect.get_client(interface="chdb", path=self._path)
        except ImportError as error:
            msg = "the embedded engine is not installed: pip install 'spanledger[server]', or use a clickhouse:// store"
            raise ConfigurationError(msg) from error
        except (ClickHouseError, OSError) as error:
            msg = (
                f"the embedded engine cannot open {self._path} ({detail(error)}): a process opens one embedded store "
                "at a time, and the folder must be one that spanledger wrote"
            )
            raise StoreUnavailableError(msg) from error
        try:
            client.command(f"CREATE DATABASE IF NOT EXISTS {DATABASE}")
        except BaseException:
            client.close()
            raise
        return client


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        (folder / ENGINE_FOLDER).mkdir(exist_ok=True, mode=0o700)
    except OSError as error:
        msg = f"the store {folder} is not a folder we can write ({error.strerror}): name another with SPANLEDGER_STORE"
        raise ConfigurationError(msg) from error


def _write(descriptor: int, block: bytes) -> None:
    with memoryview(block) as rest:
        written = 0
        while written < len(rest):
            written += os.write(descriptor, rest[written:])
