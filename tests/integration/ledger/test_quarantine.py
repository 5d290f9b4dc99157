"""`spanledger quarantine` as people type it: beside a running `serve`, and over the store itself."""

import csv
import io
import json
import os
import subprocess
import sys
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from support.commands import Serve, answer, run
from support.otlp import chat, request, span

from spanledger.ledger.cli import main

MANY = 5_000_000_000
SUMS = "SELECT count() AS calls, sum(input_tokens) AS tokens FROM charges"
ESCAPE = "\x1b[31mred\n\u202eidle"
FORMULA = '=HYPERLINK("http://127.0.0.1/")'
CORRECTED = (
    "import sys; from spanledger.exporter.decode import anyvalue; anyvalue.COUNT_MAX = 10**12;"
    " from spanledger.ledger.cli import main; sys.exit(main(sys.argv[1:]))"
)
"""The command of a version to whom five billion tokens are possible."""


def served(store: Path, *program: str) -> Serve:
    """A `serve`, of the installed version or of a program's."""
    doors = ("serve", "--store", str(store), "--grpc", "0", "--http", "0", "--api", "0")
    return Serve(store, program=(*program, *doors) if program else ())


def corrected(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """A command of the version that can read it."""
    return subprocess.run(
        [sys.executable, "-c", CORRECTED, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=dict(os.environ),
    )


def send(server: Serve, body: bytes) -> None:
    """Post it to the receiver."""
    with closing(HTTPConnection(server.http, timeout=10)) as connection:
        connection.request("POST", "/v1/traces", body, {"content-type": "application/x-protobuf"})
        assert connection.getresponse().status == 200


def scraped(server: Serve) -> list[str]:
    """The lines of the metrics."""
    with closing(HTTPConnection(server.api, timeout=10)) as connection:
        connection.request("GET", "/metrics")
        return connection.getresponse().read().decode().splitlines()


def impossible(number: int, **more: str) -> Span:
    """A call that used more than can be."""
    return span(chat(gen_ai__usage__input_tokens=MANY, **more), span_id=number, trace_id=number)


Said = tuple[int, str, str]
"""An exit code, and what was written to both streams."""


class Commands:
    """The command in this process, which loads no engine: a running `serve` is asked."""

    def __init__(self, store: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._store = str(store)
        self._capsys = capsys

    def __call__(self, command: str, *arguments: str) -> Said:
        """Run one, of the store."""
        words = command.split()
        code = main([*words, "--store", self._store, *arguments])
        said = self._capsys.readouterr()
        return code, said.out, said.err

    def rows(self, command: str, *arguments: str) -> list[dict[str, Any]]:
        """What one prints as JSON."""
        code, out, err = self(command, *arguments, "--format", "json")
        assert code == 0, err
        return json.loads(out)

    def listed(self, *options: str) -> list[dict[str, Any]]:
        """What `list` shows, by trace."""
        return sorted(self.rows("quarantine list", *options), key=lambda row: row["trace_id"])

    def doctor(self) -> list[str]:
        """What doctor says of the balance and the quarantine."""
        lines = self("doctor")[1].splitlines()
        return [" ".join(line.split()) for line in lines if line.split()[1] in {"balance", "quarantine"}]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store where a call is booked and three are set aside, one of them hostile."""
    folder = tmp_path / "store"
    hostile = impossible(3, ledger__tenant=FORMULA, gen_ai__response__model=ESCAPE)
    (tmp_path / "sent.pb").write_bytes(request(span(chat(), span_id=9, trace_id=9), impossible(1), hostile))
    (tmp_path / "again.pb").write_bytes(request(impossible(2, ledger__tenant="acme"), impossible(1)))
    ended = run("import", "--store", folder, tmp_path / "sent.pb", tmp_path / "again.pb")
    assert ended.returncode == 0, ended.stderr
    assert "5 accepted = 1 charged + 1 duplicates + 3 quarantined" in ended.stdout
    return folder


@pytest.fixture
def commands(store: Path, capsys: pytest.CaptureFixture[str]) -> Commands:
    """Commands beside a server."""
    return Commands(store, capsys)


def test_from_impossible_to_charged_through_a_running_serve(store: Path, commands: Commands) -> None:
    """It is listed; replayed in vain, and told so; once its cause is gone it is charged, once, however often asked."""
    with closing(served(store)) as server:
        first, second, third = (row["quarantine_id"] for row in commands.listed())
        assert commands.doctor()[1].startswith("look quarantine 3 open, 0 discarded; open 3: gen_ai.usage.input_tokens")
        assert_shown_and_not_obeyed(commands, third)
        code, out, err = commands("quarantine replay", first)
        assert (code, out) == (1, "0 in the ledger, 1 not\n")
        assert f"{first} is as impossible as before: gen_ai.usage.input_tokens" in err
        for _ in range(2):
            code, out, _ = commands("quarantine discard", third, "--why", "a probe of ours")
            assert (code, out) == (0, "1 discarded: still counted as quarantined, and kept\n")
        assert [row["quarantine_id"] for row in commands.listed()] == [first, second]
        server.stop()
    with closing(served(store, CORRECTED)) as server:
        send(server, request(span(chat(), span_id=8, trace_id=8)))
        code, out, err = commands("quarantine replay", "--all")
        assert (code, out) == (0, "2 in the ledger, 0 not\n")
        assert "through the spanledger serve" in err
        assert commands("quarantine replay", first, second)[:2] == (0, "2 in the ledger, 0 not\n")
        assert commands.rows("sql", SUMS) == [{"calls": 4, "tokens": 2 * MANY + 200}]
        assert commands.listed() == []
        assert [row["state"] for row in commands.listed("--all")] == ["replayed", "replayed", "discarded"]
        [record] = commands.rows("quarantine show", first)
        assert [each["decision"] for each in record["decisions"]] == ["failed", "replayed"]
        assert commands.doctor() == [
            "ok balance 6 accepted = 4 charged + 1 duplicates + 1 quarantined",
            "ok quarantine 0 open, 1 discarded",
        ]
        metrics = scraped(server)
        assert 'spanledger_quarantined{state="discarded"} 1.0' in metrics
        assert 'spanledger_quarantined{state="open"} 0.0' in metrics
        server.stop()


def assert_shown_and_not_obeyed(commands: Commands, hostile: str) -> None:
    """What strangers wrote: in the terminal no escape, in a spreadsheet no formula; programs get what was sent."""
    for command in (("quarantine list",), ("quarantine show", hostile)):
        _, text, _ = commands(*command)
        assert hostile in text
        assert [line for line in text.split("\n") if not line.isprintable()] == []
    assert "gen_ai.response.model: \\x1b[31mred\\n\\u202eidle" in text
    assert f"gen_ai.usage.input_tokens: {MANY}" in text
    rows = csv.DictReader(io.StringIO(commands("quarantine list", "--format", "csv")[1]))
    assert sorted(row["tenant"] for row in rows) == [f"'{FORMULA}", "acme", "unattributed"]
    [record] = commands.rows("quarantine show", hostile)
    assert record["tenant"] == FORMULA
    assert record["content"][0]["attributes"]["gen_ai.response.model"] == ESCAPE
    assert (record["state"], record["decisions"], record["scope"]) == ("open", [], "*")
    assert commands("quarantine show", "0" * 32)[:2] == (1, "")


def test_the_same_by_opening_the_store(store: Path) -> None:
    """By tenant and by reason; with an id of nothing, or too late, the exit code tells."""
    bounds = ("--tenant", "acme", "--reason", "input_tokens")
    [second] = answer("quarantine", "list", "--store", store, *bounds, "--since", "2026-01-01")
    assert answer("quarantine", "list", "--store", store, "--since", "2200-01-01") == []
    ended = corrected("quarantine", "replay", "--store", store, *bounds)
    assert (ended.returncode, ended.stdout) == (0, "1 in the ledger, 0 not\n")
    assert answer("sql", "--store", store, SUMS) == [{"calls": 2, "tokens": MANY + 100}]
    late = run("quarantine", "discard", "--store", store, second["quarantine_id"], "--why", "too late")
    assert (late.returncode, "is in the ledger: there is nothing to discard" in late.stderr) == (1, True)
    unknown = run("quarantine", "replay", "--store", store, "0" * 32, "no id \x1b[31m")
    assert (unknown.returncode, unknown.stdout) == (1, "0 in the ledger, 2 not\n")
    assert "\x1b" not in unknown.stderr


@pytest.mark.parametrize("words", [("replay",), ("replay", "--all", "0" * 32), ("discard", "0" * 32, "--why", " ")])
def test_what_is_not_meant_is_not_guessed(words: tuple[str, ...], tmp_path: Path) -> None:
    """Everything is replayed only when that is said, nothing is discarded without a reason; no store is opened."""
    assert main(["quarantine", words[0], "--store", str(tmp_path / "none"), *words[1:]]) == 2
    assert not (tmp_path / "none").exists()
