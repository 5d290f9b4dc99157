"""Overlays over a catalogue: which of all prices is in force for a call, and what it is sold for. Pure.

A later layer wins over an earlier one; within a layer the more specific entry: a tenant before none, an account
before none, a whole name before a beginning, a provider, tier or region before none. A discount is taken off what would
be in force without it, one of a layer; an entry that inherits completes it. A name of a call is tried when the ones
before it mean nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Final, Protocol

import msgspec

from spanledger.exporter.rate.exchange import Exchange
from spanledger.exporter.rate.overlay import ANY_WORD, FIRST_NS, LAST_NS, STANDARD, STANDARD_TIERS, Entry, Layer
from spanledger.exporter.rate.providers import ANY, MODEL_CHARS_MAX, Providers
from spanledger.exporter.rate.rated import Reason
from spanledger.exporter.rate.tariff import EXACT, Miss, Quote, Sought, Source, Step, Tariff, list_price

_UNKNOWN: Final = frozenset[Reason]({"no_model", "unknown_provider"})


class Catalogue(Source, Protocol):
    """What overlays can lie over: a source that knows how providers are spelt."""

    @property
    def names(self) -> Providers:
        """The provider table."""
        ...


class Sale(msgspec.Struct, frozen=True):
    """What a call is sold for, over all time: the entries that may hold, the most specific first."""

    entries: tuple[Entry, ...]

    @property
    def changes(self) -> set[int]:
        """The instants at which the price changes."""
        return _edges(self.entries)

    def at(self, at_ns: int) -> Entry | None:
        """The entry in force at an instant."""
        return next((entry for entry in self.entries if entry.holds(at_ns)), None)


class _Names(msgspec.Struct, frozen=True):
    """Everything one model name of a call may be called by."""

    providers: frozenset[str]
    stated: frozenset[str]
    known: str
    """The catalogue's name for it."""


_Shelf = list[tuple[Entry, str]]
"""Entries, each with its provider's id: the last layer's first, within a layer as in the file."""


class Layered:
    """A source: some layers, the first one lowest, over a catalogue."""

    def __init__(self, base: Catalogue, layers: Sequence[Layer], digest: str) -> None:
        self.base = base
        self.layers = tuple(layers)
        self.digest = digest
        self.units = base.units
        self.exchange = Exchange(layer.currencies for layer in layers)
        self._rank = {layer.name: rank for rank, layer in enumerate(layers)}
        self._aliases: dict[str, str] = {name: one.target for layer in layers for name, one in layer.aliases.items()}
        self._prices = self._shelved(one for layer in layers for one in layer.prices)
        self._sell = self._shelved(one for layer in layers for one in layer.sell)
        self.tenants = frozenset(one.tenant for one, _ in (*self._prices, *self._sell)) - {""}
        """Whose prices differ from everybody's."""
        self.accounts = frozenset(one.account for one, _ in (*self._prices, *self._sell)) - {""}
        """Those whose calls have prices of their own."""
        self.says_more = bool(self._sell or self.exchange.reporting)
        """Whether there is more to say of a call than its cost."""

    def find(self, sought: Sought) -> Tariff | Miss:
        """The tariff of the first name that means something to a layer or to the catalogue."""
        misses: list[Miss] = []
        for name in _tried(sought):
            found = self._find(sought, name)
            if isinstance(found, Tariff):
                return found
            misses.append(found)
        return misses[0]

    def sale(self, sought: Sought) -> Sale | None:
        """What a call is sold for; None where no sell price is for such a call."""
        for name in _tried(sought):
            _, names = self._meaning(sought, name)
            entries = [entry for entry in self._matching(self._sell, names, sought) if _tier_fits(entry, sought)]
            if entries:
                return Sale(tuple(entries))
        return None

    def _find(self, sought: Sought, name: str) -> Tariff | Miss:
        below, names = self._meaning(sought, name)
        matching = self._matching(self._prices, names, sought)
        entries = [entry for entry in matching if _tier_fits(entry, sought)]
        priced = [entry for entry in entries if entry.prices]
        if ANY in names.providers and len({entry.provider.lower() for entry in priced} - {""}) > 1:
            return Miss("ambiguous_model", tuple(dict.fromkeys(entry.price_id for entry in priced)))
        if isinstance(below, Miss) and not priced:
            other_tier = below.reason in _UNKNOWN and any(entry.prices for entry in matching)
            return msgspec.structs.replace(below, reason="unknown_tier") if other_tier else below
        if not entries:
            return msgspec.structs.replace(below, model=name) if isinstance(below, Tariff) else below
        tariff = below if isinstance(below, Tariff) else None
        return Tariff(
            price_id=tariff.price_id if tariff else "",
            model=name,
            currency=tariff.currency if tariff else next(entry.currency for entry in priced),
            changes=tuple(sorted({*_edges(entries), *(tariff.changes if tariff else ())})),
            daily=tariff.daily if tariff else (),
            prices_at=lambda at_ns: _in_force(entries, below, at_ns),
            minimum=tariff.minimum if tariff else None,
        )

    def _meaning(self, sought: Sought, name: str) -> tuple[Tariff | Miss, _Names]:
        """What the catalogue makes of a name, after aliases, and what else the name may be called."""
        provider, model = sought.provider, name.strip()
        if len(model) > MODEL_CHARS_MAX:
            return Miss("no_model"), _Names(frozenset(), frozenset(), "")
        own = self._provider_id(provider)
        references = [each for group in self.base.names.references(own, model) for each in group]
        stated = {model.lower(), *(each.model.lower() for each in references)}
        providers = {own, *(each.provider for each in references)}
        asked = [f"{own}/{model}".lower(), model.lower()]
        asked += [each.model.lower() for each in references]
        target = next((self._aliases[each] for each in asked if each in self._aliases), "")
        if target:
            # A provider that the target names is the provider, whoever carried the call.
            provider = "" if self.base.names.identify(target.partition("/")[0]) and "/" in target else provider
            own = self._provider_id(provider)
            references = [each for group in self.base.names.references(own, target) for each in group]
            stated |= {target.lower(), *(each.model.lower() for each in references)}
            providers = {each.provider for each in references if each.provider} or {own}
            model = target
        below = self.base.find(msgspec.structs.replace(sought, provider=provider, models=(model,)))
        seller, _, known = below.price_id.partition("/")
        return below, _Names(frozenset({seller} if seller else providers), frozenset(stated), known.lower())

    def _matching(self, shelf: _Shelf, names: _Names, sought: Sought) -> list[Entry]:
        """The entries for a call whatever its tier, the one that wins first."""
        region = sought.region.strip().lower()
        ranked: list[tuple[tuple[int | bool, ...], Entry]] = []
        for entry, provider in shelf:
            if entry.tenant and entry.tenant != sought.tenant:
                continue
            if entry.account and entry.account != sought.account:
                continue
            if entry.region and entry.region != region:
                continue
            if not (likeness := _likeness(entry, names)):
                continue
            if entry.provider and provider not in names.providers and (ANY not in names.providers or likeness < 3):
                continue
            rank = (
                self._rank[entry.layer],
                bool(entry.tenant),
                bool(entry.account),
                likeness,
                len(entry.model),
                bool(entry.provider),
                entry.tier not in {"", ANY_WORD},
                bool(entry.region),
                entry.line,
            )
            ranked.append((rank, entry))
        ranked.sort(key=lambda one: one[0], reverse=True)
        return [entry for _, entry in ranked]

    def _shelved(self, entries: Iterable[Entry]) -> _Shelf:
        return [(entry, self._provider_id(entry.provider)) for entry in entries]

    def _provider_id(self, provider: str) -> str:
        """The catalogue's id of a provider, else its own name as it is spelt."""
        known = self.base.names.identify(provider)
        return provider.strip().lower() if known is None else known


