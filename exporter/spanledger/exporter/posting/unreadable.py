"""What of a journal cannot be read, passed over by a human decision: kept aside, counted, and the rest posted.

Order, each step durable before the next: the unreadable bytes are copied, the stretch is counted in the ledger (its
row is a commit mark like any posting's), the checkpoint moves behind it. Doing it again after a crash ends the same.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from spanledger.exporter.journal import Shard
from spanledger.exporter.journal.disk import Disk, DiskFailed
from spanledger.exporter.journal.mending import keep, mend_checkpoint, mend_header
from spanledger.exporter.journal.survey import Damage, Kind, survey
from spanledger.exporter.posting.tables import LedgerTables
from spanledger.exporter.store.blocks import PostingRow
from spanledger.schemas import SpanledgerError, StoreUnavailableError

SKIPPED: Final = "skipped_records"
"""Under this the rows of postings count records of the journal that nobody could read: what was in them is unknown."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """One stretch that was passed over."""

    path: str
    offset: int
    reason: str
    records: int
    bytes: int
    kept: list[str]
    """The files with its bytes."""


def skip_unreadable(shard: Shard, tables: LedgerTables, disk: Disk, post: Callable[[], object]) -> list[Skipped]:
    """Pass over all that cannot be read of a shard; `post` posts what can, up to the next damage.

    Raises `SpanledgerError` where it must be left alone, `StoreUnavailableError` when there is no room to keep it.
    """
    skipped: list[Skipped] = []
    post()
    while damages := survey(shard.path, disk).damages:
        for damage in damages:
            _refuse_if_of_use(shard, damage)
            try:
                kept = keep(disk, shard.path, damage)
                _pass_over(shard, tables, disk, damage)
            except (OSError, DiskFailed) as error:
                msg = f"what cannot be read of shard {shard.id} could not be set aside: {error}; nothing was skipped"
                raise StoreUnavailableError(msg) from error
            lost = max(0, damage.records)
            where = [str(path) for path in kept]
            skipped.append(Skipped(damage.path, damage.offset, damage.reason, lost, damage.bytes, where))
            post()
    return skipped


def _refuse_if_of_use(shard: Shard, damage: Damage) -> None:
    cure = ""
    if damage.kind is Kind.NEWER:
        cure = "it is not damaged: post it with the version that wrote it"
    elif damage.kind is Kind.HEADER and damage.epoch is None and not shard.abandoned:
        cure = "its writer is running: stop it, and run this again"
    elif damage.kind is Kind.RECORDS and damage.first_seq != shard.posted + 1:
        cure = f"what lies before it, from record {shard.posted + 1} on, has to be posted first"
    if cure:
        msg = f"{damage.path} at byte {damage.offset}: {damage.reason}; {cure}"
        raise SpanledgerError(msg)


def _pass_over(shard: Shard, tables: LedgerTables, disk: Disk, damage: Damage) -> None:
    if damage.kind is Kind.CHECKPOINT:
        mend_checkpoint(disk, shard.path, tables.posted_through(shard.id))
    elif damage.kind is Kind.HEADER:
        mend_header(disk, shard.path, damage)
    else:
        counts = {SKIPPED: damage.records}
        # The journal's clock cannot be read here, and when a person decided is what somebody will ask.
        tables.insert_postings([PostingRow(time.time_ns(), shard.id, damage.first_seq, damage.last_seq, counts)])
        tables.make_durable()
        shard.mark_posted(damage.last_seq)
