from collections.abc import Generator
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceResponse,
)
from support.application import text
from support.receiving import receiving
from support.scripted_receiver import Reply, ScriptedReceiver, scripted_receiver
from support.sdk import chat_span

from spanledger.exporter.inprocess import forwarder as module
from spanledger.exporter.inprocess.counts import Counts
from spanledger.exporter.inprocess.courier import Undelivered
from spanledger.exporter.inprocess.delivery import ReceiverConnection
from spanledger.exporter.inprocess.entries import Home, entries
from spanledger.exporter.inprocess.forwarder import Forwarder
from spanledger.exporter.journal import Entry, JournalWriter, RecordType, Shard, Signal, shards
from spanledger.exporter.sift import sift
from spanledger.schemas import attributes as a

SECONDS_MAX = 10.0


@pytest.fixture
def receiver() -> Generator[ScriptedReceiver]:
    """A receiver that takes everything until it is told otherwise."""
    with scripted_receiver() as receiver:
        yield receiver


@pytest.fixture
def journal(tmp_path: Path) -> Generator[JournalWriter]:
    """A journal that the test's own process writes."""
    writer = JournalWriter(tmp_path, segment_bytes=64 * 1024)
    yield writer
    writer.close()


def write(journal: JournalWriter, *models: str) -> None:
    """Journal one record per model."""
    for model in models:
        for entry in entries([chat_span(model)], Home("acme"), Counts()):
            journal.append(entry)
    assert journal.flush(SECONDS_MAX)


def abandon(root: Path, *models: str) -> None:
    """Leave a shard as a dead process does."""
    writer = JournalWriter(root, segment_bytes=64 * 1024)
    write(writer, *models)
    writer.close()


def carry(journal: JournalWriter, root: Path, endpoint: str) -> dict[str, int]:
    """One round; the counts it made."""
    counts = Counts()
    connection = ReceiverConnection(endpoint, "")
    forwarder = Forwarder(root, lambda shard: shard.path == journal.shard_path, connection, counts)
    try:
        forwarder.carry()
    finally:
        forwarder.close()
    return counts.read()


def waiting(root: Path) -> list[str]:
    """The models that still wait in the journal."""
    return [
        text(span, a.REQUEST_MODEL)
        for shard in shards(root)
        for record in shard.read()
        for span in sift(record.entry.payload).spans
    ]


def test_many_records_travel_as_one_request(journal: JournalWriter, tmp_path: Path, receiver: ScriptedReceiver) -> None:
    """In order, once, and then nothing waits and nothing is sent again."""
    write(journal, "m1", "m2", "m3")
    assert carry(journal, tmp_path, receiver.endpoint) == {"forwarded": 3}
    assert [sent.models for sent in receiver.sent] == [["m1", "m2", "m3"]]
    assert waiting(tmp_path) == []
    assert carry(journal, tmp_path, receiver.endpoint) == {}
    assert len(receiver.sent) == 1


def test_our_own_receiver_takes_it(journal: JournalWriter, tmp_path: Path) -> None:
    """Over its real HTTP door, without a change on the way."""
    write(journal, "m1", "m2")
    with receiving() as running:
        assert carry(journal, tmp_path, running.http) == {"forwarded": 2}
        (taken,) = running.intake.taken
    assert [text(span, a.REQUEST_MODEL) for span in sift(taken.body).spans] == ["m1", "m2"]
    assert waiting(tmp_path) == []


