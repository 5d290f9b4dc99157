"""What a route of the API is, and what its function is given. Routing and the OpenAPI document are made from these.

A route's function sees the ledger through its `Context` alone: `tenants` says whose part it may show.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from threading import Event
from typing import Any, Final, Generic, Literal, TypeAlias, TypeVar

import msgspec

from spanledger.exporter.authentication import Authenticator, Principal, Role
from spanledger.exporter.credential import ANY_SCOPE
from spanledger.exporter.rate import PriceBook
from spanledger.ledger.access.port import Access
from spanledger.ledger.budgets.keeper import BudgetKeeper
from spanledger.ledger.tables import Table
from spanledger.schemas import SpanledgerError

Method = Literal["GET", "POST", "PUT", "DELETE"]

JSON: Final = "application/json"
CSV: Final = "text/csv; charset=utf-8; header=present"


class Lane(StrEnum):
    """Where a route's function runs."""

    LOOP = "loop"
    """In the event loop: for what is at hand and takes no time, or is promised as a future and waited for."""
    STORE = "store"
    """In one of the few threads that ask the store."""
    QUICK = "quick"
    """In one of many threads, for what takes milliseconds and must not wait behind the store."""


class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A question without parameters."""


@dataclass(frozen=True, slots=True)
class Raw:
    """An answer that is no JSON of ours to make: its media type and its bytes."""

    content_type: str
    body: bytes


class NotFoundError(SpanledgerError):
    """Nothing has this name, or nothing that this reader may know of: both are told alike."""


class LeftError(SpanledgerError):
    """Whoever asked has left: nobody waits for what would be asked of the store next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What the routes work with; one for each server. A part that keeps something of its own adds it here."""

    access: Access
    authenticator: Authenticator
    proof: str
    """What shows commands that the server knows their token."""
    metrics: Callable[[], tuple[str, bytes]]
    """A scrape's answer: its content type and its text."""
    book: Callable[[], PriceBook]
    """The price book in force. Raises `ConfigurationError` while none could ever be made."""
    now: Callable[[], datetime]
    """The time, with its zone."""
    keeper: BudgetKeeper | None = None
    """Of the hard budgets; None where nothing is reserved."""
    cancel: Callable[[str], None] | None = None
    """Stops the statement that has a mark in it; None where none can be stopped."""


@dataclass(frozen=True, slots=True)
class Context:
    """One request as a route's function sees it."""

    services: Services
    principal: Principal | None
    """Who asks; nobody is asked who they are on a route without a role."""
    path: Mapping[str, str]
    """The parts of the path that the route names."""
    left: Event
    """Set when whoever asked has left."""
    mark: str = ""
    """What the statements of this request are known by; empty where none can be stopped."""

    @property
    def tenants(self) -> frozenset[str] | None:
        """Whose part of the ledger may be shown: None is all of it, nobody is nothing."""
        if self.principal is None:
            return frozenset()
        scope = self.principal.credential.scope
        return None if scope == ANY_SCOPE else frozenset(scope.split(","))

    def query(self, sql: str) -> Table:
        """Answer a reading statement, bounded as a person's own SQL is. Raises `LeftError` when nobody waits for it."""
        if self.left.is_set():
            msg = "whoever asked has left"
            raise LeftError(msg)
        if not self.mark:
            return self.services.access.query(sql)
        # A final semicolon is let through, and nothing may stand behind it.
        whole = sql.rstrip("; \t\r\n")
        return self.services.access.query(f"{whole}\n/* {self.mark} */")


_Asked = TypeVar("_Asked", bound=msgspec.Struct)
_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Route(Generic[_Asked, _Answer]):
    """One method of one path. What it is asked is read, checked and documented by its types."""

    method: Method
    path: str
    """With the parts that differ in braces."""
    summary: str
    """One line, for the OpenAPI document."""
    asked: type[_Asked]
    """The query parameters of GET and DELETE, the JSON body of POST and PUT; a struct that forbids unknown fields."""
    answers: type[_Answer]
    answer: Callable[[Context, _Asked], _Answer | Future[_Answer]]
    """What it answers with; a future only in the event loop's lane."""
    role: Role | None
    """Who may ask; None: anybody, without a credential."""
    all_tenants: bool = False
    """Whether it takes the scope `*`: for what tells of, or changes, every tenant's part and cannot be confined."""
    lane: Lane = Lane.STORE
    hidden: bool = False
    """Whether it is for commands of this version alone, and stays out of the OpenAPI document."""


AnyRoute: TypeAlias = Route[Any, Any]
