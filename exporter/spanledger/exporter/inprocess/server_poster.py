"""Posts the journal of this process's ClickHouse store, and what dead processes left there, from a courier's thread.

Of all processes with the same journal one posts at a time; the others only journal.
"""

import logging
import os
import threading
import time
from collections.abc import Callable
from fcntl import LOCK_EX, LOCK_NB, lockf
from typing import TYPE_CHECKING, Final

from spanledger.exporter.inprocess.courier import THREAD_NAME, Undelivered
from spanledger.exporter.settings import Settings

if TYPE_CHECKING:
    from spanledger.exporter.poster import Poster
    from spanledger.exporter.store import Store

# Beside the shards, which are all named by a UUID.
_TURN_LOCK: Final = ".poster"

# While a roll-up waits for its window to end, time is journaled this often, and a replay decides the same.
TICK_INTERVAL_S: Final = 10.0
ROLLUP_INTERVAL_S: Final = 30.0

# A child forked in the middle of an import would find that module locked for ever, so a fork waits for it (1 s, once).
_importing: Final = threading.Lock()
os.register_at_fork(before=_importing.acquire, after_in_parent=_importing.release, after_in_child=_importing.release)


class ServerPoster:
    """The carrier to a ClickHouse server. What it needs is imported when there is something to post."""

    def __init__(self, settings: Settings, tick: Callable[[], None]) -> None:
        """Post the journal of `settings`; `tick` journals a clock mark."""
        self._settings = settings
        self._tick = tick
        self._ticked_at = self._refreshed_at = time.monotonic()
        self._poster: Poster | None = None
        self._store: Store | None = None

    def carry(self) -> None:
        """Post everything that waits. Raises `StoreUnavailableError` or `Undelivered` when it cannot be now."""
        with (self._settings.data / _TURN_LOCK).open("ab") as lock:
            try:
                # Of this kind, because a forked child does not inherit it.
                lockf(lock, LOCK_EX | LOCK_NB)
            except BlockingIOError:
                return
            self._poster = self._poster or self._open()
            self._poster.post_waiting()
            self._keep_time(self._poster)

    def close(self) -> None:
        """Close the connections to the server."""
        if self._store is not None:
            self._store.close()

    def _keep_time(self, poster: "Poster") -> None:
        now = time.monotonic()
        if poster.has_pending and now - self._ticked_at >= TICK_INTERVAL_S:
            self._ticked_at = now
            self._tick()
        if now - self._refreshed_at >= ROLLUP_INTERVAL_S:
            self._refreshed_at = now
            poster.refresh_rollup()

    def _open(self) -> "Poster":
        try:
            with _importing:
                from spanledger.exporter.poster import Poster  # noqa: PLC0415
                from spanledger.exporter.prices import PriceShelf  # noqa: PLC0415
                from spanledger.exporter.store import open_store  # noqa: PLC0415
                from spanledger.exporter.store.migrations import migrate  # noqa: PLC0415

                # Imports the price list, once; the poster would at its first charge, outside of the lock.
                prices = PriceShelf(self._settings.prices, must_exist=self._settings.prices_stated)
                prices.current()
        except ImportError as error:
            msg = f"posting to ClickHouse needs pip install 'spanledger[clickhouse]' ({error})"
            raise Undelivered(msg) from error
        _quiet_client()
        self._store = self._store or open_store(self._settings.store)
        migrate(self._store)
        return Poster(self._store, self._settings.data, prices=prices)


def _quiet_client() -> None:
    """The client logs every attempt that fails. Ours go on for hours and are told once, by us; others' stay."""
    for name in list(logging.root.manager.loggerDict):
        if name.startswith("clickhouse_connect"):
            logging.getLogger(name).addFilter(_is_the_applications)


def _is_the_applications(record: logging.LogRecord) -> bool:
    return record.threadName != THREAD_NAME
