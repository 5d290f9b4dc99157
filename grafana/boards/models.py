"""Models and what they cost: prices as they were charged, speed, success, and what waits for a price."""

from typing import Final

from grafana_foundation_sdk.models.dashboard import Dashboard

from boards import sql
from boards.panels import COUNT, DOUBT, MONEY, SHARE, Panel, bars, dashboard, figure, rows, series
from boards.tenant import tokens_over_time

_UNITS: Final = {
    "Spend": MONEY,
    "Per million": MONEY,
    "Requests": COUNT,
    "Success": SHARE,
    "p50": "ms",
    "p95": "ms",
    "First token p50": "ms",
    "Unpriced": SHARE,
}


def board() -> Dashboard:
    """The dashboard."""
    return dashboard(
        "spanledger-models",
        "Models and prices",
        "Providers and models compared: cost, price of a token, speed, success; the prices that were charged.",
        {
            "Models": [_compared(), _spend(), _per_million()],
            "Speed and success": [_latency(), _first_token(), _success(), _tokens()],
            "Prices": [
                _unpriced_share(),
                _unpriced_requests(),
                _books_used(),
                _waiting(),
                _lines(),
                _reported(),
                _books(),
            ],
        },
    )


def _compared() -> Panel:
    about = "What providers and models are compared by. Times are of charges that stand; nothing: nobody measured it."
    figures = {
        "Spend": sql.SPEND,
        "Requests": sql.REQUESTS,
        "Per million": sql.PER_MILLION,
        "Success": sql.SUCCESS,
        "p50": sql.quantile("duration_ms", 0.5),
        "p95": sql.quantile("duration_ms", 0.95),
        "First token p50": sql.quantile("time_to_first_token_ms", 0.5),
        "Unpriced": sql.UNPRICED,
    }
    text = sql.ranked(["provider", "model"], figures)
    return rows("Models compared, $currency", about, text, units=_UNITS, barred=("Spend",), span=24)


def _spend() -> Panel:
    about = "The models that cost most."
    text = sql.ranked(["model"], {"Spend": sql.SPEND}, 12)
    return bars("Dearest models, $currency", about, text, unit=MONEY)


def _per_million() -> Panel:
    about = (
        "Spend on tokens over tokens with a price, in and out together: moves with the price, the mix and the cache."
    )
    text = sql.over_time_by("model", {"price": sql.PER_MILLION})
    return series("Per million tokens, $currency", about, text, unit=MONEY, none="no priced token")


def _latency() -> Panel:
    about = "95 of 100 calls are as fast or faster; calls whose time nobody measured are left out."
    text = sql.over_time_by("model", {"p95": sql.quantile("duration_ms", 0.95)})
    return series("Time of a call, p95", about, text, unit="ms", none="nobody measured it")


def _first_token() -> Panel:
    about = "From the call to its first token: half of the calls are as fast or faster."
    text = sql.over_time_by("model", {"p50": sql.quantile("time_to_first_token_ms", 0.5)})
    return series("Time to the first token, p50", about, text, unit="ms", none="nobody measured it")


def _success() -> Panel:
    about = "Requests and tries that ended well, by model."
    text = sql.over_time_by("model", {"success": sql.SUCCESS})
    return series("Success over time", about, text, unit=SHARE)


def _tokens() -> Panel:
    about = "Fresh input, input read from and written into a cache, output, reasoning: they add up to all tokens."
    return series("Tokens over time", about, sql.over_time(tokens_over_time()), unit="short", stacked=True)


def _unpriced_share() -> Panel:
    about = "Requests without a price, or whose usage nobody knows: the spend leaves them out."
    return figure("Unpriced", about, sql.UNPRICED, unit=SHARE, steps=DOUBT, span=8, decimals=1)


def _unpriced_requests() -> Panel:
    about = "How many requests that is."
    return figure("Unpriced requests", about, sql.UNPRICED_REQUESTS, unit=COUNT, span=8, decimals=0)


def _books_used() -> Panel:
    about = "Price books that charges of this time were priced with."
    counted = "uniqExactIf(price_book, price_book != '')"
    return figure("Price books", about, counted, unit=COUNT, span=8, decimals=0)


def _waiting() -> Panel:
    about = "Models without a price. spanledger prices add gives them one, spanledger prices reprice uses it."
    columns = {
        "Provider": "provider",
        "Model": "model",
        "Requests": "sum(requests)",
        "Input": "sum(input_tokens)",
        "Output": "sum(output_tokens)",
        "Last seen": "max(booked_time)",
    }
    ends = ("GROUP BY `Provider`, `Model`", "ORDER BY `Requests` DESC, `Provider`, `Model`", "LIMIT 50")
    text = sql.select(columns, "FROM unpriced", sql.where(), *ends)
    units = {"Requests": COUNT, "Input": COUNT, "Output": COUNT}
    return rows("Waiting for a price", about, text, units=units, none="every model has a price", height=8)


def _lines() -> Panel:
    about = "What was charged for each unit of each model, and the lowest and highest price of one million of them."
    columns = {
        "Provider": "provider",
        "Model": "model",
        "Unit": "unit",
        "Quantity": "sum(quantity)",
        "Spend": "toFloat64(sum(amount))",
        "Lowest price": "toFloat64(min(unit_price)) * 1000000",
        "Highest price": "toFloat64(max(unit_price)) * 1000000",
    }
    keys = "`Provider`, `Model`, `Unit`"
    ends = (f"GROUP BY {keys}", f"ORDER BY `Spend` DESC NULLS LAST, {keys}", "LIMIT 100")
    text = sql.select(columns, "FROM charge_lines", sql.where(f"currency = {sql.CURRENCY}"), *ends)
    units = {"Quantity": COUNT, "Spend": MONEY, "Lowest price": MONEY, "Highest price": MONEY}
    return rows("Prices charged, $currency", about, text, units=units, height=8)


def _reported() -> Panel:
    about = (
        "What senders say that calls cost, in dollars, beside what they cost here: charges whose sender states a cost."
    )
    columns = {
        "Told by": "dialect",
        "Provider": "provider",
        "Model": "model",
        "Requests": "sum(requests)",
        "Reported, USD": "toFloat64(sum(reported_cost))",
        "Spend": "toFloat64(sum(cost))",
    }
    keys = "`Told by`, `Provider`, `Model`"
    stated = sql.where("reported_cost IS NOT NULL", f"currency IN ('', {sql.CURRENCY})")
    ends = (f"GROUP BY {keys}", f"ORDER BY `Requests` DESC, {keys}", "LIMIT 50")
    text = sql.select(columns, "FROM charges", stated, *ends)
    units = {"Requests": COUNT, "Reported, USD": MONEY, "Spend": MONEY}
    return rows("Reported by senders, $currency", about, text, units=units, none="no sender states a cost", height=8)


def _books() -> Panel:
    about = "Every event names the price book and the price it was priced with."
    columns = {
        "Price book": "price_book",
        "Price": "price_id",
        "Requests": "sum(requests)",
        "First used": "min(booked_time)",
        "Last used": "max(booked_time)",
    }
    ends = ("GROUP BY `Price book`, `Price`", "ORDER BY `Last used` DESC, `Price book`, `Price`", "LIMIT 100")
    text = sql.select(columns, sql.stands("price_book != ''"), *ends)
    return rows("Price books in use", about, text, units={"Requests": COUNT}, none="nothing was priced", height=8)
