import gzip
import json
import threading
from collections.abc import Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest
from clickhouse_connect import common
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError
from support.clickhouse_door import Door, door_to
from support.clickhouse_types import RANDOM, ROWS, TYPES
from support.ledger_events import event

from spanledger.exporter.store import Store
from spanledger.exporter.store.blocks import events_block

LONG = "x" * 20_000


@pytest.fixture
def door(store: Store, tmp_path: Path) -> Generator[Door]:
    """The interface over a store with two charges."""
    store.insert("ledger_events", *events_block([event(1), event(2, tenant="a;b outfile")]))
    with door_to(store, tmp_path) as opened:
        yield opened


@pytest.fixture
def client(door: Door) -> Generator[Client]:
    """The real client of ClickHouse for Python, as it is out of the box."""
    opened = door.client(tz_mode="aware")
    yield opened
    opened.close()


def test_rows_columns_and_streams_of_the_ledger(client: Client) -> None:
    """As from a server; names of tables are those of the store."""
    rows = client.query("SELECT tenant, input_tokens, cost FROM charges ORDER BY tenant").result_rows
    assert [row[0] for row in rows] == ["a;b outfile", "acme"]
    assert all(isinstance(row[2], Decimal) for row in rows)
    columns = client.query("SELECT number, toString(number) AS s FROM numbers(3)", column_oriented=True)
    assert (columns.column_names, columns.result_columns) == (("number", "s"), [[0, 1, 2], ["0", "1", "2"]])
    with client.query_row_block_stream("SELECT number FROM numbers(200000)") as blocks:
        assert sum(map(len, cast("Iterable[list[object]]", blocks))) == 200_000
    assert client.command("SELECT count() FROM ledger_events") == 2
    assert client.query("SELECT 1 AS a, 'x' AS b LIMIT 0").column_names == ("a", "b")
    assert client.query("SELECT tenant, cost FROM charges WHERE 1 = 0").column_names == ("tenant", "cost")
    assert client.raw_query("SELECT 1, 'a'", fmt="CSV") == b'1,"a"\n'
    assert client.query("SHOW TABLES LIKE 'charges'").result_rows == [("charges",)]
    assert client.ping()


def test_tables_of_other_libraries(client: Client) -> None:
    """Arrow and pandas, with their own types."""
    arrow = cast("Any", client).query_arrow(
        "SELECT number AS n, toString(number) AS s FROM numbers(3)", use_strings=True
    )
    assert arrow.to_pydict() == {"n": [0, 1, 2], "s": ["0", "1", "2"]}
    frame = client.query_df("SELECT number AS n, toDecimal64(number, 2) AS d FROM numbers(3)")
    assert frame.to_dict("list") == {"n": [0, 1, 2], "d": [Decimal("0.00"), Decimal("1.00"), Decimal("2.00")]}


def test_parameters_are_bound_by_the_engine(client: Client) -> None:
    """Whatever stands in them; long ones travel in a form."""
    hostile = "a' OR 1=1; --\t\\'\n{x:String} ä 😀"
    found = client.query(
        "SELECT {a:String}, {b:Array(UInt8)}, {c:DateTime64(3)}, {d:Decimal(38, 18)}, {e:Nullable(String)}",
        parameters={
            "a": hostile,
            "b": [1, 2],
            "c": datetime(2026, 4, 1, 12, 30, 15, 250_000, UTC),
            "d": Decimal("0.000000000000000001"),
            "e": None,
        },
    ).result_rows
    assert found[0][:2] == (hostile, [1, 2])
    assert found[0][2].astimezone(UTC) == datetime(2026, 4, 1, 12, 30, 15, 250_000, UTC)
    assert found[0][3:] == (Decimal("0.000000000000000001"), None)
    assert client.query("SELECT length({a:String})", parameters={"a": LONG}).result_rows == [(len(LONG),)]


def test_times_have_their_zones(client: Client) -> None:
    """Also those that the engine leaves out for older clients."""
    sql = "SELECT toDateTime('2026-04-01 00:00:00', 'Europe/Berlin') AS a, toDate('2026-04-01') AS b"
    assert client.query(sql).result_rows == [(datetime(2026, 4, 1, tzinfo=ZoneInfo("Europe/Berlin")), date(2026, 4, 1))]
    assert client.query(sql).column_types[0].name == "DateTime('Europe/Berlin')"


def test_every_type_is_told_as_the_engine_tells_it(door: Door) -> None:
    """Blocks for a later client have the values of those for the first one, in every column."""
    told: list[dict[str, list[Any]]] = []
    for version in (False, True):
        common.set_setting("use_protocol_version", value=version)
        try:
            client = door.client()
        finally:
            common.set_setting("use_protocol_version", value=True)
        told.append({kind: list(client.query(sql).result_rows) for kind, sql in RANDOM.items()})
        client.close()
    before, later = told
    for kind in TYPES:
        assert [row[1] for row in later[kind]] == [str(number) for number in range(ROWS)], kind
        # What is not a number is not equal to itself; a time is the same in any zone.
        assert [_comparable(row[0]) for row in later[kind]] == [_comparable(row[0]) for row in before[kind]], kind


def _comparable(value: Any) -> str:  # noqa: ANN401 (a value of any type)
    return str(value.timestamp()) if isinstance(value, datetime) else repr(value)


