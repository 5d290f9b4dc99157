"""The store: one object over both engines. Statements go in, rows come out, and every failure is one of ours.

Any thread may call it. A child made by `fork` may not: the engine's threads do not live there, and it would hang.
"""

import os
import re
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from clickhouse_connect.driver.client import Client

from spanledger.exporter.settings import is_clickhouse
from spanledger.exporter.store.embedded import EmbeddedEngine
from spanledger.exporter.store.pool import Pool
from spanledger.exporter.store.raw import RawConnection
from spanledger.exporter.store.refusals import translated
from spanledger.exporter.store.server import STATEMENT_SECONDS_MAX, ServerEngine
from spanledger.exporter.store.statements import literal, one_reading_statement
from spanledger.schemas import ConfigurationError, StoreUnavailableError

# The large tables have a partition for each month from 2020 to 2050, and a hostile insert may touch them all.
_PARTITIONS_PER_INSERT_MAX: Final = 400

EVERYBODY: Final = {
    # On in the engine by default, it makes a plan of `LEFT ANY JOIN` under a filter that is never true, as in
    # `SELECT … FROM charges WHERE 0`, that ends the process's engine for good ("Wrong JOIN combination: Semi Left").
    "query_plan_convert_any_join_to_semi_or_anti_join": 0,
    # Rows with one event_id differ in ingest_time at most, so an index that finds one version finds them all. Without
    # this FINAL goes over nearly every event to tell of one day.
    "use_skip_indexes_if_final_exact_mode": 0,
}
"""What every statement of anybody runs with; one the engine does not have is left out."""

SETTINGS: Final = {
    **EVERYBODY,
    # An insert is stored when it returns, and never dropped as a repetition of another (RELIABILITY F6).
    "async_insert": 0,
    "deduplicate_insert": "disable",
    "insert_deduplicate": 0,
    # Of several servers behind one address (ClickHouse Cloud) any one answers with all that was stored before.
    "select_sequential_consistency": 1,
    "max_partitions_per_insert_block": _PARTITIONS_PER_INSERT_MAX,
    # Folding equal keys at insert costs four times the insert itself; FINAL and merges do it anyway.
    "optimize_on_insert": 0,
    # A day without events has no sums: its partition is replaced by nothing.
    "allow_replace_partition_from_empty_source": 1,
    "max_execution_time": STATEMENT_SECONDS_MAX,
}
"""What every statement of ours runs with; one the engine does not have is left out."""

USER_ROWS_MAX: Final = 1_000_000
_USER_SECONDS_MAX: Final = 60
USER_SETTINGS: Final = {
    "max_execution_time": _USER_SECONDS_MAX,
    "max_memory_usage": 4 * 1024**3,
    "max_result_rows": USER_ROWS_MAX,
    "max_result_bytes": 1024**3,
    "result_overflow_mode": "throw",
    "readonly": 1,
}
"""What a user's own SQL may cost. `readonly` comes last: after it nothing can be set, not even by the user's SQL."""
_USER_CLIENTS_MAX: Final = 2

