import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Generator
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from support.issuer import AUDIENCE, Issuer, issuing
from support.keys import Clock, Keys
from support.receiving import receiving

from spanledger.exporter.access_settings import OidcSettings
from spanledger.exporter.authentication import UNKNOWN_PEER, Role, oidc
from spanledger.exporter.authentication.claims import grants
from spanledger.exporter.authentication.issuer_keys import AGAIN_S_MIN, BELIEVED_S_MAX, IssuerKeys, fetched
from spanledger.exporter.authentication.oidc import LEEWAY_S, REMEMBERED_S, OidcTokens
from spanledger.exporter.credential import Credential
from spanledger.exporter.failures import Denied, Transient, Unauthenticated
from spanledger.exporter.settings import load
from spanledger.schemas import ConfigurationError

ACME = Credential("acme", "acme")


@pytest.fixture
def issuer() -> Generator[Issuer]:
    """An identity provider."""
    with issuing() as issuer:
        yield issuer


@pytest.fixture
def clock() -> Clock:
    """Stands still."""
    return Clock()


def believing(
    issuer: Issuer,
    clock: Clock,
    *,
    roles: tuple[str, ...] = (),
    role_claim: str = "",
    tenant_claim: str = "",
    algorithms: tuple[str, ...] = (),
) -> OidcTokens:
    """Who believes this issuer, and has its keys if it answers."""
    settings = OidcSettings(
        issuers=(issuer.url,),
        audience=AUDIENCE,
        roles=roles,
        role_claim=role_claim,
        tenant_claim=tenant_claim,
        algorithms=algorithms,
    )
    tokens = OidcTokens(settings, "unattributed", clock, lambda: clock.now_ns / 10**9)
    joined(tokens)
    return tokens


def joined(tokens: OidcTokens) -> None:
    """Wait for what is being fetched."""
    for keys in tokens.issuers.values():
        keys.join()


def test_a_token_is_its_tenants_and_its_role(issuer: Issuer, clock: Clock) -> None:
    """Signed by either key, with either of the usual algorithms."""
    tokens = believing(issuer, clock)
    principal = tokens.principal(issuer.token())
    assert (principal.role, principal.credential, principal.name) == (Role.INGEST, ACME, "subject 'app-1'")
    assert tokens.principal(issuer.token("e1", "ES256", tenant=["b", "a"])).credential == Credential("a,b", "b")
    assert tokens.principal(issuer.token(aud=["other", AUDIENCE])).credential == ACME
    assert issuer.asked == ["/.well-known/openid-configuration", "/keys"]


def forged(issuer: Issuer) -> dict[str, str]:
    """Tokens that nobody should believe, by what is wrong with them."""
    encoded = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()
        for part in (
            {"alg": "none", "kid": "r1"},
            issuer.claims(),
        )
    ]
    public = issuer.rsa.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    own = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    claims, now_s = issuer.claims(), int(time.time())
    good = issuer.token()
    head, body, signature = good.split(".")
    other = base64.urlsafe_b64encode(json.dumps(issuer.claims(tenant="victim")).encode()).rstrip(b"=").decode()
    return {
        "no algorithm": f"{encoded[0]}.{encoded[1]}.",
        "the public key as a secret": _hmac(claims, public),
        "another's key": jwt.encode(claims, own, "RS256", headers={"kid": "r1"}),
        "its own key inside": jwt.encode(
            claims, own, "RS256", headers={"kid": "r1", "jwk": issuer.keys[0], "jku": "http://127.0.0.1:9/keys"}
        ),
        "other claims": f"{head}.{other}.{signature}",
        "no signature": f"{head}.{body}.",
        "an algorithm that was not stated": issuer.token(algorithm="RS512"),
        "an algorithm that the key is not for": issuer.token("p1"),
        "the other key's name": issuer.token("e1", "RS256"),
        "a key's path": issuer.token("../../r1"),
        "no key's name": jwt.encode(claims, issuer.rsa, "RS256"),
        "wrong audience": issuer.token(aud="other"),
        "no audience": issuer.token(aud=None),
        "expired": issuer.token(exp=now_s - int(LEEWAY_S) - 5),
        "no end": issuer.token(exp=None),
        "not yet valid": issuer.token(nbf=now_s + 300),
        "another issuer": issuer.token(iss="https://issuer.example.org"),
        "no issuer": issuer.token(iss=None),
        "an issuer that is no text": _raw(issuer, iss=[issuer.url]),
        "a claim that must be understood": jwt.encode(
            claims, issuer.rsa, "RS256", headers={"kid": "r1", "crit": ["b64"], "b64": False}
        ),
        "not a token": "a.b.c",
        "too long": issuer.token(padding="x" * 9000),
    }


