"""The names of a client certificate, each with its kind, so that no kind can pose as another. Pure.

Of a certificate with alternative names (URI, as SPIFFE ids are, or DNS) the common name means nothing (RFC 6125 6.4.4).
"""

from collections.abc import Iterable
from typing import Final

from spanledger.schemas import ConfigurationError

KINDS: Final = ("URI", "DNS", "CN")


def names(uris: Iterable[str], dns: Iterable[str], common: Iterable[str]) -> tuple[str, ...]:
    """The names by which an entry of the key store is looked for, in this order."""
    alternative = (*(f"URI:{name}" for name in uris), *(f"DNS:{name.lower()}" for name in dns))
    return alternative or tuple(f"CN:{name}" for name in common)


def subject(stated: str) -> str:
    """The name a person stated: `spiffe://…` or another URI, `DNS:name`, `CN:name`. Raises `ConfigurationError`."""
    kind, _, name = stated.strip().partition(":")
    if name.startswith("//") and kind not in KINDS:
        return f"URI:{stated.strip()}"
    if kind not in KINDS or not name.strip() or not name.isprintable():
        msg = f"--certificate {stated!r} must be a URI such as spiffe://example.org/app, DNS:name or CN:name"
        raise ConfigurationError(msg)
    return f"DNS:{name.strip().lower()}" if kind == "DNS" else f"{kind}:{name.strip()}"
