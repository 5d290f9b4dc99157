"""One function for each kind of panel, and the dashboard around them: links, rows that fill the grid."""

from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias, TypedDict, Unpack

from grafana_foundation_sdk.builders import bargauge, common, gauge, stat, table, timeseries
from grafana_foundation_sdk.builders import dashboard as built
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import common as plain
from grafana_foundation_sdk.models import dashboard as model

from boards import sql
from boards.variables import DATASOURCE
from boards.variables import variables as shared

Panel: TypeAlias = Builder[model.Panel]
Steps: TypeAlias = Sequence[tuple[float | None, str]]
"""Where a colour begins, lowest first; None is everything below."""

PLUGIN_VERSION: Final = "4.20.0"
"""Of the data source whose queries these are; docker-compose.yml installs it."""
_TIME_SERIES: Final = 0
_TABLE: Final = 1

MONEY: Final = "locale"
COUNT: Final = "locale"
SHARE: Final = "percentunit"

PLAIN: Final[Steps] = ((None, "text"),)
DOUBT: Final[Steps] = ((None, "green"), (0.000001, "yellow"), (0.1, "red"))
"""For a share that should be nothing."""
GUESSED: Final[Steps] = ((None, "green"), (0.1, "yellow"), (0.5, "red"))
"""For a share that is well known and not exact."""
SUCCEEDED: Final[Steps] = ((None, "red"), (0.9, "yellow"), (0.99, "green"))
ANY: Final[Steps] = ((None, "green"), (1, "red"))
"""For a count that should be nothing."""

_LEGEND: Final = (
    common.VizLegendOptions()
    .display_mode(plain.LegendDisplayMode.LIST)
    .placement(plain.LegendPlacement.BOTTOM)
    .show_legend(show_legend=True)
)


class Look(TypedDict, total=False):
    """How a panel looks."""

    span: int
    height: int
    decimals: int
    none: str
    """The text where there is nothing to show."""
    barred: tuple[str, ...]
    """Columns that have a bar behind their number."""


class Sql(Builder[Dataquery], Dataquery):
    """A query of the ClickHouse data source, as its editor for SQL stores it."""

    def __init__(self, text: str, *, over_time: bool = False, name: str = "A") -> None:
        self.text, self.over_time, self.name = text, over_time, name

    def build(self) -> Dataquery:
        """Itself: it has no parts."""
        return self

    def to_json(self) -> dict[str, object]:
        """What is stored."""
        return {
            "refId": self.name,
            "datasource": DATASOURCE,
            "editorType": "sql",
            "format": _TIME_SERIES if self.over_time else _TABLE,
            "pluginVersion": PLUGIN_VERSION,
            "queryType": "timeseries" if self.over_time else "table",
            "rawSql": self.text,
        }


def figure(
    title: str, about: str, expression: str, *, unit: str, steps: Steps = PLAIN, source: str = "", **look: Unpack[Look]
) -> Panel:
    """One number."""
    panel = (
        stat.Panel()
        .title(title)
        .description(about)
        .with_target(Sql(sql.select({title.partition(",")[0]: expression}, source or sql.stands())))
        .unit(unit)
        .thresholds(_thresholds(steps))
        .color_mode(plain.BigValueColorMode.VALUE)
        .graph_mode(plain.BigValueGraphMode.NONE)
        .reduce_options(_last())
        .no_value(look.get("none", "nothing"))
        .height(4)
        .span(look.get("span", 4))
    )
    return panel.decimals(look["decimals"]) if "decimals" in look else panel


def meter(title: str, about: str, expression: str, steps: Steps, *, span: int = 6, height: int = 8) -> Panel:
    """A share of one, as a gauge."""
    return (
        gauge.Panel()
        .title(title)
        .description(about)
        .with_target(Sql(sql.select({title: expression}, sql.stands())))
        .unit(SHARE)
        .min(0)
        .max(1)
        .thresholds(_thresholds(steps))
        .reduce_options(_last())
        .no_value("nothing")
        .height(height)
        .span(span)
    )


def bars(title: str, about: str, text: str, *, unit: str, span: int = 12, height: int = 9) -> Panel:
    """A bar a row: a word, and one number."""
    return (
        bargauge.Panel()
        .title(title)
        .description(about)
        .with_target(Sql(text))
        .unit(unit)
        .min(0)
        .thresholds(_thresholds(((None, "blue"),)))
        .orientation(plain.VizOrientation.HORIZONTAL)
        .display_mode(plain.BarGaugeDisplayMode.BASIC)
        .reduce_options(common.ReduceDataOptions().values(values=True).calcs([]).fields(""))
        .no_value("nothing")
        .height(height)
        .span(span)
    )


