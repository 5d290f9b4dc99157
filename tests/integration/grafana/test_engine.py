"""The dashboards' SQL through what the data source itself is made of: its macro engine, built with Go."""

from pathlib import Path

import pytest
from support.grafana import replaced, sent, targets_of, variables_of
from support.macros import expanded
from support.panels import BOARDS, CHOICES, MONTH, asked_of

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
