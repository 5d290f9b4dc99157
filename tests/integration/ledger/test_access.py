import json
import time
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

import pytest
from support.commands import Serve, answer, run, serving
from support.otlp import chat, request, span

from spanledger.exporter.authentication.api_key import parsed
from spanledger.ledger import Client
from spanledger.ledger.endpoint_file import find

REVOKED_S_MAX = 10.0


def create(store: Path, *options: str) -> str:
    """A key of a store's, as `keys create` prints it."""
    made = run("keys", "create", "--store", store, *options)
    assert made.returncode == 0, made.stderr
    return made.stdout.strip()


def secret(key: str) -> str:
    """The part of a key that nobody may see: its last, which may hold the separator itself; the owner's token whole."""
    made = parsed(key)
    return made.secret if made else key


@dataclass
class Asking:
    """A `serve` that asks who is there, its folder, and a key of each kind."""

    server: Serve
    store: Path
    keys: dict[str, str]

    def post(self, address: str, path: str, body: bytes, token: str | None) -> tuple[int, bytes]:
        """One request with this token: status and body."""
        with closing(HTTPConnection(address, timeout=10)) as connection:
            headers = {"content-type": "application/x-protobuf" if "trace" in path else "application/json"}
            if token is not None:
                headers["authorization"] = f"Bearer {token}"
            connection.request("POST", path, body, headers)
            response = connection.getresponse()
            return response.status, response.read()


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory) -> Generator[Asking]:
    """One server for the module."""
    store = tmp_path_factory.mktemp("asking") / "store"
    keys = {
        "ingest": create(store, "--tenant", "acme"),
        "ingest all": create(store, "--tenant", "*"),
        "read acme": create(store, "--tenant", "acme", "--role", "read"),
        "read all": create(store, "--tenant", "*", "--role", "read"),
        "admin": create(store, "--tenant", "*", "--role", "admin"),
    }
    with serving(store) as server:
        endpoint = find(store)
        assert endpoint is not None
        keys["owner"] = endpoint.token
        yield Asking(server, store, keys)


QUESTIONS: dict[str, dict[str, object]] = {
    "/v1/query": {"sql": "SELECT count() AS n FROM ledger_events"},
    "/v1/post": {},
    "/v1/prices/stretches": {"asked": {}},
    "/v1/prices/reprice": {"asked": {}, "stretch": {"tenant": "acme", "from_hex": "00" * 8}},
    "/v1/quarantine/replay": {"ids": ["00" * 16]},
    "/v1/quarantine/discard": {"ids": ["00" * 16], "why": "a test's"},
    "/v1/journal/skip": {"shard": "none of ours"},
}
MATRIX = {
    None: (401, 401, 401),
    "wrong": (401, 401, 401),
    "ingest": (200, 403, 403),
    "ingest all": (200, 403, 403),
    "read acme": (403, 403, 403),
    "read all": (403, 200, 403),
    "admin": (200, 200, 200),
    "owner": (200, 200, 200),
}
"""Who → the answer to OTLP, to a question, and to what changes the ledger."""


@pytest.mark.parametrize("who", MATRIX)
def test_every_endpoint_answers_those_only_who_may_have_it(asking: Asking, who: str | None) -> None:
    """OTLP for those who send, statements for readers of all tenants, changes for admins: and nobody else."""
    token = asking.keys.get(who, "slk_" + "a" * 12 + "_" + "A" * 43) if who else None
    sends, asks, changes = MATRIX[who]
    assert asking.post(asking.server.http, "/v1/traces", b"", token)[0] == sends
    for path, question in QUESTIONS.items():
        status, body = asking.post(asking.server.api, path, json.dumps(question).encode(), token)
        expected = asks if path == "/v1/query" else changes
        # There is no such shard, which only those learn who may have it skipped.
        assert status == (400 if (expected, path) == (200, "/v1/journal/skip") else expected), (path, body)
        if status != 200:
            assert set(json.loads(body)) == {"error", "message"}
    assert asking.post(asking.server.api, "/v1/none", b"", token)[0] == (401 if asks == 401 else 404)


def test_commands_of_the_owner_work_without_a_key(asking: Asking) -> None:
    """They have the store's folder: the token in it is theirs. A door is asked with the application's own key."""
    endpoint = ("--endpoint", f"http://{asking.server.http}")
    without, key = run("doctor", "--store", asking.store, *endpoint), {"SPANLEDGER_API_KEY": asking.keys["ingest"]}
    assert (without.returncode, "answers 401: SPANLEDGER_API_KEY" in without.stdout) == (1, True)
    assert run("doctor", "--store", asking.store, *endpoint, environment=key).returncode == 0
    assert run("sql", "--store", asking.store, "SELECT 1").returncode == 0


