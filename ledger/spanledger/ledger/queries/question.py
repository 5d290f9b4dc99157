"""A question to the ledger, checked: nothing in it is a stranger's word but the values it filters by.

Everything that is wrong is one sentence that says what and the cure, before any SQL is written.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from spanledger.ledger.periods import instant_ns, stated_offset, zone
from spanledger.ledger.queries.dimensions import DIMENSIONS, TIMES, WORDS
from spanledger.ledger.queries.measures import DEFAULT_MEASURES, MEASURES
from spanledger.schemas import ConfigurationError

ROWS_MAX: Final = 1_000_000
"""More rows than the store answers are no limit."""
_ORDERS: Final = {"": None, "asc": False, "desc": True}
_NOTHING: Final[Mapping[str, str]] = {}


@dataclass(frozen=True, slots=True)
class Order:
    """A column of the answer to sort by; rows without a value come last either way."""

    name: str
    descending: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What was asked, checked. Bounds are half-open, in nanoseconds since 1970 UTC."""

    by: tuple[str, ...] = ()
    measures: tuple[str, ...] = DEFAULT_MEASURES
    where: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Each filtered word with the values that pass."""
    since_ns: int | None = None
    until_ns: int | None = None
    tz: ZoneInfo
    tenants: frozenset[str] | None = None
    """The tenants that may be told of; None is all."""
    order: Order | None = None
    limit: int | None = None


def ask(
    by: str | Sequence[str] = (),
    *,
    measures: str | Sequence[str] = DEFAULT_MEASURES,
    where: Mapping[str, str | Sequence[str]] = _NOTHING,
    since: str | None = None,
    until: str | None = None,
    tz: str = "UTC",
    tenants: frozenset[str] | None = None,
    order: str | None = None,
    limit: int | None = None,
) -> Question:
    """Check a question. `by` and `measures` may be comma-separated; `order` is a name, or `name:asc`, `name:desc`.

    `since` (included) and `until` (excluded) are ISO dates or datetimes, in `tz` unless they state an offset.
    Raises `ConfigurationError` naming what is wrong and the cure.
    """
    dimensions = tuple(name for name in _known(by, DIMENSIONS, "dimension") if name != "currency")
    figures = _known(measures, MEASURES, "measure")
    place = zone(tz)
    since_ns, until_ns = _bounds(since, until, place)
    if limit is not None and not 0 < limit <= ROWS_MAX:
        msg = f"limit {limit} is no number of rows: give one from 1 to {ROWS_MAX}"
        raise ConfigurationError(msg)
    return Question(
        by=dimensions,
        measures=figures,
        where=tuple((name, _values(name, values)) for name, values in where.items()),
        since_ns=since_ns,
        until_ns=until_ns,
        tz=place,
        tenants=tenants,
        order=_order(order, (*dimensions, *figures)) if order is not None else None,
        limit=limit,
    )


def _known(names: str | Sequence[str], known: Iterable[str], kind: str) -> tuple[str, ...]:
    """Names in their order, each once. An empty text names none."""
    parts = names.split(",") if isinstance(names, str) else names
    found = [name.strip() for name in parts] if names else []
    for name in found:
        if name not in known:
            msg = f"{name!r} is no {kind}; choose from {', '.join(known)}"
            raise ConfigurationError(msg)
    return tuple(dict.fromkeys(found))


def _values(name: str, values: str | Sequence[str]) -> tuple[str, ...]:
    if name in TIMES:
        msg = f"{name!r} cannot be filtered by: bound the time with since and until"
        raise ConfigurationError(msg)
    if name not in WORDS:
        msg = f"{name!r} cannot be filtered by; choose from {', '.join(WORDS)}"
        raise ConfigurationError(msg)
    found = (values,) if isinstance(values, str) else tuple(dict.fromkeys(values))
    if not found:
        msg = f"the filter on {name!r} names no value: give at least one"
        raise ConfigurationError(msg)
    return found


def _bounds(since: str | None, until: str | None, tz: ZoneInfo) -> tuple[int | None, int | None]:
    since_ns = None if since is None else instant_ns("since", since, tz)
    until_ns = None if until is None else instant_ns("until", until, tz)
    if since is None or until is None or since_ns is None or until_ns is None:
        return since_ns, until_ns
    offsets = stated_offset(since), stated_offset(until)
    if (offsets[0] is None) != (offsets[1] is None) and any(
        offset is not None and offset != _offset(tz, ns)
        for offset, ns in zip(offsets, (since_ns, until_ns), strict=True)
    ):
        msg = (
            f"since {since!r} and until {until!r} are in two zones: one states an offset that is not {tz.key}'s, "
            f"the other would be read in {tz.key}; give both an offset or neither"
        )
        raise ConfigurationError(msg)
    if since_ns >= until_ns:
        msg = f"since {since!r} is not before until {until!r}: no time lies between them"
        raise ConfigurationError(msg)
    return since_ns, until_ns


def _offset(tz: ZoneInfo, ns: int) -> timedelta | None:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=ns // 1_000)).astimezone(tz).utcoffset()


def _order(text: str, columns: Sequence[str]) -> Order:
    """What costs or counts most comes first, words and times forwards, unless told."""
    name, _, way = text.partition(":")
    if name not in columns or way not in _ORDERS:
        msg = f"order {text!r} is none; name a column of the answer ({', '.join(columns)}), and :asc or :desc behind it"
        raise ConfigurationError(msg)
    told = _ORDERS[way]
    return Order(name, name in MEASURES if told is None else told)
