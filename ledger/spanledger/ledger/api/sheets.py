"""An answer as CSV, where it is asked for: the whole of it, by the same rules as `report --format csv`, or a refusal.

A part of an answer would be taken for all of it once it is in a spreadsheet.
"""

from typing import Annotated, Final, Literal

import msgspec

from spanledger.ledger.api.route import CSV, Raw
from spanledger.ledger.formats import csv_text
from spanledger.ledger.queries.measures import MEASURES
from spanledger.ledger.tables import Row, Series, Table
from spanledger.schemas import ConfigurationError

SHEET_ROWS_MAX: Final = 100_000
"""Ten columns each: some ten megabytes."""
SHEET_EVENTS_MAX: Final = 10_000
"""Sixty columns each: as much."""

Format = Annotated[
    Literal["json", "csv"],
    msgspec.Meta(description="`csv`: the whole answer as text/csv; what bounds a page is not looked at"),
]


def sheet(table: Table) -> Raw:
    """A table as CSV. Raises `ConfigurationError` when it is too long."""
    check_rows(len(table.rows), SHEET_ROWS_MAX)
    return Raw(CSV, csv_text(table).encode())


def check_rows(rows: int, rows_max: int) -> None:
    """Raise `ConfigurationError` for an answer of more rows than a sheet may have."""
    if rows > rows_max:
        msg = f"as CSV the answer would have more than {rows_max} rows: ask for a shorter time, or for less of it"
        raise ConfigurationError(msg)


def table_of_series(series: Series, by: str) -> Table:
    """A row for each bucket of each line, in the order of time; the rest says that it is that."""
    measures = {name: MEASURES[name].type for name in series.totals}
    columns = {"bucket": "String", "begins": "String", "ends": "String"}
    columns |= {by: "Nullable(String)", "rest": "Bool", "groups": "Int64"} if by else {}
    columns |= {**measures, "currency": "Nullable(String)"}
    rows: list[Row] = []
    for place, bucket in enumerate(series.buckets):
        head = (bucket, series.edges[place], series.edges[place + 1])
        for group in series.groups:
            figures = (group.measures[name][place] for name in measures)
            rows.append((*head, group.name, group.rest, group.groups, *figures, series.currency))
        if not by:
            rows.append((*head, *(series.totals[name][place] for name in measures), series.currency))
    return Table(tuple(columns), tuple(columns.values()), rows)
