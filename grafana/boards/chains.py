"""What the request that started it all cost, over every agent below it: each call once, at the agent that made it."""

from typing import Final

from grafana_foundation_sdk.builders.dashboard import TextBoxVariable
from grafana_foundation_sdk.models.dashboard import Dashboard

from boards import sql
from boards.panels import COUNT, MONEY, SHARE, Panel, dashboard, figure, link, rows, series

_TRACE: Final = sql.one("trace")
_OF_TRACE: Final = f"trace_id = lower({_TRACE})"
_NAMES: Final = "if(agent = '' OR agent_path[-1] = agent, agent_path, arrayPushBack(agent_path, agent))"
"""The agents of a call from the outermost to the one that made it, whether or not the path ends with it."""
_PLACES: Final = f"ARRAY JOIN arrayMap(n -> arraySlice({_NAMES}, 1, n), range(length({_NAMES}) + 1)) AS place"
_WHERE: Final = f"WHERE {_OF_TRACE} AND {_TRACE} != '' AND kind != 'denial'"
_NONE: Final = "put a trace id above, or choose one of the chains"
_CHAIN: Final = ("Open the chain", link("spanledger-chains", "Trace", "trace"))
_OUTERMOST: Final = f"{_NAMES}[1]"


def board() -> Dashboard:
    """The dashboard."""
    trace = (
        TextBoxVariable("trace").label("Trace").description("A trace id, as hex: its chain is shown.").default_value("")
    )
    return dashboard(
        "spanledger-chains",
        "Agent chains",
        "What chains of agents cost: which chains are dear, and where in one of them the money goes.",
        {
            "Chains": [_over_time(), _outermost(), _dearest()],
            "Trace $trace": [*_figures(), _tree(), _calls()],
        },
        [trace],
    )


def _over_time() -> Panel:
    about = "Spend at the agent that made the call; the ten dearest, and all others as one. (none): no agent was named."
    text = sql.over_time_by("agent", {"spend": sql.SPEND})
    return series("Spend by agent, $currency", about, text, unit=MONEY, stacked=True, none="no priced request")


def _outermost() -> Panel:
    about = "Spend by the agent that was asked first: with everything that it made others do."
    columns = {
        "Outermost agent": f"if({_OUTERMOST} = '', '(none)', {_OUTERMOST})",
        "Chains": "uniqExact(trace_id)",
        "Spend": sql.SPEND,
        "Requests": sql.REQUESTS,
        "Unpriced": sql.UNPRICED,
    }
    ends = ("GROUP BY `Outermost agent`", "ORDER BY `Spend` DESC NULLS LAST, `Outermost agent`", "LIMIT 50")
    units = {"Spend": MONEY, "Requests": COUNT, "Chains": COUNT, "Unpriced": SHARE}
    text = sql.select(columns, sql.stands(), *ends)
    return rows("Outermost agents, $currency", about, text, units=units, barred=("Spend",))


def _dearest() -> Panel:
    about = "The fifty traces with agents that cost most. Choose a trace id to see its chain below."
    columns = {
        "Trace": "trace_id",
        "Started": "min(event_time)",
        "Tenant": "any(tenant)",
        "Agents": "arrayStringConcat(arraySort(groupUniqArray(agent)), ', ')",
        "Deepest": f"max(length({_NAMES}))",
        "Spend": sql.SPEND,
        "Requests": sql.REQUESTS,
        "Unpriced": sql.UNPRICED,
    }
    ends = ("GROUP BY `Trace`", "ORDER BY `Spend` DESC NULLS LAST, `Trace`", "LIMIT 50")
    text = sql.select(columns, sql.stands("trace_id != ''", "agent != ''"), *ends)
    units = {"Spend": MONEY, "Requests": COUNT, "Unpriced": SHARE}
    return rows("Dearest chains, $currency", about, text, units=units, links={"Trace": _CHAIN}, span=24)


def _figures() -> list[Panel]:
    source = _of_trace()
    about = "Of the whole trace, whenever it was booked."
    return [
        figure(
            "Spend of the trace, $currency", about, sql.SPEND, unit=MONEY, source=source, span=8, decimals=6, none=_NONE
        ),
        figure(
            "Requests of the trace", about, f"nullIf({sql.REQUESTS}, 0)", unit=COUNT, source=source, span=8, none=_NONE
        ),
        figure("Unpriced of the trace", about, sql.UNPRICED, unit=SHARE, source=source, span=8, none=_NONE),
    ]


def _tree() -> Panel:
    about = "Own spend: of the agent's calls. Spend: of everything below it too; the first row is the whole request."
    columns = {
        "Agents": "if(empty(place), '(the request)', arrayStringConcat(place, ' / '))",
        "Depth": "length(place)",
        "Spend": sql.SPEND,
        "Own spend": sql.SPEND.replace("kind != 'attempt'", f"place = {_NAMES} AND kind != 'attempt'"),
        "Requests": sql.REQUESTS,
        "Input": "sum(input_tokens)",
        "Output": "sum(output_tokens)",
        "Unpriced": sql.UNPRICED,
    }
    text = sql.select(columns, _of_trace(_PLACES), "GROUP BY place", "ORDER BY place")
    units = {"Spend": MONEY, "Own spend": MONEY, "Requests": COUNT, "Input": COUNT, "Output": COUNT, "Unpriced": SHARE}
    return rows("Where it goes, $currency", about, text, units=units, barred=("Spend",), span=24, none=_NONE)


def _calls() -> Panel:
    about = "Every call and try of the trace, in the order they were made; spanledger explain has their arithmetic."
    columns = {
        "Time": "event_time",
        "Kind": "kind",
        "Agents": f"arrayStringConcat({_NAMES}, ' / ')",
        "Model": "model",
        "Input": "input_tokens",
        "Output": "output_tokens",
        "Spend": "toFloat64(cost)",
        "Currency": "currency",
        "Price": "cost_state",
        "Quality": "quality",
        "Status": "status",
        "Event": "event_id",
    }
    text = sql.select(columns, _of_trace(), "ORDER BY event_time, event_id", "LIMIT 500")
    units = {"Spend": MONEY, "Input": COUNT, "Output": COUNT}
    return rows("Calls", about, text, units=units, span=24, none=_NONE)


def _of_trace(joined: str = "") -> str:
    """FROM: what stands of one trace, whenever it was booked."""
    return "\n".join(filter(None, ["FROM open_events", joined, _WHERE]))
