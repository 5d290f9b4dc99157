"""Connections of the embedded engine, kept by the database and the settings that they were given once and keep.

A connection serves one statement at a time. One that failed is closed: what a failed statement had written would stand
in front of the next answer.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import Final

from spanledger.exporter.store import RawConnection
from spanledger.exporter.store.statements import literal, quoted
from spanledger.schemas import StoreUnavailableError

IDLE_MAX: Final = 32
"""Of all databases and settings together; whichever was left longest ago goes."""

_Key = tuple[str, tuple[tuple[str, str], ...]]


class Handles:
    """Lends connections. Any thread."""

    def __init__(self, connect: Callable[[], RawConnection]) -> None:
        self._connect = connect
        self._lock = threading.Lock()
        self._idle: OrderedDict[int, tuple[_Key, RawConnection]] = OrderedDict()
        self._given = 0
        self._closed = False

    @contextmanager
    def borrowed(self, database: str, settings: Mapping[str, str]) -> Generator[RawConnection]:
        """A connection that has this database and these settings, and serves nobody else until the block ends.

        Raises `RawFailureError` for what the engine does not take, `StoreUnavailableError` once all are closed.
        """
        key = (database, tuple(settings.items()))
        connection = self._take(key) or self._opened(database, settings)
        try:
            yield connection
        except BaseException:
            connection.close()
            raise
        self._give(key, connection)

    def close(self) -> None:
        """Close every idle connection now, and every lent one when it comes back."""
        with self._lock:
            self._closed = True
            idle = [connection for _, connection in self._idle.values()]
            self._idle.clear()
        for connection in idle:
            connection.close()

    def _take(self, key: _Key) -> RawConnection | None:
        with self._lock:
            if self._closed:
                # A connection more would start the engine again, on a folder that others may have by now.
                msg = "the store is closed"
                raise StoreUnavailableError(msg)
            number = next((number for number in reversed(self._idle) if self._idle[number][0] == key), None)
            return None if number is None else self._idle.pop(number)[1]

    def _opened(self, database: str, settings: Mapping[str, str]) -> RawConnection:
        connection = self._connect()
        try:
            if database:
                connection.query(f"USE {quoted(database)}")
            if settings:
                connection.query("SET " + ", ".join(f"{name} = {literal(value)}" for name, value in settings.items()))
        except BaseException:
            connection.close()
            raise
        return connection

    def _give(self, key: _Key, connection: RawConnection) -> None:
        with self._lock:
            if not self._closed:
                self._given += 1
                self._idle[self._given] = (key, connection)
                if len(self._idle) <= IDLE_MAX:
                    return
                _, (_, connection) = self._idle.popitem(last=False)
        connection.close()
