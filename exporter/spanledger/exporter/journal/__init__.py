"""The journal: a sender is answered OK only after its claims are in here, and here they stay until they are posted."""

from spanledger.exporter.journal.record import Entry, JournalCorrupt, Record, RecordType, Signal
from spanledger.exporter.journal.shard import Shard, shards
from spanledger.exporter.journal.writer import JournalWriter

__all__ = ["Entry", "JournalCorrupt", "JournalWriter", "Record", "RecordType", "Shard", "Signal", "shards"]
