"""The text of an overlay file → a layer. All of it or nothing: every fault is found, and any refuses the file."""

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Final

from spanledger.exporter.rate import fields
from spanledger.exporter.rate.faults import Fault, FieldError, PriceFileError
from spanledger.exporter.rate.overlay import (
    ANY_WORD,
    FIRST_NS,
    LAST_NS,
    STANDARD,
    STANDARD_TIERS,
    WORK_UNITS,
    Alias,
    Currencies,
    Entry,
    ExchangeRate,
    Layer,
)
from spanledger.exporter.rate.tariff import Steps
from spanledger.exporter.rate.yaml_tree import Text, Tree, tree_of
from spanledger.schemas import units as names

CURRENCY: Final = "USD"
"""Of prices that state none, as in the catalogue."""

GPUS_MAX: Final = 65_536
DAYS_MAX: Final = 366
# Hundredfold: above it a percent sign was forgotten.
MARGIN_MAX: Final = fields.SHARE_MAX

_FILE: Final = ("name", "source", "aliases", "units", "prices", "sell", "currencies")
_WHERE: Final = ("provider", "model", "from", "to", "tenant", "account", "tier", "region", "source")
_HOW: Final = ("currency", "per", "units", "gpus")
_PRICE: Final = (*_WHERE, *_HOW, "discount", "inherit")
_SELL: Final = (*_WHERE, *_HOW, "margin")
_RATE: Final = ("date", "from", "to", "rate", "source")
_SPELT: Final[Mapping[str, str]] = {names.REASONING_TOKENS: "output_reasoning_tokens"}
_TOKENS: Final = "_tokens"


def layer_of(text: str, origin: str, units: Iterable[str]) -> Layer:
    """Read a file's text; `units` are the catalogue's. Raises `PriceFileError` with everything that is wrong."""
    return _Reader(origin, frozenset(units)).layer(text)


