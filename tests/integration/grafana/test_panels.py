"""Every query of every dashboard over a real store: embedded, and over HTTP as Grafana asks it."""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, cast
from zoneinfo import ZoneInfo

import pytest
from conftest import SharedStore
from support.asking import query_of
from support.clickhouse_door import door_to
from support.grafana import ALL, GRAFANA, Chosen, Target, sent, targets_of, variables_of
from support.panels import BOARDS, CHOICES, Answer, answered, asked_of, target_of
from support.spending import DENIED_AND_ASIDE, HOSTILE, NEXT_MONTH, THIS_MONTH, TRACE, spending

from spanledger.exporter.store import Store
from spanledger.ledger.queries import answer, ask, chain

_NUMBER: Final = re.compile(r"(Nullable\()?(U?Int\d+|Float64)\)?")
_TEXT: Final = re.compile(r"(LowCardinality\()?(Nullable\()?String\)*")
_TIME: Final = re.compile(r"DateTime(64\(\d(, '[^']+')?\)|\('[^']+'\))?")


@pytest.fixture(scope="module")
def booked(shared_engine: SharedStore) -> Store:
    """A store with every kind of event, of five tenants with any names, in two currencies; nobody changes it."""
    store = shared_engine.store()
    spending(store)
    return store


@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize("name", BOARDS)
def test_every_panel_is_answered_in_the_shape_that_it_draws(booked: Store, name: str, choice: str) -> None:
    """One number for a figure, a time and numbers for a series, the columns that units and links name for a table."""
    for target in targets_of(name, BOARDS[name]):
        told = answered(booked, target, CHOICES[choice])
        assert not [kind for kind in told.types if "Decimal" in kind], f"{target.name}: a browser rounds these"
        SHAPES[target.panel["type"]](target, told)
        if choice == "everything":
            # The store has every kind of event: a panel that shows nothing of it reads what is not there.
            assert [value for row in told.rows for value in row if value is not None], target.name


def test_panels_say_the_same_over_http(booked: Store, tmp_path: Path) -> None:
    """What `serve --clickhouse-http` lets Grafana ask: every panel, with the figures that it has in the process."""
    with door_to(booked, tmp_path) as door, door.client(database="spanledger", tz_mode="aware") as client:
        for name, board in BOARDS.items():
            for target in targets_of(name, board):
                told = client.query(sent(target.sql, asked_of(name, CHOICES["some"]), board))
                types = [kind.name for kind in told.column_types]
                over_http = Answer(list(told.column_names), types, [tuple(row) for row in told.result_rows])
                SHAPES[target.panel["type"]](target, over_http)
                assert over_http.rows == answered(booked, target, CHOICES["some"]).rows, target.name


@pytest.mark.parametrize("name", BOARDS)
def test_the_variables_offer_what_is_there(booked: Store, name: str) -> None:
    """What a query of a variable gives can be chosen, whatever it is called."""
    asked = asked_of(name, {})
    offered = {
        variable["name"]: booked.query_user(sent(variable["query"]["rawSql"], asked, BOARDS[name])).rows
        for variable in variables_of(BOARDS[name]).values()
        if variable["type"] == "query"
    }
    assert sorted(offered["tenant"]) == sorted((tenant, tenant) for tenant in (*HOSTILE, "acme", "unattributed"))
    assert sorted(offered["environment"]) == [("", "(none)"), ("production", "production")]
    assert {value for value, _ in offered["model"]} == {"gpt-4o-mini", "claude-opus", "house", "mistral", "down"}
    assert offered["currency"] == [("USD",), ("EUR",)]


SOME: Final[dict[str, dict[str, str | list[str]]]] = {
    "all": {},
    "acme": {"tenant": "acme"},
    "hostile": {"tenant": list(HOSTILE)},
    "one hostile": {"tenant": HOSTILE[0]},
    "no environment": {"environment": ""},
    "model": {"model": ["gpt-4o-mini", "house"], "tenant": "acme"},
}


