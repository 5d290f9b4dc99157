"""A journal and the store it is posted to, for tests that look at what a posting leaves behind."""

from collections import Counter
from pathlib import Path

from spanledger.exporter.journal import Entry, JournalWriter, RecordType, Signal
from spanledger.exporter.poster import Poster
from spanledger.exporter.sift import sift
from spanledger.exporter.store import Store

SUMS = "SELECT sum(requests), sum(input_tokens), sum(output_tokens), toString(sum(cost)) FROM ledger_events FINAL"


class Desk:
    """A journal and the store it is posted to."""

    def __init__(self, store: Store, root: Path, *, shared: bool = False) -> None:
        self.store = store
        self.shared = shared
        self.root = root
        self.writer = JournalWriter(root, segment_bytes=1024 * 1024)
        self.poster = Poster(store, root, shared=shared)

    def receive(self, body: bytes, *, scope: str = "*", tenant: str = "unattributed") -> None:
        """Journal a request as a receiver does."""
        sifted = sift(body)
        entry = Entry(sifted.payload, Signal.TRACES, scope, tenant, sifted.received - sifted.rejected)
        self.writer.append(entry).result(timeout=10)

    def close_window(self) -> None:
        """Journal the order to decide every roll-up."""
        self.writer.append(Entry(b"", Signal.TRACES, "", "", 0, RecordType.CLOSE)).result(timeout=10)

    def post(self, body: bytes = b"") -> Counter[str]:
        """Receive a request, if any, and post everything."""
        if body:
            self.receive(body)
        counts = self.poster.post_waiting()
        assert counts["accepted"] == sum(counts.values()) - counts["accepted"], "the accounting invariant"
        return counts

    def restart(self) -> None:
        """Another process takes over: a new writer, a poster that remembers nothing."""
        self.writer.close()
        self.writer = JournalWriter(self.root, segment_bytes=1024 * 1024)
        self.poster = Poster(self.store, self.root, shared=self.shared)

    def sums(self) -> tuple[object, ...]:
        """Requests, input tokens, output tokens and cost over the whole ledger."""
        return self.store.query(SUMS)[0]
