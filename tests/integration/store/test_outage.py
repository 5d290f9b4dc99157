import subprocess
import sys
from pathlib import Path

import pytest
from support.ledger_events import event

from spanledger.exporter.store import open_store
from spanledger.exporter.store.blocks import events_block
from spanledger.exporter.store.migrations import migrate
from spanledger.schemas import StoreUnavailableError

ENDPOINT = Path(__file__).parents[2] / "support" / "clickhouse_http.py"


def test_a_server_that_is_gone_is_transient(tmp_path: Path) -> None:
    """Statements and inserts say that trying again may help, in one line without the request's URL."""
    command = [sys.executable, str(ENDPOINT), str(tmp_path / "chdb")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        store = open_store(f"clickhouse://{server.stdout.readline().strip()}/ledger")
        migrate(store)
        server.kill()
        server.wait()
        with pytest.raises(StoreUnavailableError, match="does not answer") as refused:
            store.query("SELECT 1")
        assert "max_execution_time" not in str(refused.value)
        with pytest.raises(StoreUnavailableError):
            store.insert("ledger_events", *events_block([event(1)]))
        store.close()
