"""The dashboard's SQL over a real store, with the datasource's macros written out as its plugin writes them."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Final, NamedTuple

import pytest
import yaml

from spanledger.exporter.store import Store
from spanledger.exporter.store.rollup import Rollup

ROOT: Final = Path(__file__).parent.parent.parent
GRAFANA: Final = ROOT / "grafana"
DASHBOARD: Final = json.loads((GRAFANA / "dashboards" / "overview.json").read_text())

FROM: Final = datetime(2026, 10, 1, tzinfo=UTC)
TO: Final = datetime(2026, 10, 31, tzinfo=UTC)
INTERVAL: Final = timedelta(hours=1)
VARIABLES: Final = {"${tenant:singlequote}": "'acme','globex'", "${currency}": "USD"}

MACROS: Final = {
    "fromTime": "{from_time}",
    "toTime": "{to_time}",
    "interval_s": "{seconds}",
    "timeFilter": "{column} >= {from_time} AND {column} <= {to_time}",
    "dateFilter": "{column} >= {from_date} AND {column} <= {to_date}",
    "timeInterval": "toStartOfInterval(toDateTime({column}), INTERVAL {seconds} second)",
}


class Target(NamedTuple):
    """One query of the dashboard: of a panel, or of a variable."""

    title: str
    sql: str


def _targets() -> Iterator[Target]:
    for panel in DASHBOARD["panels"]:
        yield from (Target(f"{panel['title']} {query['refId']}", query["rawSql"]) for query in panel["targets"])
    for variable in DASHBOARD["templating"]["list"]:
        yield Target(f"${variable['name']}", variable["query"])


TARGETS: Final = {target.title: target.sql for target in _targets()}


@pytest.fixture
def booked(store: Store) -> Store:
    """Two days: a priced charge of each tenant, an unpriced and an estimated one, a reversed one, a failed try.

    acme:   0.25 USD on the 5th (100 in, of these 40 read from a cache; 20 out, of these 5 reasoning), an unpriced
            charge that ended in an error (10 in, 1 out), 9 USD that a reversal took back, and a failed try.
    globex: 0.50 USD on the 6th, estimated (200 in, 30 out).
    """
    columns = (
        "event_id, charge_id, kind, reverses, event_time, booked_time, tenant, service_name, provider, model, "
        "requests, input_tokens, cache_read_tokens, output_tokens, reasoning_tokens, cost, currency, cost_state, "
        "usage_source, quality, status"
    )
    rows = ", ".join(
        (
            _row(1, "charge", "5, acme, gpt-4o", "1, 100, 40, 20, 5, 0.25, 'USD', 'priced', 'provider', 'exact', 'ok'"),
            _row(2, "charge", "5, acme, own", "1, 10, 0, 1, 0, NULL, '', 'unpriced', 'provider', 'exact', 'error'"),
            _row(3, "charge", "5, acme, gpt-4o", "1, 7, 0, 7, 0, 9, 'USD', 'priced', 'provider', 'exact', 'ok'"),
            _row(3, "reversal", "5, acme, gpt-4o", "-1, -7, 0, -7, 0, -9, 'USD', 'priced', 'provider', 'exact', 'ok'"),
            _row(5, "attempt", "5, acme, gpt-4o", "0, NULL, NULL, NULL, NULL, 0, '', 'priced', '', 'exact', 'error'"),
            _row(6, "charge", "6, globex, opus", "1, 200, 0, 30, 0, 0.5, 'USD', 'priced', 'estimated', 'exact', 'ok'"),
        )
    )
    store.command(f"INSERT INTO ledger_events ({columns}) VALUES {rows}")
    Rollup(store).mark_dirty([date(2026, 10, 5), date(2026, 10, 6)])
    return store


@pytest.mark.parametrize("title", TARGETS)
def test_every_query_answers(booked: Store, title: str) -> None:
    """Each panel and each variable finds something in a store that has every kind of event."""
    assert booked.query(_expanded(TARGETS[title]))


def test_spend_is_net_and_leaves_unpriced_out(booked: Store) -> None:
    """0.25 + 0.50 USD: the reversed 9 USD are gone, and the unpriced charge adds nothing."""
    assert booked.query(_expanded(TARGETS["Spend A"])) == [(Decimal("0.75"),)]


def test_shares_count_charged_requests(booked: Store) -> None:
    """Of 3 requests that stand, 1 is unpriced, 1 is estimated, and 1 ended in an error."""
    assert booked.query(_expanded(TARGETS["Requests A"])) == [(3,)]
    for share in ("Unpriced A", "Estimated A", "Errors A"):
        assert booked.query(_expanded(TARGETS[share])) == [(pytest.approx(1 / 3),)]


def test_spend_by_day_and_tenant_follows_the_tenants(booked: Store) -> None:
    """One row a day and tenant that spent something."""
    assert booked.query(_expanded(TARGETS["Spend by day and tenant A"])) == [
        (datetime(2026, 10, 5, tzinfo=UTC), "acme", Decimal("0.25")),
        (datetime(2026, 10, 6, tzinfo=UTC), "globex", Decimal("0.5")),
    ]


def test_token_buckets_do_not_overlap(booked: Store) -> None:
    """110 input tokens are 70 uncached + 40 read from a cache; 21 output tokens are 16 + 5 of reasoning."""
    rows = booked.query(_expanded(TARGETS["Tokens by bucket A"]))
    assert [row[1:] for row in rows] == [(70, 40, None, 16, 5), (200, 0, None, 30, 0)]


def test_the_dashboard_reads_views_only() -> None:
    """Tables may change; the views are the contract."""
    sources = {name for sql in TARGETS.values() for name in re.findall(r"\bFROM\s+(\w+)", sql)}
    assert sources == {"attempts", "charges", "daily_costs", "unpriced"}


def test_the_dashboard_is_provisioned_with_its_datasource() -> None:
    """The dashboard names the provisioned datasource, and the files lie where the container looks for them."""
    (datasource,) = yaml.safe_load((GRAFANA / "provisioning/datasources/spanledger.yaml").read_text())["datasources"]
    named = {(panel["datasource"]["type"], panel["datasource"]["uid"]) for panel in DASHBOARD["panels"]}
    assert named == {(datasource["type"], datasource["uid"])}
    (provider,) = yaml.safe_load((GRAFANA / "provisioning/dashboards/spanledger.yaml").read_text())["providers"]
    volumes = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["grafana"]["volumes"]
    assert f"./grafana/dashboards:{provider['options']['path']}:ro" in volumes
    assert "./grafana/provisioning:/etc/grafana/provisioning:ro" in volumes


def test_every_panel_says_what_it_shows() -> None:
    """A panel has a title of its own, a description, and a place that no other panel covers."""
    panels = DASHBOARD["panels"]
    assert len({panel["title"] for panel in panels}) == len(panels)
    assert all(panel["description"] for panel in panels)
    cells = [
        (column, row)
        for panel in panels
        for column in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for row in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(set(cells)) == len(cells)


def _row(number: int, kind: str, who: str, rest: str) -> str:
    """The values of one event. `who` is day, tenant, model; `rest` runs from requests to status."""
    day, tenant, model = who.split(", ")
    time = f"'2026-10-0{day} 12:00:00'"
    charge = f"unhex('18db7913{number:024x}')"
    event, reverses = (f"unhex('18db7914{number:024x}')", charge) if kind == "reversal" else (charge, "unhex('00')")
    return f"({event}, {charge}, '{kind}', {reverses}, {time}, {time}, '{tenant}', 'api', 'openai', '{model}', {rest})"


def _expanded(sql: str) -> str:
    """The SQL as the datasource sends it. Fails on a macro or variable that is not written out here."""
    for name, value in VARIABLES.items():
        sql = sql.replace(name, value)
    sent = re.sub(r"\$__(\w+)(?:\(([^()]*)\))?", _macro, sql)
    assert "$" not in sent, sent
    return sent


def _macro(found: re.Match[str]) -> str:
    return MACROS[found[1]].format(
        column=found[2],
        from_time=f"toDateTime({int(FROM.timestamp())})",
        to_time=f"toDateTime({int(TO.timestamp())})",
        from_date=f"toDate('{FROM:%Y-%m-%d}')",
        to_date=f"toDate('{TO:%Y-%m-%d}')",
        seconds=int(INTERVAL.total_seconds()),
    )
