"""The dashboards' queries, what viewers choose of the month in `support.spending`, and what a store answers."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from support.grafana import Asked, Chosen, Target, boards, default, sent, targets_of
from support.spending import HOSTILE, NEXT_MONTH, THIS_MONTH, TRACE

from spanledger.exporter.store import Store

BOARDS: Final = boards()
MONTH: Final = (datetime.fromisoformat(f"{THIS_MONTH}T00:00Z"), datetime.fromisoformat(f"{NEXT_MONTH}T00:00Z"))
CHOICES: Final[Mapping[str, Mapping[str, Chosen]]] = {
    "everything": {"trace": TRACE},
    "nothing": {"tenant": ("nobody",), "trace": "no' trace\\", "bucket": "hour"},
    "some": {
        "tenant": (*HOSTILE, "acme"),
        "environment": ("", "production"),
        "model": ("gpt-4o-mini", "mistral"),
        "currency": "EUR",
        "zone": "Asia/Kolkata",
        "bucket": "week",
        "trace": TRACE.upper(),
    },
}


class Answer(NamedTuple):
    """What the store said."""

    columns: list[str]
    types: list[str]
    rows: list[tuple[Any, ...]]


def asked_of(board: str, values: Mapping[str, Chosen]) -> Asked:
    """The month, some values, and for other variables what is chosen when the dashboard is opened."""
    return Asked(*MONTH, {**default(BOARDS[board]), **values})


def target_of(board: str, title: str) -> Target:
    """The query of a panel."""
    [found] = [target for target in targets_of(board, BOARDS[board]) if target.panel["title"] == title]
    return found


def answered(store: Store, target: Target, values: Mapping[str, Chosen]) -> Answer:
    """A query's answer as it is sent to the server, for what is chosen."""
    told = store.query_user(sent(target.sql, asked_of(target.board, values), BOARDS[target.board]))
    return Answer(list(told.columns), list(told.types), [tuple(row) for row in told.rows])
