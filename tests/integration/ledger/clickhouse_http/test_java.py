"""ClickHouse's driver for Java, by which DBeaver and Metabase ask, over the real interface: `make languages`."""

import subprocess
from pathlib import Path

import pytest
from support.clickhouse_door import door_to
from support.ledger_events import event

from spanledger.exporter.store import Store
from spanledger.exporter.store.blocks import events_block

PROGRAM = Path(__file__).parent / "java" / "Ask.java"
JARS = ("com.clickhouse:clickhouse-jdbc:0.9.4:jar:all", "org.slf4j:slf4j-api:2.0.17", "org.slf4j:slf4j-nop:2.0.17")
# Whoever asks for the first time downloads what it needs.
SECONDS_MAX = 300


@pytest.mark.languages
@pytest.mark.timeout(900)
def test_tools_over_jdbc_work_out_of_the_box(store: Store, tmp_path: Path) -> None:
    """Tables and columns, prepared statements, rows in the driver's own frames, no rows, and errors."""
    store.insert("ledger_events", *events_block([event(1)]))
    for jar in JARS:
        _finished("mvn", "-q", "dependency:copy", f"-Dartifact={jar}", f"-DoutputDirectory={tmp_path}")
    statements = (
        "SELECT tenant FROM charges",
        "SELECT * FROM charges WHERE 1 = 0",
        "SELECT number, toString(number) FROM numbers(200000)",
        "SELECT nope FROM charges",
    )
    with door_to(store, tmp_path) as door:
        told = _finished("java", "-cp", f"{tmp_path}/*", str(PROGRAM), door.address, door.key, *statements).splitlines()
    assert told[:6] == ["charges", "LowCardinality(String)", "a';b", "1 acme", "0", "200000 199999"]
    assert "UNKNOWN_IDENTIFIER" in told[6]


def _finished(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS_MAX, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
