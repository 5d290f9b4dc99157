"""A price book: usage in, exact lines out. Remembers what it compiled; the only state is that bounded memory."""

from bisect import bisect_right
from collections.abc import Mapping
from typing import Final, TypeVar

from spanledger.exporter.rate.buckets import Shape
from spanledger.exporter.rate.plan import Plan, Priced, Subject, unrated
from spanledger.exporter.rate.rated import Rated, Reason
from spanledger.exporter.rate.tariff import Minimum, Sought, Source, Tariff

_K = TypeVar("_K")
_V = TypeVar("_V")

DAY_NS: Final = 86_400 * 10**9

CURRENCY: Final = "USD"
"""What the catalogue states all prices in, and so the currency of an answer without a price."""

# Distinct (model, tier, shape of usage) in use at once. Names come from senders: beyond this, the oldest goes.
SCHEDULES_MAX: Final = 4096

# Distinct (provider, model, tier, region). A lookup costs a millisecond or two, mostly for names nobody knows.
TARIFFS_MAX: Final = 4096

_FIRST_NS: Final = -(2**63)
_LAST_NS: Final = 2**63
"""Before and after every instant an int64 of nanoseconds can state."""


class PriceBook:
    """Rates usage by the prices of one source, at the time the work was done."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._tariffs: dict[Sought, Tariff | Reason] = {}
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
            schedule = _Schedule(self._source, self._find(sought), sought, tuple(usage))
            _remember(self._schedules, key, schedule, SCHEDULES_MAX)
        plan = schedule.always
        return schedule.rate(usage, at_ns) if plan is None else plan.rate(usage)

    def _find(self, sought: Sought) -> Tariff | Reason:
        found = self._tariffs.get(sought)
        if found is None:
            found = self._source.find(sought)
            _remember(self._tariffs, sought, found, TARIFFS_MAX)
        return found


class _Schedule:
    """The plans of one model, tier and shape of usage: one for each interval between two price changes."""

    __slots__ = ("_plans", "_since", "_source", "_stated", "_tariff", "_until", "always", "latest")

    def __init__(self, source: Source, found: Tariff | Reason, sought: Sought, stated: tuple[str, ...]) -> None:
        self._source = source
        self._plans: dict[tuple[int, int], Plan] = {}
        self._since, self._until = _LAST_NS, _FIRST_NS
        self.always: Plan | None = None
        """The plan of all time, where there is only one and the usage is billed as stated: the common case."""
        if isinstance(found, str):
            subject = Subject(next(filter(None, sought.models), ""), "", CURRENCY, source.digest)
            self.always = Plan(Shape(stated, source.units), Priced({}, found), subject)
            return
        self._tariff = found
        self._stated = tuple(_billed(dict.fromkeys(stated, 0), found.minimum))
        if not (found.changes or found.daily or found.minimum):
            self.always = self._compile(found, 0)

    def rate(self, usage: Mapping[str, int], at_ns: int) -> Rated:
        """Rate by the plan in force at an instant; the next one is mostly in the same interval."""
        if not self._since <= at_ns < self._until:
            self._enter(at_ns)
        minimum = self._tariff.minimum
        return self.latest.rate(usage if minimum is None else _billed(usage, minimum))

    def _enter(self, at_ns: int) -> None:
        """Make the interval around an instant, and its plan, the latest."""
        tariff = self._tariff
        midnight = at_ns - at_ns % DAY_NS
        change = bisect_right(tariff.changes, at_ns)
        hour = bisect_right(tariff.daily, at_ns - midnight)
        plan = self._plans.get((change, hour))
        if plan is None:
            plan = self._plans[change, hour] = self._compile(tariff, at_ns)
        today = [midnight + edge for edge in tariff.daily]
        self._since = max([_FIRST_NS, midnight if today else _FIRST_NS, *tariff.changes[:change], *today[:hour]])
        self._until = min([_LAST_NS, midnight + DAY_NS if today else _LAST_NS, *tariff.changes[change:], *today[hour:]])
        self.latest = plan

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


def _remember(memory: dict[_K, _V], key: _K, value: _V, entries_max: int) -> None:
    """Keep an entry, at the cost of the oldest one when the memory is full."""
    if len(memory) >= entries_max:
        del memory[next(iter(memory))]
    memory[key] = value