class _Reader:
    """Reads one file, gathering faults as it goes."""

    def __init__(self, origin: str, units: frozenset[str]) -> None:
        self._origin = origin
        self._units = units | WORK_UNITS | {names.REASONING_TOKENS}
        self._faults: list[Fault] = []
        self._name = origin.rpartition("/")[2].partition(".")[0] or origin
        self._source = ""

    def layer(self, text: str) -> Layer:
        """The file, when nothing is wrong with it."""
        top: Mapping[str, Tree] = {}
        try:
            top = fields.mapped(tree_of(text), "a price file", _FILE)
            self._name = fields.word(top["name"], "name") if "name" in top else self._name
            self._source = fields.word(top["source"], "source") if "source" in top else ""
            declared = fields.listed(top["units"], "units") if "units" in top else ()
            self._units |= {fields.unit(fields.word(each, "a unit"), each.line) for each in declared}
        except FieldError as error:
            self._refuse(error)
        layer = Layer(
            name=self._name,
            origin=self._origin,
            source=self._source,
            text=text,
            aliases=self._aliases(top),
            prices=self._entries(top, "prices", _PRICE),
            sell=self._entries(top, "sell", _SELL),
            currencies=self._currencies(top),
        )
        self._refuse_overlaps(layer.prices, "price")
        self._refuse_overlaps(layer.sell, "sell price")
        if self._faults:
            raise PriceFileError(sorted(self._faults, key=lambda fault: fault.line))
        return layer

    def _refuse(self, error: FieldError) -> None:
        self._faults.append(Fault(self._origin, error.line, error.reason))

    def _aliases(self, top: Mapping[str, Tree]) -> dict[str, Alias]:
        try:
            return _aliases(fields.mapped(top["aliases"], "aliases")) if "aliases" in top else {}
        except FieldError as error:
            self._refuse(error)
            return {}

    def _entries(self, top: Mapping[str, Tree], section: str, known: tuple[str, ...]) -> tuple[Entry, ...]:
        entries: list[Entry] = []
        try:
            trees = fields.listed(top[section], section) if section in top else ()
        except FieldError as error:
            self._refuse(error)
            return ()
        for tree in trees:
            try:
                entries.append(self._entry(tree, section, known))
            except FieldError as error:
                self._refuse(error)
        return tuple(entries)

    def _entry(self, tree: Tree, section: str, known: tuple[str, ...]) -> Entry:
        stated = fields.mapped(tree, f"an entry of {section}", known)
        share_key = "discount" if section == "prices" else "margin"
        if (share_key in stated) == ("units" in stated):
            raise FieldError(tree.line, f"an entry of {section} needs either units with prices or a {share_key}")
        model, prefix = fields.pattern(stated["model"], "model") if "model" in stated else ("", False)
        since, until = _window(stated)
        if until <= since:
            raise FieldError(stated["to"].line, "to must be later than from: the entry would never hold")
        if share_key in stated and (beside := next((key for key in (*_HOW, "inherit") if key in stated), "")):
            raise FieldError(stated[beside].line, f"a {share_key} has no {beside}: it is a part of another price")
        most = fields.SHARE_MAX / 100 if share_key == "discount" else MARGIN_MAX
        return Entry(
            layer=self._name,
            line=tree.line,
            provider=_unless_any(stated, "provider"),
            model=model,
            prefix=prefix and bool(model),
            tenant=_unless_any(stated, "tenant"),
            account=_unless_any(stated, "account"),
            tier=_tier(stated),
            region=_unless_any(stated, "region").lower(),
            since_ns=since,
            until_ns=until,
            currency="" if share_key in stated else _currency(stated),
            prices=self._prices(stated, tree.line) if "units" in stated else {},
            share=fields.share(stated[share_key], share_key, most) if share_key in stated else None,
            inherit="inherit" in stated and fields.flag(stated["inherit"], "inherit"),
            gpus=fields.whole(stated["gpus"], "gpus", GPUS_MAX) if "gpus" in stated else 1,
            source=fields.word(stated["source"], "source") if "source" in stated else self._source,
        )

    def _prices(self, stated: Mapping[str, Tree], line: int) -> dict[str, Steps]:
        units = fields.mapped(stated["units"], "units")
        if not units:
            raise FieldError(line, "units is empty: state a price for at least one unit, 0 if it is free")
        if "per" not in stated and any(unit.endswith(_TOKENS) for unit in units):
            raise FieldError(line, "prices of tokens need per: how many tokens a price is for, mostly 1000000")
        per = fields.whole(stated["per"], "per", fields.PER_MAX) if "per" in stated else 1
        prices: dict[str, Steps] = {}
        for unit, tree in units.items():
            if fields.unit(unit, tree.line) not in self._units:
                reason = f"unknown unit {unit}: declare a unit of your own under units at the top of the file"
                raise FieldError(tree.line, reason)
            name = _SPELT.get(unit, unit)
            if name in prices:
                raise FieldError(tree.line, f"{unit} has a price already, under its other name")
            prices[name] = fields.steps(tree, f"the price of {unit}", per)
        return prices

    def _currencies(self, top: Mapping[str, Tree]) -> Currencies:
        try:
            return self._exchange(top["currencies"]) if "currencies" in top else Currencies()
        except FieldError as error:
            self._refuse(error)
            return Currencies()

    def _exchange(self, tree: Tree) -> Currencies:
        stated = fields.mapped(tree, "currencies", ("reporting", "days", "rates"))
        rates = tuple(map(self._rate, fields.listed(stated["rates"], "rates") if "rates" in stated else ()))
        seen: dict[tuple[int, str, str], int] = {}
        for rate in rates:
            if (other := seen.setdefault((rate.day, rate.base, rate.quote), rate.line)) != rate.line:
                reason = f"the rate from {rate.base} to {rate.quote} of this date stands in line {other} already"
                raise FieldError(rate.line, reason)
        return Currencies(
            reporting=fields.currency(stated["reporting"], "reporting") if "reporting" in stated else "",
            days=fields.whole(stated["days"], "days", DAYS_MAX) if "days" in stated else 0,
            rates=rates,
            line=tree.line,
        )

    def _rate(self, tree: Tree) -> ExchangeRate:
        stated = fields.mapped(tree, "an exchange rate", _RATE)
        if missing := [key for key in _RATE[:-1] if key not in stated]:
            raise FieldError(tree.line, f"an exchange rate needs {', '.join(missing)}")
        base, quote = fields.currency(stated["from"], "from"), fields.currency(stated["to"], "to")
        if base == quote:
            raise FieldError(tree.line, f"a rate from {base} to itself")
        day = fields.day(stated["date"], "date")
        source = fields.word(stated["source"], "source") if "source" in stated else self._source
        return ExchangeRate(day, base, quote, fields.rate(stated["rate"], "rate"), source, tree.line)

    def _refuse_overlaps(self, entries: tuple[Entry, ...], what: str) -> None:
        """Two entries for the same calls at the same time contradict each other, whatever they say."""
        alike: dict[tuple[object, ...], list[Entry]] = {}
        for one in entries:
            place = (one.provider.lower(), one.model, one.prefix, one.tenant, one.account, one.tier, one.region)
            alike.setdefault(place, []).append(one)
        for group in alike.values():
            group.sort(key=lambda one: one.since_ns)
            for earlier, later in pairwise(group):
                if later.since_ns < earlier.until_ns:
                    first, second = sorted((earlier.line, later.line))
                    reason = f"this {what} holds for the same calls at the same time as the one in line {first}"
                    self._faults.append(Fault(self._origin, second, reason))


def _aliases(stated: Mapping[str, Tree]) -> dict[str, Alias]:
    aliases: dict[str, Alias] = {}
    for name, tree in stated.items():
        key = name.strip().lower()
        if key in aliases or not key:
            raise FieldError(tree.line, f"alias {name!r} stands here twice, or is empty")
        aliases[key] = Alias(fields.word(tree, f"alias {name}"), tree.line)
    for name, alias in aliases.items():
        if alias.target.lower() in aliases:
            raise FieldError(alias.line, f"alias {name} stands for {alias.target}, itself an alias: name the model")
    return aliases


def _window(stated: Mapping[str, Tree]) -> tuple[int, int]:
    since = fields.instant_ns(stated["from"], "from") if "from" in stated else FIRST_NS
    return since, fields.instant_ns(stated["to"], "to") if "to" in stated else LAST_NS


def _unless_any(stated: Mapping[str, Tree], key: str) -> str:
    """A word; none, or a star, is any."""
    value = fields.word(stated[key], key) if key in stated else ""
    return "" if value == ANY_WORD else value


def _tier(stated: Mapping[str, Tree]) -> str:
    if "tier" not in stated:
        return ""
    value = fields.word(stated["tier"], "tier").lower()
    return STANDARD if value in STANDARD_TIERS else value


def _currency(stated: Mapping[str, Tree]) -> str:
    return fields.currency(stated.get("currency", Text(0, CURRENCY)))
