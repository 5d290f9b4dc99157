import logging
import re
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest
from support.keys import DAY_NS, Keys, bearer

from spanledger.exporter.authentication import UNKNOWN_PEER, Peer, Role
from spanledger.exporter.authentication.api_key import ApiKey, new_key, parsed
from spanledger.exporter.authentication.certificates import names, subject
from spanledger.exporter.authentication.failures_by_source import BURST, SOURCES_MAX, FailuresBySource
from spanledger.exporter.authentication.key_ring import BELIEVED_S_MAX, LOOK_S, USES_S
from spanledger.exporter.authentication.key_store import KeyStore, check_private
from spanledger.exporter.authentication.principal import credential_for
from spanledger.exporter.credential import Credential
from spanledger.exporter.failures import Denied, Throttled, Transient, Unauthenticated
from spanledger.schemas import ConfigurationError, StoreUnavailableError


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    """An empty key store, its ring and an authenticator."""
    return Keys(tmp_path / "keys.sqlite")


def test_a_key_is_its_own_kind_of_text() -> None:
    """A scanner's pattern finds it, and every character of it matters."""
    key = new_key()
    assert re.fullmatch("slk_[a-z2-7]{12}_[A-Za-z0-9_-]{43}", key.text)
    assert parsed(key.text) == key
    for wrong in (key.text[:-1], key.text + "A", key.text.upper(), key.text[1:], "", "slk__", f" {key.text}"):
        assert parsed(wrong) is None
    assert key.secret not in repr(key)


def test_a_key_is_recognised_by_its_secret(keys: Keys) -> None:
    """Whatever header it comes in; a wrong secret of a known id, and an unknown id, are nobody."""
    key, other = keys.create("acme"), keys.create("globex")
    for headers in (
        bearer(key),
        {"authorization": f"bearer  {key.text} "},
        {"x-api-key": key.text},
        {"api-key": key.text},
    ):
        principal = keys.authenticator.principal(headers, UNKNOWN_PEER)
        assert (principal.name, principal.role, principal.credential) == (
            f"key {key.id}",
            Role.INGEST,
            Credential("acme", "acme"),
        )
    for text in (ApiKey(key.id, other.secret).text, new_key().text, f"{key.text}, {key.text}", "", "x"):
        with pytest.raises(Unauthenticated):
            keys.authenticator.principal({"authorization": f"Bearer {text}"}, UNKNOWN_PEER)
    with pytest.raises(Unauthenticated):
        keys.authenticator.principal({"authorization": f"Basic {key.text}", "x-api-key": key.text}, UNKNOWN_PEER)
    with pytest.raises(Unauthenticated):
        keys.authenticator.principal({}, UNKNOWN_PEER)


def test_only_digests_are_kept(keys: Keys) -> None:
    """Whoever reads the file cannot send; the file and its folder are its owner's."""
    key = keys.create()
    everything = b"".join(file.read_bytes() for file in keys.store.file.parent.iterdir())
    assert key.id.encode() in everything
    assert key.secret.encode() not in everything
    assert stat.S_IMODE(keys.store.file.stat().st_mode) == 0o600
    keys.store.file.chmod(0o604)
    with pytest.raises(ConfigurationError, match="chmod 600"):
        check_private(keys.store.file)


def test_a_new_key_is_known_at_once(keys: Keys) -> None:
    """Its first request is not sent away, however short ago the store was looked at: senders drop on 401."""
    with pytest.raises(Unauthenticated):
        keys.authenticator.principal(bearer(new_key()), UNKNOWN_PEER)
    for _ in range(3):
        keys.authenticator.principal(bearer(keys.create()), UNKNOWN_PEER)


def test_a_revoked_key_is_refused_at_the_next_look(keys: Keys) -> None:
    """A second later; for good, while its neighbour goes on."""
    key, other = keys.create(), keys.create()
    keys.authenticator.principal(bearer(key), UNKNOWN_PEER)
    assert keys.store.revoke(key.id, keys.clock.now_ns)
    assert not keys.store.revoke(key.id, keys.clock.now_ns)
    keys.clock.advance(LOOK_S)
    with pytest.raises(Unauthenticated, match="revoked"):
        keys.authenticator.principal(bearer(key), UNKNOWN_PEER)
    keys.authenticator.principal(bearer(other), UNKNOWN_PEER)


def test_an_expired_key_is_refused(keys: Keys) -> None:
    """From its very moment on."""
    key = keys.create(expires_ns=keys.clock.now_ns + 10**9)
    keys.authenticator.principal(bearer(key), UNKNOWN_PEER)
    keys.clock.advance(1)
    with pytest.raises(Unauthenticated, match="expired"):
        keys.authenticator.principal(bearer(key), UNKNOWN_PEER)


