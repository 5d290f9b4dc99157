"""A price book: usage in, exact lines out. Remembers what it compiled; the only state is that bounded memory."""

from bisect import bisect_right
from collections.abc import Mapping
from typing import Final

from spanledger.exporter.rate.buckets import Shape
from spanledger.exporter.rate.plan import Plan, Priced, Subject, unrated
from spanledger.exporter.rate.rated import Rated
from spanledger.exporter.rate.tariff import Minimum, Sought, Source, Tariff

DAY_NS: Final = 86_400 * 10**9

CURRENCY: Final = "USD"
"""What the catalogue states all prices in, and so the currency of an answer without a price."""

# Distinct (model, tier, shape of usage) in use at once. Names come from senders: beyond this, the oldest goes.
SCHEDULES_MAX: Final = 4096


class PriceBook:
    """Rates usage by the prices of one source, at the time the work was done."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._schedules: dict[tuple[str, ...], _Schedule] = {}

    @property
    def digest(self) -> str:
        """Names the content of the book: equal for equal prices, in any process."""
        return self._source.digest

    def rate(
        self,
        usage: Mapping[str, int] | None,
        *,
        provider: str,
        model: str,
        fallback_model: str = "",
        at_ns: int,
        service_tier: str = "",
        region: str = "",
    ) -> Rated:
        """Rate what one call used.

        `usage` maps units to whole numbers, wholes containing their parts. `model` is the response's and is
        tried first, `fallback_model` the request's. `at_ns` is nanoseconds since 1970 UTC. Without a cost the
        answer says why; see `Reason`.
        """
        if not usage:
            return unrated({}, Subject(model or fallback_model, "", CURRENCY, self.digest), "no_usage")
        key = (provider, model, fallback_model, service_tier, region, *usage)
        schedule = self._schedules.get(key)
        if schedule is None:
            sought = Sought(provider, (model, fallback_model), service_tier, region)
            schedule = self._remember(key, _Schedule(self._source, sought, tuple(usage)))
        plan = schedule.always
        return schedule.rate(usage, at_ns) if plan is None else plan.rate(usage)

    def _remember(self, key: tuple[str, ...], schedule: "_Schedule") -> "_Schedule":
        if len(self._schedules) >= SCHEDULES_MAX:
            del self._schedules[next(iter(self._schedules))]
        self._schedules[key] = schedule
        return schedule


class _Schedule:
    """The plans of one model, tier and shape of usage: one for each interval between two price changes."""

    __slots__ = ("_plans", "_source", "_stated", "_tariff", "always")

    def __init__(self, source: Source, sought: Sought, stated: tuple[str, ...]) -> None:
        self._source = source
        self._plans: dict[tuple[int, int], Plan] = {}
        self.always: Plan | None = None
        """The plan of all time, where there is only one and the usage is billed as stated: the common case."""
        found = source.find(sought)
        if isinstance(found, str):
            subject = Subject(next(filter(None, sought.models), ""), "", CURRENCY, source.digest)
            self.always = Plan(Shape(stated, source.units), Priced({}, found), subject)
            return
        self._tariff = found
        self._stated = tuple(_billed(dict.fromkeys(stated, 0), found.minimum))
        if not (found.changes or found.daily or found.minimum):
            self.always = self._compile(found, 0)

    def rate(self, usage: Mapping[str, int], at_ns: int) -> Rated:
        """Rate by the plan in force at an instant."""
        tariff = self._tariff
        interval = bisect_right(tariff.changes, at_ns), bisect_right(tariff.daily, at_ns % DAY_NS)
        plan = self._plans.get(interval)
        if plan is None:
            plan = self._plans[interval] = self._compile(tariff, at_ns)
        return plan.rate(_billed(usage, tariff.minimum))

    def _compile(self, tariff: Tariff, at_ns: int) -> Plan:
        subject = Subject(tariff.model, tariff.price_id, tariff.currency, self._source.digest)
        prices = tariff.prices_at(at_ns)
        priced = Priced({}, prices) if isinstance(prices, str) else Priced(prices, "")
        return Plan(Shape(self._stated, self._source.units), priced, subject)


def _billed(usage: Mapping[str, int], minimum: Minimum | None) -> Mapping[str, int]:
    """Raise the first of the minimum's units stated above zero to what is billed, and say it of all of them."""
    if minimum is None or not any(unit in usage for unit in minimum.units):
        return usage
    stated = next((usage[unit] for unit in minimum.units if usage.get(unit)), 0)
    billed = max(stated, minimum.least) if stated > 0 else stated
    return {**usage, **dict.fromkeys(minimum.units, billed)}