@pytest.mark.parametrize("where", SOME.values(), ids=SOME)
def test_figures_are_those_of_the_report(booked: Store, where: dict[str, str | list[str]]) -> None:
    """Spend, requests, tokens, success and shares: what `spanledger report` says of the same time and filter."""
    measures = ("requests", "attempts", "errors", "input_tokens", "output_tokens", "cost", "cost_per_million_tokens")
    told = report(booked, "", where, measures)
    [dollars] = [row for row in told if row["currency"] == "USD"]
    figures = {
        target.panel["title"]: answered(booked, target, _choice(where)).rows[0][0]
        for target in targets_of("overview", BOARDS["overview"])
        if target.panel["type"] == "stat"
    }
    requests = _total(told, "requests")
    assert figures == {
        "Spend, $currency": pytest.approx(float(dollars["cost"])),
        "Per million tokens, $currency": pytest.approx(float(dollars["cost_per_million_tokens"])),
        "Requests": requests,
        "Tokens": _total(told, "input_tokens") + _total(told, "output_tokens"),
        "Success": pytest.approx(1 - _total(told, "errors") / (requests + _total(told, "attempts"))),
        **{
            share.capitalize(): pytest.approx(
                sum(row[f"{share}_share"] * row["requests"] for row in told) / requests, abs=1e-5
            )
            for share in ("unpriced", "estimated", "probable", "unattributed")
        },
    }


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "America/Sao_Paulo"])
@pytest.mark.parametrize("bucket", ["hour", "day", "month"])
def test_a_series_is_the_report_by_time(booked: Store, zone: str, bucket: str) -> None:
    """The same buckets of the same zone, with the same spend of each tenant."""
    target = target_of("overview", "Spend by tenant, $currency")
    told = answered(booked, target, {"zone": zone, "bucket": bucket})
    found = {(time.astimezone(UTC), tenant): spend for time, tenant, spend in told.rows if spend is not None}
    expected = {
        (_start(str(row[bucket]), zone), row["tenant"]): pytest.approx(float(row["cost"]))
        for row in report(booked, f"{bucket},tenant", {}, tz=zone)
        if row["currency"] == "USD" and row["cost"] is not None
    }
    assert len(expected) > 5
    assert found == expected


def test_the_largest_are_named_and_all_others_are_one(booked: Store) -> None:
    """Beyond ten tenants a series is of all others; the sum stays."""
    target = target_of("overview", "Spend by tenant, $currency")
    two = Target(target.board, target.panel, target.sql.replace("LIMIT 10", "LIMIT 2"))
    all_rows, rows = answered(booked, target, {}).rows, answered(booked, two, {}).rows
    assert {series for _, series, _ in rows} == {"acme", HOSTILE[0], "all others"}
    assert sum(spend or 0 for *_, spend in rows) == pytest.approx(sum(spend or 0 for *_, spend in all_rows))


def test_models_compare_as_the_report_compares_them(booked: Store) -> None:
    """Spend, price of a million tokens, success, and times that somebody measured."""
    measures = ("requests", "cost", "cost_per_million_tokens", "success_rate", "duration_p50_ms", "duration_p95_ms")
    told = answered(booked, target_of("models", "Models compared, $currency"), {})
    found = {row[0:2]: dict(zip(told.columns[2:], row[2:], strict=True)) for row in told.rows}
    for row in report(booked, "provider,model", {}, measures):
        if row["currency"] != "EUR":
            shown = found[row["provider"], row["model"]]
            # Tries alone cost nothing; here they have no spend either, which is said as nothing.
            assert shown["Spend"] == (_approximately(row["cost"]) if row["requests"] else None)
            assert shown["Per million"] == _approximately(row["cost_per_million_tokens"])
            assert (shown["p50"], shown["p95"]) == (row["duration_p50_ms"], row["duration_p95_ms"])
            assert shown["Success"] == pytest.approx(row["success_rate"], abs=1e-5)
    assert found["openai", "down"]["Success"] == 0


