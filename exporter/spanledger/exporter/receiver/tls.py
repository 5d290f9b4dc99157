"""TLS of the HTTP listeners, and the names in a client's verified certificate. Files are read once, at the start."""

import ssl
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from spanledger.exporter.access_settings import TlsSettings
from spanledger.exporter.authentication.certificates import names
from spanledger.schemas import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

HANDSHAKE_S_MAX: Final = 10.0
# How long the other end may take to take leave; a drain does not wait for it.
SHUTDOWN_S_MAX: Final = 5.0


def server_context(tls: TlsSettings, *, client_must: bool = True) -> ssl.SSLContext:
    """TLS 1.2 and later. With an authority for clients, they must show a certificate of its; or may.

    Raises `ConfigurationError`.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(tls.certificate, tls.key, password=lambda: "")
    except OSError as error:
        msg = f"SPANLEDGER_TLS_CERT {tls.certificate} with SPANLEDGER_TLS_KEY {tls.key} cannot be used: {error}"
        raise ConfigurationError(msg) from error
    if tls.client_ca is not None:
        try:
            context.load_verify_locations(cafile=tls.client_ca)
        except OSError as error:
            msg = f"SPANLEDGER_TLS_CLIENT_CA {tls.client_ca} cannot be used: {error}"
            raise ConfigurationError(msg) from error
        context.verify_mode = ssl.CERT_REQUIRED if client_must else ssl.CERT_OPTIONAL
    return context


def read_pem(file: Path) -> bytes:
    """The text of a certificate or key. Raises `ConfigurationError`."""
    try:
        return file.read_bytes()
    except OSError as error:
        msg = f"{file} cannot be read: {error}"
        raise ConfigurationError(msg) from error


def digest_of(tls: TlsSettings) -> str:
    """The SHA-256 of the certificate that a server with these settings shows: the first one of its file."""
    text = read_pem(tls.certificate).decode("ascii", errors="replace")
    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    leaf = text[text.index(begin) : text.index(end) + len(end)]
    return sha256(ssl.PEM_cert_to_DER_cert(leaf)).hexdigest()


def shown_names(connection: ssl.SSLObject | None) -> tuple[str, ...]:
    """The names in the certificate that the other end showed and that was verified; none if it showed none."""
    certificate = cast("Mapping[str, object] | None", connection.getpeercert()) if connection is not None else None
    if not certificate:
        return ()
    alternative = cast("Iterable[tuple[str, str]]", certificate.get("subjectAltName", ()))
    subject = cast("Iterable[Iterable[tuple[str, str]]]", certificate.get("subject", ()))
    stated = list(alternative)
    return names(
        [value for kind, value in stated if kind == "URI"],
        [value for kind, value in stated if kind == "DNS"],
        [value for part in subject for kind, value in part if kind == "commonName"],
    )
