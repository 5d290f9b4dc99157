from concurrent.futures import ThreadPoolExecutor

import pytest
from support.ledger_events import event

from spanledger.exporter.store import Store, Table
from spanledger.exporter.store.blocks import events_block
from spanledger.schemas import StoreError


def test_parameters_are_bound_not_pasted(any_store: Store) -> None:
    """Quotes, backslashes and line ends of a value stay a value."""
    text = "a'b\\c\nd"
    assert any_store.query("SELECT {text:String}, {many:Array(String)}", {"text": text, "many": [text]}) == [
        (text, [text]),
    ]


def test_a_table_has_names_and_types(any_store: Store) -> None:
    """Commands and the API print them."""
    answer = any_store.query_table("SELECT 1 AS one, 'a' AS word")
    assert answer == Table(["one", "word"], ["UInt8", "String"], [(1, "a")])


def test_an_empty_answer_still_has_its_columns(any_store: Store) -> None:
    """A report without rows prints its header."""
    columns = ["tenant", "cost"]
    assert any_store.query_user("SELECT tenant, cost FROM charges").columns == columns
    assert any_store.query_table("SELECT tenant, cost FROM charges -- nobody\n").columns == columns


def test_users_may_read_every_view(any_store: Store) -> None:
    """Views are named bare."""
    any_store.insert("ledger_events", *events_block([event(1)]))
    assert any_store.query_user("SELECT tenant, requests FROM charges;").rows == [("acme", 1)]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM file('/etc/hostname', 'LineAsString')",
        "SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')",
        "SELECT * FROM remote('127.0.0.1', system.one)",
        "WITH 1 AS x INSERT INTO ledger_settings (name) SELECT 'x'",
        "SELECT 1 SETTINGS readonly = 0",
        "SELECT 1 SETTINGS max_execution_time = 0",
        "SELECT * FROM numbers(1000001)",
        "SELECT nothing",
    ],
)
def test_users_can_only_read_the_ledger(any_store: Store, sql: str) -> None:
    """No file, no network, no write, no way out of the limits; each refusal is one of ours."""
    with pytest.raises(StoreError):
        any_store.query_user(sql)
    assert any_store.query_user("SELECT 1").rows == [(1,)]
    assert any_store.query("SELECT count() FROM ledger_settings") == [(0,)]


def test_readers_work_beside_the_poster(any_store: Store) -> None:
    """Eight threads read while two insert; nobody fails, and every row is there at the end."""

    def insert(first: int) -> None:
        for number in range(first, first + 5):
            any_store.insert("ledger_events", *events_block([event(number)]))

    def read(times: int) -> None:
        for _ in range(times):
            any_store.query("SELECT sum(cost) FROM charges")

    with ThreadPoolExecutor(max_workers=10) as threads:
        work = [threads.submit(insert, 0), threads.submit(insert, 100), *(threads.submit(read, 3) for _ in range(8))]
        for done in work:
            done.result()
    assert any_store.query("SELECT count() FROM ledger_events") == [(10,)]


def test_a_filter_that_is_never_true_answers_nothing(any_store: Store) -> None:
    """What tools ask to learn a view's columns; the engine's own plan for it would end the engine."""
    for sql in ("SELECT * FROM charges WHERE 0", "SELECT tenant, cost FROM charges WHERE 1 = 0"):
        assert any_store.query(sql) == []
        assert any_store.query_user(sql).rows == []
    assert any_store.query_user("SELECT count() FROM charges").rows == [(0,)]
