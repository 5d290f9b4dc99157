"""The engine's sums of a question → its answer: dimensions, measures, currency, shares.

Two currencies are never added. Requests without a cost join the row of their dimensions that has one, so that its
`unpriced_share` tells how much the cost leaves out; where nothing has a cost the row says None.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from operator import itemgetter
from typing import Final, TypeAlias, cast
from zoneinfo import ZoneInfo

from spanledger.ledger.queries.dimensions import TIMES, shown
from spanledger.ledger.queries.measures import MEASURES, SHARES, Quantile, share, sums_behind
from spanledger.ledger.queries.question import Order, Question
from spanledger.ledger.queries.statements import sold
from spanledger.ledger.tables import EXACT, Row, Table, Value, decimal_text, is_money

Entry: TypeAlias = tuple[Row, Row, Row]
"""The dimensions, the currencies and the sums of a row."""

_CURRENCY: Final = "Nullable(String)"
_SHARE: Final = "Nullable(Float64)"


def folded(asked: Question, answer: Table, quantiles: Table | None = None) -> Table:
    """The answer, ordered and cut as it was asked for. Worked out by column: there may be many rows."""
    # Time buckets by their instant, not by its text: an hour that happens twice has the later offset second.
    entries = sorted(groups(asked, answer, len(asked.by)), key=itemgetter(0, 1))
    names = sums_behind(asked.measures)
    sums = dict(zip(names, _transposed([entry[2] for entry in entries], len(names)), strict=True))
    dimensions = _transposed([entry[0] for entry in entries], len(asked.by))
    columns = [
        *(_shown(name, values, asked.tz) for name, values in zip(asked.by, dimensions, strict=True)),
        *_figures(asked, sums, entries, quantiles),
        *(
            [currency or None for currency in values]
            for values in _transposed([e[1] for e in entries], 1 + sold(asked))
        ),
        *(_share(sums[part], sums["requests"]) for part in SHARES.values()),
    ]
    rows = list(zip(*columns, strict=True))
    headed = _columns(asked)
    places = _order(asked, dimensions, dict(zip((name for name, _ in headed), columns, strict=True)))
    return Table(
        tuple(name for name, _ in headed),
        tuple(type_name for _, type_name in headed),
        rows[: asked.limit] if places is None else [rows[place] for place in places[: asked.limit]],
    )


def groups(asked: Question, answer: Table, width: int) -> list[Entry]:
    """The sums of each group of an answer whose rows begin with `width` keys: what has no cost is where it belongs."""
    end = width + 1 + sold(asked)
    found: dict[Row, list[Entry]] = {}
    for row in answer.rows:
        entry = (row[:width], row[width:end], row[end:])
        found.setdefault(entry[0], []).append(entry)
    return [entry for group in found.values() for entry in (group if len(group) == 1 else _joined(group))]


def shares(sums: Mapping[str, Value]) -> Row:
    """The four shares, as they stand beside every sum."""
    return tuple(share(sums[part], sums["requests"]) for part in SHARES.values())


def _columns(asked: Question) -> list[tuple[str, str]]:
    revenue = [("revenue_currency", _CURRENCY)] if sold(asked) else []
    return [
        *((name, "String") for name in asked.by),
        *((name, MEASURES[name].type) for name in asked.measures),
        ("currency", _CURRENCY),
        *revenue,
        *((name, _SHARE) for name in SHARES),
    ]


def _transposed(rows: Sequence[Row], width: int) -> Sequence[Sequence[Value]]:
    return list(zip(*rows, strict=True)) if rows else [()] * width


def _shown(name: str, values: Sequence[Value], tz: ZoneInfo) -> Sequence[Value]:
    return [shown(name, value, tz) for value in values] if name in TIMES else values


def _figures(
    asked: Question, sums: Mapping[str, Sequence[Value]], entries: Sequence[Entry], quantiles: Table | None
) -> Iterable[Sequence[Value]]:
    """The column of each measure."""
    width = len(asked.by)
    measured = {row[:width]: row[width:] for row in quantiles.rows} if quantiles else {}
    place = 0
    for name in asked.measures:
        measure = MEASURES[name]
        if isinstance(measure, Quantile):
            yield [found[place] if (found := measured.get(entry[0])) else None for entry in entries]
            place += 1
        elif measure.figure is None:
            yield sums[measure.sums[0]]
        else:
            yield list(map(measure.figure, *(sums[each] for each in measure.sums)))


def _share(parts: Sequence[Value], wholes: Sequence[Value]) -> Sequence[Value]:
    if not any(parts):
        return [0.0 if whole else None for whole in wholes]
    return list(map(share, parts, wholes))


def named_sums(asked: Question, sums: Row) -> Mapping[str, Value]:
    """The sums of a group by name."""
    return dict(zip(sums_behind(asked.measures), sums, strict=True))


def _joined(group: Sequence[Entry]) -> Iterable[Entry]:
    """Add up what is alike, and what has no cost (or no revenue) to the busiest row of its group that has, if any."""
    entries: dict[Row, Entry] = {}
    for dimensions, currencies, sums in group:
        alike = entries.get(currencies)
        added = sums if alike is None else tuple(map(_sum, alike[2], sums))
        entries[currencies] = dimensions, currencies, added
    for bare in sorted(entries, key=lambda currencies: sum(map(bool, currencies))):
        fuller = [key for key in entries if key != bare and _says_more(key, bare)]
        if fuller:
            home = max(fuller, key=lambda key: (cast("int", entries[key][2][0]), key))
            dimensions, currencies, sums = entries[home]
            entries[home] = dimensions, currencies, tuple(map(_sum, sums, entries.pop(bare)[2]))
    return entries.values()


def _says_more(key: Row, bare: Row) -> bool:
    """Whether `key` names every currency that `bare` does, and another."""
    return all(not mine or mine == theirs for theirs, mine in zip(key, bare, strict=True))


def _sum(left: Value, right: Value) -> Value:
    """A sum of what is known; None while nothing is. Money is text."""
    if left is None or right is None:
        return right if left is None else left
    if isinstance(left, str):
        return decimal_text(EXACT.add(Decimal(left), Decimal(cast("str", right))))
    return cast("int", left) + cast("int", right)


def _order(
    asked: Question, dimensions: Sequence[Sequence[Value]], columns: Mapping[str, Sequence[Value]]
) -> list[int] | None:
    """The places of the rows by what was asked, else the dearest first, unknown last; None: as they are, forwards."""
    order = asked.order
    if order is None:
        if "cost" not in asked.measures or any(name in TIMES for name in asked.by):
            return None
        order = Order("cost", descending=True)
    if order.name not in MEASURES:
        values = dimensions[asked.by.index(order.name)]
        return sorted(range(len(values)), key=lambda place: cast("str", values[place]), reverse=order.descending)
    figures: Sequence[Value | Decimal] = columns[order.name]
    if is_money(MEASURES[order.name].type):
        figures = [None if figure is None else Decimal(cast("str", figure)) for figure in figures]
    known = [place for place, figure in enumerate(figures) if figure is not None]
    unknown = [place for place, figure in enumerate(figures) if figure is None]
    known.sort(key=lambda place: cast("float", figures[place]), reverse=order.descending)
    return known + unknown