def series(
    title: str, about: str, text: str, *, unit: str, stacked: bool = False, span: int = 12, none: str = "nothing"
) -> Panel:
    """Numbers over time: stacked bars of what adds up, lines of what does not."""
    panel = (
        timeseries.Panel()
        .title(title)
        .description(about)
        .with_target(Sql(text, over_time=True))
        .unit(unit)
        .no_value(none)
        .legend(_LEGEND)
        .tooltip(common.VizTooltipOptions().mode(plain.TooltipDisplayMode.MULTI).sort(plain.SortOrder.DESCENDING))
        .height(9)
        .span(span)
    )
    # A credit or a correction may be below nothing.
    if unit != MONEY:
        panel.min(0)
    if " AS `series`" in text:
        panel.display_name("${__field.labels.series}")
    if stacked:
        panel.draw_style(plain.GraphDrawStyle.BARS).fill_opacity(80).bar_alignment(plain.BarAlignment.AFTER)
        panel.line_width(0).stacking(common.StackingConfig().mode(plain.StackingMode.NORMAL).group("A"))
    else:
        panel.show_points(plain.VisibilityMode.ALWAYS).line_width(2).fill_opacity(5)
    return panel


def rows(
    title: str,
    about: str,
    text: str,
    *,
    units: Mapping[str, str] | None = None,
    links: Mapping[str, tuple[str, str]] | None = None,
    **look: Unpack[Look],
) -> Panel:
    """A table. `units` are of columns by name; `links` lead from a column: (what it says, the URL)."""
    panel = (
        table.Panel()
        .title(title)
        .description(about)
        .with_target(Sql(text))
        .thresholds(_thresholds(PLAIN))
        .no_value(look.get("none", ""))
        .filterable(filterable=True)
        .height(look.get("height", 9))
        .span(look.get("span", 12))
    )
    for name, unit in (units or {}).items():
        said = [
            model.DynamicConfigValue("unit", unit),
            model.DynamicConfigValue("decimals", _DECIMALS.get(name, 1 if unit == SHARE else 3)),
        ]
        if name in look.get("barred", ()):
            said.append(model.DynamicConfigValue("custom.cellOptions", {"type": "gauge", "mode": "basic"}))
        panel.override_by_name(name, said)
    for name, (says, url) in (links or {}).items():
        panel.override_by_name(name, [model.DynamicConfigValue("links", [{"title": says, "url": url}])])
    return panel


_DECIMALS: Final = {"Spend": 6, "Amount": 6, "Own spend": 6, "Requests": 0, "Input": 0, "Output": 0, "Cached": 1}


def link(uid: str, column: str, variable: str) -> str:
    """The URL of another dashboard with one value of this row, and the time, environments and so on chosen here."""
    kept = [name for name in ("tenant", "environment", "model") if name != variable]
    told = "&".join(f"${{{name}:queryparam}}" for name in (*kept, "currency", "zone", "bucket"))
    return f"/d/{uid}?${{__url_time_range}}&{told}&var-{variable}=${{__data.fields.{column}:percentencode}}"


def dashboard(
    uid: str,
    title: str,
    about: str,
    parts: Mapping[str, Sequence[Panel]],
    variables: Sequence[Builder[model.VariableModel]] = (),
) -> model.Dashboard:
    """A dashboard: rows of panels under their headings, each with a number of its own."""
    made = (
        built.Dashboard(title)
        .uid(uid)
        .description(about)
        .tags(["spanledger"])
        .timezone("utc")
        .time("now-30d", "now")
        .refresh("5m")
        .tooltip(model.DashboardCursorSync.CROSSHAIR)
        .readonly()
        .link(_others())
        .variables([*shared(), *variables])
    )
    for heading, panels in parts.items():
        made.with_row(built.Row(heading))
        for panel in panels:
            made.with_panel(panel)
    finished = made.build()
    for number, each in enumerate(finished.panels or [], 1):
        each.id_val = number
    return finished


def _others() -> built.DashboardLink:
    return (
        built.DashboardLink("More dashboards")
        .type(model.DashboardLinkType.DASHBOARDS)
        .tags(["spanledger"])
        .as_dropdown(as_dropdown=True)
        .keep_time(keep_time=True)
        .include_vars(include_vars=True)
    )


def _thresholds(steps: Steps) -> built.ThresholdsConfig:
    made = [model.Threshold(value, color) for value, color in steps]
    return built.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(made)


def _last() -> common.ReduceDataOptions:
    return common.ReduceDataOptions().calcs(["lastNotNull"]).fields("").values(values=False)