def test_a_revoked_key_is_refused_within_ten_seconds(asking: Asking) -> None:
    """By a running server, without being told; a new key is taken at once."""
    key = create(asking.store, "--tenant", "globex", "--expires", "1d")
    assert asking.post(asking.server.http, "/v1/traces", b"", key)[0] == 200
    assert run("keys", "revoke", "--store", asking.store, key).returncode == 0
    deadline = time.monotonic() + REVOKED_S_MAX
    while asking.post(asking.server.http, "/v1/traces", b"", key)[0] != 401:
        assert time.monotonic() < deadline
    shown = {row["id"]: row for row in answer("keys", "list", "--store", asking.store)}
    entry = shown[key.split("_")[1]]
    assert (entry["state"], entry["scope"], entry["tenant"], entry["role"]) == ("revoked", "globex", "globex", "ingest")
    assert key not in str(shown)


def test_the_tenant_of_a_key_pays_whatever_the_span_says(asking: Asking) -> None:
    """A span that names another is booked to the key's own, and shown as a conflict."""
    body = request(span(chat(gen_ai__response__id="chatcmpl-spoofed", ledger__tenant="victim")))
    assert asking.post(asking.server.http, "/v1/traces", body, asking.keys["ingest"])[0] == 200
    rows = answer("sql", "--store", asking.store, "SELECT tenant FROM charges WHERE response_id = 'chatcmpl-spoofed'")
    assert rows == [{"tenant": "acme"}]


def test_a_reader_of_one_tenant_reads_its_own_over_http(asking: Asking) -> None:
    """What was sent by either is told to a reader of both, and each reader of one its own, by the client."""
    own = request(span(chat(gen_ai__response__id="chatcmpl-own", ledger__tenant="acme"), trace_id=7))
    other = request(span(chat(gen_ai__response__id="chatcmpl-other", ledger__tenant="globex"), trace_id=8))
    for body in (own, other):
        assert asking.post(asking.server.http, "/v1/traces", body, asking.keys["ingest all"])[0] == 200
    assert asking.post(asking.server.api, "/v1/post", b"{}", asking.keys["admin"])[0] == 200
    mine, everybody = (Client(f"http://{asking.server.api}", asking.keys[who]) for who in ("read acme", "read all"))
    assert {row["tenant"] for row in mine.report("tenant")} == {"acme"}
    assert {"acme", "globex"} <= {row["tenant"] for row in everybody.report("tenant")}
    assert {each.tenant for each in mine.events(newest=True)} == {"acme"}
    [theirs] = everybody.events(where={"response_id": "chatcmpl-other"})
    assert mine.event(theirs.event_id) is None
    explained = everybody.event(theirs.event_id)
    assert explained is not None
    assert (explained.event.tenant, len(explained.claims), explained.adds_up) == ("globex", 1, True)
    assert mine.prices(model="gpt-4o", provider="openai")


def test_no_key_is_ever_logged(asking: Asking) -> None:
    """Neither by the server nor by the commands."""
    told = "\n".join(asking.server.told)
    assert f"authentication is on: keys in {asking.store / 'keys.sqlite'}" in told
    assert [who for who, key in asking.keys.items() if secret(key) in told] == []


@pytest.mark.parametrize("door", ["--grpc", "--http", "--api"])
def test_a_door_for_other_machines_does_not_open_without_asking(tmp_path: Path, door: str) -> None:
    """One sentence that names the door and the cure; nothing is opened, not even the store."""
    refused = run("serve", "--store", tmp_path / "store", door, "0.0.0.0:0")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.count("\n") == 1
    assert f"{door} 0.0.0.0:0" in refused.stderr
    assert "spanledger keys create" in refused.stderr
    assert "--insecure-public" in refused.stderr
    assert not (tmp_path / "store").exists()


def test_a_door_for_other_machines_opens_when_that_is_meant(tmp_path: Path) -> None:
    """Because somebody said so; authentication is still off, and said to be."""
    with serving(tmp_path / "store", "--http", "0.0.0.0:0", "--insecure-public") as server:
        assert server.http.startswith("0.0.0.0:")
        assert any(line.startswith("authentication is off") for line in server.told)
        assert server.stop() == 0


def test_a_door_for_other_machines_opens_when_keys_are_asked_for(tmp_path: Path) -> None:
    """Which one key, even a revoked one, is enough for."""
    key = create(tmp_path / "store", "--tenant", "acme")
    assert run("keys", "revoke", "--store", tmp_path / "store", key).returncode == 0
    with serving(tmp_path / "store", "--grpc", "0.0.0.0:0") as server:
        assert any(line.startswith("authentication is on") for line in server.told)


def test_the_demonstration_works_through_a_serve_that_asks(asking: Asking) -> None:
    """It is the owner's, like every other command."""
    ended = run("demo", "--store", asking.store)
    assert ended.returncode == 0, ended.stderr
