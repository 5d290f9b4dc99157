"""Answers as CSV: the whole of what JSON tells page by page, nothing in it that a spreadsheet would run."""

import csv
import io
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from support.api import Api, api_over
from support.asking import post
from support.ledger_events import HOUR_NS, NOON_NS, event

from spanledger.exporter.store import Store
from spanledger.ledger.api import events, sheets
from spanledger.schemas.event import COLUMNS

FORMULA = "=cmd|'/c calc'!A0"
DAYS = {"since": "2026-04-01T00:00:00Z", "until": "2026-04-03T00:00:00Z"}


@pytest.fixture
def api(store: Store, tmp_path: Path) -> Generator[Api]:
    """Three tenants' usage over two days, one of them with a name that a spreadsheet would run."""
    names = ("acme", "globex", FORMULA)
    post(
        store,
        *(
            event(n, tenant=names[n % 3], scope="acme,globex", cost=(n + 1) * 10**15, time_ns=NOON_NS + n * 5 * HOUR_NS)
            for n in range(6)
        ),
        event(9, scope="acme,globex", model="unpriced", cost=None, currency="", cost_state="unpriced"),
    )
    with api_over(store, tmp_path) as api:
        yield api


def rows(api: Api, path: str, key: str, **query: Any) -> list[dict[str, str]]:  # noqa: ANN401 (parameters)
    """The rows of a sheet, by their columns."""
    answer = api.ask(path, key, format="csv", **query)
    assert answer.status == 200, answer.body
    assert answer.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    assert answer.headers["x-content-type-options"] == "nosniff"
    return [*csv.DictReader(io.StringIO(answer.body.decode(), newline=""))]


def texts(records: list[dict[str, Any]]) -> list[dict[str, str]]:
    """Plain values of JSON as a sheet has them."""
    return [{name: "" if value is None else str(value) for name, value in record.items()} for record in records]


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/v1/report", {"by": "model", "order": "cost"}),
        ("/v1/top", {"by": "model", "limit": 1}),
        ("/v1/movers", {"by": "model", **DAYS}),
    ],
)
def test_a_sheet_has_the_rows_of_the_answer(api: Api, path: str, query: dict[str, Any]) -> None:
    """Every cell the same text; what is unknown is empty."""
    key = api.key()
    told = api.ask(path, key, **query).json["rows"]
    assert len(told) == (1 if "limit" in query else 2 if path != "/v1/movers" else 1)
    assert rows(api, path, key, **query) == texts(told)


def test_a_sheet_is_whole_whatever_bounds_a_page(api: Api) -> None:
    """`limit` and `cursor` are of pages."""
    key = api.key()
    assert len(rows(api, "/v1/report", key, by="tenant", limit=1, cursor="AAAA")) == 3
    assert len(rows(api, "/v1/events", key, limit=1, cursor="AAAA")) == 7


def test_nothing_in_a_sheet_is_a_formula(api: Api) -> None:
    """Names are made text as `report --format csv` makes them; numbers stay numbers."""
    key = api.key()
    for path, query in (
        ("/v1/report", {"by": "tenant"}),
        ("/v1/top", {"by": "tenant"}),
        ("/v1/movers", {"by": "tenant", **DAYS}),
        ("/v1/series", {"by": "tenant", **DAYS}),
        ("/v1/events", {}),
    ):
        names = {row["tenant"] for row in rows(api, path, key, **query)}
        assert names == {"acme", "globex", f"'{FORMULA}"}, path


def test_a_series_is_a_row_for_each_bucket_of_each_line(api: Api) -> None:
    """In the order of time; the rest says how many it stands for."""
    key = api.key()
    by_tenant = rows(api, "/v1/series", key, by="tenant", bucket="day", top=1, **DAYS)
    assert [[*row.values()] for row in by_tenant] == [
        ["2026-04-01", *day(1), f"'{FORMULA}", "false", "1", "0.003", "1", "USD"],
        ["2026-04-01", *day(1), "", "true", "2", "0.003", "3", "USD"],
        ["2026-04-02", *day(2), f"'{FORMULA}", "false", "1", "0.006", "1", "USD"],
        ["2026-04-02", *day(2), "", "true", "2", "0.009", "2", "USD"],
    ]
    assert [*by_tenant[0]] == [
        *("bucket", "begins", "ends", "tenant", "rest", "groups", "cost", "requests", "currency"),
    ]
    whole = rows(api, "/v1/series", key, bucket="day", measures="cost", **DAYS)
    assert [[*row.values()] for row in whole] == [
        ["2026-04-01", *day(1), "0.006", "USD"],
        ["2026-04-02", *day(2), "0.015", "USD"],
    ]


def day(number: int) -> tuple[str, str]:
    """Where a day of April begins and ends."""
    return f"2026-04-0{number}T00:00:00+00:00", f"2026-04-0{number + 1}T00:00:00+00:00"


def test_events_have_every_column_and_the_scope_only_for_who_may_know_it(api: Api) -> None:
    """As they are in the ledger, in the order asked for."""
    everything = rows(api, "/v1/events", api.key(), newest="true")
    assert [*everything[0]] == [*COLUMNS]
    assert everything[0]["booked_time"] == "2026-04-02T13:00:00.000000000Z"
    assert everything[0]["lines.amount"] == '["0.000015","0.000012"]'
    mine = rows(api, "/v1/events", api.key("acme"))
    assert {row["tenant"] for row in mine} == {"acme"}
    assert {row["scope"] for row in mine} == {""}
    assert {row["scope"] for row in rows(api, "/v1/events", api.key("acme,globex"))} == {"acme,globex"}
    assert rows(api, "/v1/events", api.key("nobody")) == []
    assert api.ask("/v1/events", api.key("nobody"), format="csv").body.decode().split("\r\n")[0] == ",".join(COLUMNS)


def test_what_is_too_long_for_a_sheet_is_refused_and_not_cut(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """A part would be taken for the whole."""
    key = api.key()
    monkeypatch.setattr(events, "SHEET_EVENTS_MAX", 6)
    assert len(rows(api, "/v1/events", key, where__tenant=["acme", "globex"])) == 5
    monkeypatch.setattr(sheets, "SHEET_ROWS_MAX", 2)
    for path, query in (("/v1/report", {"by": "tenant"}), ("/v1/events", {})):
        answer = api.ask(path, key, format="csv", **query)
        assert (answer.status, answer.json["error"]) == (400, "ConfigurationError")
        assert "ask for a shorter time" in answer.json["message"]
