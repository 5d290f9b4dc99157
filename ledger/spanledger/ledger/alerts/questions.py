"""What the rules ask of the ledger, as SQL. Pure: every value in it is a whole number.

A service's activity is looked for by the hour in which its calls ended; calls that claim to be of the future are left
out, so that a wrong clock hides no silence.
"""

from typing import Final

HOUR_NS: Final = 3600 * 10**9
DAY_NS: Final = 24 * HOUR_NS

UNPRICED_DAYS: Final = 7
SILENCE_DAYS: Final = 14
"""A week of activity, and a week in which its end is noticed."""
MATTERS_MAX: Final = 1000
"""Of one rule; the busiest."""


def unpriced_sql(now_ns: int, requests_min: int) -> str:
    """Models without a price and used within a week: what they were used for, by whom."""
    # Every value is a whole number, here and below.
    return (
        "SELECT provider, model, sum(requests) AS calls, sum(input_tokens) AS tokens_in,"  # noqa: S608
        " sum(output_tokens) AS tokens_out, sum(reported_cost) AS stated, min(event_time) AS first_used,"
        " groupUniqArray(2)(tenant) AS tenants FROM unpriced"
        f" WHERE booked_time >= {_instant(now_ns - UNPRICED_DAYS * DAY_NS)}"
        f" GROUP BY provider, model HAVING calls >= {requests_min}"
        f" ORDER BY calls DESC, provider, model LIMIT {MATTERS_MAX}"
    )


def silence_sql(now_ns: int) -> str:
    """The hours, since 1970, in which each service used something within two weeks, and whose service it is."""
    ended = "intDiv(toUnixTimestamp64Nano(event_time), 3600000000000)"
    since_ns = now_ns - SILENCE_DAYS * DAY_NS
    return (
        f"SELECT service_name, environment, arraySort(groupUniqArray({ended})) AS hours,"  # noqa: S608
        " groupUniqArray(2)(tenant) AS tenants FROM ledger_events"
        f" WHERE kind IN ('charge', 'attempt') AND service_name != '' AND booked_time >= {_instant(since_ns)}"
        f" AND event_time >= {_instant(since_ns)} AND event_time < {_instant(now_ns + HOUR_NS)}"
        f" GROUP BY service_name, environment ORDER BY count() DESC, service_name, environment LIMIT {MATTERS_MAX}"
    )


def quarantine_sql(now_ns: int) -> str:
    """What was set aside within an hour and is open, by reason, the most first."""
    return (
        "SELECT reason, sum(elements) AS things FROM quarantine WHERE state = 'open'"  # noqa: S608
        f" AND received_at >= {_instant(now_ns - HOUR_NS)} GROUP BY reason ORDER BY things DESC, reason LIMIT 10"
    )


def _instant(ns: int) -> str:
    return f"fromUnixTimestamp64Nano(toInt64({ns}))"
