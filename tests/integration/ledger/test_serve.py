"""A running `serve`, the official exporters as its senders, and the other commands working through it."""

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from urllib.request import urlopen

import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from prometheus_client.parser import text_string_to_metric_families
from support.commands import Serve, answer, run, serving, sums
from support.otlp import chat, request, span
from support.sdk import ended_span

from spanledger.ledger.endpoint_file import NAME
from spanledger.schemas import attributes as a

FAILING = """
import sys, threading
from spanledger.ledger import serving
from spanledger.ledger.cli import main
opened = serving.open_pipeline
def open_and_fail(settings):
    pipeline = opened(settings)
    pipeline.writer.failed.set()
    return pipeline
serving.open_pipeline = open_and_fail
sys.exit(main(["serve", "--store", sys.argv[1], "--grpc", "0", "--http", "0", "--api", "0"]))
"""
"""A serve whose journal says that it failed for good, as after an I/O error of `fdatasync`."""

SPANS = [
    ended_span(
        {
            a.OPERATION_NAME: "chat",
            a.PROVIDER_NAME: "openai",
            a.REQUEST_MODEL: "gpt-4o-mini",
            a.RESPONSE_ID: f"response-{tenant}-{number}",
            a.USAGE_INPUT_TOKENS: 1_000,
            a.USAGE_OUTPUT_TOKENS: 100,
            a.LEDGER_TENANT: tenant,
        }
    )
    for tenant, calls in (("acme", 3), ("globex", 2))
    for number in range(calls)
]
"""Five calls; gpt-4o-mini costs 0.15 USD a million input and 0.60 USD a million output tokens."""

BILLED = [
    # 1 000 * 0.00000015 + 100 * 0.0000006 = 0.00021 a call
    ("acme", "gpt-4o-mini", 3, 3_000, 300, "0.00063"),
    ("globex", "gpt-4o-mini", 2, 2_000, 200, "0.00042"),
]


def send(exporter: SpanExporter) -> None:
    """Send the five calls."""
    assert exporter.export(SPANS) is SpanExportResult.SUCCESS
    exporter.shutdown()


def send_grpc(server: Serve) -> None:
    """Send them over OTLP/gRPC."""
    send(GrpcExporter(endpoint=server.grpc, insecure=True))


def send_http(server: Serve) -> None:
    """Send them over OTLP/HTTP."""
    send(HttpExporter(endpoint=f"http://{server.http}/v1/traces"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[Serve]:
    """One server for the tests that leave it running; each looks at tenants of its own."""
    with serving(tmp_path_factory.mktemp("serve") / "store") as running:
        yield running


def test_sums_are_exact_and_survive_resending_restarting_and_killing(tmp_path: Path) -> None:
    """The bill is the same after every way a sender or a machine can fail."""
    store = tmp_path / "store"
    with serving(store) as first:
        send_grpc(first)
        assert sums(store) == BILLED
        send_http(first)
        assert sums(store) == BILLED
        assert first.stop() == 0
    assert sums(store) == BILLED
    with serving(store) as second:
        assert sums(store) == BILLED
        send_http(second)
        assert second.stop(signal.SIGKILL) == -signal.SIGKILL
    assert (store / NAME).exists()
    assert sums(store) == BILLED


def test_a_clean_stop_takes_the_address_away_and_says_what_it_does(tmp_path: Path) -> None:
    """Supervisors see exit 0; the next command opens the store itself."""
    with serving(tmp_path / "store") as server:
        assert json.loads((tmp_path / "store" / NAME).read_bytes())["address"] == f"http://{server.api}"
        assert server.store == str(tmp_path / "store")
        assert server.stop(signal.SIGINT) == 0
    assert not (tmp_path / "store" / NAME).exists()
    assert any("stopping" in line for line in server.told)


def test_commands_beside_a_serve_work_through_it(server: Serve) -> None:
    """Reading, explaining and checking need no second engine, and say whom they asked."""
    send_grpc(server)
    ended = run("report", "--store", server.store, "--by", "tenant", "--format", "csv")
    assert ended.returncode == 0
    assert f"through the spanledger serve running at http://{server.api}" in ended.stderr
    assert "acme,3,3000,300,0.00063,USD,0.0,0.0,0.0,0.0" in ended.stdout.splitlines()
    [event] = answer("explain", "--store", server.store, "response-acme-0")
    assert (event["cost"], event["adds_up"]) == ("0.00021", True)
    assert run("doctor", "--store", server.store, "--endpoint", f"http://{server.http}").returncode == 0
    assert run("migrate", "--store", server.store).stdout.startswith("nothing to apply")


def test_a_scraper_learns_what_is_unpriced_and_never_who(tmp_path: Path) -> None:
    """No key, no names: the accounting invariant, and the requests whose cost is in doubt."""
    unpriced = chat(ledger__tenant="acme", gen_ai__request__model="house-1", gen_ai__response__model="house-1")
    path = tmp_path / "spans.pb"
    path.write_bytes(request(span(chat(ledger__tenant="acme")), span(unpriced, span_id=2, trace_id=2)))
    with serving(tmp_path / "store") as server:
        assert run("import", "--store", server.store, path).returncode == 0
        with urlopen(f"http://{server.api}/metrics") as response:
            text = response.read().decode()
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert samples["spanledger_spans_total", "accepted"] == samples["spanledger_spans_total", "charged"] == 2
    assert samples["spanledger_requests",] == 2
    assert samples["spanledger_doubtful_requests", "unpriced"] == 1
    assert samples["spanledger_doubtful_requests", "probable"] == 0
    assert samples["spanledger_journal_pending_bytes",] == samples["spanledger_price_files_refused",] == 0
    assert "acme" not in text
    assert "house-1" not in text


def test_importing_beside_a_serve_posts_through_it(server: Serve, tmp_path: Path) -> None:
    """The files are journaled by the command and posted by the server."""
    path = tmp_path / "spans.pb"
    path.write_bytes(request(*(span(chat(ledger__tenant="initech"), span_id=n, trace_id=n) for n in range(1, 41))))
    ended = run("import", "--store", server.store, path)
    assert ended.returncode == 0, ended.stderr
    assert "40 accepted = 40 charged" in ended.stdout
    # 100 * 0.00000015 + 20 * 0.0000006 = 0.000027 a call
    assert ("initech", "gpt-4o-mini", 40, 4_000, 800, "0.00108") in sums(Path(server.store))


def test_a_second_holder_of_the_store_is_refused_with_the_cure(server: Serve) -> None:
    """One sentence, exit 3."""
    ended = run("serve", "--store", server.store, "--grpc", "0", "--http", "0", "--api", "0")
    assert ended.returncode == 3
    assert "another process" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_journal_that_failed_ends_the_serve(tmp_path: Path) -> None:
    """A supervisor starts it again; what was acknowledged is on the disk."""
    ended = subprocess.run(
        [sys.executable, "-c", FAILING, str(tmp_path / "store")],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ended.returncode == 3
    assert "the journal in" in ended.stderr.splitlines()[-1]
    assert "Traceback" not in ended.stderr
    assert not (tmp_path / "store" / NAME).exists()


def test_a_port_that_is_taken_is_told_by_its_flag(tmp_path: Path) -> None:
    """No silent choice of another port: whoever was told the first would miss it."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ports = ("--grpc", "0", "--http", "0", "--api", str(taken.getsockname()[1]))
        ended = run("serve", "--store", tmp_path / "store", *ports)
    assert ended.returncode == 2
    assert "choose another port with --api PORT" in ended.stderr
    assert "Traceback" not in ended.stderr