def _raw(issuer: Issuer, **changes: object) -> str:
    """A token whose claims the library would not sign."""
    text = json.dumps(issuer.claims(**changes)).encode()
    return jwt.api_jws.encode(text, issuer.rsa, "RS256", headers={"kid": "r1"})


def _hmac(claims: dict[str, object], secret: bytes) -> str:
    """HS256 with any secret; the library refuses public keys as secrets."""

    def part(data: bytes) -> str:
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    signed = part(json.dumps({"alg": "HS256", "kid": "r1"}).encode()) + "." + part(json.dumps(claims).encode())
    return f"{signed}.{part(hmac.new(secret, signed.encode(), hashlib.sha256).digest())}"


def test_no_forged_token_is_believed(issuer: Issuer, clock: Clock) -> None:
    """Each is refused for good; and the reason quotes nothing of it."""
    tokens = believing(issuer, clock)
    assert tokens.principal(issuer.token()).credential == ACME
    for what, token in forged(issuer).items():
        with pytest.raises(Unauthenticated) as refused:
            tokens.principal(token)
        assert token not in str(refused.value), what
        assert "victim" not in str(refused.value)
    assert "http://127.0.0.1:9/keys" not in issuer.asked


def rotated(issuer: Issuer, tokens: OidcTokens, clock: Clock) -> None:
    """The issuer has another key now, and it is known."""
    issuer.keys[0]["kid"] = "r2"
    clock.advance(AGAIN_S_MIN)
    with pytest.raises(Transient):
        tokens.principal(issuer.token("r2"))
    joined(tokens)


def test_a_verified_token_is_believed_no_longer_than_it_says(issuer: Issuer, clock: Clock) -> None:
    """It is remembered for a minute, or to its end if that is sooner: then it is verified again, by today's keys."""
    tokens = believing(issuer, clock)
    short, long = issuer.token(exp=int(time.time()) + 10), issuer.token()
    for token in (short, long):
        tokens.principal(token)
    rotated(issuer, tokens, clock)
    for token in (short, long):
        tokens.principal(token)
    clock.advance(12 + LEEWAY_S - AGAIN_S_MIN)
    tokens.principal(long)
    with pytest.raises(Unauthenticated):
        tokens.principal(short)
    clock.advance(REMEMBERED_S)
    with pytest.raises(Transient):
        tokens.principal(long)
    joined(tokens)
    with pytest.raises(Unauthenticated):
        tokens.principal(long)


