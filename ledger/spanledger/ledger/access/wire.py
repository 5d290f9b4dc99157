"""What travels between a command and the local endpoint: JSON objects, one record each."""

from typing import Any

import msgspec

from spanledger.exporter.posting.repriced import Asked, Stretch


class QueryRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`POST /v1/query`: one reading statement."""

    sql: str


class QueryResponse(msgspec.Struct, frozen=True):
    """Columns, their types, and rows of plain values (see `tables`)."""

    columns: list[str]
    types: list[str]
    rows: list[list[Any]]


class PostRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`POST /v1/post`: post what waits; also settle calls that wait for more claims if `close_window`."""

    close_window: bool = False


class StretchesRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`POST /v1/prices/stretches`: which charges are to be rated again, as a list of `Stretch`."""

    asked: Asked


class RepriceRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`POST /v1/prices/reprice`: rate a stretch again; answers a `Repriced`."""

    asked: Asked
    stretch: Stretch
    dry_run: bool = True


class ReplayRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`POST /v1/quarantine/replay`: bring what is set aside again; answers an `Outcome` of each, in their order."""

    ids: list[str]


class DiscardRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`POST /v1/quarantine/discard`: leave what is set aside for good; answers an `Outcome` of each, in their order."""

    ids: list[str]
    why: str


class SkipRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`POST /v1/journal/skip`: pass over what cannot be read of a shard; answers a `Skipped` of each stretch."""

    shard: str


class Health(msgspec.Struct, frozen=True):
    """`GET /healthz`: alive, and the holder of the token whose digest this is."""

    proof: str
