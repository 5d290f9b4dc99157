"""The watch of a running `serve`: look at the ledger now and then, note what is news, have it delivered.

A rule that cannot be asked is told in the log, once, and stops no other; what it found before stays as it was.
"""

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from logging import getLogger
from pathlib import Path
from typing import Final, TypeAlias
from zoneinfo import ZoneInfo

from spanledger.exporter.journal import shards
from spanledger.exporter.journal.record import JournalCorrupt
from spanledger.ledger.alerts import questions, rules
from spanledger.ledger.alerts.alert import Alert, Kind
from spanledger.ledger.alerts.counts import Family, families
from spanledger.ledger.alerts.courier import Courier
from spanledger.ledger.alerts.network import Network
from spanledger.ledger.alerts.outbox import Outbox
from spanledger.ledger.alerts.sending import sender
from spanledger.ledger.alerts.settings import AlertSettings, AnomalyRule
from spanledger.ledger.alerts.telling import Terms
from spanledger.ledger.budgets.budget import BudgetState
from spanledger.ledger.queries import anomalies
from spanledger.ledger.tables import Table
from spanledger.schemas import SpanledgerError

STOP_S_MAX: Final = 5.0
"""How long a stop waits for the question, and the deliveries, in hand."""

Query: TypeAlias = Callable[[str], Table]
Budgets: TypeAlias = Callable[[], Sequence[BudgetState]]
"""The states of all budgets now."""

_LATE: Final = timedelta(hours=2)
_SECOND_NS: Final = 10**9
_log = getLogger(__name__)


class Watch:
    """Evaluates the rules every so often until it is stopped."""

    def __init__(
        self,
        settings: AlertSettings,
        query: Query,
        journal: Path,
        *,
        budgets: Budgets,
        network: Network | None = None,
    ) -> None:
        """Starts nothing, and opens nothing."""
        self._settings = settings
        self._query = query
        self._journal = journal
        self._budgets = budgets
        self._outbox = Outbox(journal)
        network = network or Network()
        self._couriers = [
            Courier(channel.name, self._outbox, sender(channel, settings, network)) for channel in settings.channels
        ]
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="spanledger-alerts", daemon=True)
        self._failures: dict[str, str] = {}
        self.evaluations_failed = 0
        """Rules that could not be asked, since the start."""

    def start(self) -> None:
        """Begin. Raises `StoreUnavailableError` when the outbox cannot be used."""
        self._outbox.keep_only([channel.name for channel in self._settings.channels], time.time_ns())
        for courier in self._couriers:
            courier.start()
        self._thread.start()

    def stop(self) -> None:
        """End; nothing is lost by it. Idempotent."""
        self._stopping.set()
        for courier in self._couriers:
            courier.stop()
        until_s = time.monotonic() + STOP_S_MAX
        if self._thread.is_alive():
            self._thread.join(STOP_S_MAX)
        for courier in self._couriers:
            courier.join(max(0.0, until_s - time.monotonic()))

    def families(self) -> list[Family]:
        """Numbers for a scraper, and nobody's name."""
        return families(self._outbox.tally(), self.evaluations_failed)

    def evaluate(self, now_ns: int) -> int:
        """Look once; how many deliveries that makes. Raises `StoreUnavailableError` when the outbox cannot be used."""
        firing: list[Alert] = []
        looked_at: set[Kind] = set()
        for kind, look in self._looks(now_ns, datetime.fromtimestamp(now_ns / _SECOND_NS, UTC)):
            try:
                firing += look()
            except Exception as error:  # noqa: BLE001 (the watch outlives every failure of one rule)
                self._report(kind, error)
            else:
                looked_at.add(kind)
                self._failures.pop(kind, None)
        terms = Terms(self._settings.repeat_s * _SECOND_NS, self._settings.resolved)
        made = self._outbox.note(firing, looked_at, self._settings.channels, terms, now_ns)
        if made:
            for courier in self._couriers:
                courier.wake()
        return made

    def _looks(self, now_ns: int, now: datetime) -> Iterator[tuple[Kind, Callable[[], Iterable[Alert]]]]:
        wanted, query = self._settings.rules, self._query
        # The journal first: it can be looked at while the store is away.
        if lag := wanted.journal_lag:
            yield "journal_lag", lambda: rules.lag_alerts(lag_of(self._journal), lag, now)
        if wanted.budget_threshold:
            yield "budget_threshold", lambda: rules.budget_alerts(self._budgets(), now)
        if anomaly := wanted.anomaly:
            yield "anomaly", lambda: self.dear_days(anomaly, now)
        if unpriced := wanted.unpriced_model:
            sql = questions.unpriced_sql(now_ns, unpriced.requests)
            yield "unpriced_model", lambda: rules.unpriced_alerts(query(sql), now)
        if silence := wanted.silence:
            yield "silence", lambda: rules.silence_alerts(query(questions.silence_sql(now_ns)), silence, now)
        if aside := wanted.quarantine:
            yield "quarantine", lambda: rules.quarantine_alerts(query(questions.quarantine_sql(now_ns)), aside, now)

    def dear_days(self, rule: AnomalyRule, now: datetime) -> Iterator[Alert]:
        """Of today as far as it is, and, while its last spans may still come, of yesterday."""
        zone = ZoneInfo(self._settings.tz)
        days = {now.astimezone(zone).date(), (now.astimezone(UTC) - _LATE).astimezone(zone).date()}
        for day in sorted(days):
            factor, window = rule.factor, rule.window_days
            found = anomalies(self._query, day=day, factor=factor, window_days=window, tz=self._settings.tz, by=rule.by)
            yield from rules.anomaly_alerts(found, rule, day, now)

    def _run(self) -> None:
        while not self._stopping.wait(self._settings.evaluate_s):
            try:
                self.evaluate(time.time_ns())
            except SpanledgerError as error:
                self._report("outbox", error)

    def _report(self, what: str, error: Exception) -> None:
        """Count it, and log it once, not at each look. Of a bug its name and no text: that may quote telemetry."""
        self.evaluations_failed += 1
        text = str(error) if isinstance(error, SpanledgerError) else type(error).__name__
        if self._failures.get(what) != text:
            _log.warning("alerts of the kind %s cannot be looked for now: %s", what, text)
        self._failures[what] = text


@asynccontextmanager
async def watching(watch: Watch | None) -> AsyncGenerator[None]:
    """Watch, if there is a watch, until the block is left."""
    if watch is None:
        yield
        return
    watch.start()
    try:
        yield
    finally:
        await asyncio.to_thread(watch.stop)


def lag_of(journal: Path) -> rules.Lag:
    """What waits in the shards of a journal, and since when. Raises `OSError`."""
    waiting_bytes = 0
    oldest_ns: list[int] = []
    damaged: list[str] = []
    for shard in shards(journal):
        try:
            if pending := shard.pending_bytes:
                waiting_bytes += pending
                first = next(shard.read(), None)
                oldest_ns += [first.received_ns] if first else []
        except JournalCorrupt:
            damaged.append(shard.id)
    return rules.Lag(waiting_bytes=waiting_bytes, oldest_ns=min(oldest_ns, default=None), damaged=tuple(damaged))
