"""A running `serve` with the door open: clients out of the box, `curl`, TLS, and where the door stays shut."""

import shutil
import socket
import ssl
import subprocess
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import clickhouse_connect
import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace.export import SpanExportResult
from support.certificates import Authority
from support.clickhouse_door import basic
from support.commands import run, serving, sums
from support.sdk import ended_span

from spanledger.ledger.endpoint_file import find
from spanledger.schemas import attributes as a

OPEN = ("--clickhouse-http", "0")
CALL = ended_span(
    {
        a.OPERATION_NAME: "chat",
        a.PROVIDER_NAME: "openai",
        a.REQUEST_MODEL: "gpt-4o-mini",
        a.RESPONSE_ID: "response",
        a.USAGE_INPUT_TOKENS: 1_000,
        a.USAGE_OUTPUT_TOKENS: 100,
        a.LEDGER_TENANT: "acme",
    }
)


def test_a_readers_key_reads_what_is_posted_while_it_is_posted(tmp_path: Path) -> None:
    """With keys: made by the command, shown by clients as a password; the other doors are what they were."""
    store = tmp_path / "store"
    keys = [run("keys", "create", "--store", store, "--tenant", "*", "--role", role) for role in ("read", "ingest")]
    assert [made.returncode for made in keys] == [0, 0]
    reader, sender = (made.stdout.strip() for made in keys)
    with serving(store, *OPEN) as server:
        exporter = OTLPSpanExporter(
            endpoint=f"http://{server.http}/v1/traces", headers={"authorization": f"Bearer {sender}"}
        )
        assert exporter.export([CALL]) is SpanExportResult.SUCCESS
        exporter.shutdown()
        assert sums(store) == [("acme", "gpt-4o-mini", 1, 1_000, 100, "0.00021")]
        host, _, port = server.clickhouse.partition(":")
        client = clickhouse_connect.get_client(host=host, port=int(port), username="grafana", password=reader)
        told = client.query("SELECT tenant, toString(cost) FROM charges").result_rows
        client.close()
        assert told == [("acme", "0.00021")]
        refused = _status(f"http://{server.clickhouse}/?query=SELECT+1", basic(sender))
        assert refused == 403
        assert server.stop() == 0


def test_curl_reads_with_the_owners_token_where_nobody_has_a_key(tmp_path: Path) -> None:
    """The token of the store's folder, which counts for this run of the server alone."""
    curl = shutil.which("curl")
    assert curl is not None
    store = tmp_path / "store"
    with serving(store, *OPEN) as server:
        endpoint = find(store)
        assert endpoint is not None
        command = [curl, "-sS", "--fail", f"http://{server.clickhouse}/", "--data-binary", "@-"]
        told = subprocess.run(
            [*command, "--compressed", "-H", f"X-ClickHouse-Key: {endpoint.token}"],
            input=b"SELECT name FROM system.tables WHERE name = 'charges' FORMAT JSONEachRow",
            capture_output=True,
            check=True,
        )
        assert told.stdout == b'{"name":"charges"}\n'
        assert subprocess.run(command, input=b"SELECT 1", capture_output=True, check=False).returncode == 22
        with urlopen(f"http://{server.clickhouse}/ping") as pong:
            assert pong.read() == b"Ok.\n"


def test_the_door_speaks_tls_as_the_others_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever shows no certificate of its own shows a key."""
    authority = Authority(tmp_path, "authority")
    server = authority.server()
    monkeypatch.setenv("SPANLEDGER_TLS_CERT", str(server.certificate))
    monkeypatch.setenv("SPANLEDGER_TLS_KEY", str(server.key))
    store = tmp_path / "store"
    with serving(store, *OPEN) as running:
        endpoint = find(store)
        assert endpoint is not None
        asked = Request(
            f"https://{running.clickhouse}/?query=SELECT+1", headers={"Authorization": basic(endpoint.token)}
        )
        trusting = ssl.create_default_context(cafile=str(authority.file))
        with urlopen(asked, context=trusting) as answered:  # noqa: S310 (loopback)
            assert answered.read() == b"1\n"


def test_a_stop_does_not_wait_for_a_long_statement(tmp_path: Path) -> None:
    """A dashboard that asks for everything keeps no server from stopping in order."""
    store = tmp_path / "store"
    with serving(store, *OPEN) as server:
        endpoint = find(store)
        assert endpoint is not None
        sql = "SELECT count() FROM numbers(100000000000) WHERE NOT ignore(sipHash64(number))"
        host, _, port = server.clickhouse.partition(":")
        with socket.create_connection((host, int(port))) as asking:
            head = f"POST /?max_execution_time=5 HTTP/1.1\r\nHost: x\r\nAuthorization: {basic(endpoint.token)}\r\n"
            asking.sendall(f"{head}Content-Length: {len(sql)}\r\n\r\n{sql}".encode())
            assert server.stop() == 0


@pytest.mark.parametrize(
    ("store", "door", "sentence"),
    [
        ("clickhouse://127.0.0.1:9/ledger", "0", "ask the ClickHouse server of this store itself"),
        ("store", "0.0.0.0:0", "--clickhouse-http 0.0.0.0:0 can be reached from other machines"),
        ("store", "here", "--clickhouse-http 'here' is not [HOST:]PORT"),
    ],
)
def test_the_door_stays_shut_where_it_should(tmp_path: Path, store: str, door: str, sentence: str) -> None:
    """With one sentence, before anything is opened."""
    stated = store if "://" in store else str(tmp_path / store)
    ended = run("serve", "--store", stated, "--data", tmp_path / "journal", "--clickhouse-http", door)
    assert (ended.returncode, len(ended.stderr.splitlines())) == (2, 1)
    assert sentence in ended.stderr


def test_a_port_that_is_taken_is_told_by_its_flag(tmp_path: Path) -> None:
    """And nothing stays open."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ports = ("--grpc", "0", "--http", "0", "--api", "0", "--clickhouse-http", str(taken.getsockname()[1]))
        ended = run("serve", "--store", tmp_path / "store", *ports)
    assert ended.returncode == 2
    assert "choose another port with --clickhouse-http PORT" in ended.stderr


def _status(url: str, authorization: str) -> int:
    try:
        with urlopen(Request(url, headers={"Authorization": authorization})) as answered:  # noqa: S310 (loopback)
            return answered.status
    except HTTPError as refused:
        return refused.code
