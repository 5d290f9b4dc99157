"""`/v1/report` and the questions that are reports with a name: sums, with the shares that are uncertain beside them.

A page is cut from the whole answer, which is made anew for each: rows may move between two pages while usage arrives.
"""

from collections.abc import Sequence
from typing import Annotated, Final

import msgspec

from spanledger.exporter.authentication import Role
from spanledger.ledger.api.cursors import cursor_of, place_of
from spanledger.ledger.api.route import AnyRoute, Context, NotFoundError, Nothing, Raw, Route
from spanledger.ledger.api.sheets import Format, sheet
from spanledger.ledger.api.wanted import Bounded, Dimensions, Filtered, Paged, Rows, bounded, filtered
from spanledger.ledger.api.wire import Page
from spanledger.ledger.periods import zone
from spanledger.ledger.queries import (
    DEFAULT_MEASURES,
    MEASURES,
    anomalies,
    answer,
    ask,
    benchmarks,
    chain,
    forecast,
    top,
)
from spanledger.ledger.tables import Table

TOP_DEFAULT: Final = 10
_TRACE_CHARS_MAX: Final = 64


class ReportAsked(Paged, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`GET /v1/report`."""

    by: Dimensions = ()
    measures: Annotated[tuple[str, ...], msgspec.Meta(extra_json_schema={"items": {"enum": [*MEASURES]}})] = (
        DEFAULT_MEASURES
    )
    order: Annotated[str, msgspec.Meta(description="A column of the answer; `:asc` or `:desc` behind it turns it")] = ""
    format: Format = "json"


class BenchmarksAsked(Paged, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`GET /v1/benchmarks`."""


class TopAsked(Bounded, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`GET /v1/top`."""

    by: Dimensions = ("tenant",)
    measure: Annotated[str, msgspec.Meta(extra_json_schema={"enum": [*MEASURES]})] = "cost"
    limit: Rows = TOP_DEFAULT
    format: Format = "json"


class AnomaliesAsked(Filtered, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`GET /v1/anomalies`."""

    by: Annotated[str, msgspec.Meta(description="One dimension that is a word")] = "user_id"
    day: Annotated[str, msgspec.Meta(description="A date in `tz`; today unless given")] = ""
    factor: Annotated[str, msgspec.Meta(description="How many times its own mean is strange")] = "2"
    window_days: Annotated[int, msgspec.Meta(description="Of how many days before it the mean is")] = 30


class ForecastAsked(Filtered, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`GET /v1/forecast`."""

    by: Dimensions = ()


class _Place(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """How many rows the pages before had."""

    shown: Annotated[int, msgspec.Meta(ge=0, lt=2**53)]


def _report(context: Context, asked: ReportAsked) -> Page | Raw:
    place = place_of(_Place, asked) if asked.format == "json" else None
    told = bounded(context, asked, asked.by)
    question = ask(asked.by, measures=asked.measures, order=asked.order or None, **told)
    table = answer(context.query, question)
    return _page(table, asked, place) if asked.format == "json" else sheet(table)


def _benchmarks(context: Context, asked: BenchmarksAsked) -> Page:
    place = place_of(_Place, asked)
    return _page(benchmarks(context.query, **bounded(context, asked)), asked, place)


def _top(context: Context, asked: TopAsked) -> Page | Raw:
    told = bounded(context, asked, asked.by)
    table = top(context.query, asked.by, measure=asked.measure, limit=asked.limit, **told)
    return _all(table) if asked.format == "json" else sheet(table)


def _anomalies(context: Context, asked: AnomaliesAsked) -> Page:
    told = filtered(context, asked, (asked.by,))
    day = asked.day or context.services.now().astimezone(zone(asked.tz)).date()
    window = asked.window_days
    return _all(anomalies(context.query, day=day, factor=asked.factor, window_days=window, by=asked.by, **told))


def _forecast(context: Context, asked: ForecastAsked) -> Page:
    told = filtered(context, asked, asked.by)
    return _all(forecast(context.query, now=context.services.now(), by=asked.by, **told))


def _chain(context: Context, _: Nothing) -> Page:
    trace_id = context.path["trace_id"]
    table = chain(context.query, trace_id=trace_id, tenants=context.tenants)
    if not table.rows:
        msg = f"nothing is known of the trace {trace_id[:_TRACE_CHARS_MAX]!r}"
        raise NotFoundError(msg)
    return _all(table)


def _all(table: Table) -> Page:
    return Page(rows=table.records())


def _page(table: Table, asked: Paged, place: _Place | None) -> Page:
    begin = place.shown if place else 0
    end = begin + asked.limit
    more = cursor_of(_Place(end), asked) if end < len(table.rows) else None
    return Page(rows=Table(table.columns, table.types, table.rows[begin:end]).records(), next_cursor=more)


ROUTES: Final[Sequence[AnyRoute]] = (
    Route(
        method="GET",
        path="/v1/report",
        summary="Sums by any dimensions, with the shares that are uncertain",
        asked=ReportAsked,
        answers=Page,
        answer=_report,
        role=Role.READ,
    ),
    Route(
        method="GET",
        path="/v1/top",
        summary="The most of one measure, by any dimensions",
        asked=TopAsked,
        answers=Page,
        answer=_top,
        role=Role.READ,
    ),
    Route(
        method="GET",
        path="/v1/benchmarks",
        summary="Providers and models compared by what they cost, how long they take and how often they succeed",
        asked=BenchmarksAsked,
        answers=Page,
        answer=_benchmarks,
        role=Role.READ,
    ),
    Route(
        method="GET",
        path="/v1/anomalies",
        summary="Who cost more on a day than so many times their own mean of the days before it",
        asked=AnomaliesAsked,
        answers=Page,
        answer=_anomalies,
        role=Role.READ,
    ),
    Route(
        method="GET",
        path="/v1/forecast",
        summary="What this month will have cost",
        asked=ForecastAsked,
        answers=Page,
        answer=_forecast,
        role=Role.READ,
    ),
    Route(
        method="GET",
        path="/v1/chains/{trace_id}",
        summary="What the request that began a trace cost, over every agent below it",
        asked=Nothing,
        answers=Page,
        answer=_chain,
        role=Role.READ,
    ),
)
