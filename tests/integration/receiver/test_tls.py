import ssl
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import cast

import grpc
import msgspec
import pytest
from cryptography import x509
from support.certificates import Authority, Signed
from support.commands import run, serving
from support.keys import Keys, bearer
from support.receiving import PATIENCE_S, Receiving, exchange, receiving

from spanledger.exporter.access_settings import TlsSettings
from spanledger.exporter.receiver.tls import digest_of, server_context
from spanledger.ledger.access.remote import RemoteAccess, answers
from spanledger.ledger.endpoint_file import find
from spanledger.schemas import ConfigurationError, StoreUnavailableError

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


@dataclass
class Secured:
    """A receiver behind TLS that asks for client certificates, and who signs them."""

    receiver: Receiving
    authority: Authority
    keys: Keys

    def http(self, shown: Signed | None, **headers: str) -> int:
        """One request over HTTPS with this client certificate: its status."""
        context = ssl.create_default_context(cafile=self.authority.file)
        if shown:
            context.load_cert_chain(shown.certificate, shown.key)
        address = self.receiver.receiver.http_address
        connection = HTTPSConnection(address.host, address.port, timeout=PATIENCE_S, context=context)
        with closing(connection):
            return exchange(connection, b"", **headers).status

    def grpc(self, shown: Signed | None, **metadata: str) -> grpc.StatusCode:
        """One request over gRPC with this client certificate: its code."""
        pair = (shown.key.read_bytes(), shown.certificate.read_bytes()) if shown else (None, None)
        credentials = grpc.ssl_channel_credentials(self.authority.file.read_bytes(), *pair)
        with grpc.secure_channel(self.receiver.grpc, credentials) as channel:
            export: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(EXPORT)
            try:
                export(b"", timeout=PATIENCE_S, metadata=tuple(metadata.items()))
            except grpc.RpcError as error:
                return cast("grpc.Call", error).code()
        return grpc.StatusCode.OK


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Who signs for the server and its clients."""
    return Authority(tmp_path_factory.mktemp("authority"), "authority")


@pytest.fixture
def secured(authority: Authority, tmp_path: Path) -> Generator[Secured]:
    """A receiver with an empty key store."""
    keys, server = Keys(tmp_path / "keys.sqlite"), authority.server()
    tls = TlsSettings(certificate=server.certificate, key=server.key, client_ca=authority.file)
    with receiving(authenticator=keys.authenticator, tls=tls) as receiver:
        yield Secured(receiver, authority, keys)


def test_a_client_certificate_is_who_it_is_bound_to(secured: Secured) -> None:
    """By its URI (as SPIFFE ids are), its DNS name or its common name, at both doors."""
    sign = secured.authority.sign
    spiffe = sign("app", x509.UniformResourceIdentifier("spiffe://example.org/app"))
    named, plain = sign("app2", x509.DNSName("app.example.org")), sign("billing")
    for subject, tenant in (
        ("URI:spiffe://example.org/app", "one"),
        ("DNS:app.example.org", "two"),
        ("CN:billing", "three"),
    ):
        secured.keys.bind(subject, tenant)
    for shown in (spiffe, named, plain):
        assert secured.http(shown) == 200
        assert secured.grpc(shown) is grpc.StatusCode.OK
    tenants = [taken.credential.tenant for taken in secured.receiver.intake.taken]
    assert tenants == ["one", "one", "two", "two", "three", "three"]


def test_a_certificate_that_is_bound_to_nobody_is_nobody(secured: Secured) -> None:
    """Signed by the authority, and still refused; the common name does not count beside other names."""
    secured.keys.bind("CN:app", "victim")
    shown = secured.authority.sign("app", x509.DNSName("other.example.org"))
    assert secured.http(shown) == 401
    assert secured.grpc(shown) is grpc.StatusCode.UNAUTHENTICATED


def test_a_key_goes_before_the_certificate(secured: Secured) -> None:
    """What is said explicitly counts; a wrong key is not made good by a certificate."""
    key, shown = secured.keys.create("acme"), secured.authority.sign("app")
    secured.keys.bind("CN:app", "other")
    assert secured.http(shown, **bearer(key)) == 200
    assert secured.grpc(shown, **bearer(key)) is grpc.StatusCode.OK
    assert {taken.credential.tenant for taken in secured.receiver.intake.taken} == {"acme"}
    assert secured.http(shown, authorization="Bearer wrong") == 401


def test_no_certificate_and_no_tls_get_nowhere(secured: Secured, tmp_path: Path) -> None:
    """Not even with a right key, and neither does a certificate that somebody else signed: nothing falls back."""
    key = secured.keys.create()
    stranger = Authority(tmp_path, "stranger").sign("app")
    for shown in (None, stranger):
        with pytest.raises((OSError, HTTPException)):
            secured.http(shown, **bearer(key))
        assert secured.grpc(shown, **bearer(key)) is grpc.StatusCode.UNAVAILABLE
    address = secured.receiver.receiver.http_address
    plain = HTTPConnection(address.host, address.port, timeout=PATIENCE_S)
    with closing(plain), pytest.raises((OSError, HTTPException)):
        exchange(plain, b"", **bearer(key))
    assert secured.receiver.intake.calls == 0


def test_without_an_authority_for_clients_only_the_server_shows_a_certificate(
    authority: Authority, tmp_path: Path
) -> None:
    """Keys over TLS: the usual set-up."""
    keys, server = Keys(tmp_path / "keys.sqlite"), authority.server()
    tls = TlsSettings(certificate=server.certificate, key=server.key)
    with receiving(authenticator=keys.authenticator, tls=tls) as receiver:
        secured, key = Secured(receiver, authority, keys), keys.create("acme")
        assert secured.http(None, **bearer(key)) == 200
        assert secured.grpc(None, **bearer(key)) is grpc.StatusCode.OK
        assert secured.http(None) == 401


@pytest.mark.parametrize("wrong", ["certificate", "key", "client_ca"])
def test_files_that_are_no_certificates_stop_the_server(authority: Authority, tmp_path: Path, wrong: str) -> None:
    """One sentence that names the setting and the file."""
    server, nothing = authority.server(), tmp_path / "nothing.pem"
    nothing.write_text("nothing")
    files = {"certificate": server.certificate, "key": server.key, "client_ca": authority.file, wrong: nothing}
    with pytest.raises(ConfigurationError, match=r"SPANLEDGER_TLS_.* cannot be used"):
        server_context(TlsSettings(**files))


def test_commands_work_through_a_serve_behind_tls(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The owner's token goes to nobody but who shows the certificate of the store's file."""
    server, store = authority.server(), tmp_path / "store"
    monkeypatch.setenv("SPANLEDGER_TLS_CERT", str(server.certificate))
    monkeypatch.setenv("SPANLEDGER_TLS_KEY", str(server.key))
    monkeypatch.setenv("SPANLEDGER_TLS_CLIENT_CA", str(authority.file))
    with serving(store) as running:
        assert "authentication is on: keys and certificates" in "\n".join(running.told)
        endpoint = find(store)
        assert endpoint is not None
        assert (endpoint.address, endpoint.http) == (f"https://{running.api}", f"https://{running.http}")
        assert answers(endpoint)
        asked = run("sql", "--store", store, "--format", "csv", "SELECT 1 AS one")
        assert (asked.returncode, asked.stdout) == (0, "one\n1\n")
        other = authority.sign("other")
        impostor = digest_of(TlsSettings(certificate=other.certificate, key=other.key))
        changed = msgspec.structs.replace(endpoint, certificate=impostor)
        assert not answers(changed)
        with pytest.raises(StoreUnavailableError, match="another certificate"):
            RemoteAccess(changed).query("SELECT 1")
