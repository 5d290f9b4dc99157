"""Fixtures every test may use. The embedded engine is one per process, so tests share it and find it empty."""

from collections.abc import Generator
from pathlib import Path

import pytest

from spanledger.exporter.store import Store, open_store
from spanledger.exporter.store.migrations import migrate


class SharedEngine:
    """The process's embedded store, opened when first asked for and kept between tests."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._store: Store | None = None

    def store(self) -> Store:
        """The store with every table empty."""
        if self._store is None:
            self._store = open_store(str(self._folder))
            migrate(self._store)
        else:
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
def shared_engine(tmp_path_factory: pytest.TempPathFactory) -> Generator[SharedEngine]:
    """The one embedded engine of this process; ask for `store` or `own_engine` instead."""
    engine = SharedEngine(tmp_path_factory.mktemp("shared") / "store")
    yield engine
    engine.release()


@pytest.fixture
def store(shared_engine: SharedEngine) -> Store:
    """A migrated embedded store without rows. Do not close it.

    It is the same engine for every test of the process: a test that needs a folder of its own asks for `own_engine`
    and opens it there, or works in a subprocess.
    """
    return shared_engine.store()


@pytest.fixture
def own_engine(shared_engine: SharedEngine, tmp_path: Path) -> Path:
    """A folder (not yet made) where this test may open an embedded store itself, in this process; close it at the end."""
    shared_engine.release()
    return tmp_path / "store"
