"""`/v1/series` and `/v1/movers`: measures over time, and what changed most. Both answers are whole, and bounded."""

from collections.abc import Sequence
from typing import Annotated, Final, Literal

import msgspec

from spanledger.exporter.authentication import Role
from spanledger.ledger.api.route import AnyRoute, Context, Raw, Route
from spanledger.ledger.api.sheets import Format, sheet, table_of_series
from spanledger.ledger.api.wanted import Bounded, Dimensions, bounded
from spanledger.ledger.api.wire import Page
from spanledger.ledger.queries import MEASURES, movers, series
from spanledger.ledger.queries.buckets import AUTO
from spanledger.ledger.queries.measures import SUMMED
from spanledger.ledger.queries.movers import MOVERS_LIMIT, MOVERS_MAX
from spanledger.ledger.queries.series import SERIES_MEASURES, TOP, TOP_MAX
from spanledger.ledger.tables import Series

Currency = Annotated[str, msgspec.Meta(description="The currency that money is told in")]


class SeriesAsked(Bounded, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`GET /v1/series`."""

    by: Dimensions = ()
    bucket: Annotated[
        Literal["auto", "hour", "day", "week", "month"],
        msgspec.Meta(description="`auto`: the finest of which there are about a hundred at most"),
    ] = AUTO
    measures: Annotated[tuple[str, ...], msgspec.Meta(extra_json_schema={"items": {"enum": [*MEASURES]}})] = (
        SERIES_MEASURES
    )
    top: Annotated[int, msgspec.Meta(ge=1, le=TOP_MAX, description="How many groups are told each")] = TOP
    currency: Currency = ""
    format: Format = "json"


class MoversAsked(Bounded, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`GET /v1/movers`."""

    by: Dimensions = ()
    measure: Annotated[str, msgspec.Meta(extra_json_schema={"enum": [*SUMMED]})] = "cost"
    currency: Currency = ""
    limit: Annotated[int, msgspec.Meta(ge=1, le=MOVERS_MAX)] = MOVERS_LIMIT
    format: Format = "json"


def _series(context: Context, asked: SeriesAsked) -> Series | Raw:
    told = bounded(context, asked, asked.by)
    answer = series(
        context.query,
        by=asked.by,
        bucket=asked.bucket,
        measures=asked.measures,
        top=asked.top,
        currency=asked.currency or None,
        **told,
    )
    return answer if asked.format == "json" else sheet(table_of_series(answer, "".join(asked.by)))


def _movers(context: Context, asked: MoversAsked) -> Page | Raw:
    told = bounded(context, asked, asked.by)
    table = movers(
        context.query,
        by=asked.by,
        measure=asked.measure,
        currency=asked.currency or None,
        limit=asked.limit,
        **told,
    )
    return Page(rows=table.records()) if asked.format == "json" else sheet(table)


ROUTES: Final[Sequence[AnyRoute]] = (
    Route(
        method="GET",
        path="/v1/series",
        summary="Measures over time, in all and by the largest groups of one dimension",
        asked=SeriesAsked,
        answers=Series,
        answer=_series,
        role=Role.READ,
    ),
    Route(
        method="GET",
        path="/v1/movers",
        summary="What changed most against the time just before",
        asked=MoversAsked,
        answers=Page,
        answer=_movers,
        role=Role.READ,
    ),
)
