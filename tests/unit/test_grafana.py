"""What Grafana is given holds together: the files are those of the code, and nothing in them would be refused."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import boards as code
import pytest
import yaml
from boards import panels
from support.grafana import ALL, GRAFANA, Asked, boards, default, panels_of, sent, targets_of, variables_of

ROOT: Final = Path(__file__).parent.parent.parent
BOARDS: Final = boards()
COMPOSE: Final = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["grafana"]
# The newest schema that the Grafana of docker-compose.yml writes; it reads this and older ones.
SCHEMA_VERSION: Final = 42
_COLUMNS: Final = 24
_TIME: Final = datetime(2026, 10, 1, tzinfo=UTC)

every_board = pytest.mark.parametrize("name", BOARDS)


def test_the_files_are_those_of_the_code() -> None:
    """Somebody who edits a dashboard edits its code: `make dashboards`."""
    assert {path.name: path.read_text() for path in (GRAFANA / "dashboards").iterdir()} == code.files()


def test_there_is_a_dashboard_for_each_kind_of_question() -> None:
    """What costs, for whom, by which agents, at which prices, and whether it can be believed."""
    assert [board["uid"] for board in BOARDS.values()] == [
        "spanledger-chains",
        "spanledger-health",
        "spanledger-models",
        "spanledger-overview",
        "spanledger-tenant",
    ]
    assert len({board["title"] for board in BOARDS.values()}) == len(BOARDS)


@every_board
def test_panels_are_told_apart_and_lie_side_by_side(name: str) -> None:
    """Each has a number and a title of its own, and a place within the grid that no other covers."""
    panels = BOARDS[name]["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert len({panel["title"] for panel in panels}) == len(panels)
    cells = [cell for panel in panels for cell in _cells(panel["gridPos"])]
    assert len(set(cells)) == len(cells)
    assert max(column for column, _ in cells) < _COLUMNS
    # No hole either: a line of panels is as wide as the grid.
    assert len(cells) == _COLUMNS * (1 + max(row for _, row in cells))


@every_board
def test_every_panel_says_what_it_shows_and_what_it_shows_without_an_answer(name: str) -> None:
    """A description, and a unit, a text and colours where there are numbers."""
    for panel in panels_of(BOARDS[name]):
        assert panel["description"].endswith((".", ")"))
        assert panel["fieldConfig"]["defaults"]["noValue"] or panel["type"] == "table"
        if panel["type"] != "table":
            assert panel["fieldConfig"]["defaults"]["unit"]
        steps = panel["fieldConfig"]["defaults"].get("thresholds", {"steps": [{"value": None}]})["steps"]
        values = [step["value"] for step in steps]
        assert values[0] is None
        assert values[1:] == sorted(values[1:])


@every_board
def test_money_names_its_currency_and_how_much_it_leaves_out(name: str) -> None:
    """Who shows a spend says in which currency, and has the share that is not in it on the same dashboard."""
    titles = [panel["title"] for panel in panels_of(BOARDS[name]) if "toFloat64(sum" in _sql(panel)]
    if titles:
        assert any("unpriced" in panel["title"].lower() for panel in panels_of(BOARDS[name]))
    own_currency = [title for title in titles if "$currency" not in title]
    assert own_currency == []


@every_board
def test_queries_are_what_the_data_source_stores(name: str) -> None:
    """SQL of its editor for SQL, in the format of the panel, of the version that docker-compose.yml installs."""
    installed = COMPOSE["environment"]["GF_PLUGINS_PREINSTALL"]
    for panel in panels_of(BOARDS[name]):
        over_time = panel["type"] == "timeseries"
        for target in panel["targets"]:
            assert {**target, "rawSql": ""} == {
                "refId": "A",
                "datasource": {"type": "grafana-clickhouse-datasource", "uid": "spanledger"},
                "editorType": "sql",
                "format": 0 if over_time else 1,
                "pluginVersion": installed.partition("@")[2],
                "queryType": "timeseries" if over_time else "table",
                "rawSql": "",
            }


@every_board
def test_what_is_chosen_reaches_the_sql_only_encoded(name: str) -> None:
    """Neither `$tenant` nor a format of quotes, which ClickHouse's backslash gets out of: this way or not at all."""
    texts = [target.sql for target in targets_of(name, BOARDS[name])]
    texts += [variable["query"]["rawSql"] for variable in _queried(name)]
    for text in texts:
        for found in re.finditer(r"\$\{?(\w+)[^\w]?[^}\s']*\}?", text):
            plain = found[1].startswith("__")
            assert plain or re.fullmatch(r"\$\{\w+:(percentencode|customqueryparam:is)\}", found[0]), found[0]


@pytest.mark.parametrize(
    "value", ["'", "\\", "\\' OR 1=1 --", "a&is=b", "%27", "${tenant:raw}", "$__fromTime", "💸", ""]
)
def test_no_name_gets_out_of_its_string(value: str) -> None:
    """Letters, digits and marks without a meaning are all that a name leaves in the SQL."""
    board = BOARDS["overview"]
    asked = Asked(_TIME, _TIME, {**default(board), "tenant": (value, value)})
    text = sent("'${tenant:customqueryparam:is}'", asked, board)
    assert re.fullmatch(r"'is=[\w.%~-]*&is=[\w.%~-]*'", text, re.ASCII)


