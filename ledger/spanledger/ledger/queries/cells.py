"""What was used in one place of an answer, by currency: adding such up, and making figures of it for one currency.

Money and what is divided by it are of that currency's rows; every other sum is of all rows. What nobody used cost
nothing; what was used and has no cost in any currency is unknown.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Final, TypeAlias, cast

from spanledger.ledger.queries.measures import MEASURES, Quantile, sums_behind
from spanledger.ledger.queries.question import Question
from spanledger.ledger.tables import EXACT, Row, Value, decimal_text

Number: TypeAlias = int | Decimal | None
Cell: TypeAlias = Mapping[Row, Sequence[Number]]
"""The currencies of a row (of the cost; of the revenue if that is asked for) → its sums."""

NOTHING: Final[Cell] = {}

_OF_CURRENCY: Final = {"cost": 0, "token_cost": 0, "priced_tokens": 0, "revenue": -1}
"""The sums that are of one currency → which of a row's currencies that is."""
_MONEY: Final = frozenset({"cost", "token_cost", "revenue"})
_ZERO: Final = Decimal(0)


def cell_of(asked: Question, currencies: Row, sums: Sequence[Value]) -> Cell:
    """One row of the engine's."""
    return {currencies: [_number(name, value) for name, value in zip(sums_behind(asked.measures), sums, strict=True)]}


def added(left: Cell, right: Cell) -> Cell:
    """Both together."""
    if not left or not right:
        return left or right
    both = dict(left)
    for currencies, sums in right.items():
        mine = both.get(currencies)
        both[currencies] = sums if mine is None else list(map(_sum, mine, sums))
    return both


def figures(asked: Question, cell: Cell, currency: str) -> dict[str, Value]:
    """Every measure but quantiles; money is text."""
    sums = {name: _text(value) for name, value in named_sums(asked, cell, currency).items()}
    told: dict[str, Value] = {}
    for name in asked.measures:
        measure = MEASURES[name]
        if not isinstance(measure, Quantile):
            needed = [sums[each] for each in measure.sums]
            told[name] = needed[0] if measure.figure is None else measure.figure(*needed)
    return told


def named_sums(asked: Question, cell: Cell, currency: str) -> dict[str, Number]:
    """The sums by name, money of one currency alone."""
    names = sums_behind(asked.measures)
    whole: list[Number] = list(_folded(cell.values(), len(names)))
    for place, name in enumerate(names):
        at = _OF_CURRENCY.get(name)
        if at is not None:
            whole[place] = _of_currency(cell, place, at, currency, _ZERO if name in _MONEY else 0)
    return dict(zip(names, whole, strict=True))


def _of_currency(cell: Cell, place: int, at: int, currency: str, nothing: Number) -> Number:
    own = [sums[place] for currencies, sums in cell.items() if currencies[at] == currency]
    if own:
        return _folded([[each] for each in own], 1)[0]
    return nothing if not cell or any(currencies[at] for currencies in cell) else None


def _folded(rows: Iterable[Sequence[Number]], width: int) -> Sequence[Number]:
    total: Sequence[Number] | None = None
    for row in rows:
        total = row if total is None else list(map(_sum, total, row))
    return [0] * width if total is None else total


def _sum(left: Number, right: Number) -> Number:
    """A sum of what is known; None while nothing is."""
    if left is None or right is None:
        return right if left is None else left
    if isinstance(left, Decimal) or isinstance(right, Decimal):
        return EXACT.add(Decimal(left), Decimal(right))
    return left + right


def _number(name: str, value: Value) -> Number:
    return Decimal(cast("str", value)) if name in _MONEY and value is not None else cast("int | None", value)


def _text(value: Number) -> Value:
    return decimal_text(value) if isinstance(value, Decimal) else value
