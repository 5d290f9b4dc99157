"""One tenant, or some: what they spend it on, and what they may spend."""

from typing import Final

from grafana_foundation_sdk.models.dashboard import Dashboard

from boards import sql
from boards.finops import doubts, headline
from boards.panels import COUNT, MONEY, SHARE, Panel, dashboard, link, meter, rows, series

_UNITS: Final = {"Spend": MONEY, "Requests": COUNT, "Cached": SHARE, "Success": SHARE}
_FIGURES: Final = {"Spend": sql.SPEND, "Requests": sql.REQUESTS, "Cached": sql.CACHED, "Success": sql.SUCCESS}
_CHAIN: Final = ("Open the chain", link("spanledger-chains", "Trace", "trace"))


def board() -> Dashboard:
    """The dashboard."""
    return dashboard(
        "spanledger-tenant",
        "Tenant",
        "What the chosen tenants spend it on: features, agents, users, single requests; and their budgets.",
        {
            "How much, and how sure": [*headline(), *doubts()],
            "Over time": [_spend_by("feature"), _spend_by("model"), _requests(), _tokens()],
            "What for": [
                _cached(),
                _by("Features and teams", ["feature", "team"]),
                _by("Users", ["user_id"]),
                _by("Agents", ["agent"]),
                _by("Workflows", ["workflow_id"]),
                _by("Services", ["service_name"]),
            ],
            "Single requests": [_dearest(), _denied(), _budgets()],
        },
    )


def tokens_over_time() -> dict[str, str]:
    """Tokens by bucket: the parts of a whole, which do not overlap."""
    return {
        "input, fresh": "sum(input_tokens) - ifNull(sum(cache_read_tokens), 0) - ifNull(sum(cache_write_tokens), 0)",
        "input, from a cache": "sum(cache_read_tokens)",
        "input, into a cache": "sum(cache_write_tokens)",
        "output": "sum(output_tokens) - ifNull(sum(reasoning_tokens), 0)",
        "output, reasoning": "sum(reasoning_tokens)",
    }


def _spend_by(word: str) -> Panel:
    text = sql.over_time_by(word, {"spend": sql.SPEND})
    about = f"The ten {word}s that cost most, and all others as one. (none): nobody said."
    return series(f"Spend by {word}, $currency", about, text, unit=MONEY, stacked=True, none="no priced request")


def _requests() -> Panel:
    about = "Charged requests, tries that stated no usage, and how many of both ended in an error."
    columns = {"charged": sql.REQUESTS, "tries without usage": sql.ATTEMPTS, "errors": sql.ERRORS}
    return series("Requests over time", about, sql.over_time(columns), unit="short")


def _tokens() -> Panel:
    about = "Fresh input, input read from and written into a cache, output, reasoning: they add up to all tokens."
    return series("Tokens over time", about, sql.over_time(tokens_over_time()), unit="short", stacked=True)


def _cached() -> Panel:
    about = "Input tokens that came from a provider's cache, at its lower price."
    return meter("Input from a cache", about, sql.CACHED, ((None, "yellow"), (0.2, "green")), height=9, span=12)


def _by(title: str, words: list[str]) -> Panel:
    about = f"{title} of the chosen tenants, the dearest first; at most 50. (none): nobody said."
    return rows(f"{title}, $currency", about, sql.ranked(words, _FIGURES), units=_UNITS, barred=("Spend",))


def _dearest() -> Panel:
    about = "The fifty charges that cost most. A trace id leads to the whole chain of agents."
    text = sql.select(
        {
            "Time": "booked_time",
            "Tenant": "tenant",
            "Agent": sql.told("agent"),
            "Model": "model",
            "Spend": "toFloat64(cost)",
            "Input": "input_tokens",
            "Output": "output_tokens",
            "Quality": "quality",
            "Usage": "usage_source",
            "Trace": "trace_id",
            "Event": "event_id",
        },
        "FROM charges",
        sql.where(f"cost IS NOT NULL AND currency = {sql.CURRENCY}"),
        "ORDER BY cost DESC, event_id",
        "LIMIT 50",
    )
    units = {"Spend": MONEY, "Input": COUNT, "Output": COUNT}
    links = {"Trace": _CHAIN}
    return rows("Dearest requests, $currency", about, text, units=units, links=links, span=24, none="no priced request")


def _denied() -> Panel:
    about = "Calls that a budget or a policy did not let go: nothing was sent, and nothing is charged."
    columns = {
        "By": "denied_by",
        "Why": "denial_reason",
        "Tenant": "tenant",
        "Calls": "count()",
        "Last": "max(booked_time)",
    }
    ends = ("GROUP BY `By`, `Why`, `Tenant`", "ORDER BY `Calls` DESC, `By`, `Why`, `Tenant`", "LIMIT 50")
    text = sql.select(columns, "FROM denials", sql.where(), *ends)
    return rows("Denied", about, text, units={"Calls": COUNT}, none="nothing was denied")


def _budgets() -> Panel:
    about = "Budgets of these tenants, or of every tenant. What is used of them: spanledger budgets list."
    columns = {
        "Budget": "name",
        "Tenant": "if(mapContains(scope, 'tenant'), scope['tenant'], '(every)')",
        "Amount": "toFloat64(limit_amount)",
        "Currency": "currency",
        "Window": "time_window",
        "Zone": "tz",
        "Hard": "if(hard = 1, 'hard', 'soft')",
    }
    theirs = sql.chosen("tenant", "scope['tenant']")
    mine = f"WHERE NOT mapContains(scope, 'tenant') OR {theirs}"
    text = sql.select(columns, "FROM budgets", mine, "ORDER BY name", "LIMIT 100")
    return rows("Budgets", about, text, units={"Amount": MONEY}, none="no budget is set")
