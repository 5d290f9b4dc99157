"""A question that would read everything: stopped in the store when whoever asked leaves; its neighbours go on."""

import threading
from collections.abc import Callable, Generator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import msgspec
import pytest
from support.api import Api, api_over
from support.asking import post
from support.ledger_events import event

from spanledger.exporter.store import Store
from spanledger.exporter.store.store import USER_SETTINGS

SECONDS_MAX = 30.0
ENDLESS = "SELECT sum(sipHash64(number, '{name}')) FROM numbers(1000000000000)"
"""It would take hours; a person's SQL is given a minute."""
FINITE = "SELECT sum(sipHash64(number, 'neighbour')) FROM numbers(20000000)"


@pytest.fixture
def api(store: Store, tmp_path: Path) -> Generator[Api]:
    """One call."""
    post(store, event(1))
    with api_over(store, tmp_path) as api:
        yield api


@pytest.fixture
def key(api: Api) -> str:
    """A reader of all tenants."""
    return api.key()


def sent(api: Api, key: str, sql: str) -> HTTPConnection:
    """A statement that is on its way."""
    connection = HTTPConnection(api.address, timeout=SECONDS_MAX)
    body = msgspec.json.encode({"sql": sql})
    connection.request("POST", "/v1/query", body, {"authorization": f"Bearer {key}"})
    return connection


def until(happened: Callable[[], bool]) -> None:
    """Wait for what nobody tells, much less than the store would give a statement."""
    waiting = threading.Event()
    for _ in range(int(SECONDS_MAX / 0.05)):
        if happened():
            return
        waiting.wait(0.05)
    pytest.fail(f"it did not happen within {SECONDS_MAX} s")


def running(store: Store, name: str) -> bool:
    """Whether the engine works on a statement with this in it, and not for half a minute yet."""
    sql = "SELECT count(), max(elapsed) FROM system.processes WHERE position(query, {name:String}) > 0"
    [(count, elapsed_s)] = store.query(f"{sql} AND position(query, 'system.processes') = 0", {"name": f"'{name}'"})
    assert float(str(elapsed_s)) < SECONDS_MAX
    return bool(count)


def test_a_statement_is_stopped_when_whoever_asked_leaves(api: Api, key: str, store: Store) -> None:
    """Long before its minute is over; the store answers the next as ever."""
    with closing(sent(api, key, ENDLESS.format(name="left"))):
        until(lambda: running(store, "left"))
    until(lambda: not running(store, "left"))
    assert float(str(USER_SETTINGS["max_execution_time"])) > SECONDS_MAX
    assert api.ask("/v1/report", key, by="tenant").json["rows"][0]["requests"] == 1


def test_a_neighbour_is_answered_to_its_end(api: Api, key: str, store: Store) -> None:
    """Only what has the mark of the one who left is stopped, and it is stopped every time."""
    for number in range(2):
        name = f"left-{number}"
        with closing(sent(api, key, FINITE)) as staying, closing(sent(api, key, ENDLESS.format(name=name))) as leaving:
            until(lambda name=name: running(store, name))
            leaving.close()
            answer = staying.getresponse()
            assert answer.status == 200, answer.read()
            assert len(msgspec.json.decode(answer.read())["rows"]) == 1
        until(lambda name=name: not running(store, name))


def test_who_left_while_waiting_for_the_store_is_asked_for_nothing(api: Api, key: str, store: Store) -> None:
    """The store serves people by two clients; whoever waits for one and leaves is stopped as soon as it is begun."""
    names = [f"crowd-{number}" for number in range(4)]
    connections = [sent(api, key, ENDLESS.format(name=name)) for name in names]
    until(lambda: sum(running(store, name) for name in names) == 2)
    for connection in connections:
        connection.close()
    assert api.ask("/v1/report", key, by="tenant").status == 200
    until(lambda: not any(running(store, name) for name in names))


def test_a_final_semicolon_is_let_through(api: Api, key: str) -> None:
    """As it was before statements had marks; and a second statement is refused."""
    for sql, status in (
        ("SELECT 1 AS n; ", 200),
        ("SELECT 1 AS n -- said", 200),
        ("SELECT 1; SELECT 2", 400),
        ("", 400),
    ):
        assert api.ask("/v1/query", key, "POST", msgspec.json.encode({"sql": sql})).status == status, sql
