"""A small pool of clients: a client serves one call at a time, so readers never wait for the poster's insert.

A client whose call failed is closed, never lent again: the embedded engine puts what a failed statement had already
written in front of the next answer on the same connection.
"""

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Final

from clickhouse_connect.driver.client import Client

from spanledger.schemas import StoreUnavailableError

CLIENTS_MAX: Final = 8
"""Calls that run at once; more wait. An embedded client takes 20 ms to open, a server's holds a connection."""


class Pool:
    """Opens clients when they are needed, lends each to one caller at a time, closes all at the end."""

    def __init__(self, connect: Callable[[], Client], *, clients_max: int = CLIENTS_MAX) -> None:
        self._connect = connect
        self._idle: list[Client] = []
        self._places = threading.BoundedSemaphore(clients_max)
        self._lock = threading.Lock()
        self._closed = False

    @contextmanager
    def borrowed(self) -> Generator[Client]:
        """A client nobody else uses until the block ends; waits while all are lent.

        Raises `StoreUnavailableError` once the pool is closed.
        """
        with self._places:
            client = self._take()
            try:
                yield client
            except BaseException:
                client.close()
                raise
            self._give(client)

    def close(self) -> None:
        """Close every idle client now, and every lent one when it comes back."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for client in idle:
            client.close()

    def _take(self) -> Client:
        with self._lock:
            if self._closed:
                # A client more would start the embedded engine again, on a folder that others may have by now.
                msg = "the store is closed: open it again"
                raise StoreUnavailableError(msg)
            if self._idle:
                return self._idle.pop()
        return self._connect()

    def _give(self, client: Client) -> None:
        with self._lock:
            if not self._closed:
                self._idle.append(client)
                return
        client.close()