@pytest.mark.parametrize("harm", ["gone", "garbage", "empty", "newer"])
def test_a_key_store_that_cannot_be_read_sends_nobody_away(keys: Keys, harm: str) -> None:
    """What was known is believed a moment longer; then everybody is told to come again, until it is back."""
    key = keys.create()
    keys.authenticator.principal(bearer(key), UNKNOWN_PEER)
    kept = keys.store.file.read_bytes()
    keys.store.file.unlink()
    if harm == "newer":
        keys.store.file.write_bytes(kept)
        with closing(sqlite3.connect(keys.store.file)) as connection:
            connection.execute("PRAGMA user_version = 9")
    elif harm != "gone":
        keys.store.file.write_bytes(b"" if harm == "empty" else b"garbage" * 1000)
    keys.clock.advance(LOOK_S)
    keys.authenticator.principal(bearer(key), UNKNOWN_PEER)
    with pytest.raises(Transient):
        keys.authenticator.principal(bearer(new_key()), UNKNOWN_PEER)
    keys.clock.advance(BELIEVED_S_MAX)
    for shown in (key, key, new_key()):
        with pytest.raises(Transient):
            keys.authenticator.principal(bearer(shown), UNKNOWN_PEER)
    keys.store.file.write_bytes(kept)
    keys.clock.advance(LOOK_S)
    keys.authenticator.principal(bearer(key), UNKNOWN_PEER)
    assert LOOK_S + BELIEVED_S_MAX < 10


def test_a_key_store_that_is_being_written_keeps_nobody_out(keys: Keys) -> None:
    """A reader does not wait for a writer: known keys go on, unknown ones are told to come again."""
    key = keys.create()
    keys.authenticator.principal(bearer(key), UNKNOWN_PEER)
    with closing(sqlite3.connect(keys.store.file, isolation_level=None)) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        keys.clock.advance(LOOK_S)
        keys.authenticator.principal(bearer(key), UNKNOWN_PEER)
        with pytest.raises(Transient):
            keys.authenticator.principal(bearer(new_key()), UNKNOWN_PEER)


def test_a_change_that_a_power_cut_broke_off_keeps_nobody_out(keys: Keys, tmp_path: Path) -> None:
    """What lies on the disk in the middle of one: the next reader takes it back, and every key is as it was before."""
    key, *_ = keys.create_many(["acme"] * 200)
    broken = Keys(tmp_path / "broken" / "keys.sqlite")
    broken.store.file.parent.mkdir()
    with closing(sqlite3.connect(keys.store.file, isolation_level=None)) as writer:
        # So that pages are written before the commit.
        writer.execute("PRAGMA cache_size = 1")
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("UPDATE keys SET role = 'admin', last_source = hex(randomblob(500))")
        for file in tmp_path.glob("keys.sqlite*"):
            (broken.store.file.parent / file.name).write_bytes(file.read_bytes())
    assert broken.store.file.with_name("keys.sqlite-journal").stat().st_size > 0
    assert broken.authenticator.principal(bearer(key), UNKNOWN_PEER).role is Role.INGEST


def test_the_last_use_of_a_key_is_written(keys: Keys) -> None:
    """By and by, and at the end: when, and from where."""
    key, idle = keys.create(), keys.create()
    first_ns = keys.clock.now_ns
    keys.authenticator.principal(bearer(key), Peer("ipv4:10.0.0.7:4711"))
    keys.clock.advance(USES_S + 1)
    keys.authenticator.principal(bearer(key), Peer("10.0.0.8"))
    keys.authenticator.close()
    used = {entry.id: entry for entry in keys.store.entries()}
    assert (used[key.id].first_used_ns, used[key.id].last_used_ns) == (first_ns, keys.clock.now_ns)
    assert used[key.id].last_source == "10.0.0.8"
    assert used[idle.id].last_used_ns is None


def test_a_source_that_keeps_failing_is_told_to_come_later(keys: Keys, caplog: pytest.LogCaptureFixture) -> None:
    """It alone, and never with a right key; a second buys one more try. The log is one line, without any key."""
    key, wrong = keys.create(), new_key()
    attacker = Peer("ipv4:203.0.113.9:1234")
    with caplog.at_level(logging.INFO):
        for _ in range(int(BURST)):
            with pytest.raises(Unauthenticated):
                keys.authenticator.principal(bearer(wrong), attacker)
        with pytest.raises(Throttled):
            keys.authenticator.principal(bearer(wrong), Peer("203.0.113.9"))
    assert len(caplog.records) == 1
    assert wrong.secret not in caplog.text
    assert keys.authenticator.principal(bearer(key), attacker)
    with pytest.raises(Unauthenticated):
        keys.authenticator.principal(bearer(wrong), Peer("ipv4:203.0.113.10:1"))
    keys.clock.advance(1)
    with pytest.raises(Unauthenticated):
        keys.authenticator.principal(bearer(wrong), attacker)
    with pytest.raises(Throttled):
        keys.authenticator.principal(bearer(wrong), attacker)


def test_the_memory_of_failures_is_bounded() -> None:
    """However many sources fail; the one that failed longest ago is forgotten."""
    failures = FailuresBySource(lambda: 0.0)
    for number in range(SOURCES_MAX * 2):
        failures.add(f"10.{number}")
    assert len(failures) == SOURCES_MAX


