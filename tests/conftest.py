"""Fixtures every test may use. An engine is started once and shared, because a process holds one embedded store."""

import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from spanledger.exporter.store import Store, open_store
from spanledger.exporter.store.migrations import migrate

# No test fails because the machine was busy.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")

_ENDPOINT = Path(__file__).parent / "support" / "clickhouse_http.py"


class SharedStore:
    """A migrated store, opened when first asked for and kept between tests."""

    def __init__(self, location: str) -> None:
        self._location = location
        self._store: Store | None = None

    def store(self) -> Store:
        """The store with every table empty."""
        if self._store is None:
            self._store = open_store(self._location)
            migrate(self._store)
        # Also one that was released: it holds what the test before left.
        empty(self._store)
        return self._store

    def release(self) -> None:
        """Close it, so that a test may open another folder in this process."""
        if self._store is not None:
            self._store.close()
            self._store = None


def empty(store: Store) -> None:
    """Remove every row but the record of migrations."""
    tables = store.query(
        "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree' "
        "AND name != 'schema_migrations' AND total_rows > 0",
    )
    for (name,) in tables:
        store.command(f"TRUNCATE TABLE {name}")


@pytest.fixture(scope="session")
def shared_engine(tmp_path_factory: pytest.TempPathFactory) -> Generator[SharedStore]:
    """The one embedded engine of this process; ask for `store` or `own_engine` instead."""
    shared = SharedStore(str(tmp_path_factory.mktemp("shared") / "store"))
    yield shared
    shared.release()


@pytest.fixture
def store(shared_engine: SharedStore) -> Store:
    """A migrated embedded store without rows. Do not close it.

    It is the same engine for every test of the process: a test that needs a folder of its own asks for `own_engine`
    and opens it there, or works in a subprocess.
    """
    return shared_engine.store()


@pytest.fixture
def own_engine(shared_engine: SharedStore, tmp_path: Path) -> Path:
    """A folder (not yet made) where this test may open an embedded store itself; close it at the end."""
    shared_engine.release()
    return tmp_path / "store"


@pytest.fixture(scope="session")
def clickhouse_url(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    """The base URL (without a database) of a ClickHouse-HTTP endpoint in a process of its own."""
    folder = tmp_path_factory.mktemp("clickhouse")
    command = [sys.executable, str(_ENDPOINT), str(folder / "chdb"), "ledger", "pass:word@1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as endpoint:
        assert endpoint.stdout is not None
        yield f"clickhouse://ledger:pass%3Aword%401@{endpoint.stdout.readline().strip()}"
        endpoint.kill()


@pytest.fixture(scope="session")
def shared_server(clickhouse_url: str) -> Generator[SharedStore]:
    """One database of the ClickHouse endpoint; ask for `server_store` instead."""
    shared = SharedStore(f"{clickhouse_url}/ledger")
    yield shared
    shared.release()


@pytest.fixture
def server_store(shared_server: SharedStore) -> Store:
    """A migrated store without rows on a ClickHouse endpoint, over HTTP. Do not close it."""
    return shared_server.store()


@pytest.fixture(params=["embedded", "server"])
def any_store(request: pytest.FixtureRequest) -> Store:
    """A migrated store without rows: the test runs on the embedded engine, and again over HTTP."""
    name = "store" if request.param == "embedded" else "server_store"
    found: Store = request.getfixturevalue(name)
    return found
