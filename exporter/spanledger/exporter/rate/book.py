"""A price book: usage in, exact lines out. Remembers what it compiled; the only state is that bounded memory."""

from bisect import bisect_right
from collections.abc import Mapping
from fractions import Fraction
from typing import Final, TypeVar

import msgspec
from msgspec.structs import replace

from spanledger.exporter.rate.buckets import Shape
from spanledger.exporter.rate.exchange import Exchange
from spanledger.exporter.rate.layered import Layered, Sale, quote_of
from spanledger.exporter.rate.overlay import FIRST_NS, LAST_NS
from spanledger.exporter.rate.plan import Plan, Priced, unrated
from spanledger.exporter.rate.rated import Rated, Reason, Subject
from spanledger.exporter.rate.tariff import Minimum, Miss, Quote, Sought, Source, Tariff
from spanledger.schemas.event import ATTO
from spanledger.schemas.money import round_half_even

_K = TypeVar("_K")
_V = TypeVar("_V")

DAY_NS: Final = 86_400 * 10**9

CURRENCY: Final = "USD"
"""What the catalogue states all prices in, and so the currency of an answer without a price."""

# Distinct (model, tier, shape of usage) in use at once. Names come from senders: beyond this, the oldest goes.
SCHEDULES_MAX: Final = 4096

# Distinct (provider, model, tier, region). A lookup costs a millisecond or two, mostly for names nobody knows.
TARIFFS_MAX: Final = 4096


class PriceBook:
    """Rates usage by the prices of one source, at the time the work was done."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._overlaid = source if isinstance(source, Layered) else None
        self._tenants = self._overlaid.tenants if self._overlaid else frozenset[str]()
        self._accounts = self._overlaid.accounts if self._overlaid else frozenset[str]()
        # Most books only price: their answers are the plan's.
        self._worth = self._overlaid if self._overlaid and self._overlaid.says_more else None
        self._tariffs: dict[Sought, Tariff] = {}
        self._schedules: dict[tuple[str, ...], _Schedule] = {}

    @property
    def digest(self) -> str:
        """Names the content of the book: equal for equal prices, in any process."""
        return self.source.digest

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
        tenant: str = "",
        account: str = "",
        duration_ms: int | None = None,
    ) -> Rated:
        """Rate what one call used.

        `usage` maps units to whole numbers, wholes containing their parts; empty if it was lost, None if nothing
        was used. `model` is the response's and is tried first, `fallback_model` the request's. `at_ns` is
        nanoseconds since 1970 UTC. `duration_ms` is how long the call took, for prices by the second. Without a
        cost the answer says why; see `Reason`.
        """
        if not usage and (usage is None or not self._overlaid):
            return unrated({}, Subject(model or fallback_model, "", CURRENCY, self.digest), "no_usage")
        if tenant not in self._tenants:
            tenant = ""
        if account not in self._accounts:
            account = ""
        key = (provider, model, fallback_model, service_tier, region, tenant, account, *usage)
        schedule = self._schedules.get(key)
        if schedule is None:
            sought = Sought(provider, (model, fallback_model), service_tier, region, tenant, account)
            sale = self._overlaid.sale(sought) if self._overlaid else None
            schedule = _Schedule(self.source, self._find(sought), sale, tuple(usage))
            _remember(self._schedules, key, schedule, SCHEDULES_MAX)
        plan = schedule.plan
        if plan is not None and self._worth is None:
            return plan.rate(usage, duration_ms)
        return self._rated(schedule, usage, at_ns, duration_ms)

    def _rated(self, schedule: "_Schedule", usage: Mapping[str, int], at_ns: int, duration_ms: int | None) -> Rated:
        """The answer where it depends on the time of the call, on a minimum, or says more than the cost."""
        term = schedule.always or schedule.at(at_ns)
        billed = usage if schedule.minimum is None else _billed(usage, schedule.minimum)
        rated = term.plan.rate(billed, duration_ms) if usage or term.plan.whole else schedule.lost
        if self._worth is None:
            return rated
        return _valued(rated, self._worth.exchange, term, (billed, duration_ms, at_ns))

    def _find(self, sought: Sought) -> Tariff:
        found = self._tariffs.get(sought)
        if found is None:
            found = self.source.find(sought)
            if isinstance(found, Miss):
                found = _nowhere(found, sought)
            _remember(self._tariffs, sought, found, TARIFFS_MAX)
        return found


class _Term(msgspec.Struct, frozen=True):
    """What holds between two price changes: the plan of the cost, and that of the revenue or its margin."""

    plan: Plan
    sold: Plan | None = None
    margin: tuple[int, int] | None = None
    """The whole that a margin makes of the cost, as a fraction."""
    currency: str = ""
    """Of the revenue, where it is not the cost's."""


