"""The ledger through the local endpoint of a running `serve`: one HTTP request per question, loopback only."""

import ssl
from collections.abc import Sequence
from contextlib import closing
from hashlib import sha256
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Final, TypeVar, cast
from urllib.parse import quote, urlsplit

import msgspec

from spanledger.exporter.posting.quarantine import Outcome
from spanledger.exporter.posting.repriced import Asked, Repriced, Stretch
from spanledger.exporter.posting.unreadable import Skipped
from spanledger.ledger.access.port import Counts
from spanledger.ledger.access.wire import (
    DiscardRequest,
    Health,
    PostRequest,
    QueryRequest,
    QueryResponse,
    ReplayRequest,
    RepriceRequest,
    SkipRequest,
    StretchesRequest,
)
from spanledger.ledger.budgets import Budget, BudgetState, Utilisation
from spanledger.ledger.budgets.budget import BudgetList, History, Terms
from spanledger.ledger.endpoint_file import Endpoint
from spanledger.ledger.failures import FAILURES, Failure
from spanledger.ledger.tables import Row, Table
from spanledger.schemas import StoreUnavailableError

# A live endpoint on the same machine answers its health within milliseconds, under full load within a second.
PROBE_TIMEOUT_S: Final = 2.0
# A report over a hundred million events, or posting an hour's journal, takes minutes.
ANSWER_TIMEOUT_S: Final = 3_600.0

_Answer = TypeVar("_Answer")


class RemoteAccess:
    """The store is held by a running `serve`; it is asked."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint

    @property
    def place(self) -> str:
        """The store, and through whom."""
        return f"{self.endpoint.store} (through the spanledger serve running at {self.endpoint.address})"

    def query(self, sql: str) -> Table:
        """Answer one reading statement."""
        answer = self._ask("/v1/query", QueryRequest(sql=sql), QueryResponse)
        return Table(tuple(answer.columns), tuple(answer.types), [cast("Row", tuple(row)) for row in answer.rows])

    def post(self, *, close_window: bool = False) -> Counts:
        """Have everything posted that waits in the journals."""
        return self._ask("/v1/post", PostRequest(close_window=close_window), dict[str, int])

    def stretches(self, asked: Asked) -> Sequence[Stretch]:
        """Divide the charges that are to be rated again into stretches of the ledger."""
        return self._ask("/v1/prices/stretches", StretchesRequest(asked), list[Stretch])

    def reprice(self, asked: Asked, stretch: Stretch, *, dry_run: bool) -> Repriced:
        """Have a stretch rated again."""
        return self._ask("/v1/prices/reprice", RepriceRequest(asked, stretch, dry_run), Repriced)

    def replay(self, quarantine_ids: Sequence[str]) -> Sequence[Outcome]:
        """Have what is set aside brought again."""
        return self._ask("/v1/quarantine/replay", ReplayRequest([*quarantine_ids]), list[Outcome])

    def discard(self, quarantine_ids: Sequence[str], why: str) -> Sequence[Outcome]:
        """Have it noted that what is set aside is left for good."""
        return self._ask("/v1/quarantine/discard", DiscardRequest([*quarantine_ids], why), list[Outcome])

    def skip_unreadable(self, shard: str) -> Sequence[Skipped]:
        """Have what cannot be read of a shard passed over."""
        return self._ask("/v1/journal/skip", SkipRequest(shard), list[Skipped])

    def budgets(self) -> Sequence[BudgetState]:
        """Every budget that is set, with what is spent and held of it."""
        return self._ask("/v1/budgets", None, BudgetList).budgets

    def set_budget(self, budget: Budget) -> None:
        """Have a budget set."""
        terms = Terms(**{name: getattr(budget, name) for name in Terms.__struct_fields__})
        self._ask(f"/v1/budgets/{quote(budget.name, safe='')}", terms, BudgetState, "PUT")

    def remove_budget(self, name: str) -> None:
        """Have a budget ended."""
        self._ask(f"/v1/budgets/{quote(name, safe='')}", None, dict[str, str], "DELETE")

    def budget_history(self, name: str, windows: int, tenants: frozenset[str] | None = None) -> Sequence[Utilisation]:
        """What was used of a budget in its last windows; of which tenants, the token says."""
        del tenants
        return self._ask(f"/v1/budgets/{quote(name, safe='')}/history?windows={windows}", None, History).windows

    def close(self) -> None:
        """Nothing is held."""

    def _ask(
        self, path: str, question: msgspec.Struct | None, form: type[_Answer], method: str | None = None
    ) -> _Answer:
        headers = {"authorization": f"Bearer {self.endpoint.token}", "content-type": "application/json"}
        try:
            asked = None if question is None else msgspec.json.encode(question)
            status, body = _exchange(self.endpoint, path, asked, headers, method=method)
        except (OSError, HTTPException) as error:
            msg = f"the spanledger serve at {self.endpoint.address} stopped answering ({error}); run the command again"
            raise StoreUnavailableError(msg) from error
        if status != 200:
            failure = msgspec.json.decode(body, type=Failure)
            raise FAILURES.get(failure.error, StoreUnavailableError)(failure.message)
        return msgspec.json.decode(body, type=form)


def answers(endpoint: Endpoint) -> bool:
    """Whether the process that left this file is alive and is who it says. No token is sent to a stranger."""
    try:
        status, body = _exchange(endpoint, "/healthz", None, {}, PROBE_TIMEOUT_S)
        return status == 200 and msgspec.json.decode(body, type=Health).proof == endpoint.proof
    except (OSError, HTTPException, ValueError):
        return False


def _exchange(
    endpoint: Endpoint,
    path: str,
    body: bytes | None,
    headers: dict[str, str],
    timeout_s: float = ANSWER_TIMEOUT_S,
    *,
    method: str | None = None,
) -> tuple[int, bytes]:
    with closing(_connection(endpoint, timeout_s)) as connection:
        connection.request(method or ("GET" if body is None else "POST"), path, body, headers)
        response = connection.getresponse()
        return response.status, response.read()


def _connection(endpoint: Endpoint, timeout_s: float) -> HTTPConnection:
    """A connection on which nothing was sent yet. With TLS, to nobody but who has the certificate of the file."""
    address = urlsplit(endpoint.address)
    if not endpoint.certificate:
        return HTTPConnection(address.hostname or "", address.port, timeout=timeout_s)
    context = ssl.create_default_context()
    # The certificate is for the name that senders use; here it is known by its digest.
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    connection = HTTPSConnection(address.hostname or "", address.port, timeout=timeout_s, context=context)
    connection.connect()
    shown = cast("ssl.SSLSocket", connection.sock).getpeercert(binary_form=True) or b""
    if sha256(shown).hexdigest() != endpoint.certificate:
        connection.close()
        msg = "it shows another certificate"
        raise HTTPException(msg)
    return connection