def test_errors_have_the_code_and_the_name_of_a_servers(client: Client) -> None:
    """And the connection goes on."""
    for sql, code, name in (
        ("SELECT nope", 47, "UNKNOWN_IDENTIFIER"),
        ("SELECT * FROM nope", 60, "UNKNOWN_TABLE"),
        ("SELEC 1", 164, "READONLY"),
        ("SELECT 1 +", 62, "SYNTAX_ERROR"),
        ("SELECT throwIf(number = 70000) FROM numbers(100000)", 395, "FUNCTION_THROW_IF_VALUE_IS_NON_ZERO"),
    ):
        with pytest.raises(DatabaseError) as refused:
            client.query(sql)
        assert (refused.value.code, refused.value.name) == (code, name)
        assert client.query("SELECT 1").result_rows == [(1,)]


def test_sessions_keep_a_database_and_settings(door: Door) -> None:
    """Those that a reader may choose; others are refused in a session, too."""
    assert door.rows("USE system", session_id="s") == ""
    assert door.rows("SET format_csv_delimiter = '|', max_execution_time = 3", session_id="s") == ""
    asked = "SELECT currentDatabase(), getSetting('max_execution_time'), getSetting('readonly') FORMAT CSV"
    assert door.rows(asked, session_id="s") == '"system"|3|1\n'
    assert door.rows(asked) == '"spanledger",60,1\n'
    assert door.rows(asked, session_id="s", max_execution_time=2) == '"system"|2|1\n'
    assert door.ask("SET readonly = 0", session_id="s").headers["x-clickhouse-exception-code"] == "164"
    assert door.ask("USE nowhere", session_id="s").headers["x-clickhouse-exception-code"] == "81"
    assert door.ask("SELECT 1", session_id="t", session_check=1).headers["x-clickhouse-exception-code"] == "372"


def test_formats_headers_and_encodings(door: Door) -> None:
    """What is asked for in the statement goes before the URL, and that before the header."""
    asked = door.ask("SELECT 1 AS a FORMAT JSONEachRow", query_id="q-1", default_format="CSV")
    assert asked.body == b'{"a":1}\n'
    told = {name: asked.headers[f"x-clickhouse-{name}"] for name in ("query-id", "format", "timezone")}
    assert told == {"query-id": "q-1", "format": "JSONEachRow", "timezone": door.rows("SELECT timezone()").strip()}
    assert asked.headers["content-type"] == "application/x-ndjson; charset=UTF-8"
    assert asked.headers["x-clickhouse-server-display-name"] == door.rows("SELECT displayName()").strip()
    summary = json.loads(door.ask("SELECT sum(number) FROM numbers(10)").headers["x-clickhouse-summary"])
    assert (summary["read_rows"], summary["result_rows"], summary["written_rows"]) == ("10", "1", "0")
    assert door.rows("SELECT 'a', 1", default_format="CSV") == '"a",1\n'
    assert door.ask("SELECT 'a', 1", headers={"x-clickhouse-format": "csv"}).body == b'"a",1\n'
    assert door.rows("SELECT 'a', 1") == "a\t1\n"
    large = "SELECT repeat('a', 5000)"
    zipped = door.ask(large, headers={"accept-encoding": "gzip"})
    assert (zipped.headers["content-encoding"], gzip.decompress(zipped.body)) == ("gzip", b"a" * 5_000 + b"\n")
    assert (
        "content-encoding"
        not in door.ask(large, headers={"accept-encoding": "gzip"}, enable_http_compression=0).headers
    )
    assert "content-encoding" not in door.ask("SELECT 1", headers={"accept-encoding": "gzip"}).headers
    body = gzip.compress(b"SELECT 1 + 1")
    assert door.ask(body, headers={"content-encoding": "gzip"}).body == b"2\n"
    assert door.ask(body, headers={"content-encoding": "br"}).status == 400
    for form in ("Nonsense", "dataframe", "ArrowTable", "MySQLWire"):
        assert door.ask("SELECT 1", default_format=form).headers["x-clickhouse-exception-code"] == "73"
    assert door.ask("SELECT 1", client_protocol_version=54_460, default_format="Native").body == (
        b"\x01\x00\x02\xff\xff\xff\xff\x00\x01\x01\x011\x05UInt8\x00\x01"
    )


def test_statements_come_by_get_and_in_chunks(door: Door) -> None:
    """In the URL alone, the URL and the body, or a body of unknown length."""
    assert door.ask(method="GET", query="SELECT 1").body == b"1\n"
    assert door.ask("1", query="SELECT").body == b"1\n"
    assert door.ask(method="GET").body == door.ask(method="GET", path="/ping").body == b"Ok.\n"
    assert door.ask(method="HEAD", path="/ping").body == b""
    assert door.ask(method="GET", path="/play").status == 404
    assert door.ask("SELECT 1", method="PUT").status == 405
    chunked = door.ask([b"SELECT ", b"1"])
    assert chunked.body == b"1\n"
    assert door.rows(r"SELECT 'a\;b', 'c;d', 'the outfile' /* ; */ -- ;") == "a\\\\;b\tc;d\tthe outfile\n"


def test_many_ask_at_once(door: Door) -> None:
    """More than there are threads, each with settings of its own; none gets another's answer."""
    begun = threading.Barrier(16)

    def ask(number: int) -> str:
        begun.wait()
        return door.rows(f"SELECT {number}, getSetting('max_result_rows')", max_result_rows=1_000 + number % 5)

    with ThreadPoolExecutor(16) as threads:
        told = list(threads.map(ask, range(16)))
    assert told == [f"{number}\t{1_000 + number % 5}\n" for number in range(16)]
