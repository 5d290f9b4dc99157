"""ClickHouse's HTTP interface over a store that is open in the test's process, with keys of any role and scope."""

from base64 import b64encode
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from support.api import Answered, listening
from support.keys import Keys

from spanledger.exporter.store import RawConnection, Store
from spanledger.ledger.clickhouse_http.answering import Answer, Reader
from spanledger.ledger.clickhouse_http.app import App
from spanledger.ledger.clickhouse_http.asked import Asked

_SECONDS_MAX = 60.0


class CountingReader(Reader):
    """Counts the statements that reach it."""

    def __init__(self, connect: Callable[[], RawConnection], stop: Callable[[str], None]) -> None:
        super().__init__(connect, stop)
        self.statements = 0

    def answer(self, asked: Asked, who: str, mark: str = "") -> Answer:
        """Count, and answer."""
        self.statements += 1
        return super().answer(asked, who, mark)


@dataclass
class Door:
    """A running interface, and the keys to it."""

    address: str
    keys: Keys
    key: str
    """A reader's of all tenants."""
    reader: CountingReader

    def ask(
        self,
        sql: str | bytes | Iterable[bytes] = "",
        *,
        method: str = "POST",
        path: str = "/",
        headers: dict[str, str] | None = None,
        also: Mapping[str, str | int] | None = None,
        **fields: str | int,
    ) -> Answered:
        """One request with the key as a password; `headers` beside it, `fields` and `also` are the URL's."""
        sent = {"authorization": basic(self.key), **(headers or {})}
        told = {**fields, **(also or {})}
        url = f"{path}?{urlencode(told)}" if told else path
        with closing(HTTPConnection(self.address, timeout=_SECONDS_MAX)) as connection:
            connection.request(method, url, sql or None, {name: value for name, value in sent.items() if value})
            response = connection.getresponse()
            named = {name.lower(): value for name, value in response.getheaders()}
            return Answered(response.status, named, response.read())

    def rows(self, sql: str, **fields: str | int) -> str:
        """The answer to a statement as text; it must succeed."""
        answered = self.ask(sql, also=fields)
        assert answered.status == 200, answered.body
        return answered.body.decode()

    def client(self, **options: object) -> Client:
        """The real client of ClickHouse for Python."""
        host, _, port = self.address.partition(":")
        told = {"host": host, "port": int(port), "username": "reader", "password": self.key, **options}
        return clickhouse_connect.get_client(**told)  # pyright: ignore[reportArgumentType] (its options have types of their own)


def basic(password: str, user: str = "reader") -> str:
    """The header of Basic authentication."""
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()


@contextmanager
def door_to(store: Store, folder: Path) -> Generator[Door]:
    """The interface over real HTTP, with a key store in `folder`."""
    keys, reader = Keys(folder / "keys.sqlite"), CountingReader(store.raw_connection, store.cancel)
    key = keys.create("*", "read").text
    try:
        with listening(App(reader, keys.authenticator)) as address:
            yield Door(address, keys, key, reader)
    finally:
        reader.close()
        keys.authenticator.close()