@every_board
def test_every_value_at_once_is_one_word_not_a_list(name: str) -> None:
    """Ten thousand tenants are not ten thousand names in every query."""
    several = {name for name, variable in variables_of(BOARDS[name]).items() if variable.get("multi")}
    assert several == {"tenant", "environment", "model"}
    for one in several:
        variable = variables_of(BOARDS[name])[one]
        assert (variable["includeAll"], variable["allValue"], variable["current"]["value"]) == (True, "all", [ALL])


@every_board
def test_links_lead_to_dashboards_and_variables_that_there_are(name: str) -> None:
    """From a tenant to its dashboard, from a trace to its chain: with the time and the rest of what is chosen."""
    known = {board["uid"]: variables_of(board) for board in BOARDS.values()}
    for panel in panels_of(BOARDS[name]):
        for url in _links(panel):
            uid = url.removeprefix("/d/").partition("?")[0]
            assert uid in known
            set_there = re.findall(r"var-(\w+)=", url)
            carried = re.findall(r"\$\{(\w+):queryparam\}", url)
            assert set(set_there + carried) <= set(known[uid])
            assert not set(set_there) & set(carried)
            assert set(carried) <= set(variables_of(BOARDS[name]))


def test_tenants_models_and_traces_can_be_followed() -> None:
    """There is a way from the overview to a tenant and a model, and from a tenant to a chain."""
    led = {
        name: {url.partition("?")[0] for panel in panels_of(b) for url in _links(panel)} for name, b in BOARDS.items()
    }
    assert led["overview"] == {"/d/spanledger-tenant", "/d/spanledger-models"}
    assert led["tenant"] == {"/d/spanledger-chains"}
    assert led["chains"] == {"/d/spanledger-chains"}


@every_board
def test_views_are_read_and_no_tables(name: str) -> None:
    """Tables may change; the views are the contract."""
    texts = [target.sql for target in targets_of(name, BOARDS[name])]
    texts += [variable["query"]["rawSql"] for variable in _queried(name)]
    sources = {source for text in texts for source in re.findall(r"\bFROM\s+(\w+)", text)}
    assert sources
    assert not [source for source in sources if source.startswith("ledger_")]


@every_board
def test_a_dashboard_is_read_by_the_grafana_that_is_installed(name: str) -> None:
    """Its schema, and what a provisioned file must not have: a number of a database."""
    board = BOARDS[name]
    assert board["schemaVersion"] <= SCHEMA_VERSION
    assert "id" not in board
    assert board["editable"] is False
    assert board["tags"] == ["spanledger"]
    assert re.fullmatch(r"[a-zA-Z0-9_-]{1,40}", board["uid"])


def test_the_dashboards_are_provisioned_with_their_data_source() -> None:
    """They name the provisioned data source, and the files lie where the container looks for them."""
    (datasource,) = yaml.safe_load((GRAFANA / "provisioning/datasources/spanledger.yaml").read_text())["datasources"]
    assert (datasource["type"], datasource["uid"]) == (panels.DATASOURCE.type_val, panels.DATASOURCE.uid)
    assert (datasource["jsonData"]["protocol"], datasource["jsonData"]["port"]) == ("http", 8123)
    (provider,) = yaml.safe_load((GRAFANA / "provisioning/dashboards/spanledger.yaml").read_text())["providers"]
    assert f"./grafana/dashboards:{provider['options']['path']}:ro" in COMPOSE["volumes"]
    assert "./grafana/provisioning:/etc/grafana/provisioning:ro" in COMPOSE["volumes"]
    home = COMPOSE["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert Path(home).parent.as_posix() == provider["options"]["path"]
    assert Path(home).stem in BOARDS


def test_the_page_s_data_source_is_the_provisioned_one_elsewhere() -> None:
    """docs/grafana.md has it for the embedded store: another host and key, and the uid that the dashboards name."""
    page = (ROOT / "docs" / "grafana.md").read_text()
    [text] = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    (told,) = yaml.safe_load(text)["datasources"]
    (datasource,) = yaml.safe_load((GRAFANA / "provisioning/datasources/spanledger.yaml").read_text())["datasources"]
    assert {**told, "jsonData": 0, "secureJsonData": 0, "editable": False} == {
        **datasource,
        "jsonData": 0,
        "secureJsonData": 0,
    }
    assert {**told["jsonData"], "host": "clickhouse"} == datasource["jsonData"]
    assert all(f"| {board['title']} |" in page for board in BOARDS.values())


def _cells(place: dict[str, int]) -> list[tuple[int, int]]:
    columns = range(place["x"], place["x"] + place["w"])
    return [(column, row) for column in columns for row in range(place["y"], place["y"] + place["h"])]


def _sql(panel: dict[str, Any]) -> str:
    return "\n".join(target["rawSql"] for target in panel["targets"])


def _queried(name: str) -> list[dict[str, Any]]:
    return [variable for variable in variables_of(BOARDS[name]).values() if variable["type"] == "query"]


def _links(panel: dict[str, Any]) -> list[str]:
    return [
        link["url"]
        for override in panel["fieldConfig"]["overrides"]
        for said in override["properties"]
        if said["id"] == "links"
        for link in said["value"]
    ]
