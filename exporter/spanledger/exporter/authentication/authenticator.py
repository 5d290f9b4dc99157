"""From a request's headers and connection to a principal.

It says "nobody we know" only when that is known, because senders drop what is answered so (OTLP 1.11); while a key
store or an issuer is out of reach it says "come again".

A credential is taken from the headers first (`Authorization: Bearer …`, `x-api-key`, `api-key`), else from the verified
client certificate. No credential is ever logged.
"""

import hmac
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import Final, Protocol

from spanledger.exporter.authentication import api_key
from spanledger.exporter.authentication.failures_by_source import FailuresBySource
from spanledger.exporter.authentication.key_ring import KeyRing
from spanledger.exporter.authentication.key_store import Entry
from spanledger.exporter.authentication.peer import Peer
from spanledger.exporter.authentication.principal import Principal, Role
from spanledger.exporter.credential import Credential
from spanledger.exporter.failures import Throttled, Unauthenticated

KEY_HEADERS: Final = ("x-api-key", "api-key")
"""What exporters are commonly set to send a key in, beside `Authorization`."""
LOG_S: Final = 60.0
"""How often failures are logged at most."""

_BEARER: Final = "bearer "
_LOG: Final = logging.getLogger("spanledger.receiver")


class Tokens(Protocol):
    """Recognises bearer tokens of other issuers."""

    def principal(self, token: str) -> Principal:
        """Whose token it is. Raises `Unauthenticated`, or `Transient` when there is no telling now."""
        ...


class Owner:
    """The one who runs the server, known by a token of this run that lies in the store's folder.

    It may do everything; by another token, which its browser is given, no more than that token's role.
    """

    def __init__(self, token: str, credential: Credential, role: Role = Role.ADMIN) -> None:
        self._digest = sha256(token.encode()).digest()
        self.principal = Principal("owner" if role is Role.ADMIN else f"the owner's {role} token", role, credential)

    def shows(self, token: str) -> bool:
        """Whether this is its token."""
        return hmac.compare_digest(sha256(token.encode()).digest(), self._digest)


class Authenticator:
    """Recognises who is asking, by every way that is configured. Any thread, one at a time."""

    def __init__(
        self,
        *,
        keys: KeyRing | None = None,
        tokens: Tokens | None = None,
        owners: Sequence[Owner] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._keys = keys
        self._tokens = tokens
        self._owners = owners
        self._clock = clock
        self._failures = FailuresBySource(clock)
        self._one = threading.Lock()
        self._unlogged = 0
        self._logged_s = float("-inf")

    def principal(self, headers: Mapping[str, str], peer: Peer) -> Principal:
        """Who is asking, by its lower-case headers and its connection.

        Raises `Unauthenticated`; `Transient` when there is no telling now; `Throttled` when this source failed too
        often to be told.
        """
        shown = presented(headers)
        with self._one:
            try:
                return self._recognised(shown, peer)
            except Unauthenticated as failure:
                self._log(failure, peer)
                if self._failures.add(peer.source):
                    msg = "too many requests of this address had no valid credential"
                    raise Throttled(msg) from failure
                raise

    def close(self) -> None:
        """Let go of the key store."""
        if self._keys is not None:
            self._keys.close()

    def _recognised(self, shown: str, peer: Peer) -> Principal:
        if not shown:
            return self._by_certificate(peer)
        for owner in self._owners:
            if owner.shows(shown):
                return owner.principal
        if self._keys is not None and (key := api_key.parsed(shown)) is not None:
            return self._by_key(self._keys, key, peer)
        if self._tokens is not None and shown.count(".") == 2:
            return self._tokens.principal(shown)
        msg = "the credential is not one that is known here"
        raise Unauthenticated(msg)

    def _by_key(self, keys: KeyRing, key: api_key.ApiKey, peer: Peer) -> Principal:
        entry = keys.by_id(key)
        # An unknown id takes the comparison as well, and says no more than a wrong secret.
        kept = (entry.secret_sha256 if entry is not None else None) or _NOBODY
        if not hmac.compare_digest(key.digest, kept) or entry is None:
            msg = "the API key is not known"
            raise Unauthenticated(msg)
        return _in_force(keys, entry, peer, "API key")

    def _by_certificate(self, peer: Peer) -> Principal:
        if self._keys is None or not peer.certificates:
            msg = "no credential: send an API key as Authorization: Bearer KEY"
            raise Unauthenticated(msg)
        entry = self._keys.by_certificate(peer.certificates)
        if entry is None:
            msg = "the client certificate is valid, and bound to nobody: spanledger keys create --certificate binds it"
            raise Unauthenticated(msg)
        return _in_force(self._keys, entry, peer, "client certificate")

    def _log(self, failure: Unauthenticated, peer: Peer) -> None:
        self._unlogged += 1
        now_s = self._clock()
        if now_s - self._logged_s >= LOG_S:
            _LOG.warning(
                "%d requests had no valid credential; the last one came from %s: %s",
                self._unlogged,
                peer.source,
                failure,
            )
            self._unlogged, self._logged_s = 0, now_s


def presented(headers: Mapping[str, str]) -> str:
    """The credential in the headers; empty if there is none."""
    authorization = headers.get("authorization", "")
    if authorization:
        return authorization[len(_BEARER) :].strip() if authorization[: len(_BEARER)].lower() == _BEARER else "?"
    return next((value for name in KEY_HEADERS if (value := headers.get(name, "").strip())), "")


def _in_force(keys: KeyRing, entry: Entry, peer: Peer, what: str) -> Principal:
    state = entry.state(keys.now_ns())
    if state != "active":
        msg = f"the {what} {entry.id} is {state}"
        raise Unauthenticated(msg)
    keys.used(entry, lambda: peer.source)
    return keys.principal(entry)


# The digest of no secret that anybody can show.
_NOBODY: Final = bytes(32)
