"""The daily and hourly sums: recomputed from the events for dirty days, swapped in a day at a time, never incremented.

`daily_costs`, `daily_feature_costs` and `hourly_costs` read a dirty day's events themselves: they are right at every
moment, whatever fails:
1. a poster marks its days dirty      a crash after this: the days are read live
2. it inserts the events
3. a refresh takes the days nobody marked lately, with their marks; it recomputes and swaps them in
4. it takes back exactly those marks  a mark that came in between keeps its day dirty
Between 1 and 2 a mark must not be taken back: a refresh leaves a day alone until its newest mark is older than any
insert can last, and a poster that was held up longer than that marks again after its insert.
"""

import os
import threading
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Final, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from spanledger.exporter.store.blocks import MarkRow, marks_block
from spanledger.exporter.store.migrations import ZONE_MARK, known, reporting_zone
from spanledger.exporter.store.server import STATEMENT_SECONDS_MAX
from spanledger.exporter.store.statements import literal
from spanledger.exporter.store.store import Store
from spanledger.schemas import ConfigurationError, StoreError

MARK_SECONDS: Final = 60
"""A poster that marked a day within this time need not mark it again."""
QUIET_SECONDS: Final = MARK_SECONDS + STATEMENT_SECONDS_MAX + 240
"""A refresh leaves days alone that were marked within this time: an insert behind the mark may still be running."""
DISTRUST_HOURS: Final = 24
"""At start, days that became clean this lately are recomputed: a power loss may have taken their sums, not the mark."""
DAYS_PER_REFRESH_MAX: Final = 62
YEARS_MAX: Final = 10
"""Days further back, or beyond tomorrow, are always read live: a hostile spread of times must not become partitions."""
_LEASE_SECONDS: Final = 3600
"""A refresh that has not ended after this was killed; another may take its place."""

_SUMS: Final = {
    "ledger_daily": "live_daily_costs",
    "ledger_daily_features": "live_daily_features",
    "ledger_hourly": "live_hourly_costs",
}
"""Table of kept sums → the view that makes them of the events. Each has a `day`, and a partition for every one."""
_LOCK: Final = "ledger_daily_next"
"""The first staging table: whoever makes it is the one that refreshes."""

_EPOCH: Final = date(1970, 1, 1)
_QUARTER_NS: Final = 900 * 10**9
"""Every zone's midnight falls on a quarter of an hour of UTC."""


