import logging
import threading
from collections.abc import Generator
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from support.api import listening, services_of
from support.keys import Keys

from spanledger.exporter.authentication import Role
from spanledger.ledger.api import turns
from spanledger.ledger.api.app import BODY_BYTES_MAX, create_app
from spanledger.ledger.api.route import AnyRoute, Context, Lane, LeftError, Nothing, Route
from spanledger.ledger.api.turns import QUESTIONS_MAX
from spanledger.ledger.tables import Table

if TYPE_CHECKING:
    from spanledger.ledger.access.port import Access

SECONDS_MAX = 30.0


class Desk:
    """What the routes below do, step by step, as the test lets them."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.go = threading.Event()
        self.running = 0
        self.most = 0
        self.asked: list[str] = []
        self.lock = threading.Lock()
        self.left: list[str] = []
        self.noted = threading.Event()

    def query(self, sql: str) -> Table:
        """Remember it."""
        self.asked.append(sql)
        return Table(("a",), ("String",), [("b",)])

    def wait(self, _: Context, __: Nothing) -> dict[str, int]:
        """Say that it began, and wait until the test goes on."""
        with self.lock:
            self.running += 1
            self.most = max(self.most, self.running)
        self.begun.release()
        assert self.go.wait(SECONDS_MAX)
        with self.lock:
            self.running -= 1
        return {"done": 1}

    def twice(self, context: Context, _: Nothing) -> dict[str, int]:
        """Ask twice; between the two, whoever asks leaves."""
        context.query("first")
        self.begun.release()
        assert context.left.wait(SECONDS_MAX)
        try:
            context.query("second")
        except LeftError:
            self.left.append("noticed")
            raise
        finally:
            self.noted.set()
        return {}

    def note(self, _: Context, __: Nothing) -> dict[str, int]:
        """Remember that it was begun."""
        self.asked.append("noted")
        return {}

    def fail(self, _: Context, __: Nothing) -> dict[str, int]:
        """A bug."""
        msg = "the secret text of a prompt"
        raise RuntimeError(msg)

    def quick(self, _: Context, __: Nothing) -> dict[str, int]:
        """At once."""
        return {"quick": 1}

    @property
    def routes(self) -> list[AnyRoute]:
        """One for each."""

        def route(path: str, answer: Any, lane: Lane = Lane.STORE, method: Any = "GET") -> AnyRoute:  # noqa: ANN401
            return Route(
                method=method,
                path=path,
                summary="",
                asked=Nothing,
                answers=dict[str, int],
                answer=answer,
                role=Role.READ,
                lane=lane,
            )

        return [
            route("/wait", self.wait),
            route("/twice", self.twice),
            route("/note", self.note),
            route("/fail", self.fail),
            route("/quick", self.quick, Lane.QUICK),
            route("/quick", self.quick, Lane.QUICK, "POST"),
        ]


class Served:
    """The desk over real HTTP."""

    def __init__(self, address: str, key: str) -> None:
        self.address = address
        self.headers = {"authorization": f"Bearer {key}"}

    @contextmanager
    def sent(self, path: str, method: str = "GET", body: bytes | None = None) -> Generator[HTTPConnection]:
        """A request that is on its way."""
        with closing(HTTPConnection(self.address, timeout=SECONDS_MAX)) as connection:
            connection.request(method, path, body, self.headers)
            yield connection

    def ask(self, path: str, method: str = "GET", body: bytes | None = None) -> tuple[HTTPResponse, bytes]:
        """A request and its answer."""
        with self.sent(path, method, body) as connection:
            response = connection.getresponse()
            return response, response.read()


@pytest.fixture
def desk() -> Generator[Desk]:
    """A desk that nobody is left waiting at."""
    made = Desk()
    yield made
    made.go.set()


@pytest.fixture
def served(desk: Desk, tmp_path: Path) -> Generator[Served]:
    """The desk behind a door that asks for keys."""
    keys = Keys(tmp_path / "keys.sqlite")
    access: Access = desk  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    with listening(create_app(services_of(access, keys.authenticator), desk.routes)) as address:
        yield Served(address, keys.create("*", "read").text)


def test_the_store_is_asked_by_a_few_at_a_time(desk: Desk, served: Served) -> None:
    """Whoever comes then waits, and is answered; what is quick does not wait behind the store."""
    with _all_hands(served, desk) as waiting, served.sent("/wait") as last:
        assert served.ask("/quick")[1] == b'{"quick":1}'
        assert not desk.begun.acquire(blocking=False)
        desk.go.set()
        assert {each.getresponse().status for each in (*waiting, last)} == {200}
    assert desk.most == QUESTIONS_MAX


def test_who_leaves_while_waiting_is_not_asked_for(desk: Desk, served: Served) -> None:
    """The store does nothing for nobody."""
    with _all_hands(served, desk) as waiting:
        with served.sent("/note"):
            assert served.ask("/quick")[0].status == 200
        # The loop has seen it leave when it answers what was sent after it left.
        assert served.ask("/quick")[0].status == 200
        desk.go.set()
        assert {each.getresponse().status for each in waiting} == {200}
    with served.sent("/twice"):
        assert desk.begun.acquire(timeout=SECONDS_MAX)
    assert desk.noted.wait(SECONDS_MAX)
    assert desk.asked == ["first"]
    assert desk.left == ["noticed"]


def test_who_comes_when_too_many_wait_is_told_to_come_again(
    desk: Desk, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a moment, by the header that clients know."""
    monkeypatch.setitem(turns.WAITING_MAX, Lane.STORE, QUESTIONS_MAX)
    with _all_hands(served, desk) as waiting:
        response, body = served.ask("/wait")
        assert (response.status, response.headers["retry-after"]) == (429, "1")
        assert msgspec.json.decode(body)["error"] == "TooManyRequests"
        desk.go.set()
        assert {each.getresponse().status for each in waiting} == {200}
    assert served.ask("/wait")[0].status == 200