def test_keys_that_come_while_one_is_looked_for_refuse_nobody(
    issuer: Issuer, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fetching that ends before the asker goes on: it comes again, and is believed."""
    tokens = believing(issuer, clock)
    issuer.keys[0]["kid"] = "r2"
    clock.advance(AGAIN_S_MIN)
    begin = threading.Thread.start

    def begin_and_end(thread: threading.Thread) -> None:
        begin(thread)
        thread.join()

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", begin_and_end)
        with pytest.raises(Transient):
            tokens.principal(issuer.token("r2"))
    assert tokens.principal(issuer.token("r2")).credential == ACME


def test_the_memory_of_tokens_is_bounded(issuer: Issuer, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that was verified longest ago is forgotten, and verified again when it comes."""
    monkeypatch.setattr(oidc, "REMEMBERED_MAX", 1)
    tokens = believing(issuer, clock)
    first, second = issuer.token(sub="1"), issuer.token(sub="2")
    tokens.principal(first)
    tokens.principal(second)
    rotated(issuer, tokens, clock)
    tokens.principal(second)
    with pytest.raises(Unauthenticated):
        tokens.principal(first)


def test_an_issuer_that_does_not_answer_loses_nobody_anything(issuer: Issuer, clock: Clock) -> None:
    """Without its keys everybody is told to come again; with them, they are believed on while it is away."""
    issuer.answers["/keys"] = (503, {}, b"")
    tokens = believing(issuer, clock)
    with pytest.raises(Transient):
        tokens.principal(issuer.token())
    del issuer.answers["/keys"]
    clock.advance(AGAIN_S_MIN)
    with pytest.raises(Transient):
        tokens.principal(issuer.token())
    joined(tokens)
    assert tokens.principal(issuer.token()).credential == ACME
    issuer.answers["/keys"] = (503, {}, b"")
    clock.advance(3600)
    assert tokens.principal(issuer.token(sub="app-2")).credential == ACME
    joined(tokens)
    # The issuer may have made a new key meanwhile.
    with pytest.raises(Transient):
        tokens.principal(issuer.token("r9"))
    clock.advance(BELIEVED_S_MAX)
    with pytest.raises(Transient):
        tokens.principal(issuer.token(sub="app-3"))
    joined(tokens)


def test_a_key_that_is_new_is_looked_for_before_it_is_refused(issuer: Issuer, clock: Clock) -> None:
    """An issuer rotates its keys: the first token with the new one comes again; a made-up one asks once in 30 s."""
    tokens = believing(issuer, clock)
    asked = len(issuer.asked)
    for _ in range(5):
        with pytest.raises(Unauthenticated):
            tokens.principal(issuer.token("made-up"))
    assert len(issuer.asked) == asked
    issuer.keys[0]["kid"] = "r2"
    clock.advance(AGAIN_S_MIN)
    with pytest.raises(Transient):
        tokens.principal(issuer.token("r2"))
    joined(tokens)
    assert tokens.principal(issuer.token("r2")).credential == ACME
    with pytest.raises(Unauthenticated):
        tokens.principal(issuer.token("r1"))


ABOUT, KEYS, NONE = "/.well-known/openid-configuration", "/keys", dict[str, str]()


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        (KEYS, (302, {"location": "/other"}, b"")),
        (ABOUT, (301, {"location": "/other"}, b"")),
        (ABOUT, (200, NONE, b'{"issuer": "http://127.0.0.1:1", "jwks_uri": "x"}')),
        (KEYS, (200, NONE, b"[" * 10_000)),
        (KEYS, (200, NONE, b'{"keys": [1, {"kid": 1}, {"kid": "r1", "kty": "oct", "k": "AAAA"}]}')),
        (KEYS, (200, NONE, b'{"keys": "' + b"x" * 300_000 + b'"}')),
        (KEYS, (200, NONE, b"{}")),
    ],
)
def test_keys_come_from_the_issuer_and_nowhere_else(
    issuer: Issuer, path: str, answer: tuple[int, dict[str, str], bytes]
) -> None:
    """No redirect is followed; neither is an answer believed that is no list of public keys."""
    issuer.answers[path] = answer
    with pytest.raises(ValueError, match=r"."):
        fetched(issuer.url, "")
    assert "/other" not in issuer.asked


def test_keys_elsewhere_must_be_stated(issuer: Issuer) -> None:
    """A discovery document that points to another host is not followed; a stated URL needs none."""
    about = json.dumps({"issuer": issuer.url, "jwks_uri": "http://127.0.0.1:9/keys"}).encode()
    issuer.answers["/.well-known/openid-configuration"] = (200, {}, about)
    with pytest.raises(ValueError, match="SPANLEDGER_OIDC_JWKS"):
        fetched(issuer.url, "")
    keys = IssuerKeys(issuer.url, f"{issuer.url}/keys")
    keys.fetch()
    keys.join()
    assert keys.find("r1")["kid"] == "r1"