class Rollup:
    """Marks, recomputes and swaps the days of one store. Any thread may call it."""

    def __init__(
        self, store: Store, *, quiet_s: float = QUIET_SECONDS, clock_s: Callable[[], float] = time.time
    ) -> None:
        self._store = store
        self._quiet_s = quiet_s
        self._clock_s = clock_s
        self._zone = ZoneInfo(reporting_zone(store))
        self._marked_at: dict[date, float] = {}
        self._lock = threading.Lock()
        self._refreshing = threading.Lock()

    def days_of(self, times_ns: Iterable[int]) -> set[date]:
        """The days of the reporting zone that these booked times (nanoseconds since 1970) fall on."""
        quarters = {time_ns // _QUARTER_NS for time_ns in times_ns}
        start = datetime(1970, 1, 1, tzinfo=UTC)
        return {(start + timedelta(minutes=15 * quarter)).astimezone(self._zone).date() for quarter in quarters}

    @contextmanager
    def touching(self, days: Iterable[date]) -> Generator[None]:
        """Hold this around every insert of events booked on these days."""
        touched = set(days)
        self.mark_dirty(touched)
        yield
        self.mark_dirty(touched, fresh_s=self._quiet_s - MARK_SECONDS)

    def mark_dirty(self, days: Iterable[date], *, fresh_s: float = MARK_SECONDS) -> None:
        """Mark the days on the disk, but for those this process marked within the last `fresh_s` seconds."""
        now = self._clock_s()
        with self._lock:
            due = sorted(day for day in set(days) if not 0 <= now - self._marked_at.get(day, -fresh_s) < fresh_s)
            if due:
                self._insert([MarkRow((day - _EPOCH).days, os.urandom(16), 0) for day in due])
                self._marked_at = {day: at for day, at in self._marked_at.items() if now - at < fresh_s}
                self._marked_at.update(dict.fromkeys(due, now))

    def refresh(self) -> list[date]:
        """Recompute quiet dirty days, the oldest first and `DAYS_PER_REFRESH_MAX` at most; the days now clean.

        While another refresh of the store runs, in any process, it does nothing.
        """
        if not self._refreshing.acquire(blocking=False):
            return []
        try:
            marks = self._quiet_marks()
            days = sorted({day for day, _ in marks})[:DAYS_PER_REFRESH_MAX]
            if not days or not self._take_staging():
                return []
            try:
                until_s = time.monotonic() + _LEASE_SECONDS / 2
                for table in _SUMS:
                    self._swap(table, days, until_s)
            finally:
                self._drop_staging()
            self._insert([MarkRow((day - _EPOCH).days, mark, 1) for day, mark in marks if day <= days[-1]])
            return days
        finally:
            self._refreshing.release()

    def recover(self) -> None:
        """Call once at start: days that became clean within `DISTRUST_HOURS` are dirty again."""
        if self._store.embedded:
            self._drop_staging()
        rows = self._store.query(
            "SELECT DISTINCT day FROM ledger_dirty_days "
            "WHERE cleaned = 1 AND written_at > now64(3) - toIntervalHour({hours:Int64})",
            {"hours": DISTRUST_HOURS},
        )
        self.mark_dirty(cast("date", day) for (day,) in rows)

    def _quiet_marks(self) -> list[tuple[date, bytes]]:
        rows = self._store.query(
            "SELECT day, arrayJoin(groupArray(mark)) FROM ledger_dirty_days FINAL WHERE cleaned = 0 "
            "AND day BETWEEN toDate32(now()) - toIntervalYear({years:Int64}) AND toDate32(now()) + 1 "
            "GROUP BY day HAVING max(written_at) <= now64(3) - toIntervalMillisecond({quiet_ms:Int64})",
            {"years": YEARS_MAX, "quiet_ms": int(self._quiet_s * 1000)},
        )
        return [(cast("date", day), cast("bytes", mark)) for day, mark in rows]

    def _take_staging(self) -> bool:
        """Make the staging tables; the first exists once, so it is also the lock between processes."""
        rows = self._store.query(
            "SELECT metadata_modification_time < now() - {lease:Int64} FROM system.tables "
            "WHERE database = currentDatabase() AND name = {lock:String}",
            {"lease": _LEASE_SECONDS, "lock": _LOCK},
        )
        if rows and not rows[0][0]:
            return False
        if rows:
            self._drop_staging()
        try:
            self._store.command(f"CREATE TABLE {_LOCK} AS ledger_daily")
        except StoreError:
            if self._store.query(f"EXISTS TABLE {_LOCK}") == [(1,)]:
                return False
            raise
        return True

    def _drop_staging(self) -> None:
        """The lock last: what another refresh would make is gone by then."""
        for table in reversed(_SUMS):
            self._store.command(f"DROP TABLE IF EXISTS {table}_next")

    def _swap(self, table: str, days: list[date], until_s: float) -> None:
        self._store.command(f"CREATE TABLE IF NOT EXISTS {table}_next AS {table}")
        self._store.command(
            f"INSERT INTO {table}_next SELECT * FROM {_SUMS[table]} WHERE day IN {{days:Array(Date32)}}",  # noqa: S608
            {"days": days},
        )
        for day in days:
            if time.monotonic() > until_s:
                msg = f"the sums in {table} were not refreshed: it took too long; their days are read live"
                raise StoreError(msg)
            self._store.command(f"ALTER TABLE {table} REPLACE PARTITION {literal(str(day))} FROM {table}_next")

    def _insert(self, rows: list[MarkRow]) -> None:
        self._store.insert("ledger_dirty_days", *marks_block(rows))


def set_reporting_zone(store: Store, zone: str) -> None:
    """Let days end at this IANA zone's midnight. Every day is read live until it is recomputed.

    Call it while nothing posts. Raises `ConfigurationError` on a name that is no zone.
    """
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        msg = f"the reporting zone {zone!r} is unknown: use an IANA name such as Europe/Berlin"
        raise ConfigurationError(msg) from error
    store.command(
        "INSERT INTO ledger_dirty_days (day, mark) "
        "SELECT DISTINCT arrayJoin([day - 1, day, day + 1]), {mark:String} "
        "FROM (SELECT DISTINCT toDate32(booked_time) AS day FROM ledger_events)",
        {"mark": os.urandom(8).hex()},
    )
    for table in _SUMS:
        store.command(f"TRUNCATE TABLE {table}")
    store.command("INSERT INTO ledger_settings (name, value) SELECT 'reporting_zone', {zone:String}", {"zone": zone})
    for migration in known():
        for statement in migration.statements:
            if ZONE_MARK in statement:
                store.command(statement.replace(ZONE_MARK, zone))
