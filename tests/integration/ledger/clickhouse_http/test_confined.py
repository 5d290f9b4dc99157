import gzip
import socket
import threading
from collections.abc import Callable, Generator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from support.api import listening
from support.clickhouse_door import Door, basic, door_to
from support.ledger_events import event

from spanledger.exporter.store import Store
from spanledger.exporter.store.blocks import events_block
from spanledger.ledger.api.turns import QUESTIONS_MAX
from spanledger.ledger.clickhouse_http.app import BODY_BYTES_MAX, App
from spanledger.ledger.clickhouse_http.url_settings import BOUNDS

_LEAVING = 200
_ENDLESS_S = 3_600.0
CODE = "x-clickhouse-exception-code"


@pytest.fixture
def door(store: Store, tmp_path: Path) -> Generator[Door]:
    """The interface over a store with one charge."""
    store.insert("ledger_events", *events_block([event(1)]))
    with door_to(store, tmp_path) as opened:
        yield opened


def test_readers_of_everything_are_let_in_and_nobody_else(door: Door) -> None:
    """By the password of any user, by a bearer token or ClickHouse's own header."""
    admin = door.keys.create("*", "admin").text
    for shown in (
        {"authorization": basic(door.key, "grafana")},
        {"authorization": f"Bearer {door.key}"},
        {"authorization": "", "x-clickhouse-user": "grafana", "x-clickhouse-key": door.key},
        {"authorization": basic(admin)},
    ):
        assert door.ask("SELECT 1", headers=shown).body == b"1\n"
    wrong = door.key[:-1] + ("a" if door.key[-1] != "a" else "b")
    for shown, status, code in (
        ("", 401, "194"),
        (basic(""), 401, "194"),
        (basic(wrong), 403, "516"),
        (basic("hello"), 403, "516"),
        ("Basic ???", 403, "516"),
        (basic(door.keys.create("acme", "read").text), 403, "497"),
        (basic(door.keys.create("acme,globex", "read").text), 403, "497"),
        (basic(door.keys.create("*", "ingest").text), 403, "497"),
    ):
        asked = door.ask("SELECT tenant FROM charges", headers={"authorization": shown})
        assert (asked.status, asked.headers[CODE]) == (status, code)
        # One sentence that tells nothing of the ledger, nor of the machine.
        assert len(asked.body.splitlines()) == 1
        assert b"acme" not in asked.body.replace(b"stands for acme", b"")
        assert "x-clickhouse-server-display-name" not in asked.headers


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO ledger_events SELECT * FROM ledger_events",
        "DROP TABLE ledger_events",
        "TRUNCATE TABLE ledger_events",
        "ALTER TABLE ledger_events DELETE WHERE 1",
        "CREATE TABLE t (a Int8) ENGINE = Memory",
        "CREATE TEMPORARY TABLE t (a Int8)",
        "SYSTEM SHUTDOWN",
        "KILL QUERY WHERE 1",
        "OPTIMIZE TABLE ledger_events",
        "ATTACH DATABASE x",
        "GRANT ALL ON *.* TO default",
        "BACKUP DATABASE spanledger TO Disk('d', 'x')",
        "SELECT 1; DROP TABLE ledger_events",
        "SELECT 'a' /* ' */; DROP TABLE ledger_events --'",
        "SELECT 1 INTO OUTFILE '/tmp/spanledger-outfile'",
        "SELECT 1 INTO /**/ OUTFILE '/tmp/spanledger-outfile' FORMAT TSV",
        "EXPLAIN SELECT 1 INTO OUTFILE '/tmp/spanledger-outfile'",
        "SELECT * FROM file('/etc/passwd', LineAsString)",
        "SELECT file('/etc/passwd')",
        "DESCRIBE TABLE file('/proc/version', LineAsString)",
        "DESC url('http://127.0.0.1:9/', LineAsString)",
        "SELECT * FROM url('http://127.0.0.1:9/', LineAsString)",
        "SELECT * FROM s3('http://127.0.0.1:9/a', 'CSV', 'a String')",
        "SELECT * FROM remote('127.0.0.1', system.one)",
        "SELECT * FROM cluster('default', system.one)",
        "SELECT * FROM executable('id', TSV, 'a String')",
        "SELECT * FROM filesystem('/etc')",
        "SELECT * FROM python('keys')",
        "SELECT * FROM `Python` /* of this process */ (self)",
        "SELECT * FROM `pytho\\x6e`(self)",
        "SELECT hasColumnInTable('127.0.0.1:9', 'default', 't', 'c')",
        "SELECT * FROM redis('127.0.0.1:9', 'k', 'k String, v String')",
        "SELECT * FROM jdbc('jdbc:x', 's', 't')",
        "SELECT * FROM odbc('DSN=x', 't')",
        "SELECT * FROM input('a String') FORMAT TSV",
        "SELECT 1 SETTINGS readonly = 0",
        "SELECT 1 SETTINGS max_execution_time = 1000",
        "SELECT 1 FORMAT TSV SETTINGS max_result_rows = 0",
        "WITH 1 AS a INSERT INTO ledger_events SELECT a",
        "SET readonly = 0",
        "SET max_execution_time = 0, allow_ddl = 1",
        "EXPLAIN INSERT INTO ledger_events SELECT * FROM ledger_events; SELECT 1",
        "",
    ],
)
def test_nothing_is_written_and_nothing_else_is_read(door: Door, sql: str) -> None:
    """Whatever is tried is answered with an error, and the ledger is what it was."""
    asked = door.ask(sql)
    assert asked.status >= 400, asked.body
    assert CODE in asked.headers
    assert b"root:" not in asked.body
    assert door.rows("SELECT count() FROM ledger_events") == "1\n"
    assert not Path("/tmp/spanledger-outfile").exists()  # noqa: S108 (it must not be there)


