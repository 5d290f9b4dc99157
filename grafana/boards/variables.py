"""What a viewer chooses on every dashboard: tenants, environments, models, a currency, a zone, a bucket of time."""

from collections.abc import Sequence
from typing import Final

from grafana_foundation_sdk.builders import dashboard as built
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import common as plain
from grafana_foundation_sdk.models import dashboard as model

from boards import sql

DATASOURCE: Final = plain.DataSourceRef("grafana-clickhouse-datasource", "spanledger")
ZONES: Final = (
    "UTC",
    "Africa/Johannesburg",
    "America/Chicago",
    "America/Denver",
    "America/Los_Angeles",
    "America/New_York",
    "America/Sao_Paulo",
    "America/Toronto",
    "Asia/Dubai",
    "Asia/Hong_Kong",
    "Asia/Kolkata",
    "Asia/Seoul",
    "Asia/Shanghai",
    "Asia/Singapore",
    "Asia/Tokyo",
    "Australia/Sydney",
    "Europe/Amsterdam",
    "Europe/Berlin",
    "Europe/London",
    "Europe/Madrid",
    "Europe/Paris",
    "Europe/Zurich",
    "Pacific/Auckland",
)
"""Offered; any other name of the IANA's can be typed."""
_BUCKETS: Final = ("day", "hour", "week", "month")
_OPTIONS_MAX: Final = 1000


def variables() -> list[Builder[model.VariableModel]]:
    """Those of every dashboard."""
    return [
        _several("tenant", "Tenant", "Who is charged."),
        _several("environment", "Environment", "Where the call was made: production, staging and so on."),
        _several("model", "Model", "The model that answered."),
        _currency(),
        _of_these("zone", "Zone", "Where a day begins and ends.", ZONES),
        _of_these("bucket", "By", "What one bar or point of time covers.", _BUCKETS),
    ]


def _several(name: str, label: str, about: str) -> Builder[model.VariableModel]:
    """Any number of values; all of them is one word, not a list."""
    columns = f"SELECT {name} AS value, {sql.told(name)} AS text"
    text = (
        f"{columns}\nFROM open_events\nWHERE {sql.BOOKED}\nGROUP BY {name}\n"
        f"ORDER BY count() DESC, {name}\nLIMIT {_OPTIONS_MAX}"
    )
    return (
        _queried(name, label, about, text)
        .multi(multi=True)
        .include_all(include_all=True)
        .all_value(sql.ALL)
        .current(model.VariableOption(text=["All"], value=["$__all"]))
    )


def _currency() -> Builder[model.VariableModel]:
    text = (
        f"SELECT currency\nFROM open_events\nWHERE {sql.BOOKED}\n    AND currency != '' AND cost IS NOT NULL\n"
        "GROUP BY currency\nORDER BY count() DESC, currency"
    )
    about = "Money of two currencies is never added: one is shown at a time."
    return _queried("currency", "Currency", about, text).current(model.VariableOption(text="USD", value="USD"))


def _queried(name: str, label: str, about: str, text: str) -> built.QueryVariable:
    return (
        built.QueryVariable(name)
        .label(label)
        .description(about)
        .datasource(DATASOURCE)
        .query({"refId": name, "queryType": "sql", "rawSql": text})
        .definition(text)
        .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(model.VariableSort.DISABLED)
    )


def _of_these(name: str, label: str, about: str, values: Sequence[str]) -> Builder[model.VariableModel]:
    options = [model.VariableOption(selected=value == values[0], text=value, value=value) for value in values]
    return (
        built.CustomVariable(name)
        .label(label)
        .description(about)
        .values(",".join(values))
        .options(options)
        .current(options[0])
        .allow_custom_value(allow_custom_value=name == "zone")
    )