def test_a_bug_is_told_without_what_it_knew(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    """Neither who asked nor the log learns the text of the exception, which may quote the ledger."""
    with caplog.at_level(logging.ERROR, "spanledger.api"):
        response, body = served.ask("/fail")
    assert response.status == 500
    assert msgspec.json.decode(body)["error"] == "InternalError"
    assert "RuntimeError while answering a question" in caplog.text
    assert "secret" not in caplog.text + body.decode()


def test_methods_are_answered_as_http_has_them(served: Served) -> None:
    """HEAD is GET without its body, OPTIONS says what there is, another method what there would be."""
    assert served.ask("/quick", "OPTIONS")[0].headers["allow"] == "GET, HEAD, OPTIONS, POST"
    assert served.ask("/quick", "OPTIONS")[0].status == 204
    (head, nothing), (get, body) = served.ask("/quick", "HEAD"), served.ask("/quick")
    assert (head.status, nothing, body) == (200, b"", b'{"quick":1}')
    assert head.headers["content-length"] == get.headers["content-length"] == str(len(body))
    for method, path in (("DELETE", "/quick"), ("PUT", "/quick"), ("TRACE", "/quick"), ("POST", "/wait")):
        response, told = served.ask(path, method)
        assert (response.status, msgspec.json.decode(told)["error"]) == (405, "MethodNotAllowed")
        assert "GET" in response.headers["allow"]


def test_every_answer_is_for_whoever_asked_alone(served: Served) -> None:
    """It is not kept by anything on its way, nor read by pages of other origins; nothing is redirected."""
    answers = [
        served.ask("/quick"),
        served.ask("/quick", "POST", b"{}"),
        served.ask("/quick", "OPTIONS"),
        served.ask("/quick/"),
        served.ask("//quick"),
        served.ask("/nothing"),
        served.ask("/quick?a=1"),
        Served(served.address, "wrong").ask("/quick"),
    ]
    assert [response.status for response, _ in answers] == [200, 200, 204, 404, 404, 404, 400, 401]
    for response, _ in answers:
        assert response.headers["cache-control"] == "no-store"
        assert response.headers["x-content-type-options"] == "nosniff"
        assert not [name for name in response.headers if name.lower().startswith(("access-control", "location"))]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"[]", 400),
        (b'{"a":1}', 400),
        (b"\xff", 400),
        (b"{" * 10_000, 400),
        (b"{" + b" " * BODY_BYTES_MAX, 413),
        (b"{}", 200),
    ],
)
def test_a_body_is_bounded_and_read_strictly(served: Served, body: bytes, status: int) -> None:
    """What cannot be read is one sentence."""
    response, told = served.ask("/quick", "POST", body)
    assert response.status == status
    if status != 200:
        assert set(msgspec.json.decode(told)) == {"error", "message"}


def test_a_body_without_a_length_is_bounded_too(served: Served) -> None:
    """Piece by piece."""
    with closing(HTTPConnection(served.address, timeout=SECONDS_MAX)) as connection:
        pieces = iter([b" " * 65_536] * (BODY_BYTES_MAX // 65_536 + 1))
        connection.request("POST", "/quick", pieces, served.headers, encode_chunked=True)
        assert connection.getresponse().status == 413


def test_a_head_is_bounded(served: Served) -> None:
    """A question of sixteen thousand characters is none."""
    assert served.ask("/quick?" + "a" * 20_000)[0].status == 431


@contextmanager
def _all_hands(served: Served, desk: Desk) -> Generator[list[HTTPConnection]]:
    """As many questions under way as the store is asked at a time."""
    with (
        served.sent("/wait") as first,
        served.sent("/wait") as second,
        served.sent("/wait") as third,
        served.sent("/wait") as fourth,
    ):
        for _ in range(QUESTIONS_MAX):
            assert desk.begun.acquire(timeout=SECONDS_MAX)
        yield [first, second, third, fourth]
