"""The API over a store that is open in the test's process, asked over real HTTP with keys of any role and scope."""

import asyncio
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import msgspec
from support.asking import query_of
from support.keys import Keys

from spanledger.exporter.authentication import Authenticator
from spanledger.exporter.posting.quarantine import Outcome
from spanledger.exporter.posting.repriced import Asked, Repriced, Stretch
from spanledger.exporter.posting.unreadable import Skipped
from spanledger.exporter.rate import PriceBook, catalogue
from spanledger.exporter.receiver.http_edge import HttpEdge
from spanledger.exporter.receiver.otlp_http import App
from spanledger.exporter.settings import Address
from spanledger.exporter.store import Store
from spanledger.ledger.access.port import Access, Counts
from spanledger.ledger.api.app import create_app
from spanledger.ledger.api.route import AnyRoute, Services
from spanledger.ledger.api.routes import ROUTES
from spanledger.ledger.budgets import Budget, BudgetState, Utilisation
from spanledger.ledger.budgets.accounts import BudgetAccounts
from spanledger.ledger.budgets.keeper import BudgetKeeper
from spanledger.ledger.tables import Table

NOW = datetime(2026, 4, 30, 12, tzinfo=UTC)
"""The clock of the API, which stands still."""
_SECONDS_MAX = 60.0


class Reading:
    """Access to an open store that only reads, and remembers what it was asked."""

    def __init__(self, store: Store, folder: Path, book: PriceBook) -> None:
        self._query = query_of(store)
        self.statements: list[str] = []
        self.accounts = BudgetAccounts(store, self._query, folder, lambda: book)

    place = "a test's"

    def query(self, sql: str) -> Table:
        """Answer as a person's own SQL is answered."""
        self.statements.append(sql)
        return self._query(sql)

    def post(self, *, close_window: bool = False) -> Counts:
        """Nothing waits."""
        return {"close_window": int(close_window)}

    def stretches(self, asked: Asked) -> Sequence[Stretch]:
        """There are none."""
        del asked
        return []

    def reprice(self, asked: Asked, stretch: Stretch, *, dry_run: bool) -> Repriced:
        """Nothing differs."""
        del asked, stretch, dry_run
        return Repriced(0, 0, 0, 0, 0, 0, [])

    def replay(self, quarantine_ids: Sequence[str]) -> Sequence[Outcome]:
        """Nothing is set aside."""
        return [Outcome(each, "unknown") for each in quarantine_ids]

    def discard(self, quarantine_ids: Sequence[str], why: str) -> Sequence[Outcome]:
        """Nothing is set aside."""
        return [Outcome(each, "unknown", why) for each in quarantine_ids]

    def skip_unreadable(self, shard: str) -> Sequence[Skipped]:
        """Nothing is damaged."""
        del shard
        return []

    def budgets(self) -> Sequence[BudgetState]:
        """With what is held."""
        return self.accounts.states()

    def set_budget(self, budget: Budget) -> None:
        """Really."""
        self.accounts.set(budget)

    def remove_budget(self, name: str) -> None:
        """Really."""
        self.accounts.remove(name)

    def budget_history(self, name: str, windows: int, tenants: frozenset[str] | None = None) -> Sequence[Utilisation]:
        """As it is."""
        return self.accounts.history(name, windows, tenants)

    def close(self) -> None:
        """The store is the test's."""


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer: status, lower-case headers, bytes."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:  # noqa: ANN401 (what it is, the test knows)
        """The body, read."""
        return msgspec.json.decode(self.body)


@dataclass
class Api:
    """A running API and the keys to it."""

    address: str
    access: Reading
    keys: Keys

    def key(self, scope: str = "*", role: str = "read") -> str:
        """A new key of this scope and role."""
        return self.keys.create(scope, role).text

    def ask(
        self, path: str, key: str | None, method: str = "GET", body: bytes | None = None, /, **query: object
    ) -> Answered:
        """One request; `query` is its parameters, `where__tenant` for `where.tenant`, a list for several."""
        text = urlencode({name.replace("__", "."): value for name, value in query.items()}, doseq=True)
        sent = {"authorization": f"Bearer {key}"} if key is not None else {}
        with closing(HTTPConnection(self.address, timeout=_SECONDS_MAX)) as connection:
            connection.request(method, f"{path}?{text}" if text else path, body, sent)
            response = connection.getresponse()
            told = {name.lower(): value for name, value in response.getheaders()}
            return Answered(response.status, told, response.read())


@contextmanager
def listening(app: App) -> Generator[str]:
    """An app over real HTTP in a thread of its own: its address."""
    ready, stop = threading.Event(), asyncio.Event()
    loops: list[asyncio.AbstractEventLoop] = []
    addresses: list[str] = []

    async def run() -> None:
        edge = HttpEdge(app, "--api")
        addresses.append(str(await edge.start(Address("127.0.0.1", 0))))
        loops.append(asyncio.get_running_loop())
        ready.set()
        await stop.wait()
        await edge.drain(1)

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    assert ready.wait(_SECONDS_MAX)
    try:
        yield addresses[0]
    finally:
        loops[0].call_soon_threadsafe(stop.set)
        thread.join(_SECONDS_MAX)


def services_of(
    access: Access,
    authenticator: Authenticator,
    book: PriceBook | None = None,
    keeper: BudgetKeeper | None = None,
    cancel: Callable[[str], None] | None = None,
) -> Services:
    """What routes work with, over this access; the clock stands still."""
    return Services(
        access=access,
        authenticator=authenticator,
        proof="proof",
        metrics=lambda: ("text/plain", b"a 1\n"),
        book=lambda: book or catalogue(),
        now=lambda: NOW,
        keeper=keeper,
        cancel=cancel,
    )


@contextmanager
def api_over(
    store: Store, folder: Path, book: PriceBook | None = None, routes: Sequence[AnyRoute] = ROUTES
) -> Generator[Api]:
    """The API over real HTTP, with a key store in `folder`."""
    keys, access = Keys(folder / "keys.sqlite"), Reading(store, folder, book or catalogue())
    keys.create()
    try:
        with access.accounts.kept() as keeper:
            keeper.start()
            with listening(
                create_app(services_of(access, keys.authenticator, book, keeper, store.cancel), routes)
            ) as address:
                yield Api(address, access, keys)
    finally:
        keys.authenticator.close()
