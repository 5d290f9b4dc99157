"""Every setting about who may come in: keys, certificates, tokens, addresses, rates. Read once into frozen records."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from spanledger.exporter.setting_values import first, listed, path, switch, whole_number
from spanledger.schemas import ConfigurationError

AUTH_MODES: Final = ("auto", "required", "off")


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsSettings:
    """How the doors speak TLS."""

    certificate: Path
    key: Path
    client_ca: Path | None = None
    """With it, a sender has to show a certificate that this authority signed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OidcSettings:
    """Whose tokens are believed, and what their claims mean here."""

    issuers: tuple[str, ...]
    audience: str
    jwks: tuple[str, ...] = ()
    """Where each issuer's keys are, when it is not for the issuer to say."""
    algorithms: tuple[str, ...] = ()
    tenant_claim: str = ""
    role_claim: str = ""
    roles: tuple[str, ...] = ()
    """`VALUE=ROLE` or `VALUE=ROLE:*`: what a value of the role claim allows; `:*` is for all tenants."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessSettings:
    """Who may come in, where the doors may stand, and how much one tenant may send."""

    auth: str = "auto"
    """`auto`: asked for when a way to be known is configured. `required`, `off`: stated."""
    keys: Path | None = None
    """The key store."""
    insecure_public: bool = False
    """Whether an address that others can reach may be opened although nobody is asked who they are."""
    tls: TlsSettings | None = None
    oidc: OidcSettings | None = None
    spans_per_s: int = 0
    """What one tenant may send, in spans and log records per second; 0 is without limit."""
    bytes_per_s: int = 0

    @property
    def asks(self) -> bool:
        """Whether a sender has to say who it is. A key store counts from its first key on, revoked or not."""
        if self.auth != "auto":
            return self.auth == "required"
        by_certificate = self.tls is not None and self.tls.client_ca is not None
        return by_certificate or self.oidc is not None or (self.keys is not None and _may_be_there(self.keys))


def read_access(env: Mapping[str, str], keys: Path, *, insecure_public: bool = False) -> AccessSettings:
    """Read them; `keys` is where the key store is unless stated. Raises `ConfigurationError`."""
    stated = first(env, "SPANLEDGER_KEYS")
    auth = env.get("SPANLEDGER_AUTH", "").strip().lower() or "auto"
    if auth not in AUTH_MODES:
        msg = f"SPANLEDGER_AUTH {auth!r} must be one of {', '.join(AUTH_MODES)}"
        raise ConfigurationError(msg)
    return AccessSettings(
        auth=auth,
        keys=Path(stated).expanduser().absolute() if stated else keys,
        insecure_public=insecure_public or switch(env, "SPANLEDGER_INSECURE_PUBLIC"),
        tls=_tls(env),
        oidc=_oidc(env),
        spans_per_s=whole_number(env, "SPANLEDGER_TENANT_SPANS_PER_SECOND", "spans per second"),
        bytes_per_s=whole_number(env, "SPANLEDGER_TENANT_BYTES_PER_SECOND", "bytes per second"),
    )


def _may_be_there(file: Path) -> bool:
    """Whether there is a file, or no telling: a folder that we may not look into must not open the doors."""
    try:
        file.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def _tls(env: Mapping[str, str]) -> TlsSettings | None:
    certificate, key = path(env, "SPANLEDGER_TLS_CERT"), path(env, "SPANLEDGER_TLS_KEY")
    client_ca = path(env, "SPANLEDGER_TLS_CLIENT_CA")
    if certificate is not None and key is not None:
        return TlsSettings(certificate=certificate, key=key, client_ca=client_ca)
    if certificate is not None or key is not None or client_ca is not None:
        msg = (
            "SPANLEDGER_TLS_CERT and SPANLEDGER_TLS_KEY belong together: set both, or none of the SPANLEDGER_TLS_ names"
        )
        raise ConfigurationError(msg)
    return None


def _oidc(env: Mapping[str, str]) -> OidcSettings | None:
    issuers, audience = listed(env, "SPANLEDGER_OIDC_ISSUERS"), env.get("SPANLEDGER_OIDC_AUDIENCE", "").strip()
    if not issuers:
        return None
    if not audience:
        msg = "SPANLEDGER_OIDC_AUDIENCE is missing: tokens that an issuer made for others must not be believed here"
        raise ConfigurationError(msg)
    jwks = listed(env, "SPANLEDGER_OIDC_JWKS")
    if jwks and len(jwks) != len(issuers):
        msg = "SPANLEDGER_OIDC_JWKS must name one URL for each of SPANLEDGER_OIDC_ISSUERS, in the same order"
        raise ConfigurationError(msg)
    for name, urls in (("SPANLEDGER_OIDC_ISSUERS", issuers), ("SPANLEDGER_OIDC_JWKS", jwks)):
        for url in urls:
            _check_url(name, url)
    return OidcSettings(
        issuers=issuers,
        audience=audience,
        jwks=jwks,
        algorithms=listed(env, "SPANLEDGER_OIDC_ALGORITHMS"),
        tenant_claim=env.get("SPANLEDGER_OIDC_TENANT_CLAIM", "").strip(),
        role_claim=env.get("SPANLEDGER_OIDC_ROLE_CLAIM", "").strip(),
        roles=listed(env, "SPANLEDGER_OIDC_ROLES"),
    )


def _check_url(name: str, url: str) -> None:
    parts = urlsplit(url)
    loopback = parts.hostname in {"localhost", "127.0.0.1", "::1"}
    if not parts.hostname or not (parts.scheme == "https" or (parts.scheme == "http" and loopback)):
        msg = f"{name} {url!r} must be an https:// URL (http:// on loopback): its answer decides who is believed"
        raise ConfigurationError(msg)
