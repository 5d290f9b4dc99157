"""What a scraper learns of a ledger when something is wrong with it."""

from pathlib import Path

from support.asking import query_of

from spanledger.exporter.journal import Entry, JournalWriter, Signal
from spanledger.exporter.prices import PriceShelf
from spanledger.exporter.store import Store
from spanledger.ledger.metrics import exposition


def test_a_damaged_checkpoint_is_a_number_and_hides_no_other(store: Store, tmp_path: Path) -> None:
    """Whoever watches a server must not go blind with its first damaged file."""
    for is_damaged in (True, False):
        writer = JournalWriter(tmp_path, segment_bytes=1024 * 1024)
        writer.append(Entry(b"x", Signal.TRACES, "*", "acme", 1)).result(timeout=10)
        folder = writer.shard_path
        writer.close()
        assert folder is not None
        if is_damaged:
            (folder / "POSTED").write_bytes(b"none")
    lines = exposition(query_of(store), tmp_path, PriceShelf())[1].decode().splitlines()
    told = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    assert float(told["spanledger_journal_damaged_shards"]) == 1
    assert float(told["spanledger_journal_pending_bytes"]) > 0
