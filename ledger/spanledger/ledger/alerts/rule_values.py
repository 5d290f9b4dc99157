"""How the rules of the alerts file are read. Pure; what is wrong raises `FieldError` with its line."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

from spanledger.exporter.rate.faults import FieldError
from spanledger.exporter.rate.fields import mapped, number, whole, word
from spanledger.exporter.rate.yaml_tree import Tree
from spanledger.ledger.alerts.settings import AnomalyRule, LagRule, QuarantineRule, SilenceRule, UnpricedRule

ANOMALY_DIMENSIONS: Final = ("user_id", "tenant", "service_name", "feature", "team", "project", "agent", "model")
WINDOW_DAYS_MAX: Final = 366
COUNT_MAX: Final = 10**9

_ON: Final = ("on", "true", "yes")
_OFF: Final = ("off", "false", "no")

_Read = TypeVar("_Read")


def switch(tree: Tree, what: str) -> bool:
    """On or off."""
    text = word(tree, what).lower()
    if text not in (*_ON, *_OFF):
        raise FieldError(tree.line, f"{what} must be on, off, or a mapping of its keys")
    return text in _ON


def zone(tree: Tree, what: str) -> str:
    """The name of an IANA time zone."""
    name = word(tree, what)
    try:
        return ZoneInfo(name).key
    except (ValueError, OSError, KeyError) as error:
        raise FieldError(tree.line, f"{what} {name!r} is no IANA time zone, such as Europe/Berlin") from error


def anomaly(tree: Tree) -> AnomalyRule:
    """The rule of a day that costs too much."""
    given = mapped(tree, "anomaly", AnomalyRule.__slots__)
    unless = AnomalyRule()
    by = word(given["by"], "by") if "by" in given else unless.by
    if by not in ANOMALY_DIMENSIONS:
        raise FieldError(given["by"].line, f"by {by!r} must be one of {', '.join(ANOMALY_DIMENSIONS)}")
    factor = _amount(given, "factor", unless.factor)
    if factor <= 1:
        raise FieldError(given["factor"].line, "factor must be above 1: it is what a usual day is multiplied by")
    return AnomalyRule(
        by=by,
        factor=factor,
        window_days=_count(given, "window_days", unless.window_days, WINDOW_DAYS_MAX),
        at_least=_amount(given, "at_least", unless.at_least),
    )


def unpriced(tree: Tree) -> UnpricedRule:
    """The rule of models without a price."""
    given = mapped(tree, "unpriced_model", UnpricedRule.__slots__)
    return UnpricedRule(requests=_count(given, "requests", UnpricedRule().requests, COUNT_MAX))


def silence(tree: Tree) -> SilenceRule:
    """The rule of services that stopped."""
    given = mapped(tree, "silence", SilenceRule.__slots__)
    return SilenceRule(hours=_count(given, "hours", SilenceRule().hours, 24 * 7))


def lag(tree: Tree) -> LagRule:
    """The rule of a journal that is not posted."""
    given = mapped(tree, "journal_lag", LagRule.__slots__)
    unless = LagRule()
    return LagRule(
        megabytes=_count(given, "megabytes", unless.megabytes, 10**6),
        minutes=_count(given, "minutes", unless.minutes, 24 * 60),
    )


def quarantine(tree: Tree) -> QuarantineRule:
    """The rule of what cannot be booked."""
    given = mapped(tree, "quarantine", QuarantineRule.__slots__)
    return QuarantineRule(elements=_count(given, "elements", QuarantineRule().elements, COUNT_MAX))


def _count(given: Mapping[str, Tree], key: str, unless: int, most: int) -> int:
    return _value(given, key, lambda tree: whole(tree, key, most), unless)


def _amount(given: Mapping[str, Tree], key: str, unless: Decimal) -> Decimal:
    return _value(given, key, lambda tree: number(tree, key), unless)


def _value(given: Mapping[str, Tree], key: str, read: Callable[[Tree], _Read], unless: _Read) -> _Read:
    return read(given[key]) if key in given else unless
