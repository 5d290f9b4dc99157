"""What the commands of the store's owner ask of a running `serve`, SQL for readers of all tenants, health and metrics.

The engine in this process has no users and no row policies: a statement reads everything or nothing.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from spanledger.exporter.authentication import Role
from spanledger.exporter.posting.quarantine import Outcome
from spanledger.exporter.posting.repriced import Repriced, Stretch
from spanledger.exporter.posting.unreadable import Skipped
from spanledger.ledger.access.wire import (
    DiscardRequest,
    Health,
    PostRequest,
    QueryRequest,
    QueryResponse,
    ReplayRequest,
    RepriceRequest,
    SkipRequest,
    StretchesRequest,
)
from spanledger.ledger.api.route import AnyRoute, Context, Lane, Nothing, Raw, Route


def _query(context: Context, asked: QueryRequest) -> QueryResponse:
    table = context.query(asked.sql)
    return QueryResponse([*table.columns], [*table.types], [[*row] for row in table.rows])


def _post(context: Context, asked: PostRequest) -> Mapping[str, int]:
    return context.services.access.post(close_window=asked.close_window)


def _stretches(context: Context, asked: StretchesRequest) -> Sequence[Stretch]:
    return context.services.access.stretches(asked.asked)


def _reprice(context: Context, asked: RepriceRequest) -> Repriced:
    return context.services.access.reprice(asked.asked, asked.stretch, dry_run=asked.dry_run)


def _replay(context: Context, asked: ReplayRequest) -> Sequence[Outcome]:
    return context.services.access.replay(asked.ids)


def _discard(context: Context, asked: DiscardRequest) -> Sequence[Outcome]:
    return context.services.access.discard(asked.ids, asked.why)


def _skip(context: Context, asked: SkipRequest) -> Sequence[Skipped]:
    return context.services.access.skip_unreadable(asked.shard)


def _health(context: Context, _: Nothing) -> Health:
    return Health(proof=context.services.proof)


def _metrics(context: Context, _: Nothing) -> Raw:
    return Raw(*context.services.metrics())


ROUTES: Final[Sequence[AnyRoute]] = (
    Route(
        method="GET",
        path="/healthz",
        summary="Whether the server lives, and which",
        asked=Nothing,
        answers=Health,
        answer=_health,
        role=None,
        lane=Lane.LOOP,
    ),
    Route(
        method="GET",
        path="/metrics",
        summary="Sums for a scraper, in Prometheus's text form; they name nobody",
        asked=Nothing,
        answers=Raw,
        answer=_metrics,
        role=None,
    ),
    Route(
        method="POST",
        path="/v1/query",
        summary="One reading SQL statement over every tenant's part",
        asked=QueryRequest,
        answers=QueryResponse,
        answer=_query,
        role=Role.READ,
        all_tenants=True,
    ),
    Route(
        method="POST",
        path="/v1/post",
        summary="Post what waits in the journals",
        asked=PostRequest,
        answers=Mapping[str, int],
        answer=_post,
        role=Role.ADMIN,
        all_tenants=True,
        hidden=True,
    ),
    Route(
        method="POST",
        path="/v1/prices/stretches",
        summary="Divide the charges that are to be rated again",
        asked=StretchesRequest,
        answers=Sequence[Stretch],
        answer=_stretches,
        role=Role.ADMIN,
        all_tenants=True,
        hidden=True,
    ),
    Route(
        method="POST",
        path="/v1/prices/reprice",
        summary="Rate a stretch of the ledger again",
        asked=RepriceRequest,
        answers=Repriced,
        answer=_reprice,
        role=Role.ADMIN,
        all_tenants=True,
        hidden=True,
    ),
    Route(
        method="POST",
        path="/v1/quarantine/replay",
        summary="Bring what is set aside again",
        asked=ReplayRequest,
        answers=Sequence[Outcome],
        answer=_replay,
        role=Role.ADMIN,
        all_tenants=True,
        hidden=True,
    ),
    Route(
        method="POST",
        path="/v1/quarantine/discard",
        summary="Leave what is set aside for good",
        asked=DiscardRequest,
        answers=Sequence[Outcome],
        answer=_discard,
        role=Role.ADMIN,
        all_tenants=True,
        hidden=True,
    ),
    Route(
        method="POST",
        path="/v1/journal/skip",
        summary="Pass over what cannot be read of a shard of the journal",
        asked=SkipRequest,
        answers=Sequence[Skipped],
        answer=_skip,
        role=Role.ADMIN,
        all_tenants=True,
        hidden=True,
    ),
)