@pytest.mark.parametrize(
    "name", ["readonly", "allow_ddl", "output_format_schema", "format_schema", "max_memory_usage_for_user"]
)
def test_settings_lift_no_bound(door: Door, name: str) -> None:
    """What is not for readers to choose is refused in the URL as in a statement."""
    assert door.ask("SELECT 1", also={name: 0}).headers[CODE] == "164"


@pytest.mark.parametrize("name", [*BOUNDS])
def test_no_bound_is_made_looser(door: Door, name: str) -> None:
    """The engine has ours, whatever is asked for."""
    for asked in (0, BOUNDS[name] * 10):
        assert door.rows(f"SELECT toUInt64(getSetting('{name}'))", **{name: asked}) == f"{BOUNDS[name]}\n"


def test_every_bound_is_held(door: Door) -> None:
    """Time, rows and memory end a statement with the engine's own error, and the next one is answered."""
    for sql, fields, code in (
        (
            "SELECT count() FROM numbers(100000000000) WHERE NOT ignore(sipHash64(number))",
            {"max_execution_time": 1},
            "159",
        ),
        ("SELECT number FROM numbers(1000001)", {}, "396"),
        ("SELECT toString(number) FROM numbers(500000)", {"max_result_bytes": 1_000_000}, "396"),
        ("SELECT repeat('x', 1000000) FROM numbers(140)", {"default_format": "Native"}, "396"),
        ("SELECT groupArray(number) FROM numbers(10000000)", {"max_memory_usage": 20_000_000}, "241"),
    ):
        assert door.ask(sql, also=fields).headers[CODE] == code, sql
        assert door.rows("SELECT 1") == "1\n"


def test_large_bodies_and_large_heads_are_refused(door: Door) -> None:
    """Before they are held, also when they are compressed."""
    large = b"SELECT 1 -- " + b"x" * BODY_BYTES_MAX
    assert door.ask(large).status == 413
    assert door.ask(gzip.compress(large), headers={"content-encoding": "gzip"}).status == 413
    assert door.ask([large[:100_000]] * 11).status == 413
    assert door.ask("SELECT 1", query="x" * 20_000).status == 431


