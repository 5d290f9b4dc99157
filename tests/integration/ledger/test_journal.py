"""`spanledger journal` as people type it: beside a running `serve`, and over the store itself."""

import json
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import pytest
from support.commands import answer, run, serving
from support.journal import flip_bit
from support.otlp import NOON_NS, chat, request, span

from spanledger.exporter.journal import Entry, JournalWriter, Shard, Signal, shards
from spanledger.exporter.sift import sift
from spanledger.ledger.cli import main


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store before whose journal an application wrote five calls; the second and the fourth cannot be read."""
    folder = tmp_path / "store"
    writer = JournalWriter(folder / "journal")
    payloads: list[bytes] = []
    for number in range(1, 6):
        start_ns = NOON_NS + number
        stated = chat(gen_ai__response__id=f"r-{number}")
        body = request(span(stated, span_id=number, trace_id=number, start_ns=start_ns, end_ns=start_ns + 10**9))
        payloads.append(sift(body).payload)
        writer.append(Entry(payloads[-1], Signal.TRACES, "*", "acme", 1)).result(10)
    writer.close()
    (segment,) = only(folder).path.glob("*.seg")
    for number in (2, 4):
        flip_bit(segment, segment.read_bytes().index(payloads[number - 1]) + 9)
    return folder


def only(store: Path) -> Shard:
    """The shard of the application."""
    return min(shards(store / "journal"), key=lambda shard: shard.id)


def files(folder: Path) -> dict[str, bytes]:
    """What lies in a folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_inspect_tells_exactly_what_is_damaged_and_changes_nothing(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without opening the store; and a skip that is not meant is told, and not done."""
    shard = only(store)
    before = files(shard.path)
    assert main(["journal", "inspect", "--store", str(store), "--format", "json"]) == 1
    [told] = json.loads(capsys.readouterr().out)
    assert (told["shard"], told["writer_runs"], told["posted"], told["durable"]) == (shard.id, False, 0, 5)
    assert told["waiting_records"] == 3
    assert [segment["first_seq"] for segment in told["segments"]] == [1]
    assert [(damage["first_seq"], damage["last_seq"]) for damage in told["damages"]] == [(2, 2), (4, 4)]
    place = told["damages"][0]
    assert main(["journal", "inspect", "--data", str(store / "journal")]) == 1
    text = capsys.readouterr().out
    assert f"DAMAGED {place['path']} at byte {place['offset']}: " in text
    assert f"record 2 (1) cannot be read: {place['bytes']} bytes; skip passes over them" in text
    assert main(["journal", "skip", "--store", str(store), "--shard", shard.id]) == 1
    assert "nothing is changed" in capsys.readouterr().err
    assert main(["journal", "skip", "--store", str(store), "--shard", "x"]) == 2
    assert files(shard.path) == before
    assert [path.name for path in store.iterdir()] == ["journal"]


def test_a_skip_works_through_a_running_serve(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It says what is wrong, goes on taking calls, and posts what can be read; what was skipped stays in sight."""
    place = ("--store", str(store))
    with serving(store) as server:
        shard = only(store)
        assert main(["doctor", *place]) == 1
        assert "spanledger journal inspect" in capsys.readouterr().err
        with closing(HTTPConnection(server.http, timeout=10)) as connection:
            body = request(span(chat(), span_id=6, trace_id=6))
            connection.request("POST", "/v1/traces", body, {"content-type": "application/x-protobuf"})
            assert connection.getresponse().status == 200
        assert main(["journal", "skip", *place, "--shard", shard.id, "--yes"]) == 0
        said = capsys.readouterr()
        assert "through the spanledger serve" in said.err
        assert said.out.endswith("2 records skipped; what can be read is posted\n")
        assert main(["journal", "skip", *place, "--shard", "x", "--yes"]) == 2
        assert main(["report", *place, "--by", "tenant", "--format", "json"]) == 0
        rows = json.loads(capsys.readouterr().out)
        assert {row["tenant"]: row["requests"] for row in rows} == {"acme": 3, "unattributed": 1}
        main(["doctor", *place])
        lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
        assert "ok balance 4 accepted = 4 charged" in lines
        assert any(line.startswith("look unreadable 2 records of journals could not be read") for line in lines)
        with closing(HTTPConnection(server.api, timeout=10)) as connection:
            connection.request("GET", "/metrics")
            assert b"spanledger_journal_skipped_records_total 2.0" in connection.getresponse().read()
        assert main(["journal", "inspect", *place]) == 0
        assert server.stop() == 0
    kept = list((store / "journal" / "unreadable" / shard.id).iterdir())
    assert len(kept) == 2


def test_the_same_by_opening_the_store(store: Path) -> None:
    """The command posts, skips, posts the rest, and the application's journal is gone then."""
    shard = only(store)
    ended = run("journal", "skip", "--store", store, "--shard", shard.id, "--yes")
    assert (ended.returncode, ended.stdout.splitlines()[-1]) == (0, "2 records skipped; what can be read is posted")
    assert answer("sql", "--store", store, "SELECT count() AS calls FROM charges") == [{"calls": 3}]
    assert not shard.path.exists()
