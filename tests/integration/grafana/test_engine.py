"""The dashboards' SQL through what the data source is made of: its macro engine and its driver, built with Go."""

from pathlib import Path

import pytest
from support.clickhouse_door import door_to
from support.clickhouse_go import GoClient
from support.grafana import replaced, sent, targets_of, variables_of
from support.macros import expanded
from support.panels import BOARDS, CHOICES, MONTH, answered, asked_of
from support.spending import spending

from spanledger.exporter.store import Store

pytestmark = [pytest.mark.languages, pytest.mark.timeout(600)]


def test_macros_are_expanded_as_the_engine_expands_them(tmp_path: Path) -> None:
    """What the other tests send is what Grafana would send: of every panel and variable, whatever is chosen."""
    given: list[str] = []
    written: list[str] = []
    for choice in CHOICES.values():
        for name, board in BOARDS.items():
            texts = [target.sql for target in targets_of(name, board)]
            texts += [each["query"]["rawSql"] for each in variables_of(board).values() if each["type"] == "query"]
            given += [replaced(text, asked_of(name, choice), board) for text in texts]
            written += [sent(text, asked_of(name, choice), board) for text in texts]
    assert len(given) > 100
    assert expanded(given, *MONTH, tmp_path) == written


def test_every_panel_is_read_by_the_driver(store: Store, tmp_path: Path) -> None:
    """ClickHouse's driver for Go, over HTTP from the embedded store: the columns, and every number of every panel."""
    spending(store)
    chosen = CHOICES["everything"]
    targets = [target for name, board in BOARDS.items() for target in targets_of(name, board)]
    statements = [sent(each.sql, asked_of(each.board, chosen), BOARDS[each.board]) for each in targets]
    with door_to(store, tmp_path) as door:
        told = GoClient(tmp_path).ask(door.address, door.key, statements)
    for target, answer in zip(targets, told, strict=True):
        expected = answered(store, target, chosen)
        assert (answer["error"], answer["names"]) == ("", expected.columns), target.name
        found = [[_number(value) for value in row] for row in answer["rows"]]
        assert found == [[_number(value) for value in row] for row in expected.rows], target.name


def _number(value: object) -> float | None:
    """A number; None for what is none, which each side writes in its own way."""
    try:
        return float(str(value))
    except ValueError:
        return None
