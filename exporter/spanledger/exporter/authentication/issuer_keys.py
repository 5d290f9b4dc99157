"""The public keys of one issuer: fetched in the background, kept, and fetched again for a key that is not among them.

They come from the issuer's own origin, or from a stated URL, and from nowhere else: no redirect is followed, and what a
token says about where its key is, is not read. While there is no telling, senders are told to come again.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Final, cast
from urllib.parse import urlsplit

import msgspec

from spanledger.exporter.failures import Transient, Unauthenticated

FETCH_S_MAX: Final = 5.0
BYTES_MAX: Final = 256 * 1024
AGAIN_S_MIN: Final = 30.0
"""How often an issuer is asked at most, whatever tokens say."""
AGAIN_FAILED_S_MIN: Final = 3.0
"""The same while it does not answer: senders wait 9 s before they drop."""
RENEW_S: Final = 600.0
"""How old keys are renewed at: as long is a key believed that its issuer withdrew."""
BELIEVED_S_MAX: Final = 24 * 3600.0
"""How long keys are believed while the issuer does not answer."""

_DISCOVERY: Final = "/.well-known/openid-configuration"
_LOG: Final = logging.getLogger("spanledger.receiver")

Keys = Mapping[str, Mapping[str, object]]
"""`kid` → JSON Web Key."""


class IssuerKeys:
    """The keys of one issuer, by `kid`."""

    def __init__(self, issuer: str, jwks_url: str = "", clock: Callable[[], float] = time.monotonic) -> None:
        self.issuer = issuer
        self._jwks_url = jwks_url
        self._clock = clock
        self._keys: Keys | None = None
        self._fetched_s = self._asked_s = float("-inf")
        self._fetching: threading.Thread | None = None

    def find(self, kid: str) -> Mapping[str, object]:
        """The key of this name. Raises `Transient` while it may yet be fetched, `Unauthenticated` if it was not there.

        Never waits for the issuer.
        """
        now_s, known = self._clock(), self._keys
        keys = known if now_s - self._fetched_s < BELIEVED_S_MAX else None
        key = None if keys is None else keys.get(kid)
        if key is None or now_s - self._fetched_s > RENEW_S:
            self.fetch()
        if key is not None:
            return key
        # They may also have come since they were looked at.
        if keys is None or self._asked_s > self._fetched_s or self._fetching is not None or self._keys is not known:
            msg = "the keys of the token's issuer are not known now"
            raise Transient(msg)
        msg = "the token is signed by a key that its issuer does not name"
        raise Unauthenticated(msg)

    def fetch(self) -> None:
        """Begin to fetch the keys, unless that is under way or was done a moment ago."""
        again_s = AGAIN_FAILED_S_MIN if self._asked_s > self._fetched_s else AGAIN_S_MIN
        if self._fetching is not None or self._clock() - self._asked_s < again_s:
            return
        self._asked_s = self._clock()
        self._fetching = threading.Thread(target=self._run, name="spanledger-oidc", daemon=True)
        self._fetching.start()

    def join(self) -> None:
        """Wait for the fetching under way, if there is any."""
        fetching = self._fetching
        if fetching is not None:
            fetching.join()

    def _run(self) -> None:
        try:
            keys = fetched(self.issuer, self._jwks_url)
        except (OSError, HTTPException, ValueError) as error:
            _LOG.warning("the keys of the issuer %s cannot be fetched: %s", self.issuer, error)
        else:
            self._keys, self._fetched_s = keys, self._asked_s
        finally:
            self._fetching = None


def fetched(issuer: str, jwks_url: str) -> Keys:
    """Ask an issuer for its keys now. Raises `OSError`, `HTTPException` or `ValueError`."""
    if not jwks_url:
        about = _json(issuer.rstrip("/") + _DISCOVERY)
        jwks_url = str(about.get("jwks_uri", ""))
        if about.get("issuer") != issuer or _origin(jwks_url) != _origin(issuer):
            msg = "it calls itself otherwise, or keeps its keys elsewhere: state SPANLEDGER_OIDC_JWKS"
            raise ValueError(msg)
    found: dict[str, Mapping[str, object]] = {}
    for key in cast("list[object]", _json(jwks_url).get("keys") or []):
        if isinstance(key, dict):
            stated = cast("dict[str, object]", key)
            # A symmetric key in a public list is a key that everybody has.
            if isinstance(kid := stated.get("kid"), str) and stated.get("kty") != "oct" and stated.get("use") != "enc":
                found[kid] = stated
    if not found:
        msg = "it names no keys"
        raise ValueError(msg)
    return found


def _json(url: str) -> dict[str, object]:
    """Get a JSON object; anything but 200, a redirect too, is a failure."""
    parts = urlsplit(url)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    with closing(kind(parts.hostname or "", parts.port, timeout=FETCH_S_MAX)) as connection:
        query = f"?{parts.query}" if parts.query else ""
        connection.request("GET", (parts.path or "/") + query, headers={"accept": "application/json"})
        response = connection.getresponse()
        body = response.read(BYTES_MAX + 1)
    if response.status != 200 or len(body) > BYTES_MAX:
        msg = f"{url} answers {response.status} with {len(body)} bytes"
        raise ValueError(msg)
    return msgspec.json.decode(body, type=dict[str, object])


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port