_SELECT: Final = re.compile(r"\s*(SELECT|WITH|FROM)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Table:
    """A query's answer with the names and ClickHouse types of its columns."""

    columns: list[str]
    types: list[str]
    rows: list[tuple[object, ...]]


class Engine(Protocol):
    """What differs between the embedded engine and a server."""

    embedded: bool
    url: str
    settings: frozenset[str]
    """The names of the settings it knows."""

    def connect(self, settings: Mapping[str, object]) -> Client:
        """One more client, with these settings on every statement."""
        ...

    def insert(self, client: Client, table: str, columns: Sequence[str], block: bytes) -> None:
        """Insert a Native block; returns when it is stored."""
        ...

    def make_durable(self, client: Client) -> None:
        """Make what is stored survive a loss of power, as far as that is in our hands."""
        ...

    def close(self) -> None:
        """Free what the engine holds beside its clients."""
        ...


def open_store(location: str) -> "Store":
    """Open a folder (embedded engine) or a `clickhouse://` URL. No migration, no posting.

    Raises `StoreLockedError`, `StoreUnavailableError` or `ConfigurationError`, each one sentence with the cure.
    """
    return Store(ServerEngine(location) if is_clickhouse(location) else EmbeddedEngine(Path(location).absolute()))


class Store:
    """An open store. Tables and views are named bare: statements run in the store's own database."""

    def __init__(self, engine: Engine) -> None:
        self.url = engine.url
        """The folder, or the URL without user and password."""
        self.embedded = engine.embedded
        self._engine = engine
        self._pid = os.getpid()
        settings = {name: value for name, value in SETTINGS.items() if name in engine.settings}
        self._clients = Pool(lambda: engine.connect(settings))
        user_settings = {name: value for name, value in EVERYBODY.items() if name in engine.settings} | USER_SETTINGS
        self._user_clients = Pool(lambda: engine.connect(user_settings), clients_max=_USER_CLIENTS_MAX)

    def query(self, sql: str, parameters: Mapping[str, object] | None = None) -> list[tuple[object, ...]]:
        """The rows of a reading statement. Parameters are bound by the engine: `{name:Type}` in the SQL."""
        return self.query_table(sql, parameters).rows

    def query_table(self, sql: str, parameters: Mapping[str, object] | None = None) -> Table:
        """The rows with their columns' names and types."""
        with self._borrowed(self._clients, "the store refused a query") as client:
            return _table(client, sql, parameters)

    def query_user(self, sql: str) -> Table:
        """Run a user's own SQL: one statement, read-only, bounded in time, memory and rows (`USER_SETTINGS`)."""
        statement = one_reading_statement(sql)
        with self._borrowed(self._user_clients, "the store refused the SQL") as client:
            return _table(client, statement, None)

    def cancel(self, mark: str) -> None:
        """Stop the statement whose text has this mark, as a comment that `query_user` lets through; if one runs.

        It ends where it was asked, with an error. Both engines look whether they should go on from block to block.
        """
        running = "SELECT query_id FROM system.processes WHERE position(query, {mark:String}) > 0"
        for (query_id,) in self.query(f"{running} AND position(query, 'system.processes') = 0", {"mark": mark}):
            self.command(f"KILL QUERY WHERE query_id = {literal(str(query_id))} ASYNC")

    def command(self, sql: str, parameters: Mapping[str, object] | None = None) -> None:
        """Run a statement that returns nothing: DDL, or an INSERT … SELECT. Parameters as for `query`."""
        with self._borrowed(self._clients, "the store refused a statement") as client:
            client.command(sql, parameters=dict(parameters) if parameters else None)

    def insert(self, table: str, columns: Sequence[str], block: bytes) -> None:
        """Insert a Native block (`native.block`). When it returns the rows are stored; it raises on any error.

        `RefusedRowsError`: the rows are at fault. `StoreUnavailableError`: some rows may be stored; read back.
        """
        with self._borrowed(self._clients, f"the store refused rows of {table}") as client:
            self._engine.insert(client, table, columns, block)

    def make_durable(self) -> None:
        """Return when what was inserted survives a loss of power; on a server that is the server's to promise."""
        with self._borrowed(self._clients, "the store cannot be made durable") as client:
            self._engine.make_durable(client)

    def raw_connection(self) -> RawConnection:
        """A connection to the embedded engine whose answers are bytes in any format; close it before the store.

        Raises `ConfigurationError` for a ClickHouse server, which has an interface of its own for that.
        """
        if not isinstance(self._engine, EmbeddedEngine):
            msg = f"the store {self.url} is a ClickHouse server: ask it itself"
            raise ConfigurationError(msg)
        return self._engine.raw_connection()

    def close(self) -> None:
        """Close every client and free the folder. In a forked child it does nothing."""
        if os.getpid() != self._pid:
            return
        self._clients.close()
        self._user_clients.close()
        self._engine.close()

    @contextmanager
    def _borrowed(self, pool: Pool, doing: str) -> Generator[Client]:
        if os.getpid() != self._pid:
            msg = f"the store {self.url} was opened before this process was forked: open it again in the child"
            raise StoreUnavailableError(msg)
        with translated(doing), pool.borrowed() as client:
            yield client


def _table(client: Client, sql: str, parameters: Mapping[str, object] | None) -> Table:
    bound = dict(parameters) if parameters else None
    answer = client.query(sql, parameters=bound)
    rows = [tuple(row) for row in answer.result_rows]
    if answer.column_names or not _SELECT.match(sql):
        types = [column_type.name for column_type in answer.column_types]
        return Table(list(answer.column_names), types, rows)
    # The embedded engine sends nothing at all for no rows.
    described = client.query(f"DESCRIBE TABLE (\n{sql}\n)", parameters=bound).result_rows
    return Table([str(row[0]) for row in described], [str(row[1]) for row in described], [])