@pytest.mark.parametrize("words", ["tenant", "feature", "team", "user_id", "feature,team"])
def test_groups_are_those_of_the_report(booked: Store, words: str) -> None:
    """Who spent what: a table of the overview, and the report by the same words."""
    titles = {"tenant": "Tenants", "feature": "Features", "team": "Teams", "user_id": "Top 10 users"}
    title = titles.get(words, "Features and teams")
    told = answered(booked, target_of("overview", f"{title}, $currency"), {})
    width = 1 + words.count(",")
    found = {row[:width]: row[width] for row in told.rows if row[width] is not None}
    expected = {
        tuple(row[word] or "(none)" for word in words.split(",")): pytest.approx(float(row["cost"]))
        for row in report(booked, words, {})
        if row["currency"] == "USD" and row["cost"] is not None
    }
    assert len(found) == (10 if "10" in title else len(expected))
    assert found == {words: expected[words] for words in found}
    assert sorted(found.values(), reverse=True) == list(found.values())


def test_a_tree_is_the_chain_of_the_ledger(booked: Store) -> None:
    """Each agent with its own spend and that of everything below it: `spanledger query chain`."""
    told = answered(booked, target_of("chains", "Where it goes, $currency"), {"trace": TRACE})
    found = {row[0]: row[2:5] for row in told.rows}
    expected = {
        str(row["agent_path"]).replace("/", " / ") or "(the request)": (
            _approximately(row["cost"]),
            _approximately(row["own_cost"]) if row["own_cost"] != "0" else None,
            row["requests"],
        )
        for row in chain(query_of(booked), trace_id=TRACE).records()
    }
    assert len(expected) == 4
    assert found == expected


def test_what_is_set_aside_or_denied_is_counted_and_not_spent(booked: Store) -> None:
    """A denial is no request; quarantine and claims are counted beside."""
    told = {
        title: answered(booked, target_of(board, title), {}).rows
        for board, title in (
            ("health", "In quarantine"),
            ("tenant", "Denied"),
            ("tenant", "Budgets"),
            ("health", "Claims by rule"),
            ("models", "Waiting for a price"),
        )
    }
    found = {title: rows[0][0] if title == "In quarantine" else len(rows) for title, rows in told.items()}
    assert found == DENIED_AND_ASIDE


def test_the_panel_of_the_page_is_answered(booked: Store) -> None:
    """docs/grafana.md has a statement for panels of one's own: it finds what was chosen, and all where all is."""
    [text] = re.findall(r"```sql\n(.*?)```", (GRAFANA.parent / "docs" / "grafana.md").read_text(), re.DOTALL)
    for tenants in ((HOSTILE[1],), ("acme", HOSTILE[0])):
        found = booked.query(sent(text, asked_of("overview", {"tenant": tenants}), BOARDS["overview"]))
        assert {tenant for _, tenant, _ in found} == set(tenants)
    everything = booked.query(sent(text, asked_of("overview", {}), BOARDS["overview"]))
    assert {tenant for _, tenant, _ in everything} == {*HOSTILE, "acme", "unattributed"}


def test_what_a_table_calls_nothing_can_be_followed(booked: Store) -> None:
    """A link from a row carries the word that stands there: (none) finds what was not named."""
    target = target_of("health", "Services")
    found = answered(booked, target, {"environment": ("(none)",)}).rows
    assert found == answered(booked, target, {"environment": ("",)}).rows != []


def test_months_are_the_daily_sums(booked: Store) -> None:
    """The last twelve months, whatever time is chosen; kept sums and dirty days alike."""
    told = answered(booked, target_of("overview", "Spend by month, $currency"), {})
    by_month = {time.astimezone(UTC).strftime("%Y-%m"): spend for time, spend in told.rows}
    rows = answer(query_of(booked), ask("month", until=NEXT_MONTH)).records()
    assert by_month == {
        row["month"]: pytest.approx(float(str(row["cost"]))) for row in rows if row["currency"] == "USD"
    }


