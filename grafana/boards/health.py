"""Whether the ledger can be believed: what arrives, what is set aside, how claims were settled, how sure it all is."""

from typing import Final

from grafana_foundation_sdk.models.dashboard import Dashboard

from boards import sql
from boards.finops import doubts
from boards.panels import ANY, COUNT, GUESSED, SHARE, Panel, dashboard, figure, rows, series

_RECEIVED: Final = "received_at >= $__fromTime_ms AND received_at < $__toTime_ms"


def board() -> Dashboard:
    """The dashboard."""
    return dashboard(
        "spanledger-health",
        "Ledger health",
        "Whether the ledger can be believed: what arrives, what is set aside, how it was settled.",
        {
            "Now": [_silence(), _quarantined(), _missing(), _late()],
            "How sure": doubts(),
            "What arrives": [_kinds(), _delay(), _services(), _settled()],
            "What goes wrong": [_aside(), _errors()],
            "How it is known": [_dialects(), _flags()],
        },
    )


def _silence() -> Panel:
    about = "Seconds from the last event of the chosen time to its end: how long nothing came."
    since = "if(count() = 0, NULL, toUnixTimestamp($__toTime) - toUnixTimestamp(max(booked_time)))"
    return figure(
        "Quiet for", about, since, unit="s", steps=((None, "green"), (3600, "yellow"), (86400, "red")), span=6
    )


def _quarantined() -> Panel:
    about = "What was received and cannot be booked, of any tenant and time: spanledger quarantine list says why."
    source = "FROM quarantine\nWHERE state = 'open'"
    return figure("In quarantine", about, "count()", unit=COUNT, steps=ANY, source=source, span=6, decimals=0)


def _missing() -> Panel:
    about = "Requests that were charged and whose usage nobody stated: the quantities are unknown, not zero."
    return figure("Usage missing", about, sql.MISSING, unit=SHARE, steps=GUESSED, span=6, decimals=1)


def _late() -> Panel:
    about = "Requests that reached the ledger more than an hour after they ended."
    late = sql.share("dateDiff('second', event_time, ingest_time) > 3600")
    return figure("Late", about, late, unit=SHARE, steps=GUESSED, span=6, decimals=1)


def _kinds() -> Panel:
    about = "Events that stand, by kind. A denial is a call that was not let go."
    text = sql.select(
        {"time": sql.TIME, "series": "kind", "events": "count()"},
        "FROM open_events",
        sql.where(),
        "GROUP BY time, series",
        "ORDER BY time, series",
    )
    return series("Events", about, text, unit="short", stacked=True)


def _delay() -> Panel:
    about = "From the end of a call to its arrival in the journal."
    delay = "dateDiff('millisecond', event_time, ingest_time)"
    columns = {
        "p50": f"toFloat64(quantileExact(0.5)({delay}))",
        "p95": f"toFloat64(quantileExact(0.95)({delay}))",
    }
    return series("Delay", about, sql.over_time(columns), unit="ms")


def _services() -> Panel:
    about = "Who sends: services, how much came of them, and when they were last heard of."
    columns = {
        "Service": sql.told("service_name"),
        "Requests": sql.REQUESTS,
        "Tries": sql.ATTEMPTS,
        "Unpriced": sql.UNPRICED,
        "Estimated": sql.ESTIMATED,
        "Last heard": "max(event_time)",
    }
    text = sql.select(columns, sql.stands(), "GROUP BY `Service`", "ORDER BY `Requests` DESC, `Service`", "LIMIT 100")
    units = {"Requests": COUNT, "Tries": COUNT, "Unpriced": SHARE, "Estimated": SHARE}
    return rows("Services", about, text, units=units)


def _settled() -> Panel:
    about = (
        "By which rule claims became charges: several claims may tell of one call. docs/settlement.md has every rule."
    )
    columns = {"Rule": "rule", "Claims": "count()", "Charges": "uniqExact(charge_id)"}
    filters = f"WHERE {_RECEIVED}\n    AND {sql.chosen('tenant')}\n    AND {sql.chosen('environment')}"
    text = sql.select(columns, "FROM claims", filters, "GROUP BY `Rule`", "ORDER BY `Claims` DESC, `Rule`")
    return rows("Claims by rule", about, text, units={"Claims": COUNT, "Charges": COUNT}, none="no claim arrived")


def _aside() -> Panel:
    about = "What was received in the chosen time and set aside, by reason and by what became of it."
    columns = {
        "Reason": "reason",
        "State": "state",
        "Signal": "signal",
        "Things": "count()",
        "Spans": "sum(elements)",
        "Last": "max(received_at)",
    }
    keys = "`Reason`, `State`, `Signal`"
    text = sql.select(
        columns,
        "FROM quarantine",
        f"WHERE {_RECEIVED}",
        f"GROUP BY {keys}",
        f"ORDER BY `Things` DESC, {keys}",
        "LIMIT 100",
    )
    return rows("Quarantine", about, text, units={"Things": COUNT, "Spans": COUNT}, none="nothing was set aside")


def _errors() -> Panel:
    about = "Requests and tries that ended in an error, by its type."
    columns = {
        "Error": sql.told("error_type"),
        "Provider": "provider",
        "Model": "model",
        "Requests": sql.REQUESTS,
        "Tries": sql.ATTEMPTS,
        "Last": "max(event_time)",
    }
    keys = "`Error`, `Provider`, `Model`"
    text = sql.select(
        columns,
        sql.stands("status = 'error'"),
        f"GROUP BY {keys}",
        f"ORDER BY `Requests` + `Tries` DESC, {keys}",
        "LIMIT 100",
    )
    return rows("Errors", about, text, units={"Requests": COUNT, "Tries": COUNT}, none="no call ended in an error")


def _dialects() -> Panel:
    about = "Whose telemetry the charges come from, and how the usage in it is known."
    columns = {"Told by": "dialect", "Usage": "usage_source", "Quality": "quality", "Requests": sql.REQUESTS}
    keys = "`Told by`, `Usage`, `Quality`"
    text = sql.select(
        columns, sql.stands("kind = 'charge'"), f"GROUP BY {keys}", f"ORDER BY `Requests` DESC, {keys}", "LIMIT 100"
    )
    return rows("Told by", about, text, units={"Requests": COUNT})


def _flags() -> Panel:
    about = "What the ledger noticed about charges: each is a word of docs/settlement.md."
    columns = {"Flag": "flag", "Requests": sql.REQUESTS}
    source = f"FROM open_events\nARRAY JOIN flags AS flag\n{sql.where()}"
    text = sql.select(columns, source, "GROUP BY `Flag`", "ORDER BY `Requests` DESC, `Flag`", "LIMIT 100")
    return rows("Flags", about, text, units={"Requests": COUNT}, none="nothing was noticed")
