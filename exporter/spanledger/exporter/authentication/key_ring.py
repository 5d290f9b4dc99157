"""The key store as a server has it: in memory, looked at anew once a second, read anew when it changed.

A revocation holds within 7 s at worst: a second until the next look, and for as long as the file cannot be looked at,
what is known is believed 5 s more. After that nobody is let in and nobody is sent away: the file may say otherwise.
"""

import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from typing import Final

from spanledger.exporter.authentication.api_key import ApiKey
from spanledger.exporter.authentication.key_store import Entry, KeyStore, Use, connect, read
from spanledger.exporter.authentication.principal import Principal
from spanledger.exporter.failures import Transient
from spanledger.schemas import SpanledgerError

LOOK_S: Final = 1.0
BELIEVED_S_MAX: Final = 5.0
USES_S: Final = 60.0
"""How often the times of last use are written."""

_LOG: Final = logging.getLogger("spanledger.receiver")


class KeyRing:
    """Finds entries by id and by certificate. Of one thread at a time, but for the writing of uses."""

    def __init__(
        self,
        store: KeyStore,
        clock: Callable[[], float] = time.monotonic,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._store = store
        self._clock = clock
        self.now_ns = now_ns
        self._connection: sqlite3.Connection | None = None
        self._seen: tuple[int, int, int] | None = None
        """Device, inode and version of what was read; None when nothing was."""
        self._looked_s = self._read_s = float("-inf")
        self._wrote_s = clock()
        self._problem = ""
        self._by_id: dict[str, Entry] = {}
        self._principals: dict[str, Principal] = {}
        self._by_certificate: dict[str, Entry] = {}
        self._uses: dict[str, Use] = {}
        self._writing: threading.Thread | None = None

    def by_id(self, key: ApiKey) -> Entry | None:
        """The entry of a key's id; one that was made a moment ago is found. Raises `Transient`: we cannot tell."""
        self._look_if_due()
        entry = self._by_id.get(key.id)
        if entry is None:
            self._look_now()
            entry = self._by_id.get(key.id)
        return entry

    def by_certificate(self, names: tuple[str, ...]) -> Entry | None:
        """The entry of the first of these names that has one which is not revoked. Raises `Transient`."""
        self._look_if_due()
        found = [entry for name in names if (entry := self._by_certificate.get(name))]
        if not found:
            self._look_now()
            found = [entry for name in names if (entry := self._by_certificate.get(name))]
        return found[0] if found else None

    def principal(self, entry: Entry) -> Principal:
        """Who shows this entry's key: made once."""
        known = self._principals.get(entry.id)
        if known is None:
            known = self._principals[entry.id] = entry.principal
        return known

    def used(self, entry: Entry, source: Callable[[], str]) -> None:
        """Remember that a key was used; it is written by and by."""
        now_ns = self.now_ns()
        use = self._uses.get(entry.id)
        if use is None or now_ns - use.last_ns > 1_000_000_000:
            self._uses[entry.id] = Use(use.first_ns if use else now_ns, now_ns, source())
        if self._clock() - self._wrote_s > USES_S:
            self._wrote_s = self._clock()
            self._writing = threading.Thread(target=self._write, args=(self._uses,), name="spanledger-keys")
            self._uses = {}
            self._writing.start()

    def close(self) -> None:
        """Write what is left, and let go of the file."""
        if self._writing is not None:
            self._writing.join()
        if self._uses:
            self._write(self._uses)
            self._uses = {}
        self._forget_connection()

    def _write(self, uses: dict[str, Use]) -> None:
        """Best effort: when a key was used is worth knowing, not worth failing for."""
        try:
            self._store.note_uses(uses)
        except SpanledgerError as error:
            _LOG.warning("when keys were used is not written: %s", error)

    def _look_if_due(self) -> None:
        now_s = self._clock()
        if now_s - self._looked_s >= LOOK_S:
            try:
                self._look(now_s)
            except Transient:
                # What was read is believed a little longer; the next look is in a second.
                if now_s - self._read_s > BELIEVED_S_MAX:
                    raise
        elif self._problem and now_s - self._read_s > BELIEVED_S_MAX:
            raise Transient(self._problem)

    def _look_now(self) -> None:
        """Before somebody is told for good that it is not known. No more often than what it costs allows: 20 µs."""
        self._look(self._clock())

    def _look(self, now_s: float) -> None:
        self._looked_s = now_s
        try:
            self._renew()
        except (OSError, sqlite3.Error) as error:
            self._forget_connection()
            if not self._problem:
                _LOG.error("the key store %s cannot be read: %s", self._store.file, error)
            self._problem = "the key store cannot be read now"
            raise Transient(self._problem) from error
        if self._problem:
            _LOG.warning("the key store %s can be read again", self._store.file)
        self._problem = ""
        self._read_s = now_s

    def _renew(self) -> None:
        try:
            status = self._store.file.stat()
        except FileNotFoundError:
            # Before the first key there is no file. Later there is one, or something is wrong.
            if self._seen is None:
                return
            raise
        if self._connection is None or (status.st_dev, status.st_ino) != (self._seen or (0, 0, 0))[:2]:
            self._forget_connection()
            self._connection = connect(self._store.file)
        ((version,),) = self._connection.execute("PRAGMA data_version")
        seen = (status.st_dev, status.st_ino, int(version))
        if seen != self._seen:
            self._take(read(self._connection))
            self._seen = seen

    def _take(self, entries: list[Entry]) -> None:
        self._principals.clear()
        self._by_id = {entry.id: entry for entry in entries}
        self._by_certificate = {
            entry.certificate: entry for entry in entries if entry.certificate and entry.revoked_ns is None
        }

    def _forget_connection(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
            # The next connection counts its changes anew.
            self._seen = (-1, -1, -1)
