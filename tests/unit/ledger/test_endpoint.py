import os
import stat
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path

import pytest
from support.api import listening, services_of

from spanledger.exporter.authentication import Authenticator
from spanledger.exporter.authentication.authenticator import Owner
from spanledger.exporter.credential import Credential
from spanledger.exporter.posting.quarantine import Outcome
from spanledger.exporter.posting.repriced import Asked, Difference, Repriced, Stretch
from spanledger.exporter.posting.unreadable import Skipped
from spanledger.exporter.settings import load
from spanledger.ledger.access import opening
from spanledger.ledger.access.opening import open_access, running
from spanledger.ledger.access.port import Counts
from spanledger.ledger.access.remote import RemoteAccess, answers
from spanledger.ledger.api.app import BODY_BYTES_MAX, create_app
from spanledger.ledger.api.routes import ROUTES
from spanledger.ledger.budgets import Budget, BudgetState, Utilisation
from spanledger.ledger.endpoint_file import NAME, Endpoint, find, leave
from spanledger.ledger.tables import Row, Table
from spanledger.schemas import StoreError, StoreLockedError, StoreUnavailableError

ENDPOINT = Endpoint(address="", token="secret", pid=os.getpid(), store="/store", data="/store/journal")
OWNER = Authenticator(owners=[Owner(ENDPOINT.token, Credential("*", "unattributed"))])
ROW: Row = ("acme", 2**63, "0.000000000000000001", None, ["a", 1], {"k": "v"})


class Books:
    """An access without a store: it answers one row, or fails as asked."""

    place = "/store"

    def __init__(self) -> None:
        self.posted: list[bool] = []

    def query(self, sql: str) -> Table:
        """Fail as the statement says, else one row of every sort of value."""
        if sql == "refuse":
            msg = "the store refused the SQL"
            raise StoreError(msg)
        if sql == "away":
            msg = "the store is away"
            raise StoreUnavailableError(msg)
        return Table(("a", "b", "c", "d", "e", "f"), ("String",) * 6, [ROW])

    def post(self, *, close_window: bool = False) -> Counts:
        """Remember that it was asked."""
        self.posted.append(close_window)
        return {"accepted": 3, "charged": 3}

    def stretches(self, asked: Asked) -> list[Stretch]:
        """One stretch that tells what was asked."""
        return [Stretch(asked.tenant, "00", charges=2)]

    def reprice(self, asked: Asked, stretch: Stretch, *, dry_run: bool) -> Repriced:
        """An account that tells what was asked."""
        difference = Difference(stretch.tenant, asked.model, "USD", 2, None, "12345678901234567890.5")
        return Repriced(2, 0 if dry_run else 2, 1, 0, 0, 0, [difference])

    def replay(self, quarantine_ids: Sequence[str]) -> list[Outcome]:
        """As if all were in the ledger now."""
        return [Outcome(each, "replayed") for each in quarantine_ids]

    def discard(self, quarantine_ids: Sequence[str], why: str) -> list[Outcome]:
        """Outcomes that tell what was said."""
        return [Outcome(each, "discarded", why) for each in quarantine_ids]

    def skip_unreadable(self, shard: str) -> list[Skipped]:
        """Nothing is damaged."""
        del shard
        return []

    def budgets(self) -> list[BudgetState]:
        """None is set."""
        return []

    def set_budget(self, budget: Budget) -> None:
        """Nothing keeps one here."""

    def remove_budget(self, name: str) -> None:
        """The same."""

    def budget_history(self, name: str, windows: int, tenants: frozenset[str] | None = None) -> list[Utilisation]:
        """There is none."""
        del name, windows, tenants
        return []

    def close(self) -> None:
        """Nothing to close."""


@contextmanager
def serving(books: Books) -> Generator[Endpoint]:
    """The endpoint over real HTTP in a thread."""
    services = replace(services_of(books, OWNER), proof=ENDPOINT.proof)
    with listening(create_app(services, ROUTES)) as address:
        yield Endpoint(
            address=f"http://{address}",
            token=ENDPOINT.token,
            pid=ENDPOINT.pid,
            store=ENDPOINT.store,
            data=ENDPOINT.data,
        )


def exchanged(endpoint: Endpoint, method: str, path: str, body: bytes = b"", token: str = ENDPOINT.token) -> int:
    """The status of a raw request."""
    connection = HTTPConnection(endpoint.address.removeprefix("http://"), timeout=10)
    try:
        connection.request(method, path, body, {"authorization": f"Bearer {token}"})
        response = connection.getresponse()
        response.read()
        return response.status
    finally:
        connection.close()


def test_every_value_crosses_the_endpoint_unchanged() -> None:
    """A command prints the same whether it opened the store or asked a running serve."""
    with serving(Books()) as endpoint:
        assert RemoteAccess(endpoint).query("SELECT 1").rows == [ROW]


def test_decisions_about_quarantine_cross_the_endpoint() -> None:
    """In the order of their ids, with every character of the reason."""
    with serving(Books()) as endpoint:
        access = RemoteAccess(endpoint)
        assert access.replay(["b", "a"]) == [Outcome("b", "replayed"), Outcome("a", "replayed")]
        assert access.discard(["c"], "ours\n\x1b") == [Outcome("c", "discarded", "ours\n\x1b")]


