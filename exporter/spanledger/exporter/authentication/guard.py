"""Whether the doors of a server ask who is there, and that none stands open to other machines without asking."""

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from spanledger.exporter.access_settings import OidcSettings
from spanledger.exporter.authentication.authenticator import Authenticator, Owner, Tokens
from spanledger.exporter.authentication.key_ring import KeyRing
from spanledger.exporter.authentication.key_store import KeyStore, check_private
from spanledger.exporter.settings import Address, Settings
from spanledger.schemas import ConfigurationError


@dataclass(frozen=True, slots=True)
class Guard:
    """What stands at the doors."""

    otlp: Authenticator | None
    """None: whoever reaches the doors may send, for any tenant."""
    api: Authenticator
    told: str
    """A line for whoever starts the server."""


def guard(
    settings: Settings,
    doors: Sequence[tuple[str, Address]],
    owner: Owner | None = None,
    page: Owner | None = None,
) -> Guard:
    """Decide once, before anything is opened; `doors` are the options and addresses of what is to listen.

    `page` is for the owner's browser, and is known only where nobody else can have a key to read with.
    Raises `ConfigurationError` when an address is not loopback, nobody is asked, and nobody said that this is meant.
    """
    access = settings.access
    if not access.asks:
        if not access.insecure_public:
            _check_loopback(doors)
        return Guard(
            None,
            Authenticator(owners=[each for each in (owner, page) if each]),
            "authentication is off: whoever reaches the doors may send",
        )
    ways: list[str] = []
    ring = None
    if access.keys is not None:
        check_private(access.keys)
        ring = KeyRing(KeyStore(access.keys))
        certificates = access.tls is not None and access.tls.client_ca is not None
        ways.append(f"keys{' and certificates' if certificates else ''} in {access.keys}")
    tokens = None
    if access.oidc is not None:
        tokens = _tokens(access.oidc, settings.tenant)
        ways.append(f"tokens of {', '.join(access.oidc.issuers)}")
    authenticator = Authenticator(keys=ring, tokens=tokens, owners=[owner] if owner else [])
    plain = access.tls is None and not all(is_loopback(address.host) for _, address in doors)
    warning = "; without TLS: something in front must end it, or keys travel readably" if plain else ""
    return Guard(authenticator, authenticator, f"authentication is on: {', '.join(ways)}{warning}")


def _tokens(stated: OidcSettings, default_tenant: str) -> Tokens:
    try:
        from spanledger.exporter.authentication.oidc import OidcTokens  # noqa: PLC0415 (an extra of its own)
    except ModuleNotFoundError as missing:
        msg = f"SPANLEDGER_OIDC_ISSUERS needs {missing.name}, which is missing: pip install 'spanledger[oidc]'"
        raise ConfigurationError(msg) from missing
    return OidcTokens(stated, default_tenant)


def _check_loopback(doors: Sequence[tuple[str, Address]]) -> None:
    for flag, address in doors:
        if not is_loopback(address.host):
            msg = (
                f"{flag} {address} can be reached from other machines, and nobody would be asked who they are: make a"
                " key with spanledger keys create, or say --insecure-public if something else keeps strangers away"
            )
            raise ConfigurationError(msg)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address. A name has to mean loopback addresses only."""
    try:
        addresses = [ip_address(host)]
    except ValueError:
        try:
            addresses = [ip_address(found[4][0]) for found in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]
        except (OSError, ValueError):
            # Nobody listens at a name that does not exist: opening it says so.
            return True
    return all((getattr(address, "ipv4_mapped", None) or address).is_loopback for address in addresses)
