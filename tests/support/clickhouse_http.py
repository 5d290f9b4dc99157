"""A ClickHouse server for tests: our own HTTP interface over an engine, with a reader that also writes.

`python clickhouse_http.py FOLDER [USER PASSWORD [PORT]]` prints its URL's `HOST:PORT` and serves until it is killed.
What only this one does: any statement runs, and INSERT takes its rows from the rest of the body.
"""

import asyncio
import os
import re
import sys
from collections.abc import Mapping
from typing import Final

from spanledger.exporter.authentication import Peer, Principal, Role
from spanledger.exporter.credential import ANY_SCOPE, Credential
from spanledger.exporter.failures import Unauthenticated
from spanledger.exporter.receiver.http_edge import HttpEdge
from spanledger.exporter.settings import LOOPBACK, Address
from spanledger.exporter.store import RawConnection
from spanledger.ledger.clickhouse_http.answering import DEFAULT_FORMAT, Answer, Server, answered, server_of
from spanledger.ledger.clickhouse_http.app import App
from spanledger.ledger.clickhouse_http.asked import Asked
from spanledger.ledger.clickhouse_http.handles import Handles
from spanledger.ledger.clickhouse_http.statements import read

BODY_BYTES_MAX: Final = 256 * 1024 * 1024
_INSERT: Final = re.compile(r"\s*(INSERT\s.*?)\s+FORMAT\s+(\w+)\s*?(?:\n|$)", re.IGNORECASE | re.DOTALL)


class Writer:
    """Answers any statement with any setting."""

    def __init__(self, path: str) -> None:
        self._handles = Handles(lambda: RawConnection(path))
        # Held open: the engine would stop with its last connection.
        self._anchor = RawConnection(path)
        self.server: Server = server_of(self._handles)

    def answer(self, asked: Asked, who: str, mark: str) -> Answer:
        """Run it."""
        del who, mark
        with self._handles.borrowed(asked.database, asked.settings) as connection:
            insert = _INSERT.match(asked.sql)
            if insert is None:
                form = self.server.formats[(asked.default_format or DEFAULT_FORMAT).lower()]
                statement = read(asked.sql, self.server.formats)
                answer = answered(connection, statement, statement.format or form, asked)
                return answer if answer.body or statement.selects else answer._replace(form="")
            rows = asked.sql[insert.end() :].encode("utf-8", "surrogateescape")
            return _inserted(connection, insert[1], insert[2], rows)

    def stop(self, mark: str) -> None:
        """Nobody leaves a test's statement."""


class Password:
    """Knows one password."""

    def __init__(self, password: str) -> None:
        self._shown = f"Bearer {password}" if password else ""

    def principal(self, headers: Mapping[str, str], peer: Peer) -> Principal:
        """The one user, whatever it is called."""
        del peer
        if headers.get("authorization", "") != self._shown:
            msg = "the password is wrong"
            raise Unauthenticated(msg)
        return Principal("test", Role.READ, Credential(ANY_SCOPE, "test"))


def _inserted(connection: RawConnection, into: str, form: str, rows: bytes) -> Answer:
    descriptor = os.memfd_create("insert")
    try:
        with open(descriptor, "wb", closefd=False) as file:
            file.write(rows)
        took = connection.query(f"{into} FROM INFILE '/proc/self/fd/{descriptor}' FORMAT {form}")
        return Answer(b"", "", took)
    finally:
        os.close(descriptor)


async def serve(folder: str, password: str, port: int) -> None:
    """Serve until the process is killed."""
    edge = HttpEdge(App(Writer(folder), Password(password), body_bytes_max=BODY_BYTES_MAX))
    sys.stdout.write(f"{await edge.start(Address(LOOPBACK, port))}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    # INFILE also reads what comes in from outside.
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    _folder, _password, _port = sys.argv[1], *[*sys.argv[3:], *("", "0")[len(sys.argv[3:]) :]]
    asyncio.run(serve(_folder, _password, int(_port)))