class _Schedule:
    """The plans of one model, tier and shape of usage: one for each interval between two price changes."""

    __slots__ = (
        "_changes",
        "_latest",
        "_sale",
        "_since",
        "_source",
        "_stated",
        "_tariff",
        "_terms",
        "_until",
        "always",
        "minimum",
        "plan",
    )

    def __init__(self, source: Source, tariff: Tariff, sale: Sale | None, stated: tuple[str, ...]) -> None:
        self._source = source
        self._tariff = tariff
        self._sale = sale
        self._changes = tuple(sorted({*tariff.changes, *(sale.changes if sale else ())}))
        self._terms: dict[tuple[int, int], _Term] = {}
        self._since, self._until = LAST_NS, FIRST_NS
        self.minimum = tariff.minimum
        self._stated = tuple(_billed(dict.fromkeys(stated, 0), tariff.minimum))
        self.always = None if self._changes or tariff.daily else self._compile(0)
        """What holds at all times, where there is only one."""
        simple = self.always is not None and stated and tariff.minimum is None
        self.plan = self.always.plan if self.always and simple else None
        """The plan, where nothing else is asked: the common case."""

    @property
    def lost(self) -> Rated:
        """The answer to a call of which no usage is known."""
        subject = Subject(self._tariff.model, self._tariff.price_id, self._tariff.currency, self._source.digest)
        return unrated({}, subject, "no_usage")

    def at(self, at_ns: int) -> _Term:
        """What holds at an instant; the next one is mostly in the same interval."""
        if not self._since <= at_ns < self._until:
            self._enter(at_ns)
        return self._latest

    def _enter(self, at_ns: int) -> None:
        """Make the interval around an instant, and its plan, the latest."""
        daily, changes = self._tariff.daily, self._changes
        midnight = at_ns - at_ns % DAY_NS
        change = bisect_right(changes, at_ns)
        hour = bisect_right(daily, at_ns - midnight)
        term = self._terms.get((change, hour))
        if term is None:
            term = self._terms[change, hour] = self._compile(at_ns)
        today = [midnight + edge for edge in daily]
        self._since = max([FIRST_NS, midnight if today else FIRST_NS, *changes[:change], *today[:hour]])
        self._until = min([LAST_NS, midnight + DAY_NS if today else LAST_NS, *changes[change:], *today[hour:]])
        self._latest = term

    def _compile(self, at_ns: int) -> _Term:
        plan = self._plan(self._tariff.prices_at(at_ns))
        entry = self._sale.at(at_ns) if self._sale else None
        if entry is None:
            return _Term(plan)
        if entry.share is not None:
            return _Term(plan, margin=(1 + Fraction(entry.share)).as_integer_ratio())
        return _Term(plan, self._plan(quote_of(entry)), currency=entry.currency)

    def _plan(self, quote: Quote | Reason) -> Plan:
        shape, tariff = Shape(self._stated, self._source.units), self._tariff
        if isinstance(quote, str):
            subject = Subject(tariff.model, tariff.price_id, tariff.currency, self._source.digest, tariff.candidates)
            return Plan(shape, Priced({}, quote), subject)
        subject = Subject(tariff.model, quote.price_id, quote.currency, self._source.digest)
        return Plan(shape, Priced(quote.prices, "", quote.whole, quote.gpus), subject)


def _nowhere(miss: Miss, sought: Sought) -> Tariff:
    """A tariff without prices, which says why."""
    model = next(filter(None, sought.models), "")
    return Tariff("", model, CURRENCY, (), (), lambda _: miss.reason, candidates=miss.candidates)


def _valued(rated: Rated, exchange: Exchange, term: _Term, call: tuple[Mapping[str, int], int | None, int]) -> Rated:
    """A rated call with what it is sold for, and its cost in the reporting currency."""
    usage, duration_ms, at_ns = call
    cost, currency = rated.cost, rated.currency
    revenue: int | None = None
    revenue_currency = ""
    if term.margin is not None:
        revenue_currency = currency
        if cost is not None:
            revenue = round_half_even(cost * term.margin[0], term.margin[1])
    elif term.sold is not None:
        revenue_currency = term.currency
        if usage or term.sold.whole:
            revenue = term.sold.rate(usage, duration_ms).cost
    at = exchange.on(currency, at_ns // DAY_NS) if cost is not None and exchange.reporting else None
    return replace(
        rated,
        revenue=revenue,
        revenue_currency=revenue_currency,
        reporting_cost=None if at is None or cost is None else round_half_even(cost * at[0], ATTO),
        reporting_currency=exchange.reporting,
        fx_rate=None if at is None else at[0],
        fx_source="" if at is None else at[1],
    )


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
