"""Bearer tokens (JWT) of stated issuers: verified by a stated algorithm, for our audience, within their time.

The algorithm is never the token's choice: only asymmetric ones can be stated, so that neither `none` nor a public key
taken for a shared secret verifies anything. A verified token is remembered for a minute, by its digest.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Final, cast

import jwt

from spanledger.exporter.access_settings import OidcSettings
from spanledger.exporter.authentication.claims import ClaimReader, grants
from spanledger.exporter.authentication.issuer_keys import IssuerKeys
from spanledger.exporter.authentication.principal import Principal
from spanledger.exporter.failures import Unauthenticated
from spanledger.schemas import ConfigurationError

ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
ALGORITHMS_DEFAULT: Final = ("RS256", "ES256")
TENANT_CLAIM: Final = "tenant"
ROLE_CLAIM: Final = "roles"
LEEWAY_S: Final = 30.0
REMEMBERED_S: Final = 60.0
REMEMBERED_MAX: Final = 4_096
TOKEN_CHARS_MAX: Final = 8 * 1024


class OidcTokens:
    """Recognises the tokens of the stated issuers."""

    def __init__(
        self,
        settings: OidcSettings,
        default_tenant: str,
        clock: Callable[[], float] = time.monotonic,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        """Raises `ConfigurationError`. Begins to fetch the issuers' keys."""
        self._algorithms = settings.algorithms or ALGORITHMS_DEFAULT
        if unfit := [name for name in self._algorithms if name not in ALGORITHMS]:
            msg = f"SPANLEDGER_OIDC_ALGORITHMS {', '.join(unfit)}: choose among {', '.join(ALGORITHMS)}"
            raise ConfigurationError(msg)
        self._audience = settings.audience
        self._clock = clock
        self._now_s = now_s
        self._claims = ClaimReader(
            settings.tenant_claim or TENANT_CLAIM,
            settings.role_claim or ROLE_CLAIM,
            grants(settings.roles),
            default_tenant,
        )
        jwks = settings.jwks or ("",) * len(settings.issuers)
        self.issuers = {
            issuer: IssuerKeys(issuer, url, clock) for issuer, url in zip(settings.issuers, jwks, strict=True)
        }
        for keys in self.issuers.values():
            keys.fetch()
        self._remembered: OrderedDict[bytes, tuple[Principal, float]] = OrderedDict()

    def principal(self, token: str) -> Principal:
        """Whose token it is.

        Raises `Unauthenticated`, `Denied` when its claims give nothing here, and `Transient` when its issuer's keys
        are not known now.
        """
        digest, now_s = sha256(token.encode()).digest(), self._clock()
        known = self._remembered.get(digest)
        if known is not None and now_s < known[1]:
            return known[0]
        claims = self._verified(token)
        principal = self._claims.principal(claims)
        left_s = float(cast("float", claims["exp"])) + LEEWAY_S - self._now_s()
        self._remembered[digest] = (principal, now_s + min(REMEMBERED_S, left_s))
        if len(self._remembered) > REMEMBERED_MAX:
            self._remembered.popitem(last=False)
        return principal

    def _verified(self, token: str) -> Mapping[str, object]:
        if len(token) > TOKEN_CHARS_MAX:
            msg = f"the token is longer than {TOKEN_CHARS_MAX} characters"
            raise Unauthenticated(msg)
        try:
            header = cast("Mapping[str, object]", jwt.get_unverified_header(token))
            # Only to choose whose keys it must be signed by.
            unverified = cast("Mapping[str, object]", jwt.decode(token, options={"verify_signature": False}))
            algorithm, kid, issuer = header.get("alg"), header.get("kid"), unverified.get("iss")
            if algorithm not in self._algorithms or not isinstance(kid, str) or "crit" in header:
                return _refuse("the token's algorithm or key is not one that is accepted")
            if not isinstance(issuer, str) or issuer not in self.issuers:
                return _refuse("the token's issuer is not one that is believed")
            stated = self.issuers[issuer].find(kid)
            if stated.get("alg", algorithm) != algorithm:
                return _refuse("the token's algorithm is not the one of its key")
            key = jwt.PyJWK(dict(stated), algorithm=str(algorithm))
            return cast(
                "Mapping[str, object]",
                jwt.decode(
                    token,
                    key,
                    algorithms=[str(algorithm)],
                    audience=self._audience,
                    issuer=issuer,
                    leeway=LEEWAY_S,
                    options={"require": ["exp", "iss", "aud"]},
                ),
            )
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
            # Its class says what is wrong; its text may quote the token.
            return _refuse(f"the token is not valid ({type(error).__name__})", error)


def _refuse(why: str, cause: Exception | None = None) -> Mapping[str, object]:
    raise Unauthenticated(why) from cause
