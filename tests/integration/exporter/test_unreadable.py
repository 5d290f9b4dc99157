"""A damaged journal, by a person's decision: what can be read is posted, what cannot is kept and counted, once."""

from collections.abc import Generator
from errno import EIO
from pathlib import Path

import pytest
from support.desk import Desk
from support.journal import flip_bit
from support.otlp import NOON_NS, chat, request, span

from spanledger.exporter.journal import JournalCorrupt, Shard, shards
from spanledger.exporter.journal.disk import Disk
from spanledger.exporter.store import Store
from spanledger.schemas import ConfigurationError, SpanledgerError, StoreUnavailableError

COUNTED = "SELECT first_seq, last_seq, counts FROM ledger_postings FINAL WHERE has(mapKeys(counts), 'skipped_records')"


@pytest.fixture
def desk(store: Store, tmp_path: Path) -> Generator[Desk]:
    """An empty ledger, before a journal of five calls."""
    made = Desk(store, tmp_path / "journal")
    for number in range(1, 6):
        start_ns = NOON_NS + number
        made.receive(request(span(chat(), span_id=number, trace_id=number, start_ns=start_ns, end_ns=start_ns + 10**9)))
    yield made
    made.writer.close()


def damage(desk: Desk, *seqs: int) -> Shard:
    """Change a bit in the payload of durable records."""
    (shard,) = shards(desk.root)
    (segment,) = shard.path.glob("*.seg")
    content = segment.read_bytes()
    for record in list(shard.read()):
        if record.seq in seqs:
            flip_bit(segment, content.index(record.entry.payload) + len(record.entry.payload) // 2)
    return shard


def post(desk: Desk) -> None:
    """Post as a server does, which goes on beside damage."""
    with pytest.raises(JournalCorrupt, match="spanledger journal inspect"):
        desk.poster.post_waiting()


def test_what_can_be_read_is_posted_and_the_rest_counted(desk: Desk) -> None:
    """Two stretches of a live shard: its bytes are kept, its writer goes on, and nothing is skipped a second time."""
    shard = damage(desk, 2, 4)
    post(desk)
    assert desk.sums()[0] == 1
    skipped = desk.poster.skip_unreadable(shard.id)
    assert [(each.records, Path(each.path).parent) for each in skipped] == [(1, shard.path), (1, shard.path)]
    assert all(Path(kept).stat().st_size == each.bytes for each in skipped for kept in each.kept)
    assert desk.sums()[0] == 3
    assert desk.store.query(COUNTED) == [(2, 2, {"skipped_records": 1}), (4, 4, {"skipped_records": 1})]
    assert desk.poster.skip_unreadable(shard.id) == []
    assert desk.post(request(span(chat(), span_id=6, trace_id=6)))["charged"] == 1
    desk.restart()
    assert desk.post() == {}
    assert [each.id for each in shards(desk.root)] != [shard.id]
    assert len(desk.store.query(COUNTED)) == 2


def test_a_skip_that_a_crash_cuts_off_counts_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the count and the checkpoint: the next process moves that on, and finds nothing left to skip."""
    shard = damage(desk, 3)
    mark = Shard.mark_posted

    def cut_off(self: Shard, seq: int) -> None:
        if seq == 3:
            msg = "power"
            raise KeyboardInterrupt(msg)
        mark(self, seq)

    with monkeypatch.context() as cut:
        cut.setattr(Shard, "mark_posted", cut_off)
        with pytest.raises(KeyboardInterrupt):
            desk.poster.skip_unreadable(shard.id)
    desk.restart()
    desk.post()
    assert desk.sums()[0] == 4
    assert desk.store.query(COUNTED) == [(3, 3, {"skipped_records": 1})]


def test_a_damaged_checkpoint_is_told_by_the_store(desk: Desk) -> None:
    """What is in the ledger is not posted again, and no record is lost with it."""
    desk.post()
    (shard,) = shards(desk.root)
    flip_bit(shard.path / "POSTED", 9)
    desk.receive(request(span(chat(), span_id=6, trace_id=6)))
    desk.restart()
    post(desk)
    skipped = desk.poster.skip_unreadable(shard.id)
    assert [(Path(each.path).name, each.records) for each in skipped] == [("POSTED", 0)]
    assert desk.sums()[0] == 6
    assert desk.store.query("SELECT sum(counts['accepted']) FROM ledger_postings FINAL") == [(6,)]
    assert desk.store.query(COUNTED) == []


def test_what_cannot_be_kept_is_not_skipped(desk: Desk) -> None:
    """Nor is what lies in no shard of this journal."""
    shard = damage(desk, 1)
    (desk.root / "unreadable").write_text("no folder")
    with pytest.raises(SpanledgerError, match="could not be set aside"):
        desk.poster.skip_unreadable(shard.id)
    assert (shard.posted, desk.store.query(COUNTED)) == (0, [])
    with pytest.raises(ConfigurationError, match="no shard 'x'"):
        desk.poster.skip_unreadable("x")


def test_a_disk_that_fails_while_bytes_are_kept_is_one_sentence(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder for them cannot be made durable: nothing is skipped, and the next try finds all as it was."""
    shard = damage(desk, 1)
    sync = Disk.fsync_dir

    def failing(self: Disk, path: Path) -> None:
        if path == desk.root / "unreadable":
            raise OSError(EIO, "Input/output error")
        sync(self, path)

    with monkeypatch.context() as broken:
        broken.setattr(Disk, "fsync_dir", failing)
        with pytest.raises(StoreUnavailableError, match=r"could not be set aside: .*nothing was skipped"):
            desk.poster.skip_unreadable(shard.id)
    assert (shard.posted, desk.store.query(COUNTED)) == (0, [])
    assert [each.records for each in desk.poster.skip_unreadable(shard.id)] == [1]
