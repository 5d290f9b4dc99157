"""One statement → its answer, through a connection of the embedded engine that only reads.

A statement is looked at as a person's own SQL is (`one_reading_statement`), and runs with `readonly` and every bound.
"""

import json
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from spanledger.exporter.store import RawAnswer, RawConnection
from spanledger.exporter.store.embedded import DATABASE
from spanledger.exporter.store.statements import one_reading_statement
from spanledger.ledger.clickhouse_http import native
from spanledger.ledger.clickhouse_http.asked import Asked
from spanledger.ledger.clickhouse_http.errors import AskedWronglyError
from spanledger.ledger.clickhouse_http.handles import Handles
from spanledger.ledger.clickhouse_http.native import Column
from spanledger.ledger.clickhouse_http.sessions import Session, Sessions
from spanledger.ledger.clickhouse_http.statements import Statement, read, settings_set, used_database
from spanledger.ledger.clickhouse_http.url_settings import RESULT_BYTES_MAX, chosen

DEFAULT_FORMAT: Final = "TabSeparated"
_NATIVE: Final = "Native"
# Wire protocols of other databases: no client of this one reads them.
_FORMATS: Final = "SELECT name FROM system.formats WHERE is_output AND name NOT IN ('MySQLWire', 'PostgreSQLWire')"
_SERVER: Final = "SELECT displayName(), timezone()"


class Answer(NamedTuple):
    """What goes back."""

    body: bytes
    form: str
    """Its format; empty for a statement that answers nothing."""
    took: RawAnswer | None


class Server(NamedTuple):
    """What the engine says of itself, and what it can write; asked once."""

    name: str
    timezone: str
    formats: Mapping[str, str]
    """By lower case."""


class Reader:
    """Answers statements of readers of everything. Any thread."""

    def __init__(
        self, connect: Callable[[], RawConnection], stop: Callable[[str], None], database: str = DATABASE
    ) -> None:
        """Ask the engine what it is. Raises `RawFailureError`."""
        self._handles = Handles(connect)
        self.stop = stop
        """Stops the statement of a mark, if it runs."""
        self._database = database
        self._sessions = Sessions()
        self.server = server_of(self._handles)

    def answer(self, asked: Asked, who: str, mark: str = "") -> Answer:
        """Answer one statement, which runs with this mark. Raises what `errors.failed` knows."""
        with self._sessions.entered(asked.session, who) as session:
            if (database := used_database(asked.sql)) is not None:
                session.database = self._checked_database(database)
                return Answer(b"", "", None)
            if (settings := settings_set(asked.sql)) is not None:
                chosen(settings)
                session.settings.update(settings)
                return Answer(b"", "", None)
            return self._read(asked, session, mark)

    def close(self) -> None:
        """Let go of the engine."""
        self._handles.close()

    def _read(self, asked: Asked, session: Session, mark: str) -> Answer:
        form = self._format(asked.default_format)
        statement = read(asked.sql, self.server.formats)
        # The rules look at what the engine is given.
        statement = statement._replace(text=one_reading_statement(statement.text))
        # `readonly` comes last: after it nothing can be set.
        settings = {**chosen({**session.settings, **asked.settings}), "readonly": "1"}
        database = asked.database or session.database or self._database
        with self._handles.borrowed(database, settings) as connection:
            return answered(connection, statement, statement.format or form, asked, mark)

    def _format(self, name: str) -> str:
        found = self.server.formats.get((name or DEFAULT_FORMAT).lower())
        if found is None:
            raise AskedWronglyError(73, "UNKNOWN_FORMAT", f"there is no output format {name[:_SHOWN_CHARS_MAX]!r}")
        return found

    def _checked_database(self, name: str) -> str:
        with self._handles.borrowed(name, {"readonly": "1"}):
            return name


_SHOWN_CHARS_MAX: Final = 100


def answered(connection: RawConnection, statement: Statement, form: str, asked: Asked, mark: str = "") -> Answer:
    """Run a statement, and tell its answer as the client reads it."""
    sql = f"{statement.text}\n/* {mark} */" if mark else statement.text
    took = connection.query(_bytes(sql), form, asked.parameters, bytes_max=RESULT_BYTES_MAX)
    body = took.body
    if form == _NATIVE:
        if not body and statement.selects:
            # A server tells the columns also of no rows; the engine tells nothing.
            body = native.header(_columns(connection, statement, asked), asked.revision)
        elif asked.revision:
            zoned = statement.selects and native.hides_zones(body, asked.revision)
            columns = _columns(connection, statement, asked) if zoned else ()
            body = native.retold(body, asked.revision, columns)
    return Answer(body, form, took)


def _columns(connection: RawConnection, statement: Statement, asked: Asked) -> list[Column]:
    described = connection.query(
        _bytes(f"DESCRIBE TABLE (\n{statement.text}\n)"), "JSONCompactEachRow", asked.parameters
    )
    rows = [json.loads(line) for line in described.body.splitlines()]
    return [Column(str(row[0]), str(row[1])) for row in rows]


def server_of(handles: Handles) -> Server:
    """Ask the engine what it is. Raises `RawFailureError`."""
    with handles.borrowed("", {}) as connection:
        ((name, timezone),) = _rows(connection, _SERVER)
        names = [str(found) for (found,) in _rows(connection, _FORMATS)]
    return Server(str(name), str(timezone), {found.lower(): found for found in names})


def _rows(connection: RawConnection, sql: str) -> list[list[object]]:
    return [json.loads(line) for line in connection.query(sql, "JSONCompactEachRow").body.splitlines()]


def _bytes(sql: str) -> bytes:
    return sql.encode("utf-8", "surrogateescape")