def report(
    store: Store,
    by: str,
    where: dict[str, str | list[str]],
    measures: tuple[str, ...] = ("requests", "cost"),
    tz: str = "UTC",
) -> list[dict[str, Any]]:
    """`spanledger report` of the month."""
    asked = ask(by, measures=measures, where=where, since=f"{THIS_MONTH}T00:00Z", until=f"{NEXT_MONTH}T00:00Z", tz=tz)
    return cast("list[dict[str, Any]]", answer(query_of(store), asked).records())


def _figure(target: Target, told: Answer) -> None:
    assert len(told.rows) == 1, target.name
    assert len(told.columns) == 1
    assert _NUMBER.fullmatch(told.types[0]), f"{target.name}: {told.types}"


def _series(target: Target, told: Answer) -> None:
    assert told.columns[0] == "time"
    assert _TIME.fullmatch(told.types[0]), f"{target.name}: {told.types}"
    words = [kind for kind in told.types[1:] if _TEXT.fullmatch(kind)]
    numbers = [kind for kind in told.types[1:] if _NUMBER.fullmatch(kind)]
    assert len(words) + len(numbers) + 1 == len(told.types), f"{target.name}: {told.types}"
    assert len(words) <= 1
    assert numbers
    # Long becomes wide only in order of time, and a moment has one value of a series.
    keys = [row[: 1 + len(words)] for row in told.rows]
    assert keys == sorted(set(keys)), target.name
    if words:
        assert target.panel["fieldConfig"]["defaults"]["displayName"] == "${__field.labels.series}"
        assert told.columns[1] == "series"


def _bars(target: Target, told: Answer) -> None:
    assert [bool(_TEXT.fullmatch(kind)) for kind in told.types] == [True, False], f"{target.name}: {told.types}"
    assert _NUMBER.fullmatch(told.types[1])


def _table(target: Target, told: Answer) -> None:
    named = set(_named(target.panel))
    assert named <= set(told.columns), f"{target.name}: {named - set(told.columns)}"
    assert len(set(told.columns)) == len(told.columns)
    # What has a unit is a number, and nothing is a list or a map, which a cell does not show.
    for column, kind in zip(told.columns, told.types, strict=True):
        assert _NUMBER.fullmatch(kind) or _TEXT.fullmatch(kind) or _TIME.fullmatch(kind), (
            f"{target.name}: {column} {kind}"
        )
    units = {o["matcher"]["options"] for o in target.panel["fieldConfig"]["overrides"] if _has_unit(o)}
    assert all(_NUMBER.fullmatch(told.types[told.columns.index(name)]) for name in units)


SHAPES: Final[dict[str, Callable[[Target, Answer], None]]] = {
    "stat": _figure,
    "gauge": _figure,
    "timeseries": _series,
    "bargauge": _bars,
    "table": _table,
}


def _named(panel: Mapping[str, Any]) -> Iterator[str]:
    for override in panel["fieldConfig"]["overrides"]:
        yield override["matcher"]["options"]
        yield from re.findall(r"__data\.fields\.(\w+)", str(override["properties"]))


def _has_unit(override: Mapping[str, Any]) -> bool:
    return any(said["id"] == "unit" for said in override["properties"])


def _choice(where: dict[str, str | list[str]]) -> dict[str, Chosen]:
    chosen: dict[str, Chosen] = dict.fromkeys(("tenant", "environment", "model"), ALL)
    return chosen | {name: (value,) if isinstance(value, str) else tuple(value) for name, value in where.items()}


def _total(rows: list[dict[str, Any]], name: str) -> int:
    return sum(row[name] or 0 for row in rows)


def _approximately(money: object) -> object:
    return None if money is None else pytest.approx(float(str(money)))


def _start(bucket: str, zone: str) -> datetime:
    """When a bucket of the report begins."""
    whole = datetime.fromisoformat(bucket if len(bucket) > 7 else f"{bucket}-01")
    return (whole if whole.tzinfo else whole.replace(tzinfo=ZoneInfo(zone))).astimezone(UTC)
