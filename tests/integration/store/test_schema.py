import msgspec
import pytest

from spanledger.exporter.store import Store, open_store
from spanledger.exporter.store.migrations import known, migrate, pending
from spanledger.schemas import Attribution, Call, Claim, NewerSchemaError
from spanledger.schemas.event import COLUMNS

COLUMNS_OF = (
    "SELECT name, type FROM system.columns WHERE database = currentDatabase() AND table = {table:String} "
    "ORDER BY position"
)
NAMES = [migration.name for migration in known()]

PREDECESSOR = [
    *("timestamp", "provider", "model", "input_tokens", "output_tokens", "cached_tokens", "cost_usd", "duration_ms"),
    *("status", "user_id", "session_id", "organization_id", "feature", "team", "project", "cost_center"),
    "metadata_extra",
]


def test_the_table_of_events_is_the_class(store: Store) -> None:
    """Names, types and order of the columns are those `LedgerEvent` declares."""
    assert store.query(COLUMNS_OF, {"table": "ledger_events"}) == [(name, c.type) for name, c in COLUMNS.items()]


def test_migrating_twice_changes_nothing(any_store: Store) -> None:
    """The second run finds every number recorded."""
    assert pending(any_store) == []
    assert migrate(any_store) == []


def test_a_new_store_waits_for_every_migration(own_engine: object) -> None:
    """Asking what waits creates nothing; migrating names what it applied."""
    store = open_store(str(own_engine))
    try:
        assert pending(store) == NAMES
        assert store.query("SHOW TABLES") == []
        assert migrate(store) == NAMES
        assert pending(store) == []
    finally:
        store.close()


def test_a_migration_that_was_cut_off_runs_again(own_engine: object) -> None:
    """Half the statements ran and nothing was recorded: the next start completes the schema."""
    store = open_store(str(own_engine))
    try:
        for statement in known()[0].statements[:2]:
            store.command(statement)
        assert migrate(store) == NAMES
        assert store.query("SELECT count() FROM charges") == [(0,)]
    finally:
        store.close()


def test_a_newer_schema_is_refused(any_store: Store) -> None:
    """A store that a newer program wrote is left alone, with the way out."""
    any_store.command("INSERT INTO schema_migrations (number, name) VALUES (9999, 'from_the_future')")
    try:
        with pytest.raises(NewerSchemaError, match=r"schema 9999.*upgrade spanledger"):
            migrate(any_store)
        with pytest.raises(NewerSchemaError):
            pending(any_store)
    finally:
        any_store.command("ALTER TABLE schema_migrations DELETE WHERE number = 9999 SETTINGS mutations_sync = 1")


def test_the_claims_view_shows_every_field_of_a_claim(store: Store) -> None:
    """No field of the payload hides from SQL; the tenant a claim stated stands beside the one it is kept under."""
    shown = {name for name, _ in store.query(COLUMNS_OF, {"table": "claims"})}
    renamed = {"start_ns": "start_time", "end_ns": "end_time", "tenant": "stated_tenant"}
    fields = [field.name for record in (Claim, Call, Attribution) for field in msgspec.structs.fields(record)]
    assert {renamed.get(name, name) for name in fields if name not in {"attribution", "call"}} <= shown


def test_the_predecessor_s_columns_are_there(store: Store) -> None:
    """SQL written for the predecessor finds the columns it names."""
    shown = {name for name, _ in store.query(COLUMNS_OF, {"table": "token_ledger_events"})}
    assert set(PREDECESSOR) <= shown
