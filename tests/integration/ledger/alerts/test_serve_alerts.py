"""A running `serve` that tells, and the commands beside it."""

import json
import os
import socket
from base64 import b64encode
from hashlib import sha256
from hmac import digest
from pathlib import Path
from urllib.request import urlopen

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace.export import SpanExportResult
from prometheus_client.parser import text_string_to_metric_families
from support.alerting import mailing, taking
from support.commands import Serve, answer, run, serving
from support.sdk import ended_span

from spanledger.schemas import attributes as a

KEY = b"k" * 32
SECRET = f"whsec_{b64encode(KEY).decode()}"


def alerts_file(folder: Path, hook_port: int, dead_port: int, mail_port: int = 25) -> Path:
    """Three channels, of which one is nobody's."""
    (folder / "hook.secret").write_text(SECRET)
    (folder / "hook.secret").chmod(0o600)
    file = folder / "alerts.yaml"
    file.write_text(
        f"""
evaluate_seconds: 1
resolved: true
internal_hosts: [127.0.0.1]
channels:
  - {{name: ops, kind: webhook, url: "http://127.0.0.1:{hook_port}/in", secret_file: hook.secret}}
  - {{name: dead, kind: webhook, url: "http://127.0.0.1:{dead_port}/in", secret_file: hook.secret}}
  - {{name: post, kind: email, host: 127.0.0.1, port: {mail_port}, tls: none, from: a@example.com, to: b@example.com,
     kinds: [silence]}}
"""
    )
    return file


def nobody() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def send_unpriced(server: Serve) -> None:
    """One call to a model that no book knows."""
    told = {a.OPERATION_NAME: "chat", a.PROVIDER_NAME: "openai", a.RESPONSE_MODEL: "gpt-mystery", a.RESPONSE_ID: "r-1"}
    span = ended_span({**told, a.USAGE_INPUT_TOKENS: 1000, a.USAGE_OUTPUT_TOKENS: 100, a.LEDGER_TENANT: "acme"})
    exporter = OTLPSpanExporter(endpoint=f"http://{server.http}/v1/traces")
    assert exporter.export([span]) is SpanExportResult.SUCCESS
    exporter.shutdown()


def test_a_model_without_a_price_is_told_while_another_channel_is_dead(tmp_path: Path) -> None:
    """Signed, once, and counted; the list has what became of it. The next start tells nothing anew."""
    store = tmp_path / "store"
    with taking() as taken, taking(answers=[(503, {})]) as dead:
        file = alerts_file(tmp_path, taken.port, dead.port)
        with serving(store, "--alerts", str(file)) as server:
            # The call has no price, so it counts 0.1 USD and 100 USD a million tokens: 0.21 of a dollar.
            assert run("budgets", "set", "acme", "--limit", "0.25", "--store", store).returncode == 0
            send_unpriced(server)
            taken.wait()
            taken.wait()
            dead.wait()
            dead.wait()
            told = {json.loads(body)["data"]["kind"]: (headers, body) for _, headers, body in taken.requests}
            budget = json.loads(told["budget_threshold"][1])["data"]
            assert budget["title"] == "budget acme has reached 80 % (0.21 of 0.25 USD)"
            headers, body = told["unpriced_model"]
            signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
            signature = b64encode(digest(KEY, signed, sha256)).decode()
            assert headers["webhook-signature"] == f"v1,{signature}"
            sent = json.loads(body)
            assert (sent["type"], sent["data"]["key"]) == ("alert.fired", "unpriced_model:openai/gpt-mystery")
            assert sent["data"]["tenant"] == "acme"
            counts = scraped(server)
            assert counts["spanledger_alert_evaluations_failed_total"] == 0
            assert counts["spanledger_alerts_open unpriced_model"] == 1
            assert server.stop() == 0
        with serving(store, "--alerts", str(file)) as server:
            counts = scraped(server)
            assert counts["spanledger_alert_deliveries_total sent"] == 2
            assert counts["spanledger_alert_deliveries_total retried"] >= 1
            assert counts["spanledger_alert_deliveries_waiting"] == 2
            assert server.stop() == 0
        assert len(taken.requests) == 2
    rows = {row["kind"]: row for row in answer("alerts", "list", "--store", store)}
    row = rows.pop("unpriced_model")
    assert [*rows] == ["budget_threshold"]
    assert (row["kind"], row["state"], row["sent"], row["waiting"]) == ("unpriced_model", "open", 1, 1)
    assert row["failure"] == "127.0.0.1 answers 503"
    assert not any("hook.secret" in line or SECRET in line for line in server.told)


def scraped(server: Serve) -> dict[str, float]:
    """What a scraper reads of alerts, by name and label."""
    with urlopen(f"http://{server.api}/metrics") as response:
        text = response.read().decode()
    assert "acme" not in text
    assert "gpt-mystery" not in text
    return {
        " ".join([sample.name, *sample.labels.values()]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if "alert" in sample.name
    }


def test_each_channel_can_be_tried(tmp_path: Path) -> None:
    """What is taken is ok; what is not has a reason, and makes the command fail."""
    with taking() as taken, mailing() as mailbox:
        file = alerts_file(tmp_path, taken.port, nobody(), mailbox.port)
        tried = run("alerts", "test", "--alerts", file)
        one = run("alerts", "test", "--channel", "ops", environment={"SPANLEDGER_ALERTS": str(file)})
    assert tried.returncode == 1
    ops, dead, post = tried.stdout.splitlines()
    assert (ops, post) == ("ok    ops", "ok    post")
    assert dead.startswith("FAIL  dead  127.0.0.1 does not answer: ")
    assert (one.returncode, one.stdout) == (0, "ok    ops\n")
    assert [json.loads(body)["type"] for _, _, body in taken.requests] == ["alert.test"] * 2
    assert [message["subject"] for _, _, message in mailbox.messages] == ["[spanledger info] Test: channel post works"]


def test_a_wrong_file_stops_serve_and_the_command(tmp_path: Path) -> None:
    """With a sentence for each mistake, exit code 2, and no secret."""
    file = tmp_path / "alerts.yaml"
    file.write_text(
        "channels:\n - {name: a, kind: slack, url: 'http://h.example.com/canary'}\n - {name: b, kind: pager}\n"
    )
    for command in (("alerts", "test"), ("serve", "--store", tmp_path / "store", "--api", "0")):
        ended = run(*command, "--alerts", file, environment={"HOME": os.fspath(tmp_path)})
        assert ended.returncode == 2, ended.stderr
        assert "alerts.yaml:2: url must be https://, unless h.example.com is in internal_hosts" in ended.stderr
        assert "alerts.yaml:3: kind 'pager' must be one of webhook, slack, email" in ended.stderr
        assert "canary" not in ended.stderr


def test_wrong_words_are_told(tmp_path: Path) -> None:
    """No file, no such channel; nothing to list is an empty list."""
    none = run("alerts", "test", environment={"SPANLEDGER_ALERTS": ""})
    assert (none.returncode, "name one with --alerts FILE or SPANLEDGER_ALERTS" in none.stderr) == (2, True)
    file = alerts_file(tmp_path, 1, 2)
    wrong = run("alerts", "test", "--alerts", file, "--channel", "opps")
    assert (wrong.returncode, "--channel 'opps' is none of ops, dead, post" in wrong.stderr) == (2, True)
    assert answer("alerts", "list", "--store", tmp_path / "store") == []
