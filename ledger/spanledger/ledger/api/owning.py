"""What the commands of the store's owner ask of a running `serve`, SQL for readers of all tenants, health and metrics.

The engine in this process has no users and no row policies: a statement reads everything or nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeVar

import msgspec

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

_Asked = TypeVar("_Asked", bound=msgspec.Struct)
_Answer = TypeVar("_Answer")


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


def _of_owner(
    path: str, summary: str, asked: type[_Asked], answers: type[_Answer], answer: Callable[[Context, _Asked], _Answer]
) -> Route[_Asked, _Answer]:
    """For commands of this version alone."""
    return Route(
        method="POST",
        path=path,
        summary=summary,
        asked=asked,
        answers=answers,
        answer=answer,
        role=Role.ADMIN,
        all_tenants=True,
        hidden=True,
    )


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
    _of_owner("/v1/post", "Post what waits in the journals", PostRequest, Mapping[str, int], _post),
    _of_owner(
        "/v1/prices/stretches",
        "Divide the charges that are to be rated again",
        StretchesRequest,
        Sequence[Stretch],
        _stretches,
    ),
    _of_owner("/v1/prices/reprice", "Rate a stretch of the ledger again", RepriceRequest, Repriced, _reprice),
    _of_owner("/v1/quarantine/replay", "Bring what is set aside again", ReplayRequest, Sequence[Outcome], _replay),
    _of_owner(
        "/v1/quarantine/discard", "Leave what is set aside for good", DiscardRequest, Sequence[Outcome], _discard
    ),
    _of_owner(
        "/v1/journal/skip",
        "Pass over what cannot be read of a shard of the journal",
        SkipRequest,
        Sequence[Skipped],
        _skip,
    ),
)
