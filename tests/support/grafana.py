"""A dashboard as Grafana would ask for it: variables written out as its own formats do, macros as the data source does.

Only what our dashboards use is known here; anything else that begins with `$` is a failure. The formats are those of
Grafana's scenes (`percentencode`, `customqueryparam`), the macros those of the ClickHouse data source 4.20.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeAlias
from urllib.parse import quote

GRAFANA: Final = Path(__file__).parent.parent.parent / "grafana"

ALL: Final = "$__all"
Chosen: TypeAlias = "str | tuple[str, ...]"
"""The value of a variable: a text, several, or `ALL`."""

_VARIABLE: Final = re.compile(r"\$\{(\w+)(?::([^}]+))?\}|\$(\w+)")
_MACRO: Final = re.compile(r"\$__(\w+)(?:\(([^()]*)\))?")


@dataclass(frozen=True, slots=True)
class Asked:
    """What a viewer chose: a time (half-open in our SQL) and the values of variables."""

    since: datetime
    until: datetime
    values: Mapping[str, Chosen]


@dataclass(frozen=True, slots=True)
class Target:
    """One query of a dashboard: of a panel, or of a variable."""

    board: str
    panel: Mapping[str, Any]
    sql: str

    @property
    def name(self) -> str:
        """What a failing test says."""
        return f"{self.board}: {self.panel['title']}"


def boards() -> dict[str, dict[str, Any]]:
    """Every dashboard that Grafana is given, by the name of its file."""
    return {path.stem: json.loads(path.read_text()) for path in sorted((GRAFANA / "dashboards").glob("*.json"))}


def panels_of(board: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The panels that ask something: all but the rows."""
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def targets_of(name: str, board: Mapping[str, Any]) -> Iterator[Target]:
    """Every query of a dashboard's panels."""
    for panel in panels_of(board):
        yield from (Target(name, panel, query["rawSql"]) for query in panel["targets"])


def variables_of(board: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Its variables by name."""
    return {variable["name"]: variable for variable in board["templating"]["list"]}


def sent(sql: str, asked: Asked, board: Mapping[str, Any]) -> str:
    """The SQL as it reaches the server: Grafana replaces variables, then the data source its macros."""
    return _MACRO.sub(lambda found: _expanded(found, asked), replaced(sql, asked, board))


def replaced(sql: str, asked: Asked, board: Mapping[str, Any]) -> str:
    """The SQL as the data source is given it: without variables, with its macros."""
    variables = variables_of(board)

    def written(found: re.Match[str]) -> str:
        name = found[1] or found[3]
        if name not in variables:
            assert name.startswith("__"), f"no variable of the dashboard: {found[0]}"
            return found[0]
        return _formatted(variables[name], asked.values[name], found[2] or "")

    return _VARIABLE.sub(written, sql)


def default(board: Mapping[str, Any]) -> dict[str, Chosen]:
    """What is chosen when the dashboard is opened."""
    return {name: _current(variable) for name, variable in variables_of(board).items()}


def _current(variable: Mapping[str, Any]) -> Chosen:
    value: str | list[str] = variable["current"]["value"] if "current" in variable else variable.get("query", "")
    if isinstance(value, list):
        return ALL if value == [ALL] else tuple(value)
    return value


def _formatted(variable: Mapping[str, Any], value: Chosen, wanted: str) -> str:
    if value == ALL:
        # A stated value of All stands as it is, in every format that is not about URLs.
        assert variable["includeAll"]
        assert wanted.startswith("customqueryparam")
        return str(variable["allValue"])
    match wanted.split(":"):
        case ["percentencode"]:
            assert isinstance(value, str)
            return _encoded(value)
        case ["customqueryparam", name]:
            return "&".join(f"{name}={_encoded(each)}" for each in ([value] if isinstance(value, str) else value))
        case _:
            msg = f"no format for SQL: {wanted!r} of {variable['name']}"
            raise AssertionError(msg)


def _encoded(value: str) -> str:
    """As `encodeURIComponent`, and `!'()*` too."""
    return quote(value, safe="-_.~")


def _expanded(found: re.Match[str], asked: Asked) -> str:
    since, until = asked.since, asked.until
    match found[1], found[2]:
        case "fromTime", None:
            return f"toDateTime({int(since.timestamp())})"
        case "toTime", None:
            return f"toDateTime({int(until.timestamp())})"
        case "fromTime_ms", None:
            return f"fromUnixTimestamp64Milli({_ms(since)})"
        case "toTime_ms", None:
            return f"fromUnixTimestamp64Milli({_ms(until)})"
        case _:
            msg = f"no macro that is known here: {found[0]}"
            raise AssertionError(msg)


def _ms(time: datetime) -> int:
    since_1970 = time.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return since_1970.days * 86_400_000 + since_1970.seconds * 1000 + since_1970.microseconds // 1000
