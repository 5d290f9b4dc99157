"""A small ClickHouse-over-HTTP endpoint on top of the embedded engine, for the real ClickHouse client to talk to.

`python clickhouse_http.py FOLDER [USER PASSWORD [PORT]]` prints its URL's `HOST:PORT` and serves until it is killed.
It speaks what clickhouse-connect's HTTP client needs: statements in the body, `param_…`, `database` and settings in
the query string, insert data after the first line, errors as a status with `X-ClickHouse-Exception-Code`, and Basic
authentication. It does not compress, stream, or keep sessions.
"""

import base64
import json
import os
import re
import sys
import threading
from email.parser import BytesParser
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Protocol, cast
from urllib.parse import parse_qsl, urlsplit

import chdb

if TYPE_CHECKING:
    from email.message import Message

_TRANSPORT = {
    "query",
    "database",
    "query_id",
    "wait_end_of_query",
    "client_protocol_version",
    "send_progress_in_http_headers",
    "http_headers_progress_interval_ms",
    "enable_http_compression",
    "default_format",
}
_INSERT = re.compile(rb"\s*(INSERT\s.*?)\s+FORMAT\s+(\w+)\s*", re.IGNORECASE | re.DOTALL)
_CODE = re.compile(r"Code: (\d+)")
_AUTHENTICATION_FAILED = 516


class _Answer(Protocol):
    def bytes(self) -> bytes | None: ...
    def rows_read(self) -> int: ...


class _Connection(Protocol):
    def query(self, sql: str | bytes, fmt: str, *, params: dict[str, str]) -> _Answer: ...


class _Handle:
    """A connection with a database and settings of its own; it runs one statement at a time."""

    def __init__(self, path: str, database: str, settings: dict[str, str]) -> None:
        self.lock = threading.Lock()
        self.connection = cast("_Connection", chdb.connect(path))
        if database:
            self.connection.query(f"USE `{database}`", "TSV", params={})
        for name, value in sorted(settings.items(), key=lambda setting: setting[0] == "readonly"):
            self.connection.query(f"SET {name} = '{value}'", "TSV", params={})


class Endpoint(ThreadingHTTPServer):
    """The server, with the engine's folder and the one user it lets in."""

    daemon_threads = True

    def __init__(self, path: str, user: str = "default", password: str = "", port: str = "0") -> None:
        """Listen on a loopback port; a free one unless told."""
        super().__init__(("127.0.0.1", int(port)), _Request)
        self.authorization = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        self._path = path
        self._handles: dict[tuple[str, str], _Handle] = {}
        self._lock = threading.Lock()

    def handle_for(self, database: str, settings: dict[str, str]) -> _Handle:
        """The connection that has this database and these settings; opened when first asked for."""
        key = (database, json.dumps(settings, sort_keys=True))
        with self._lock:
            if key not in self._handles:
                self._handles[key] = _Handle(self._path, database, settings)
            return self._handles[key]

    def forget(self, database: str, settings: dict[str, str]) -> None:
        """Open a new connection the next time."""
        with self._lock:
            self._handles.pop((database, json.dumps(settings, sort_keys=True)), None)


class _Request(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # An answer in two packets would wait for the first to be acknowledged: 40 ms.
    disable_nagle_algorithm = True
    server: Endpoint  # pyright: ignore[reportIncompatibleVariableOverride] - this handler serves no other

    def do_GET(self) -> None:
        """Answer `/ping`."""
        self._answer(HTTPStatus.OK, b"Ok.\n")

    def do_POST(self) -> None:
        """Run a statement."""
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if self.headers.get("Authorization") != self.server.authorization:
            self._fail(f"Code: {_AUTHENTICATION_FAILED}. DB::Exception: Authentication failed. (AUTHENTICATION_FAILED)")
            return
        query = dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))
        kind = self.headers.get("Content-Type", "")
        if kind.startswith("multipart/form-data"):
            # Parameters too long for a URL come as fields of a form, and the statement with them.
            query |= _fields(kind, body)
            body = b""
        params = {name.removeprefix("param_"): value for name, value in query.items() if name.startswith("param_")}
        settings = {
            name: value for name, value in query.items() if name not in _TRANSPORT and not name.startswith("param_")
        }
        try:
            handle = self.server.handle_for(query.get("database", ""), settings)
            with handle.lock:
                answer = _run(handle.connection, query.get("query", "").encode(), body, params)
                content, rows = answer.bytes() or b"", answer.rows_read()
        except RuntimeError as error:
            # What a failed statement had written would stand in front of the connection's next answer.
            self.server.forget(query.get("database", ""), settings)
            self._fail(str(error))
            return
        summary = json.dumps({"read_rows": str(rows), "written_rows": str(rows)})
        self._answer(HTTPStatus.OK, content, {"X-ClickHouse-Summary": summary})

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Say nothing: the test reads our output."""

    def _fail(self, message: str) -> None:
        code = _CODE.search(message)
        headers = {"X-ClickHouse-Exception-Code": code[1] if code else "1001"}
        self._answer(HTTPStatus.INTERNAL_SERVER_ERROR, message.encode(), headers)

    def _answer(self, status: HTTPStatus, content: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {**(headers or {}), "X-ClickHouse-Timezone": "UTC"}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def _fields(kind: str, body: bytes) -> dict[str, str]:
    message = BytesParser().parsebytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body)
    return {
        str(part.get_param("name", header="content-disposition")): cast("bytes", part.get_payload(decode=True)).decode()
        for part in cast("list[Message]", message.get_payload())
    }


def _run(connection: _Connection, statement: bytes, body: bytes, params: dict[str, str]) -> _Answer:
    line, _, rest = body.partition(b"\n")
    head, data = (statement, body) if statement else (line, rest)
    insert = _INSERT.fullmatch(head)
    if not insert:
        return connection.query(statement + b"\n" + body if statement else body, "TabSeparated", params=params)
    descriptor = os.memfd_create("insert")
    try:
        with open(descriptor, "wb", closefd=False) as file:
            file.write(data)
        into, name = insert[1].decode(), insert[2].decode()
        return connection.query(f"{into} FROM INFILE '/proc/self/fd/{descriptor}' FORMAT {name}", "TSV", params=params)
    finally:
        os.close(descriptor)


if __name__ == "__main__":
    endpoint = Endpoint(*sys.argv[1:])
    sys.stdout.write(f"127.0.0.1:{endpoint.server_port}\n")
    sys.stdout.flush()
    endpoint.serve_forever()
