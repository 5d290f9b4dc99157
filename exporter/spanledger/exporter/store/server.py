"""A ClickHouse server over HTTP: `clickhouse://user:password@host:8123/database`, `clickhouses://` for TLS."""

import logging
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import unquote, urlsplit

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from spanledger.exporter.store.refusals import code_of, detail, translated
from spanledger.exporter.store.statements import quoted
from spanledger.schemas import ConfigurationError, StoreUnavailableError

_PORT: Final = 8123
_TLS_PORT: Final = 8443
_CONNECT_SECONDS: Final = 5
STATEMENT_SECONDS_MAX: Final = 300
"""The server stops a statement after this; ten seconds later the silence is a network error."""
_ANSWER_SECONDS: Final = STATEMENT_SECONDS_MAX + 10
_UNKNOWN_DATABASE: Final = 81
_REFUSED_USER: Final = frozenset({192, 193, 194, 497, 516})


# The client also logs every network error it raises; ours are raised once and printed once.
logging.getLogger("clickhouse_connect").addHandler(logging.NullHandler())


class ServerEngine:
    """Opens clients to one database of a server and knows how a block is inserted there."""

    embedded = False

    def __init__(self, url: str) -> None:
        """Parse the URL and reach the server; a database that does not exist is created.

        Raises `ConfigurationError` for a wrong URL or refused user, `StoreUnavailableError` when nobody answers.
        """
        parts = urlsplit(url)
        self._tls = parts.scheme in {"clickhouses", "clickhouse+https"}
        self._host = parts.hostname or ""
        self._user = unquote(parts.username or "default")
        self._password = unquote(parts.password or "")
        self._database = unquote(parts.path.strip("/")) or "default"
        if not self._host or parts.query or parts.fragment or "/" in self._database:
            msg = f"the store URL on host {self._host!r} must be clickhouse://USER:PASSWORD@HOST:PORT/DATABASE, no more"
            raise ConfigurationError(msg)
        try:
            self._port = parts.port or (_TLS_PORT if self._tls else _PORT)
        except ValueError as error:
            msg = f"the store URL on host {self._host!r} has a wrong port: {error}"
            raise ConfigurationError(msg) from error
        self.url = f"{parts.scheme}://{self._host}:{self._port}/{self._database}"
        self.settings = self._reach()

    def connect(self, settings: Mapping[str, object]) -> Client:
        """One more client, with these settings on every statement it runs."""
        return self._client(self._database, settings)

    def make_durable(self, client: Client) -> None:
        """Nothing: its disks are its own; replicas are what protects acknowledged rows there."""

    def insert(self, client: Client, table: str, columns: Sequence[str], block: bytes) -> None:
        """Insert a Native block; returns when the server has stored it."""
        client.raw_insert(quoted(table), columns, block, fmt="Native")

    def close(self) -> None:
        """Nothing is held outside the clients."""

    def _client(self, database: str, settings: Mapping[str, object]) -> Client:
        return clickhouse_connect.get_client(
            interface="https" if self._tls else "http",
            host=self._host,
            port=self._port,
            username=self._user,
            password=self._password,
            database=database,
            settings=dict(settings),
            connect_timeout=_CONNECT_SECONDS,
            send_receive_timeout=_ANSWER_SECONDS,
            query_retries=0,
            autogenerate_session_id=False,
            tz_mode="aware",
        )

    def _reach(self) -> frozenset[str]:
        try:
            return self._known_settings(self._database)
        except ClickHouseError as error:
            code = code_of(error)
            server = f"ClickHouse at {self._host}:{self._port}"
            if code in _REFUSED_USER:
                msg = f"{server} refused user {self._user!r}: check the store URL's user and password"
                raise ConfigurationError(msg) from error
            if code != _UNKNOWN_DATABASE:
                msg = f"cannot reach {server}: {detail(error)}; check the address, and that the server runs"
                raise StoreUnavailableError(msg) from error
        with translated(f"cannot create the database {self._database!r} at {self._host}"):
            client = self._client("default", {})
            try:
                client.command(f"CREATE DATABASE IF NOT EXISTS {quoted(self._database)}")
            finally:
                client.close()
            return self._known_settings(self._database)

    def _known_settings(self, database: str) -> frozenset[str]:
        client = self._client(database, {})
        try:
            return frozenset(client.server_settings)
        finally:
            client.close()
