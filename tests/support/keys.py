"""Keys of a key store in a test's folder, and an authenticator over it whose clock stands still until it is set."""

import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from spanledger.exporter.authentication import Authenticator
from spanledger.exporter.authentication.api_key import ApiKey, new_id, new_key
from spanledger.exporter.authentication.authenticator import Tokens
from spanledger.exporter.authentication.key_ring import KeyRing
from spanledger.exporter.authentication.key_store import Entry, KeyStore

DAY_NS = 24 * 3600 * 10**9


@dataclass
class Clock:
    """Seconds since whenever, and nanoseconds since 1970; both stand still."""

    seconds: float = 1000.0
    now_ns: int = field(default_factory=time.time_ns)

    def __call__(self) -> float:
        """The seconds."""
        return self.seconds

    def wall(self) -> int:
        """The nanoseconds."""
        return self.now_ns

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.seconds += seconds
        self.now_ns += round(seconds * 10**9)


class Keys:
    """A key store, a ring over it and an authenticator over that."""

    def __init__(self, file: Path, tokens: Tokens | None = None) -> None:
        self.clock = Clock()
        self.store = KeyStore(file)
        self.ring = KeyRing(self.store, self.clock, self.clock.wall)
        self.authenticator = Authenticator(keys=self.ring, tokens=tokens, clock=self.clock)

    def create_many(self, scopes: Sequence[str]) -> list[ApiKey]:
        """A key to send with for each of these scopes, in one change."""
        made = [new_key() for _ in scopes]
        first = self.create(scopes[0])
        with closing(sqlite3.connect(self.store.file)) as connection, connection:
            connection.executemany(
                "INSERT INTO keys (id, secret_sha256, role, scope, tenant, created_ns)"
                " VALUES (?, ?, 'ingest', ?, ?, ?)",
                [
                    (key.id, key.digest, scope, scope.partition(",")[0], self.clock.now_ns)
                    for key, scope in zip(made[1:], scopes[1:], strict=True)
                ],
            )
        return [first, *made[1:]]

    def create(self, scope: str = "acme", role: str = "ingest", *, expires_ns: int | None = None) -> ApiKey:
        """A new key; its default tenant is the first of its scope."""
        key = new_key()
        tenant = "unattributed" if scope == "*" else scope.split(",", maxsplit=1)[0]
        self.store.add(
            Entry(
                id=key.id,
                secret_sha256=key.digest,
                role=role,
                scope=scope,
                tenant=tenant,
                created_ns=self.clock.now_ns,
                expires_ns=expires_ns,
            )
        )
        return key

    def bind(self, certificate: str, scope: str = "acme") -> str:
        """Bind a certificate's name; the entry's id."""
        entry = Entry(
            id=new_id(),
            certificate=certificate,
            role="ingest",
            scope=scope,
            tenant=scope,
            created_ns=self.clock.now_ns,
        )
        self.store.add(entry)
        return entry.id


def bearer(key: ApiKey) -> dict[str, str]:
    """The header that shows a key."""
    return {"authorization": f"Bearer {key.text}"}