def test_roles_come_by_a_stated_table(issuer: Issuer, clock: Clock) -> None:
    """A claim never widens itself: all tenants, and every change, are for a row of the table to give."""
    stated = ("writers=ingest", "finance=read:*", "root=admin:*")
    tokens = believing(issuer, clock, roles=stated, role_claim="groups", tenant_claim="org")

    def given(groups: object, org: object = "acme") -> tuple[Role, str, str]:
        principal = tokens.principal(issuer.token(groups=groups, org=org))
        return principal.role, principal.credential.scope, principal.credential.tenant

    assert given("writers") == (Role.INGEST, "acme", "acme")
    assert given(["finance", "else"]) == (Role.READ, "*", "unattributed")
    assert given(["finance", "root"], org=None) == (Role.ADMIN, "*", "unattributed")
    cases: list[tuple[object, object]] = [
        ("ingest", "acme"),
        (None, "acme"),
        ([], "acme"),
        ("writers", None),
        ("writers", "*"),
        ("writers", ["acme", "*"]),
        ("writers", "a,b"),
        ("writers", ""),
    ]
    for groups, org in cases:
        with pytest.raises(Denied):
            given(groups, org)
    for wrong in ("writers", "writers=write", "root=admin", "=read", "x=read:acme"):
        with pytest.raises(ConfigurationError, match="SPANLEDGER_OIDC_ROLES"):
            grants([wrong])


def test_tokens_open_the_doors(issuer: Issuer, clock: Clock, tmp_path: Path) -> None:
    """Beside keys, in the same header; a token without a role is known and refused, 403."""
    keys = Keys(tmp_path / "keys.sqlite", believing(issuer, clock))
    with receiving(authenticator=keys.authenticator) as receiver:
        statuses = [
            receiver.post(b"", authorization=f"Bearer {token}").status
            for token in (issuer.token(), issuer.token(roles="none"), issuer.token(aud="x"), keys.create("acme").text)
        ]
        assert statuses == [200, 403, 401, 200]
        assert [taken.credential for taken in receiver.intake.taken] == [ACME, ACME]
    with pytest.raises(Unauthenticated):
        Keys(tmp_path / "keys.sqlite").authenticator.principal(
            {"authorization": f"Bearer {issuer.token()}"}, UNKNOWN_PEER
        )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SPANLEDGER_OIDC_ISSUERS", "http://issuer.example.org"),
        ("SPANLEDGER_OIDC_JWKS", "ftp://issuer.example.org/keys"),
        ("SPANLEDGER_OIDC_JWKS", "https://a/keys,https://b/keys"),
        ("SPANLEDGER_OIDC_AUDIENCE", ""),
        ("SPANLEDGER_AUTH", "maybe"),
        ("SPANLEDGER_TENANT_SPANS_PER_SECOND", "-1"),
        ("SPANLEDGER_TLS_KEY", "/key.pem"),
    ],
)
def test_a_wrong_setting_is_named(name: str, value: str) -> None:
    """Before anything is opened."""
    good = {"SPANLEDGER_OIDC_ISSUERS": "https://issuer.example.org", "SPANLEDGER_OIDC_AUDIENCE": "spanledger"}
    assert load(good).access.asks
    with pytest.raises(ConfigurationError, match=name):
        load(good | {name: value})


def test_symmetric_algorithms_cannot_be_stated(issuer: Issuer, clock: Clock) -> None:
    """Nor `none`: there is no setting that believes them."""
    for name in ("HS256", "none", "RS256 "):
        with pytest.raises(ConfigurationError, match="SPANLEDGER_OIDC_ALGORITHMS"):
            believing(issuer, clock, algorithms=("RS256", name))
