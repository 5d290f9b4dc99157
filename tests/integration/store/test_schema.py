import msgspec
import pytest
from support.asking import query_of
from support.ledger_events import HOUR_NS, NOON_NS, event

from spanledger.exporter.store import Store, migrations, open_store
from spanledger.exporter.store.blocks import events_block
from spanledger.exporter.store.migrations import ZONE_MARK, known, migrate, pending
from spanledger.exporter.store.rollup import Rollup
from spanledger.ledger.queries import answer, ask
from spanledger.ledger.queries.sources import source_of
from spanledger.schemas import Attribution, Call, Claim, LedgerEvent, NewerSchemaError
from spanledger.schemas.event import COLUMNS

COLUMNS_OF = (
    "SELECT name, type FROM system.columns WHERE database = currentDatabase() AND table = {table:String} "
    "ORDER BY position"
)
BY_FEATURE = "SELECT feature, sum(requests) FROM daily_feature_costs GROUP BY feature ORDER BY feature"
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
    """Half the statements ran, or all that are not durable yet, and nothing was recorded: the next start runs them."""
    store = open_store(str(own_engine))
    try:
        for statement in known()[0].statements[:2]:
            store.command(statement)
        with pytest.MonkeyPatch.context() as disk:
            disk.setattr(store, "make_durable", failing)
            with pytest.raises(OSError, match="disk"):
                migrate(store)
        assert pending(store) == NAMES
        assert migrate(store) == NAMES
        assert store.query("SELECT count() FROM charges") == [(0,)]
    finally:
        store.close()


def test_days_that_were_clean_before_there_were_sums_by_feature_are_read_live(own_engine: object) -> None:
    """A ledger of an older program: nothing believes the new sums before they are made, in no day of its zone."""
    store = open_store(str(own_engine))
    try:
        evening = [event(number, time_ns=NOON_NS + 7 * HOUR_NS, feature=f"f{number}") for number in range(3)]
        of_before(store, "Asia/Kolkata", evening)
        assert migrate(store) == NAMES[3:]
        asked = ask("feature", measures="requests", since="2026-04-02", until="2026-04-03", tz="Asia/Kolkata")
        expected = [("f0", 1), ("f1", 1), ("f2", 1)]
        for clean in (False, True):
            source = source_of(query_of(store), asked)
            assert (source.table, source.events == ()) == ("ledger_daily_features", clean)
            assert sorted(row[:2] for row in answer(query_of(store), asked).rows) == expected
            assert store.query(BY_FEATURE) == expected
            Rollup(store, quiet_s=0).refresh()
        assert store.query("SELECT sum(requests) FROM ledger_daily_features") == [(3,)]
    finally:
        store.close()


def test_a_migration_that_was_cut_off_marks_its_days_once_more(own_engine: object) -> None:
    """An older program that still ran may have called its first marks clean, without the new sums."""
    store = open_store(str(own_engine))
    try:
        of_before(store, "UTC", [event(1)])
        for statement in known()[3].statements:
            store.command(statement.replace(ZONE_MARK, "UTC"))
        store.command("INSERT INTO ledger_dirty_days (day, mark, cleaned) SELECT day, mark, 1 FROM ledger_dirty_days")
        assert store.query(BY_FEATURE) == []
        migrate(store)
        assert store.query(BY_FEATURE) == [("chat", 1)]
    finally:
        store.close()


def failing() -> None:
    """What a disk may do."""
    msg = "disk"
    raise OSError(msg)


def of_before(store: Store, zone: str, events: list[LedgerEvent]) -> None:
    """What a program without sums by feature left: days of a zone with events, all of them clean."""
    with pytest.MonkeyPatch.context() as older:
        older.setattr(migrations, "known", lambda: known()[:3])
        migrate(store)
    store.command("INSERT INTO ledger_settings (name, value) SELECT 'reporting_zone', {zone:String}", {"zone": zone})
    store.insert("ledger_events", *events_block(events))


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
