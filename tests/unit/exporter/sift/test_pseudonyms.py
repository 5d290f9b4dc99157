"""Persons are renamed before anything is written: the same name each time, another one under another tenant or key."""

import hmac
import re
from collections.abc import Mapping

import pytest
from support.otlp import Value, chat, request, span
from support.otlp_logs import log, logs_request

from spanledger.exporter.credential import Credential
from spanledger.exporter.decode import decode
from spanledger.exporter.sift import Mask, Pseudonyms, pseudonyms_under, sift
from spanledger.schemas.claim import Attribution, Claim, Signal

KEY = b"k" * 32
OPEN = Credential("*", "home")
PSEUDONYM = re.compile("p:[0-9a-f]{32}")


def attributed(
    stated: Mapping[str, Value],
    *,
    key: bytes = KEY,
    agents: bool = False,
    resource: Mapping[str, Value] | None = None,
    credential: Credential = OPEN,
) -> Attribution:
    """Whom a call is charged to, read from what would be in the journal."""
    mask = Mask(Pseudonyms(key, agents=agents), credential)
    payload = sift(request(span({**chat(), **stated}), resource=resource), "traces", mask).payload
    claim = decode(sift(payload).spans[0], credential)
    assert isinstance(claim, Claim)
    return claim.attribution


def user(tenant: str, name: str, key: bytes = KEY) -> str:
    """The pseudonym, worked out by hand."""
    tenant_key = hmac.digest(key, b"spanledger pseudonyms 1\0" + tenant.encode(), "sha256")
    return "p:" + hmac.digest(tenant_key, name.encode(), "sha256").hex()[:32]


@pytest.mark.parametrize("name", ["ledger.user_id", "user.id", "enduser.id", "gen_ai.user"])
def test_a_user_is_renamed_alike_whatever_names_it(name: str) -> None:
    """Sums by user stay what they were, under a name that says that it is none."""
    assert attributed({name: "bob", "ledger.tenant": "acme"}).user_id == user("acme", "bob")
    assert attributed({name: 42, "ledger.tenant": "acme"}).user_id == user("acme", "42")
    assert attributed({name: ""}).user_id == ""


def test_tenants_and_keys_have_pseudonyms_of_their_own() -> None:
    """Nobody can tell that two tenants have a user in common, or what a user of another store is called here."""
    names = {
        attributed({"user.id": "bob", "ledger.tenant": "acme"}).user_id,
        attributed({"user.id": "bob", "tenant.id": "globex"}).user_id,
        attributed({"user.id": "bob"}, resource={"tenant.id": "initech"}).user_id,
        attributed({"user.id": "bob"}).user_id,
        attributed({"user.id": "bob"}, key=b"K" * 32).user_id,
    }
    known = {user(tenant, "bob") for tenant in ("acme", "globex", "initech", "home")}
    assert names == {*known, user("home", "bob", b"K" * 32)}


def test_the_tenant_is_the_one_that_is_charged() -> None:
    """A claimed tenant that the credential may not charge renames nobody: its pseudonyms cannot be fished for."""
    who = attributed({"user.id": "bob", "ledger.tenant": "victim"}, credential=Credential("acme", "acme"))
    assert (who.tenant, who.user_id) == ("acme", user("acme", "bob"))


def test_a_pseudonym_is_renamed_once() -> None:
    """From an application over a gateway to a server, under the same key or another, it stays what it is."""
    first = attributed({"user.id": "bob", "ledger.tenant": "acme"})
    again = attributed({"user.id": first.user_id, "ledger.tenant": "acme"}, key=b"K" * 32)
    assert again.user_id == first.user_id == user("acme", "bob")


def test_an_address_is_renamed_wherever_it_stands() -> None:
    """Part of a session's or a feature's name, in metadata, of a resource: as the user of that name."""
    who = attributed(
        {"session.id": "chat of bob@example.com", "ledger.note": "bob@example.com", "ledger.tenant": "acme"},
        resource={"ledger.team": "<bob@example.com>", "tenant.id": "acme", "service.name": "mail@work.internal"},
    )
    bob = user("acme", "bob@example.com")
    assert (who.session_id, who.metadata, who.team) == (f"chat of {bob}", {"note": bob}, f"<{bob}>")
    assert who.service_name == "mail@work.internal"


def test_agents_are_renamed_when_that_is_asked_for() -> None:
    """Each of a path alone, so that what runs below whom can still be seen."""
    stated: dict[str, Value] = {"gen_ai.agent.name": "anna", "ledger.agent_path": "boss/anna", "ledger.tenant": "acme"}
    plain, renamed = attributed(stated), attributed(stated, agents=True)
    assert (plain.agent, plain.agent_path) == ("anna", ("boss", "anna"))
    assert (renamed.agent, renamed.agent_path) == (user("acme", "anna"), (user("acme", "boss"), user("acme", "anna")))


@pytest.mark.parametrize("signal", ["traces", "logs"])
def test_nothing_of_a_name_is_left_and_the_record_is_the_same(signal: Signal) -> None:
    """Also of one that is stated twice; and a log record's identity does not depend on who reads it."""
    stated = chat(user__id="secret-bob", ledger__user_id="secret-bob", gen_ai__response__id="r")
    home: dict[str, Value] = {"user.id": "secret-bob", "service.name": "shop"}
    made = span(stated)
    made.attributes.add(key="user.id").value.string_value = "secret-eve"
    record = log(stated)
    body = request(made, resource=home) if signal == "traces" else logs_request(record, resource=home)
    mask = Mask(Pseudonyms(KEY), OPEN)
    door = sift(body, signal, mask)
    assert b"secret" not in door.payload
    again = sift(door.payload, signal)
    assert [(each.span_id, each.attributes) for each in again.spans] == [
        (each.span_id, each.attributes) for each in door.spans
    ]
    assert sift(body, signal, mask).payload == door.payload
    users = [value for each in again.spans for key, value in each.attributes.items() if "user" in key]
    assert users
    assert all(PSEUDONYM.search(value.decode()) for value in users)


def test_without_a_secret_nobody_is_renamed() -> None:
    """The setting is off unless it names a key."""
    assert pseudonyms_under(b"", agents=True) is None