def test_requests_are_bounded(
    journal: JournalWriter, tmp_path: Path, receiver: ScriptedReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long absence of the receiver does not end in one huge request."""
    monkeypatch.setattr(module, "REQUEST_BYTES_MAX", 500)
    write(journal, "m1", "m2", "m3", "m4", "m5")
    carry(journal, tmp_path, receiver.endpoint)
    assert len(receiver.sent) > 1
    assert receiver.models == ["m1", "m2", "m3", "m4", "m5"]


def test_marks_that_are_no_requests_are_passed_over(
    journal: JournalWriter, tmp_path: Path, receiver: ScriptedReceiver
) -> None:
    """A tick of the clock has no spans to send, and does not stand in the way."""
    journal.append(Entry(b"", Signal.TRACES, "*", "", 0, RecordType.TICK))
    assert journal.flush(SECONDS_MAX)
    carry(journal, tmp_path, receiver.endpoint)
    assert receiver.sent == []
    write(journal, "m1")
    carry(journal, tmp_path, receiver.endpoint)
    assert receiver.models == ["m1"]


def test_what_is_not_taken_waits(journal: JournalWriter, tmp_path: Path, receiver: ScriptedReceiver) -> None:
    """Only a 2xx moves the checkpoint."""
    receiver.replies.append(Reply(503))
    write(journal, "m1")
    with pytest.raises(Undelivered):
        carry(journal, tmp_path, receiver.endpoint)
    assert waiting(tmp_path) == ["m1"]
    assert carry(journal, tmp_path, receiver.endpoint) == {"forwarded": 1}
    assert waiting(tmp_path) == []


def test_what_is_refused_is_set_aside_and_its_neighbours_arrive(
    journal: JournalWriter, tmp_path: Path, receiver: ScriptedReceiver, caplog: pytest.LogCaptureFixture
) -> None:
    """The poison is found by halving; its file is an OTLP request that can be imported."""
    receiver.refuses = b"poison"
    write(journal, "m1", "poison", "m2", "m3")
    assert carry(journal, tmp_path, receiver.endpoint) == {"forwarded": 3, "refused": 1}
    (file,) = (tmp_path / "refused").iterdir()
    assert [text(span, a.REQUEST_MODEL) for span in sift(file.read_bytes()).spans] == ["poison"]
    assert sorted(model for sent in receiver.sent if b"poison" not in sent.body for model in sent.models) == [
        "m1",
        "m2",
        "m3",
    ]
    assert waiting(tmp_path) == []
    assert len(caplog.records) == 1


def test_spans_the_receiver_rejects_are_counted(
    journal: JournalWriter, tmp_path: Path, receiver: ScriptedReceiver, caplog: pytest.LogCaptureFixture
) -> None:
    """A partial success is final: they are not sent again."""
    partial = ExportTracePartialSuccess(rejected_spans=1, error_message="broken ids")
    receiver.replies.append(Reply(200, ExportTraceServiceResponse(partial_success=partial).SerializeToString()))
    write(journal, "m1", "m2")
    assert carry(journal, tmp_path, receiver.endpoint) == {"forwarded": 1, "refused": 1}
    assert "broken ids" in caplog.text
    assert waiting(tmp_path) == []


def test_what_a_dead_process_left_is_adopted(
    journal: JournalWriter, tmp_path: Path, receiver: ScriptedReceiver
) -> None:
    """Its shard is delivered and removed; a living neighbour's is that neighbour's business."""
    abandon(tmp_path, "left")
    neighbour = JournalWriter(tmp_path, segment_bytes=64 * 1024)
    write(neighbour, "neighbours")
    write(journal, "own")
    carry(journal, tmp_path, receiver.endpoint)
    assert receiver.models == ["left", "own"]
    assert waiting(tmp_path) == ["neighbours"]
    assert len(shards(tmp_path)) == 2
    neighbour.close()


def test_a_damaged_shard_does_not_hold_up_the_others(
    journal: JournalWriter, tmp_path: Path, receiver: ScriptedReceiver, caplog: pytest.LogCaptureFixture
) -> None:
    """It stays for a human to look at, and is told once."""
    abandon(tmp_path, *(f"m{number}" for number in range(4)))
    damaged: Shard = shards(tmp_path)[0]
    (segment,) = damaged.path.glob("*.seg")
    content = bytearray(segment.read_bytes())
    at = content.index(b"m1")
    content[at] ^= 0xFF
    segment.write_bytes(content)
    write(journal, "own")
    assert carry(journal, tmp_path, receiver.endpoint)["delivery_failures"] == 1
    assert "own" in receiver.models
    assert damaged.path.exists()
    assert "cannot be read" in caplog.text
