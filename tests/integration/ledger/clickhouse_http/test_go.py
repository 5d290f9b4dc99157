"""ClickHouse's driver for Go, of which Grafana's datasource is made, over the real interface: `make languages`."""

import json
from collections.abc import Generator
from pathlib import Path

import pytest
from support.clickhouse_door import Door, door_to
from support.clickhouse_go import GoClient
from support.clickhouse_types import RANDOM, ROWS
from support.ledger_events import event

from spanledger.exporter.store import Store
from spanledger.exporter.store.blocks import events_block

pytestmark = [pytest.mark.languages, pytest.mark.timeout(900)]

COMPRESSIONS = ("none", "gzip", "deflate", "lz4", "zstd")
MANY = 200_000
FIXED = """
    SELECT toDateTime('2026-04-01 00:00:00', 'Europe/Berlin') AS t, CAST(NULL, 'Nullable(UInt8)') AS n,
        toDecimal64('1.2345', 4) AS d, map('a', 1) AS m, [1, 2] AS a, toLowCardinality('x') AS l, (1, 'b') AS p
"""


@pytest.fixture(scope="module")
def go(tmp_path_factory: pytest.TempPathFactory) -> GoClient:
    """The program."""
    return GoClient(tmp_path_factory.mktemp("go"))


@pytest.fixture
def door(store: Store, tmp_path: Path) -> Generator[Door]:
    """The interface over a store with two charges."""
    store.insert("ledger_events", *events_block([event(1), event(2, tenant="a;b 😀")]))
    with door_to(store, tmp_path) as opened:
        yield opened


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_rows_arrive_whole_by_every_compression(go: GoClient, door: Door, compression: str) -> None:
    """Of many blocks, of the ledger, of none, and the errors between them; frames are checked by their hash."""
    many, none, wrong, charges, shown, fixed = go.ask(
        door.address,
        door.key,
        [
            f"SELECT number, toString(number) AS s FROM numbers({MANY})",
            "SELECT tenant, cost FROM charges WHERE 0",
            "SELECT nope FROM charges",
            "SELECT tenant, sum(requests) AS n FROM charges GROUP BY tenant ORDER BY tenant",
            "SHOW TABLES LIKE 'charges'",
            FIXED,
        ],
        compression,
    )
    assert many["rows"] == [[str(number), str(number)] for number in range(MANY)]
    assert (none["names"], none["rows"], none["error"]) == (["tenant", "cost"], [], "")
    assert (wrong["code"], "UNKNOWN_IDENTIFIER" in wrong["error"]) == (47, True)
    assert charges["rows"] == [["a;b 😀", "1"], ["acme", "1"]]
    assert shown["rows"] == [["charges"]]
    assert fixed["types"][0] == "DateTime('Europe/Berlin')"
    assert fixed["rows"] == [
        ["2026-04-01 00:00:00 +0200 CEST", "NULL", "1.2345", "map[a:1]", "[1 2]", "x", "[1 b]"],
    ]


def test_every_type_ends_where_the_driver_expects_it(go: GoClient, door: Door) -> None:
    """The byte behind each type, which the engine does not write, stands where it belongs, block after block."""
    answers = go.ask(door.address, door.key, list(RANDOM.values()))
    for kind, answer in zip(RANDOM, answers, strict=True):
        assert answer["error"] == "", kind
        assert [row[1] for row in answer["rows"]] == [str(number) for number in range(ROWS)], kind
    told = [len({row[0] for row in answer["rows"]}) for answer in answers]
    # They are values, and not one of them repeated.
    assert all(count > 1 for count in told), json.dumps(dict(zip(RANDOM, told, strict=True)))


def test_what_cannot_be_told_is_refused_with_what_helps(go: GoClient, door: Door) -> None:
    """By its column and type."""
    json_, state, cast = go.ask(
        door.address,
        door.key,
        [
            """SELECT CAST('{"a": 1}', 'JSON') AS j""",
            "SELECT sumState(1) AS s",
            "SELECT finalizeAggregation(sumState(1))",
        ],
    )
    assert (json_["code"], "'j' has the type JSON" in json_["error"]) == (48, True)
    assert (state["code"], "AggregateFunction(sum, UInt8)" in state["error"]) == (48, True)
    assert cast["rows"] == [["1"]]


def test_a_key_that_may_not_is_told_so(go: GoClient, door: Door) -> None:
    """When the connection is opened, which is the first statement."""
    (answer,) = go.ask(door.address, door.keys.create("acme", "read").text, ["SELECT 1"])
    assert (answer["code"], "this needs the scope *" in answer["error"]) == (497, True)
