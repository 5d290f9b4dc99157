"""What the ledger can be split by: every column that holds one word, and the buckets of booked time in a zone.

Each has its expression over the events and, where the daily sums can tell it as well, over their rows.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final, cast
from zoneinfo import ZoneInfo

from spanledger.ledger.tables import Value
from spanledger.schemas.event import COLUMNS

_WORDS: Final = ("LowCardinality(String)", "String")
WORDS: Final = tuple(name for name, column in COLUMNS.items() if column.type in _WORDS)
"""Columns of one word: they can be split by, and filtered by."""

_TIMES: Final = {
    "hour": "toUnixTimestamp64Milli(toDateTime64(dateTrunc('hour', booked_time, '{tz}'), 3))",
    "day": "toDate32(booked_time, '{tz}')",
    "week": "toISOYear(toDate32(booked_time, '{tz}')) * 100 + toISOWeek(toDate32(booked_time, '{tz}'))",
    "month": "toYYYYMM(booked_time, '{tz}')",
}
_TIMES_OF_DAYS: Final = {"day": "day", "week": "toISOYear(day) * 100 + toISOWeek(day)", "month": "toYYYYMM(day)"}
TIMES: Final = tuple(_TIMES)
"""Buckets of booked time; a week is ISO 8601's, from Monday."""

_KEPT: Final = {
    "ledger_daily": frozenset({"tenant", "environment", "team", "project", "cost_center", "provider", "model"}),
    "ledger_daily_features": frozenset({"tenant", "environment", "team", "feature", "agent", "provider", "model"}),
}
"""Each table of daily sums, and the words it is kept by; the one of fewest rows first."""

DIMENSIONS: Final = (*WORDS, *TIMES)


def kept_by(names: Iterable[str]) -> str | None:
    """The table of daily sums that can be split and filtered by all of these dimensions; None if none can."""
    words = {name for name in names if name not in _TIMES_OF_DAYS}
    return next((table for table, kept in _KEPT.items() if words <= kept), None)


def of_events(name: str, tz: ZoneInfo) -> str:
    """A dimension over `ledger_events`."""
    return _TIMES[name].format(tz=tz.key) if name in _TIMES else name


def of_days(name: str) -> str:
    """A dimension over a table of daily sums."""
    return _TIMES_OF_DAYS.get(name, name)


def shown(name: str, value: Value, tz: ZoneInfo) -> Value:
    """A dimension's value as people write it: `2026-11`, `2026-W47`, an hour with its offset."""
    match name:
        case "hour":
            return datetime.fromtimestamp(cast("int", value) // 1_000, UTC).astimezone(tz).isoformat()
        case "week":
            year, week = divmod(cast("int", value), 100)
            return f"{year:04d}-W{week:02d}"
        case "month":
            year, month = divmod(cast("int", value), 100)
            return f"{year:04d}-{month:02d}"
        case _:
            return value
