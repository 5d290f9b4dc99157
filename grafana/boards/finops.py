"""What it costs, who for, and how sure that is: the first dashboard to open."""

from typing import Final

from grafana_foundation_sdk.models.dashboard import Dashboard

from boards import sql
from boards.panels import (
    COUNT,
    DOUBT,
    GUESSED,
    MONEY,
    SHARE,
    SUCCEEDED,
    Panel,
    dashboard,
    figure,
    link,
    rows,
    series,
)

_TENANT: Final = {"Tenant": ("Open the tenant", link("spanledger-tenant", "Tenant", "tenant"))}
_MODEL: Final = {"Model": ("Open the model", link("spanledger-models", "Model", "model"))}
_UNITS: Final = {"Spend": MONEY, "Requests": COUNT, "Unpriced": SHARE}
_FIGURES: Final = {"Spend": sql.SPEND, "Requests": sql.REQUESTS, "Unpriced": sql.UNPRICED}


def board() -> Dashboard:
    """FinOps overview."""
    about = "What calls of language models cost, by time, tenant and model, and how sure the ledger is of it."
    return dashboard(
        "spanledger-overview",
        "FinOps overview",
        about,
        {
            "How much, and how sure": [*headline(), *doubts()],
            "Over time": [
                _spend_by("tenant", "The ten tenants that cost most, and all others as one."),
                _spend_by(
                    "model", "The ten models that cost most, and all others as one: what each day cost, by model."
                ),
                _months(),
                _shares(),
            ],
            "Who for": [
                _by("Tenants", ["tenant"], links=_TENANT),
                _by("Models", ["provider", "model"], links=_MODEL),
                _by("Features", ["feature"]),
                _by("Teams", ["team"]),
                _by("Top 10 users", ["user_id"], limit=10),
                _by("Top 10 users and features", ["user_id", "feature"], limit=10),
                _features_and_teams(),
                _by("Projects and cost centres", ["project", "cost_center"]),
            ],
        },
    )


def headline() -> list[Panel]:
    """Spend, requests, tokens, price of a token, success: the first line of a dashboard."""
    spend = "Net of reversals, adjustments and credits, in the chosen currency. What has no price is not in it."
    per_million = "Spend on tokens over all tokens that have a price, in and out together."
    success = "Requests and failed tries that ended well. Tries that stated no usage are counted."
    return [
        figure("Spend, $currency", spend, sql.SPEND, unit=MONEY, decimals=4, span=6, none="no priced request"),
        figure("Requests", "Provider responses that are charged.", sql.REQUESTS, unit=COUNT, decimals=0, span=4),
        figure("Tokens", "In and out, as far as they are known.", sql.TOKENS, unit="short", span=4),
        figure("Per million tokens, $currency", per_million, sql.PER_MILLION, unit=MONEY, decimals=4, span=5),
        figure("Success", success, sql.SUCCESS, unit=SHARE, steps=SUCCEEDED, span=5, decimals=1),
    ]


def doubts() -> list[Panel]:
    """How much of the requests the spend leaves out, guesses or cannot attribute: beside every sum of money."""
    unpriced = "Requests without a price, or whose usage nobody knows: the spend leaves them out."
    estimated = "Requests whose tokens were counted here, because nobody stated them."
    probable = "Requests that were matched by likeness, not by an identity."
    unattributed = "Requests that named no tenant."
    return [
        figure("Unpriced", unpriced, sql.UNPRICED, unit=SHARE, steps=DOUBT, span=6, decimals=1),
        figure("Estimated", estimated, sql.ESTIMATED, unit=SHARE, steps=GUESSED, span=6, decimals=1),
        figure("Probable", probable, sql.PROBABLE, unit=SHARE, steps=GUESSED, span=6, decimals=1),
        figure("Unattributed", unattributed, sql.UNATTRIBUTED_SHARE, unit=SHARE, steps=DOUBT, span=6, decimals=1),
    ]


def _spend_by(word: str, about: str) -> Panel:
    text = sql.over_time_by(word, {"spend": sql.SPEND})
    return series(f"Spend by {word}, $currency", about, text, unit=MONEY, stacked=True, none="no priced request")


def _months() -> Panel:
    about = "Twelve months up to the end of the chosen time, in the ledger's reporting zone, from its daily sums."
    text = sql.select(
        {
            "time": "toDateTime(toStartOfMonth(day), 'UTC')",
            "spend": f"toFloat64(sumOrNullIf(cost, currency = {sql.CURRENCY}))",
        },
        "FROM daily_costs",
        f"WHERE day >= addMonths(toStartOfMonth(toDate32($__toTime)), -11)\n    AND toDateTime(day, 'UTC') < $__toTime"
        f"\n    AND {sql.FILTER}",
        "GROUP BY time",
        "ORDER BY time",
    )
    return series("Spend by month, $currency", about, text, unit=MONEY, stacked=True, none="no priced request")


def _shares() -> Panel:
    about = "Parts of the requests: without a price, with estimated usage, with unknown usage, matched by likeness."
    columns = {
        "unpriced": sql.UNPRICED,
        "estimated": sql.ESTIMATED,
        "usage missing": sql.MISSING,
        "probable": sql.PROBABLE,
    }
    return series("Doubts", about, sql.over_time(columns), unit=SHARE)


def _by(title: str, words: list[str], *, links: dict[str, tuple[str, str]] | None = None, limit: int = 50) -> Panel:
    about = f"What {title.lower()} cost, the dearest first; at most {limit}. (none): nobody said."
    text = sql.ranked(words, _FIGURES, limit)
    return rows(f"{title}, $currency", about, text, units=_UNITS, links=links, barred=("Spend",))


def _features_and_teams() -> Panel:
    about = "What features cost each team, and how long a call takes there on average."
    text = sql.ranked(["feature", "team"], {**_FIGURES, "Mean time": sql.MEAN_MS})
    units = {**_UNITS, "Mean time": "ms"}
    return rows("Features and teams, $currency", about, text, units=units, barred=("Spend",))
