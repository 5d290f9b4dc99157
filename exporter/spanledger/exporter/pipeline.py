"""The exporter put together: settings in, a store, a journal, an intake and a poster out."""

import math
import time
from collections import Counter
from collections.abc import Callable, Sequence

from spanledger.exporter.background import BackgroundPoster
from spanledger.exporter.failures import Refused
from spanledger.exporter.intake import Intake
from spanledger.exporter.journal import Entry, JournalWriter, RecordType, Signal
from spanledger.exporter.poster import Poster
from spanledger.exporter.posting.quarantine import Outcome, Quarantine
from spanledger.exporter.prices import PriceShelf
from spanledger.exporter.settings import Settings
from spanledger.exporter.sift import Handoff, pseudonyms_under
from spanledger.exporter.store import Store, open_store
from spanledger.exporter.store.migrations import migrate
from spanledger.exporter.tenant_rates import TenantRates
from spanledger.schemas import StoreUnavailableError


class Pipeline:
    """Everything between a request's bytes and the ledger, for one process that holds the store."""

    def __init__(self, settings: Settings, store: Store) -> None:
        """Compose over an open, migrated store; starts nothing."""
        self.settings = settings
        self.store = store
        self.writer = JournalWriter(settings.data)
        handoff = Handoff()
        self.pseudonyms = pseudonyms_under(settings.pseudonym_key, agents=settings.pseudonym_agents)
        self.intake = Intake(self.writer, handoff, self.pseudonyms)
        self.prices = PriceShelf(settings.prices, must_exist=settings.prices_stated)
        self.poster = Poster(store, settings.data, handoff, self.prices)
        self.quarantine = Quarantine(store)
        self._background = BackgroundPoster(self.poster, lambda: self._mark(RecordType.TICK))

    def senders_intake(self) -> Intake:
        """The intake for what comes through doors: files and this process's own usage are not held to a rate."""
        access = self.settings.access
        rates = TenantRates(spans_per_s=access.spans_per_s, bytes_per_s=access.bytes_per_s)
        return self.intake.within(rates)

    def start(self) -> None:
        """Post in the background from now on. Raises `ConfigurationError` while no price book can be made."""
        self.prices.current()
        self.writer.add_listener(self._background.wake)
        self._background.start()

    def post(self, *, close_window: bool = False, progress: Callable[[int], None] | None = None) -> Counter[str]:
        """Post everything that waits, now, and return the accounting counts.

        `close_window` decides every roll-up that still waits for evidence; it is journaled, so that a replay
        decides the same. Raises `StoreUnavailableError`.
        """
        counts = self.poster.post_waiting(progress)
        if close_window and self.poster.has_pending:
            self._mark(RecordType.CLOSE)
            counts.update(self.poster.post_waiting())
        return counts

    def replay(self, quarantine_ids: Sequence[str]) -> list[Outcome]:
        """Bring what is set aside again, the normal way, and post it: where each is then.

        Raises `StoreUnavailableError`, also when the journal has no room; what is journaled by then is posted later.
        """
        try:
            for entry in self.quarantine.entries(quarantine_ids):
                self.writer.append(entry).result()
        except Refused as refusal:
            msg = f"the journal does not take what is replayed: {refusal}"
            raise StoreUnavailableError(msg) from refusal
        self.post()
        return self.quarantine.outcomes(quarantine_ids)

    def ready(self) -> bool:
        """Whether a request would be accepted now: the journal has not failed, and its disk has room for what comes.

        That the poster is behind, or the store away, is no reason to send senders away: the journal is there for that.
        """
        return self.writer.accepting.is_set() and not self.writer.failed.is_set()

    def close(self, post_s: float = math.inf) -> int:
        """A clean stop: flush the journal, post what waits, close the settling window, free the store. Idempotent.

        After `post_s` seconds of posting, what is left stays in the journal: returns how many bytes of it.
        """
        until = time.monotonic() + post_s
        self._background.stop()
        try:
            self.writer.flush(timeout_s=10.0)
            self.poster.post_waiting(go_on=lambda: time.monotonic() < until)
            if not self.poster.waiting_bytes:
                self.post(close_window=True)
                self.poster.refresh_rollup()
            return self.poster.waiting_bytes
        finally:
            self.writer.close()
            self.store.close()

    def _mark(self, kind: RecordType) -> None:
        mark = Entry(payload=b"", signal=Signal.TRACES, scope="", tenant="", elements=0, type=kind)
        self.writer.append(mark).result()


def open_pipeline(settings: Settings) -> Pipeline:
    """Open (and migrate) the store of `settings` and compose the pipeline over it.

    Raises `StoreLockedError`, `StoreUnavailableError`, `NewerSchemaError` or `ConfigurationError`.
    """
    store = open_store(settings.store)
    try:
        migrate(store)
        return Pipeline(settings, store)
    except BaseException:
        store.close()
        raise
