"""Dated exchange rates: what a cost is in the reporting currency, by the newest rate that still holds on the day.

A day without a rate is no error: the cost keeps its own currency, and the reporting cost is unknown.
"""

from bisect import bisect_right
from collections.abc import Iterable
from typing import Final

from spanledger.exporter.rate.overlay import Currencies, ExchangeRate
from spanledger.schemas.event import ATTO

# Central banks publish none on holidays, and many companies fix one a month.
DAYS_HELD: Final = 31

# Days and currencies of calls in flight: a year's in ten currencies. Imports of many years forget and find again.
FOUND_MAX: Final = 4096


class Exchange:
    """The rates of all files into one reporting currency; of two for one day the later file's holds."""

    def __init__(self, stated: Iterable[Currencies]) -> None:
        tables = list(stated)
        self.reporting = next((each.reporting for each in reversed(tables) if each.reporting), "")
        self._days = next((each.days for each in reversed(tables) if each.days), DAYS_HELD)
        by_day: dict[str, dict[int, ExchangeRate]] = {}
        for each in tables:
            for rate in each.rates:
                if rate.quote == self.reporting:
                    by_day.setdefault(rate.base, {})[rate.day] = rate
        self._rates = {base: [rates[day] for day in sorted(rates)] for base, rates in by_day.items()}
        self._found: dict[tuple[str, int], tuple[int, str] | None] = {}
        self._starts = {base: [rate.day for rate in rates] for base, rates in self._rates.items()}

    def converts(self, currency: str) -> bool:
        """Whether there is any rate for a currency."""
        return currency == self.reporting or currency in self._rates

    def on(self, currency: str, day: int) -> tuple[int, str] | None:
        """The rate of a day (since 1970, UTC) and where it is from; None where no rate holds."""
        try:
            return self._found[currency, day]
        except KeyError:
            pass
        if len(self._found) >= FOUND_MAX:
            self._found.clear()
        found = self._found[currency, day] = self._find(currency, day)
        return found

    def _find(self, currency: str, day: int) -> tuple[int, str] | None:
        if currency == self.reporting:
            return ATTO, ""
        at = bisect_right(self._starts.get(currency, ()), day) - 1
        if at < 0 or day - (rate := self._rates[currency][at]).day >= self._days:
            return None
        return rate.rate, rate.source
