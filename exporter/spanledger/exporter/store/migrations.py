"""Forward-only schema migrations: numbered SQL files of `spanledger.schemas`, each applied once and recorded.

Every statement can be repeated (`IF NOT EXISTS`, `OR REPLACE`), so a migration that was cut off runs again whole.
"""

from importlib.resources import files
from typing import Final, NamedTuple

from spanledger.exporter.store.statements import split_statements
from spanledger.exporter.store.store import Store
from spanledger.schemas import NewerSchemaError

ZONE_MARK: Final = "{zone}"
"""In a migration: the store's reporting zone, an IANA name."""
ZONE_DEFAULT: Final = "UTC"

_RECORD_TABLE: Final = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    number UInt32,
    name String,
    applied_at DateTime64(3, 'UTC') DEFAULT now64(3)
) ENGINE = ReplacingMergeTree(applied_at) ORDER BY number
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
"""


class Migration(NamedTuple):
    """One numbered step of the schema."""

    number: int
    name: str
    statements: list[str]


def migrate(store: Store) -> list[str]:
    """Bring the store to this program's schema; the names of the migrations applied, oldest first.

    Raises `NewerSchemaError` when the store was written by a newer spanledger; it is not touched then.
    """
    store.command(_RECORD_TABLE)
    waiting = _waiting(store)
    zone = reporting_zone(store) if waiting else ZONE_DEFAULT
    for migration in waiting:
        for statement in migration.statements:
            store.command(statement.replace(ZONE_MARK, zone))
    if waiting:
        # What is recorded never runs again: a loss of power must not take the marks it made, and leave the record.
        store.make_durable()
    for migration in waiting:
        store.command(
            "INSERT INTO schema_migrations (number, name) SELECT {number:UInt32}, {name:String}",
            {"number": migration.number, "name": migration.name},
        )
    return [migration.name for migration in waiting]


def pending(store: Store) -> list[str]:
    """The names of the migrations that wait, oldest first; the store is not changed. Raises `NewerSchemaError`."""
    return [migration.name for migration in (_waiting(store) if _exists(store, "schema_migrations") else known())]


def known() -> list[Migration]:
    """Every migration this program has, oldest first."""
    folder = files("spanledger.schemas") / "migrations"
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return [
        Migration(int(name.split("_", 1)[0]), name.removesuffix(".sql"), split_statements((folder / name).read_text()))
        for name in names
    ]


def reporting_zone(store: Store) -> str:
    """The IANA zone whose midnight ends a day in `daily_costs`; UTC until one is set."""
    if not _exists(store, "ledger_settings"):
        return ZONE_DEFAULT
    rows = store.query("SELECT value FROM ledger_settings FINAL WHERE name = 'reporting_zone'")
    return str(rows[0][0]) if rows else ZONE_DEFAULT


def _waiting(store: Store) -> list[Migration]:
    applied = {number for (number,) in store.query("SELECT DISTINCT number FROM schema_migrations")}
    migrations = known()
    newer = applied - {migration.number for migration in migrations}
    if newer:
        msg = (
            f"the store {store.url} was written by a newer spanledger (schema {max(map(str, newer))}, "
            f"this program knows {migrations[-1].number}): upgrade spanledger"
        )
        raise NewerSchemaError(msg)
    return [migration for migration in migrations if migration.number not in applied]


def _exists(store: Store, table: str) -> bool:
    rows = store.query(
        "SELECT 1 FROM system.tables WHERE database = currentDatabase() AND name = {name:String}",
        {"name": table},
    )
    return bool(rows)
