import asyncio
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from support.otlp import chat, request, span

from spanledger.exporter.credential import Credential
from spanledger.exporter.failures import Permanent, Transient
from spanledger.exporter.journal import Signal
from spanledger.exporter.receiver.port import Answer
from spanledger.ledger.importing import loading
from spanledger.ledger.importing.loading import Loaded, load
from spanledger.schemas import StoreUnavailableError

CREDENTIAL = Credential("acme", "acme")


class Door:
    """An intake that keeps what it took, refuses a poisoned request, and may be busy for a while."""

    def __init__(self, *, poison: int = 0, busy: int = 0, rejects: int = 0) -> None:
        self.taken: list[int] = []
        self._poison, self._busy, self._rejects = poison, busy, rejects

    async def __call__(self, signal: Signal, body: bytes, credential: Credential) -> Answer:
        """Take one request."""
        assert (signal, credential) == (Signal.TRACES, CREDENTIAL)
        if self._busy:
            self._busy -= 1
            msg = "full"
            raise Transient(msg)
        ids = [
            int.from_bytes(one.span_id, "big")
            for part in ExportTraceServiceRequest.FromString(body).resource_spans
            for scope in part.scope_spans
            for one in scope.spans
        ]
        if self._poison in ids:
            msg = "undecodable"
            raise Permanent(msg)
        self.taken += ids
        reasons = ("broken ids",) if self._rejects else ()
        return Answer(self._rejects, "; ".join(f"{self._rejects} rejected: {reason}" for reason in reasons), reasons)


def loaded(door: Door, *paths: Path) -> Loaded:
    """Import some paths."""
    return asyncio.run(load(door, CREDENTIAL, paths, lambda _: None))


def write(path: Path, *span_ids: int) -> Path:
    """A file of one request for each span."""
    path.write_bytes(b"".join(request(span(chat(), span_id=number)) for number in span_ids))
    return path


def test_every_span_is_taken_in_the_order_of_the_files(tmp_path: Path) -> None:
    """The journal has the order that was recorded."""
    door = Door()
    result = loaded(door, write(tmp_path / "1", 1, 2), write(tmp_path / "2", 3))
    assert (door.taken, result.files, result.failures) == ([1, 2, 3], 2, [])


def test_a_request_at_fault_is_told_and_its_neighbours_are_kept(tmp_path: Path) -> None:
    """Joined requests are tried apart when the whole is refused."""
    door = Door(poison=2)
    result = loaded(door, write(tmp_path / "1", 1, 2, 3))
    assert door.taken == [1, 3]
    assert result.failures == [f"{tmp_path / '1'} holds what cannot be taken: undecodable"]


def test_one_unreadable_file_does_not_stop_the_others(tmp_path: Path) -> None:
    """Each failure names its file."""
    torn = tmp_path / "1"
    torn.write_bytes(request(span(chat(), span_id=1))[:-2])
    door = Door()
    result = loaded(door, torn, write(tmp_path / "2", 2))
    assert door.taken == [2]
    assert [str(torn) in failure for failure in result.failures] == [True]


def test_other_files_in_a_folder_are_skipped_but_a_named_one_must_be_otlp(tmp_path: Path) -> None:
    """Recordings lie beside their notes."""
    (tmp_path / "notes.txt").write_text("hello")
    write(tmp_path / "trace.pb", 1)
    in_folder = loaded(Door(), tmp_path)
    assert (in_folder.files, in_folder.skipped, in_folder.failures) == (1, 1, [])
    assert len(loaded(Door(), tmp_path / "notes.txt").failures) == 1


def test_a_full_journal_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The poster beside us empties it."""
    monkeypatch.setattr(loading, "_RETRY_SECONDS", 0.001)
    door = Door(busy=3)
    assert loaded(door, write(tmp_path / "1", 1)).failures == []
    assert door.taken == [1]


def test_a_journal_that_stays_full_ends_the_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says what to do, and nothing is half counted."""
    monkeypatch.setattr(loading, "_RETRY_SECONDS", 0.001)
    monkeypatch.setattr(loading, "RETRY_SECONDS_MAX", 0.01)
    with pytest.raises(StoreUnavailableError, match="run the import again"):
        loaded(Door(busy=10_000), write(tmp_path / "1", 1))


def test_rejected_spans_are_counted_with_their_reasons(tmp_path: Path) -> None:
    """The intake's partial success reaches the person who imports."""
    result = loaded(Door(rejects=2), write(tmp_path / "1", 1), write(tmp_path / "2", 2))
    assert (result.rejected, result.reasons) == (4, ["broken ids"])
