"""What stands in the way of one record stands in nobody else's; and what the store did not keep is posted again."""

import os
from collections.abc import Generator, Sequence
from pathlib import Path

import pytest
from support.desk import Desk
from support.journal import flip_bit
from support.otlp import NOON_NS, chat, request, span

from spanledger.exporter.journal import Entry, JournalCorrupt, JournalWriter, Shard, Signal, shards
from spanledger.exporter.posting import batch
from spanledger.exporter.store import Store
from spanledger.schemas import StoreUnavailableError
from spanledger.schemas.event import LedgerEvent


@pytest.fixture
def desk(store: Store, tmp_path: Path) -> Generator[Desk]:
    """An empty ledger."""
    made = Desk(store, tmp_path / "journal")
    yield made
    made.writer.close()


def call(number: int) -> bytes:
    """A request with one call."""
    start_ns = NOON_NS + number
    return request(span(chat(), span_id=number, trace_id=number, start_ns=start_ns, end_ns=start_ns + 10**9))


def requests(desk: Desk) -> object:
    """How many calls are booked."""
    return desk.sums()[0]


def damage(shard: Shard, seq: int) -> None:
    """Change a bit in the payload of a durable record."""
    payload = next(record for record in shard.read() if record.seq == seq).entry.payload
    (segment,) = shard.path.glob("*.seg")
    flip_bit(segment, segment.read_bytes().index(payload) + len(payload) // 2)


def test_a_damaged_shard_keeps_no_other_from_being_posted(desk: Desk) -> None:
    """Damage is told, every time; what lies before it, and other processes' journals, are in the ledger."""
    for number in (1, 2, 3):
        desk.receive(call(number))
    (broken,) = shards(desk.root)
    damage(broken, 3)
    desk.writer.close()
    desk.writer = JournalWriter(desk.root)
    desk.receive(call(4))
    for _ in range(2):
        with pytest.raises(JournalCorrupt, match=broken.id):
            desk.poster.post_waiting()
        assert requests(desk) == 3
    desk.receive(call(5))
    with pytest.raises(JournalCorrupt):
        desk.poster.post_waiting()
    assert requests(desk) == 4
    assert broken.path.exists()


def test_a_record_that_cannot_be_read_back_is_set_aside_whole(desk: Desk) -> None:
    """Whoever wrote it, the records behind it are posted, and its elements are counted."""
    payload = b"\xff\xff\xff no request"
    desk.writer.append(Entry(payload, Signal.TRACES, "*", "acme", 7)).result(10)
    counts = desk.post(call(1))
    assert (counts["accepted"], counts["quarantined"], counts["charged"]) == (8, 7, 1)
    kept = desk.store.query("SELECT tenant, hex(payload) FROM ledger_quarantine FINAL")
    assert kept == [("acme", payload.hex().upper())]


def test_a_span_that_breaks_our_decoder_stops_no_other(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is set aside with the kind of error, never the content; its neighbours in the same request are booked."""
    decode, poison = batch.decode, (7).to_bytes(8, "big")

    def breaking(record: batch.UsageRecord, credential: batch.Credential) -> object:
        if record.span_id == poison:
            msg = "what the span said"
            raise KeyError(msg)
        return decode(record, credential)

    monkeypatch.setattr(batch, "decode", breaking)
    spans = [span(chat(), span_id=number, trace_id=number) for number in (6, 7, 8)]
    counts = desk.post(request(*spans))
    assert (counts["charged"], counts["quarantined"]) == (2, 1)
    assert desk.store.query("SELECT reason, span_id FROM ledger_quarantine FINAL") == [
        ("our decoder failed: KeyError", poison.hex())
    ]


def test_an_event_that_was_acknowledged_and_not_kept_is_missed(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Although another event lies where it should be, so that counting the range would find enough."""
    desk.post(call(5))
    tables = desk.poster.tables
    append = tables.append_events

    def forgetful(events: Sequence[LedgerEvent]) -> None:
        append([event for event in events if event.event_time != NOON_NS + 6 + 10**9])

    monkeypatch.setattr(tables, "append_events", forgetful)
    for number in (4, 6, 7):
        desk.receive(call(number))
    with pytest.raises(StoreUnavailableError, match="acknowledged 3 events and holds fewer"):
        desk.poster.post_waiting()
    monkeypatch.undo()
    desk.poster.post_waiting()
    assert requests(desk) == 4
    (shard,) = shards(desk.root)
    assert shard.posted == 4


def test_postings_whose_ids_overlap_are_read_back_by_one_sum(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Senders bring calls of the same minutes again and again; to look for each id costs more than to book it."""
    looked_for: list[bytes] = []
    held_among = desk.poster.tables.held_among

    def noted(ids: Sequence[bytes]) -> int:
        looked_for.extend(ids)
        return held_among(ids)

    monkeypatch.setattr(desk.poster.tables, "held_among", noted)
    desk.post(call(5))
    for number in (4, 6, 7):
        desk.receive(call(number))
    desk.poster.post_waiting()
    assert (requests(desk), looked_for) == (4, [])


def test_a_posting_is_on_the_disk_before_its_mark(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Claims before the events that say what became of them, events before the mark, the mark before the checkpoint."""
    tables, steps = desk.poster.tables, list[str]()

    def noting(name: str) -> None:
        whole = getattr(tables, name)

        def noted(*arguments: object) -> object:
            steps.append(name)
            return whole(*arguments)

        monkeypatch.setattr(tables, name, noted)

    for name in ("insert_claims", "append_events", "insert_postings", "make_durable"):
        noting(name)
    desk.post(call(1))
    assert steps == [
        "insert_claims",
        "make_durable",
        "append_events",
        "make_durable",
        "insert_postings",
        "make_durable",
    ]


def test_making_the_store_durable_syncs_the_folders_that_name_its_parts(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine syncs a part and what is in it, not the name under which it is found."""
    synced: list[str] = []
    fsync = os.fsync

    def watched(descriptor: int) -> None:
        synced.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        fsync(descriptor)

    desk.post(call(1))
    monkeypatch.setattr(os, "fsync", watched)
    desk.store.make_durable()
    parts = desk.store.query(
        "SELECT path FROM system.parts WHERE active AND table IN ('ledger_events', 'ledger_claims')"
    )
    assert len(parts) >= 2
    assert {str(Path(str(path)).parent) for (path,) in parts} <= {str(Path(path)) for path in synced}
