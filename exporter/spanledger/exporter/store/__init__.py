"""The store: ledger tables in the embedded engine or a ClickHouse server, behind one small object."""

from spanledger.exporter.store.blocks import (
    ClaimRow,
    PostingRow,
    QuarantineRow,
    claims_block,
    events_block,
    postings_block,
    quarantine_block,
)
from spanledger.exporter.store.migrations import migrate, pending
from spanledger.exporter.store.raw import RawAnswer, RawConnection, RawFailureError
from spanledger.exporter.store.refusals import RefusedRowsError
from spanledger.exporter.store.store import Store, Table, open_store

__all__ = [
    "ClaimRow",
    "PostingRow",
    "QuarantineRow",
    "RawAnswer",
    "RawConnection",
    "RawFailureError",
    "RefusedRowsError",
    "Store",
    "Table",
    "claims_block",
    "events_block",
    "migrate",
    "open_store",
    "pending",
    "postings_block",
    "quarantine_block",
]