def test_posting_is_passed_on_with_its_order() -> None:
    """`close_window` reaches the poster, its counts come back."""
    books = Books()
    with serving(books) as endpoint:
        assert RemoteAccess(endpoint).post(close_window=True) == {"accepted": 3, "charged": 3}
        RemoteAccess(endpoint).post()
    assert books.posted == [True, False]


def test_a_failure_behind_the_endpoint_is_the_same_failure_in_front_of_it() -> None:
    """Exit codes and sentences do not depend on who holds the store."""
    with serving(Books()) as endpoint:
        with pytest.raises(StoreError, match="the store refused the SQL"):
            RemoteAccess(endpoint).query("refuse")
        with pytest.raises(StoreUnavailableError, match="the store is away"):
            RemoteAccess(endpoint).query("away")


def test_without_the_token_nothing_but_health_and_sums_are_answered() -> None:
    """Another user of the machine can reach the port; the ledger is not theirs."""
    with serving(Books()) as endpoint:
        assert exchanged(endpoint, "GET", "/healthz", token="") == 200
        assert exchanged(endpoint, "GET", "/metrics", token="") == 200
        assert exchanged(endpoint, "POST", "/v1/query", b'{"sql":"SELECT 1"}', token="wrong") == 401
        assert exchanged(endpoint, "POST", "/v1/post", b"{}", token="") == 401
        assert exchanged(endpoint, "POST", "/v1/nothing", token="") == 401


def test_wrong_questions_are_refused_each_with_its_status() -> None:
    """Unknown paths, methods, bodies and sizes end in an answer, never in a redirect or a crash."""
    with serving(Books()) as endpoint:
        assert exchanged(endpoint, "POST", "/v1/nothing") == 404
        assert exchanged(endpoint, "GET", "/v1/query") == 405
        assert exchanged(endpoint, "POST", "/v1/query", b"not json") == 400
        assert exchanged(endpoint, "POST", "/v1/query", b'{"sql":1}') == 400
        assert exchanged(endpoint, "POST", "/v1/query", b"x" * (BODY_BYTES_MAX + 1)) == 413
        assert exchanged(endpoint, "POST", "/v1/query", b'{"sql":"SELECT 1"}') == 200


def test_only_the_owner_of_the_token_is_believed() -> None:
    """A stranger on a reused port is told apart before any token is sent."""
    with serving(Books()) as endpoint:
        assert answers(endpoint)
        stale = Endpoint(address=endpoint.address, token="older", pid=1, store="/store", data="")
        assert not answers(stale)
    assert not answers(endpoint)


def test_the_file_is_for_its_owner_alone_and_goes_with_the_server(tmp_path: Path) -> None:
    """0600, replaced in one step, and never taken away from a successor."""
    (tmp_path / NAME).write_text("left by a killed process")
    take_away = leave(tmp_path, ENDPOINT)
    assert find(tmp_path) == ENDPOINT
    assert stat.S_IMODE((tmp_path / NAME).stat().st_mode) == 0o600
    successor = leave(tmp_path, Endpoint(address="", token="next", pid=2, store="", data=""))
    take_away()
    assert find(tmp_path) is not None
    successor()
    assert find(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", ["", "{}", "not json", '{"address": 1}'])
def test_a_file_nobody_understands_is_no_endpoint(content: str, tmp_path: Path) -> None:
    """It is ignored, and replaced by the next serve."""
    (tmp_path / NAME).write_text(content)
    assert find(tmp_path) is None


def test_a_command_works_through_the_serve_that_answers(tmp_path: Path) -> None:
    """And has it post first, so that what was sent is seen."""
    books = Books()
    with serving(books) as endpoint:
        leave(tmp_path, endpoint)
        access = open_access(load({}, store=str(tmp_path)))
        assert isinstance(access, RemoteAccess)
        assert endpoint.address in access.place
        assert books.posted == [False]


def test_a_stale_file_is_no_running_serve(tmp_path: Path) -> None:
    """Its process is gone: the command opens the store itself."""
    leave(tmp_path, Endpoint(address="http://127.0.0.1:9", token="t", pid=1, store="", data=""))
    assert running(load({}, store=str(tmp_path))) is None


def test_a_serve_that_is_starting_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It holds the lock a moment before it has left its address."""
    settings = load({}, store=str(tmp_path))
    with serving(Books()) as endpoint:
        tries: list[int] = []

        def once(_: object) -> RemoteAccess:
            tries.append(1)
            if len(tries) < 3:
                msg = "another process holds the store"
                raise StoreLockedError(msg)
            return RemoteAccess(endpoint)

        monkeypatch.setattr(opening, "_once", once)
        assert isinstance(open_access(settings), RemoteAccess)
        assert len(tries) == 3


def test_repricing_travels_whole() -> None:
    """What is asked arrives, and the account comes back, large amounts to the last digit."""
    asked = Asked(tenant="acme", model="m", since_ns=1, everything=True)
    with serving(Books()) as endpoint:
        access = RemoteAccess(endpoint)
        [stretch] = access.stretches(asked)
        assert stretch == Stretch("acme", "00", charges=2)
        done = access.reprice(asked, stretch, dry_run=False)
    difference = Difference("acme", "m", "USD", 2, None, "12345678901234567890.5")
    assert done == Repriced(2, 2, 1, 0, 0, 0, [difference])
