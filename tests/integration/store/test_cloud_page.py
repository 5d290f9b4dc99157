"""docs/clickhouse-cloud.md says what is so: its SQL runs, its grants are those needed, its URL is understood."""

import re
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest
from support.ledger_events import event

from spanledger.exporter.posting.tables import LedgerTables
from spanledger.exporter.store import Store, open_store
from spanledger.exporter.store.blocks import events_block
from spanledger.exporter.store.migrations import migrate
from spanledger.exporter.store.rollup import Rollup
from spanledger.exporter.store.statements import split_statements
from spanledger.exporter.store.store import SETTINGS
from spanledger.schemas import StoreError, StoreUnavailableError

PAGE: Final = (Path(__file__).parents[3] / "docs" / "clickhouse-cloud.md").read_text()
STATEMENTS: Final = [
    statement for block in re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL) for statement in split_statements(block)
]
NO_USERS_HERE: Final = re.compile(r"Code: (497|511)\b")
"""ACCESS_DENIED, UNKNOWN_ROLE: the embedded engine read the statement, and keeps no users. A wrong one is 62."""
NEEDED: Final = {
    r"CREATE TABLE ": {"CREATE TABLE"},
    r"CREATE OR REPLACE VIEW ": {"CREATE VIEW", "DROP VIEW"},
    r"DROP TABLE ": {"DROP TABLE"},
    r"ALTER TABLE \S+ REPLACE PARTITION ": {"ALTER DELETE", "INSERT", "SELECT"},
    r"INSERT INTO ": {"INSERT"},
    r"(SELECT|EXISTS TABLE) ": {"SELECT"},
}
"""A statement's beginning → what ClickHouse asks of a user for it."""


class Listening(Store):
    """A store that keeps what it is told."""

    def __init__(self, store: Store) -> None:
        self.__dict__.update(store.__dict__)
        self.heard: list[str] = []

    def query(self, sql: str, parameters: Mapping[str, object] | None = None) -> list[tuple[object, ...]]:
        """Keep a query, and ask it."""
        self.heard.append(sql)
        return super().query(sql, parameters)

    def command(self, sql: str, parameters: Mapping[str, object] | None = None) -> None:
        """Keep a statement, and run it."""
        self.heard.append(sql)
        super().command(sql, parameters)


def privileges(sql: str) -> set[str]:
    """What a statement needs; a kind nobody thought of is a failure here."""
    words = " ".join(sql.split()) + " "
    [found] = [needed for beginning, needed in NEEDED.items() if re.match(beginning, words)]
    return found


def granted(user: str) -> set[str]:
    """The privileges that the page gives a user on the whole database."""
    [grant] = [each for each in STATEMENTS if each.startswith("GRANT") and each.endswith(f" TO {user}")]
    [(names, place)] = re.findall(r"^GRANT (.*) ON (\S+) TO", grant)
    assert place == "spanledger.*"
    return set(names.split(", "))


@pytest.mark.parametrize("statement", STATEMENTS)
def test_the_page_s_sql_is_sql(store: Store, statement: str) -> None:
    """Queries run; what makes users is read by the engine's parser, and refused only for want of users."""
    if statement.startswith("SELECT"):
        rollup = Rollup(store)
        with rollup.touching(rollup.days_of([event(1).booked_time])):
            store.insert("ledger_events", *events_block([event(1)]))
        assert store.query(statement)
    elif statement.startswith("CREATE DATABASE"):
        store.command(statement)
    else:
        with pytest.raises(StoreError, match=NO_USERS_HERE):
            store.command(statement)


def test_the_grants_are_what_the_statements_need_and_no_more(own_engine: Path) -> None:
    """Migrating, posting, reversing and recomputing the sums need each of them; nothing needs another."""
    store = Listening(open_store(str(own_engine)))
    try:
        migrate(store)
        tables, rollup = LedgerTables(store), Rollup(store, quiet_s=0)
        with rollup.touching(rollup.days_of([event(1).booked_time])):
            tables.insert_events([event(1)])
            tables.reverse([event(1).charge_id], 1)
        rollup.refresh()
        assert set().union(*map(privileges, store.heard)) == granted("spanledger")
        assert granted("spanledger_reader") == {"SELECT"}
    finally:
        store.close()


def test_a_tenant_s_reader_sees_only_rows_that_a_policy_confines(store: Store) -> None:
    """Every table it may read is confined, but for the marks of days; every view it may read is made of those."""
    rows = store.query(
        "SELECT name, create_table_query, engine = 'View', (database, name) IN"
        " (SELECT database, table FROM system.columns WHERE name = 'tenant')"
        " FROM system.tables WHERE database = currentDatabase()"
    )
    made = {str(name): (str(sql), bool(is_view), bool(named)) for name, sql, is_view, named in rows}
    text = "\n".join(STATEMENTS)
    may = set(re.findall(r"GRANT SELECT ON spanledger\.(\w+) TO acme_reader", text))
    confined = set(re.findall(r"ON spanledger\.(\w+) FOR SELECT USING tenant = 'acme' TO acme_reader", text))
    marks = {"ledger_dirty_days"}
    assert may <= made.keys()
    assert marks | confined == {name for name in may if not made[name][1]}
    assert {name for name in confined if made[name][2]} == confined
    assert not any(made[name][2] for name in marks)
    for view in may - confined - marks:
        read = {name for name in made if name != view and re.search(rf"\b{name}\b", made[view][0])}
        assert read <= may, view


def test_the_page_s_url_is_understood() -> None:
    """Of this form, with nobody listening, it is a server that cannot be reached, over TLS."""
    [url] = re.findall(r"clickhouses://[^\s']+", PAGE)
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        port = unheard.getsockname()[1]
        here = url.replace("HOST.clickhouse.cloud:8443", f"127.0.0.1:{port}")
        assert here != url
        with pytest.raises(StoreUnavailableError, match=f"cannot reach ClickHouse at 127.0.0.1:{port}"):
            open_store(here)


def test_every_setting_and_table_of_ours_is_named(store: Store) -> None:
    """What each statement is sent with, and where the ledger lies."""
    tables = store.query(
        "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree'"
    )
    names = {str(name) for (name,) in tables} | set(SETTINGS)
    assert {name for name in names if f"`{name}" not in PAGE} == set()