def _tried(sought: Sought) -> list[str]:
    """The names to look for: the response's, the request's; explicit work has none."""
    return list(dict.fromkeys(filter(str.strip, sought.models))) or [""]


def _likeness(entry: Entry, names: _Names) -> int:
    """How well a model's pattern fits: 4 as stated, 3 as the catalogue has it, 2 its beginning, 1 any, 0 not."""
    if not entry.model:
        return 1
    if not entry.prefix:
        return 4 if entry.model in names.stated else 3 if entry.model == names.known else 0
    return 2 if any(name.startswith(entry.model) for name in (*names.stated, names.known)) else 0


def _tier_fits(entry: Entry, sought: Sought) -> bool:
    """A price is for one tier; a share changes whatever it meets, unless it names a tier."""
    tier = sought.service_tier.strip().lower()
    tier = STANDARD if tier in STANDARD_TIERS else tier
    if entry.tier == ANY_WORD or (not entry.tier and entry.share is not None):
        return True
    return (entry.tier or STANDARD) == tier


def _edges(entries: Iterable[Entry]) -> set[int]:
    return {edge for entry in entries for edge in (entry.since_ns, entry.until_ns)} - {FIRST_NS, LAST_NS}


def _in_force(entries: Sequence[Entry], below: Tariff | Miss, at_ns: int) -> Quote | Reason:
    """What holds at an instant: the first price, or the catalogue's, with what lies over it applied from below."""
    over: list[Entry] = []
    discounting: set[str] = set()
    quote: Quote | Reason
    for entry in entries:
        if not entry.holds(at_ns):
            continue
        if entry.prices and not entry.inherit:
            quote = quote_of(entry)
            break
        if entry.prices:
            over.append(entry)
        elif entry.layer not in discounting:
            discounting.add(entry.layer)
            over.append(entry)
    else:
        # The model is known here, if only at other times.
        nowhere = below.reason if isinstance(below, Miss) and below.reason not in _UNKNOWN else "no_price"
        quote = below.prices_at(at_ns) if isinstance(below, Tariff) else nowhere
    for entry in reversed(over):
        quote = _completed(entry, quote) if entry.prices else _discounted(entry, quote)
    return quote


def quote_of(entry: Entry) -> Quote:
    """An entry's own prices."""
    return Quote(entry.price_id, entry.currency, entry.prices, entry.whole, entry.gpus)


def _completed(entry: Entry, below: Quote | Reason) -> Quote | Reason:
    """An entry's prices, and those below for every other unit."""
    if isinstance(below, str):
        return quote_of(entry)
    if below.currency != entry.currency:
        return "mixed_currencies"
    prices = {**below.prices, **entry.prices}
    return Quote(_over(entry, below), below.currency, prices, whole=False, gpus=max(entry.gpus, below.gpus))


def _discounted(entry: Entry, below: Quote | Reason) -> Quote | Reason:
    """The prices below, each less the discount: exact, as a decimal of a decimal."""
    if isinstance(below, str):
        return below
    left = EXACT.subtract(Decimal(1), entry.share or Decimal(0))
    prices: Mapping[str, tuple[Step, ...]] = {
        unit: tuple(
            Step(step.above, list_price(EXACT.multiply(Decimal(step.price.amount), left), step.price.per))
            for step in steps
        )
        for unit, steps in below.prices.items()
    }
    return Quote(_over(entry, below), below.currency, prices, below.whole, below.gpus)


def _over(entry: Entry, below: Quote) -> str:
    return f"{entry.price_id} < {below.price_id}"
