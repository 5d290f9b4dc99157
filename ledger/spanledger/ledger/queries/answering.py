"""A question put to a ledger and answered. Pure but for the query it is given: no store, no clock."""

from collections.abc import Mapping, Sequence
from typing import Final

from spanledger.ledger.queries.folding import folded
from spanledger.ledger.queries.named import COMPARED, TOP_LIMIT
from spanledger.ledger.queries.question import Question, ask
from spanledger.ledger.queries.sources import Query, Standing, source_in, standing
from spanledger.ledger.queries.statements import quantiles_sql, sums_sql
from spanledger.ledger.tables import Table

_NOTHING: Final[Mapping[str, str]] = {}


def answer(query: Query, asked: Question, ledger: Standing | None = None) -> Table:
    """The dimensions, the measures, the currency, and the shares that are unpriced, estimated, probable, unattributed.

    Rows of two currencies are never added; a quantile is of all calls of its dimensions, whatever their currency.
    Answers that stand side by side are of one `ledger` as it stood.
    """
    sums = query(sums_sql(asked, source_in(ledger or standing(query), asked)))
    quantiles = quantiles_sql(asked)
    return folded(asked, sums, query(quantiles) if quantiles else None)


def top(
    query: Query,
    by: str | Sequence[str],
    *,
    measure: str = "cost",
    limit: int = TOP_LIMIT,
    since: str | None = None,
    until: str | None = None,
    tz: str = "UTC",
    where: Mapping[str, str | Sequence[str]] = _NOTHING,
    tenants: frozenset[str] | None = None,
) -> Table:
    """The most of a measure, by any dimensions. Raises `ConfigurationError`."""
    measures = tuple(dict.fromkeys((measure, "requests", "cost")))
    return answer(
        query,
        ask(
            by,
            measures=measures,
            where=where,
            since=since,
            until=until,
            tz=tz,
            tenants=tenants,
            order=f"{measure}:desc",
            limit=limit,
        ),
    )


def benchmarks(
    query: Query,
    *,
    since: str | None = None,
    until: str | None = None,
    tz: str = "UTC",
    where: Mapping[str, str | Sequence[str]] = _NOTHING,
    tenants: frozenset[str] | None = None,
) -> Table:
    """Providers and models compared: price of a million tokens, latency, first token, success. For routers.

    Raises `ConfigurationError`.
    """
    asked = ask("provider,model", measures=COMPARED, where=where, since=since, until=until, tz=tz, tenants=tenants)
    return answer(query, asked)