@pytest.mark.parametrize(
    ("address", "source"),
    [
        ("ipv4:10.1.2.3:4711", "10.1.2.3"),
        ("ipv6:%5B2001:db8:1:2:3::4%5D:4711", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:9::9", "2001:db8:1:2::/64"),
        ("::ffff:10.1.2.3", "10.1.2.3"),
        ("unix:", "unix:"),
        ("", "unknown"),
    ],
)
def test_a_source_is_an_address_or_a_network(address: str, source: str) -> None:
    """One machine cannot fail from as many IPv6 addresses as it likes."""
    assert Peer(address).source == source


def test_a_role_allows_what_it_says_and_an_admin_everything(keys: Keys) -> None:
    """Nothing is implied; a scope that is not all tenants is never all tenants."""
    for role in Role:
        key = keys.create("*", role)
        principal = keys.authenticator.principal(bearer(key), UNKNOWN_PEER)
        for needed in Role:
            if role in (needed, Role.ADMIN):
                principal.require(needed, all_tenants=True)
            else:
                with pytest.raises(Denied, match=f"needs the role {needed}"):
                    principal.require(needed)
    reader = keys.authenticator.principal(bearer(keys.create("a,b", "read")), UNKNOWN_PEER)
    reader.require(Role.READ)
    with pytest.raises(Denied, match="all tenants"):
        reader.require(Role.READ, all_tenants=True)


def test_a_scope_is_one_tenant_several_or_all() -> None:
    """In whatever order they are named; names that would make it ambiguous are refused."""
    assert credential_for(["acme"]) == Credential("acme", "acme")
    assert credential_for(["b", "a", "b"], "b") == Credential("a,b", "b")
    assert credential_for(["*"], "unattributed") == Credential("*", "unattributed")
    for tenants, default in (
        (["a,b"], "a,b"),
        ([""], None),
        ([], None),
        (["*", "a"], "a"),
        (["*"], None),
        (["*"], "*"),
        (["a", "b"], None),
        (["a"], "c"),
        (["a "], None),
        (["a\n"], None),
    ):
        with pytest.raises(ConfigurationError):
            credential_for(tenants, default)


def test_a_certificate_is_known_by_its_names(keys: Keys) -> None:
    """By a URI or DNS name, and by its common name only when it has neither; kinds do not stand for one another."""
    keys.bind("URI:spiffe://example.org/app", "spiffe")
    keys.bind("CN:app", "common")

    def tenant(*shown: str) -> str:
        return keys.authenticator.principal({}, Peer("", shown)).credential.tenant

    assert tenant(*names(["spiffe://example.org/app"], ["app.example.org"], ["app"])) == "spiffe"
    assert tenant(*names([], [], ["app"])) == "common"
    for shown in (names([], ["other.example.org"], ["app"]), names([], ["app"], []), ()):
        with pytest.raises(Unauthenticated):
            tenant(*shown)
    with pytest.raises(ConfigurationError, match="bound already"):
        keys.bind("CN:app", "else")


def test_a_certificate_whose_entry_is_revoked_can_be_bound_anew(keys: Keys) -> None:
    """It is nobody until then."""
    first = keys.bind("DNS:app.example.org", "one")
    assert keys.store.revoke(first, keys.clock.now_ns)
    peer = Peer("", ("DNS:app.example.org",))
    with pytest.raises(Unauthenticated):
        keys.authenticator.principal({}, peer)
    keys.bind("DNS:app.example.org", "two")
    assert keys.authenticator.principal({}, peer).credential.tenant == "two"


def test_a_certificates_entry_has_no_secret(keys: Keys) -> None:
    """Its id is in the list for everybody to see, and no key with that id is valid."""
    entry = keys.bind("CN:app")
    for secret in ("A" * 43, new_key().secret):
        with pytest.raises(Unauthenticated):
            keys.authenticator.principal(bearer(ApiKey(entry, secret)), UNKNOWN_PEER)


def test_a_stated_subject_has_a_kind() -> None:
    """What has none would be ambiguous."""
    assert subject("spiffe://example.org/App") == "URI:spiffe://example.org/App"
    assert subject("DNS:App.Example.org") == "DNS:app.example.org"
    assert subject("CN: app ") == "CN:app"
    for wrong in ("app", "", "CN:", "DNS: ", "email:a@b", "CN:a\nb"):
        with pytest.raises(ConfigurationError, match="--certificate"):
            subject(wrong)


def test_changes_of_a_key_store_that_is_not_there_make_none(tmp_path: Path) -> None:
    """Only a new key makes a file: an empty one would answer for keys that it does not know."""
    store = KeyStore(tmp_path / "keys.sqlite")
    assert store.entries() == []
    with pytest.raises(StoreUnavailableError):
        store.revoke("x", DAY_NS)
    assert list(tmp_path.iterdir()) == []