def test_whoever_leaves_is_forgotten(door: Door) -> None:
    """Of many who leave while their statements wait for a thread, few are answered before one who stays."""
    slow = "SELECT count() FROM numbers(3000000) WHERE NOT ignore(sipHash64(number))"
    head = (
        f"POST / HTTP/1.1\r\nHost: x\r\nAuthorization: {basic(door.key)}\r\nContent-Length: {len(slow)}\r\n\r\n{slow}"
    )
    host, _, port = door.address.partition(":")
    for _ in range(_LEAVING):
        with socket.create_connection((host, int(port))) as leaving:
            leaving.sendall(head.encode())
    assert door.rows("SELECT 1") == "1\n"
    assert door.reader.statements < _LEAVING


@pytest.mark.parametrize(("piece_s_max", "status"), [(_ENDLESS_S, 429), (0.1, 200)])
def test_answers_that_nobody_takes_are_bounded(door: Door, piece_s_max: float, status: int) -> None:
    """While one waits to be read no other is made beside it; whoever has stopped to read is given up."""
    app = App(door.reader, door.keys.authenticator, untaken_bytes_max=1_000_000, piece_s_max=piece_s_max)
    with listening(app) as address, socket.socket() as idle:
        idle.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        host, _, port = address.partition(":")
        idle.connect((host, int(port)))
        sql = "SELECT repeat('x', 1000000) FROM numbers(50)"
        head = f"POST / HTTP/1.1\r\nHost: x\r\nAuthorization: {basic(door.key)}\r\nContent-Length: {len(sql)}\r\n\r\n"
        idle.sendall(f"{head}{sql}".encode())
        assert idle.recv(9) == b"HTTP/1.1 "
        asking = replace(door, address=address)
        assert any(asking.ask("SELECT 1").status == status for _ in range(1_000))


def test_the_statement_of_whoever_leaves_is_stopped(door: Door, store: Store) -> None:
    """As many as there are threads for would keep all others waiting, each for its minute."""
    endless = "SELECT sum(sipHash64(number, 'endless')) FROM numbers(1000000000000)"
    head = f"POST / HTTP/1.1\r\nHost: x\r\nAuthorization: {basic(door.key)}\r\nContent-Length: {len(endless)}\r\n\r\n"
    host, _, port = door.address.partition(":")
    with ExitStack() as leaving:
        for _ in range(QUESTIONS_MAX):
            connection = leaving.enter_context(socket.create_connection((host, int(port))))
            connection.sendall(f"{head}{endless}".encode())
        _until(lambda: _running(store, "'endless'") == QUESTIONS_MAX)
    _until(lambda: _running(store, "'endless'") == 0)
    assert door.rows("SELECT 1") == "1\n"


def _running(store: Store, word: str) -> int:
    """How many statements with this in them the engine works on, none of them for half of what it is given."""
    sql = "SELECT count(), max(elapsed) FROM system.processes WHERE position(query, {word:String}) > 0"
    [(count, elapsed_s)] = store.query(f"{sql} AND position(query, 'system.processes') = 0", {"word": word})
    assert float(str(elapsed_s)) < BOUNDS["max_execution_time"] / 2
    return int(str(count))


def _until(happened: Callable[[], bool]) -> None:
    """Wait for what nobody tells."""
    waiting = threading.Event()
    while not happened():
        waiting.wait(0.05)


def test_no_answer_is_anothers(door: Door) -> None:
    """What a failed statement had written stands in front of nobody's answer."""
    told: list[str] = []

    def fail() -> None:
        sql = "SELECT number, throwIf(number = 300000) FROM numbers(400000)"
        told.extend(door.ask(sql).headers[CODE] for _ in range(10))

    failing = threading.Thread(target=fail)
    failing.start()
    answers = {door.rows("SELECT 1") for _ in range(50)}
    failing.join()
    assert (answers, told) == ({"1\n"}, ["395"] * 10)
