"""The lines of one shape of usage under one set of prices, written out as a function of straight arithmetic.

A line's quantity is a stated count less others; its amount is quantity * price rounded half-even to 10⁻¹⁸; the cost is
the sum. No float, no Decimal. Every event is rated: a loop over the lines costs a fifth more.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import compress
from typing import Final, cast

from spanledger.exporter.rate.buckets import Form
from spanledger.exporter.rate.rated import ListPrice, Note, Rated, Reason, Subject
from spanledger.schemas import units as names
from spanledger.schemas.event import CostState
from spanledger.schemas.money import round_half_even

Arithmetic = Callable[[Sequence[int]], "Rated | None"]
"""Counts by position in, the answer out; None where parts exceed their whole."""

_Said = tuple[str, CostState, Reason, str, str, str, tuple[ListPrice | None, ...], tuple[Note, ...], tuple[str, ...]]
"""All of an answer after its cost: the fields of `Rated` from `currency` to `candidates`."""

_Head = tuple[tuple[str, ...], tuple[int | None, ...], _Said]
"""Units and unit prices of the lines that are not zero, and what is said of them."""

_SOURCE: Final = """
def rate(counts):
    [{counts}] = counts
    {arithmetic}
    if {positive}:
        return rated(units, ({quantities}), unit_prices, ({amounts}), {cost}, *said)
    return some(({quantities}), ({amounts}))
"""


class Band:
    """The lines at one height of the total input."""

    __slots__ = ("_assumed", "_heads", "_lines", "_reason", "_subject", "rate")

    def __init__(
        self,
        lines: Mapping[str, Form],
        prices: Mapping[str, ListPrice],
        answer: tuple[Subject, Reason],
        *,
        counts: int,
        assumes: bool,
    ) -> None:
        """`counts` is how many there are by position; `answer` what is said of every call, priced or not."""
        self._subject: Subject = answer[0]
        self._reason: Reason = answer[1]
        self._assumed = names.CACHE_WRITE_TOKENS if assumes else ""
        self._lines = [(unit, prices.get(unit)) for unit in lines]
        # By which lines are not zero; few combinations ever occur.
        self._heads: dict[tuple[bool, ...], _Head] = {}
        self.rate: Arithmetic = self._written(list(lines.values()), counts)

    def _written(self, forms: list[Form], counts: int) -> Arithmetic:
        """The arithmetic as Python, for when no line is zero: the only names in it are numbered, the rest is digits."""
        units, unit_prices, said = self._head((True,) * len(forms))
        source = _SOURCE.format(
            counts=", ".join(f"c{at}" for at in range(counts)),
            arithmetic="\n    ".join(_arithmetic(forms, [price for _, price in self._lines])) or "pass",
            positive=" and ".join(f"q{line} > 0" for line in range(len(forms))) or "True",
            quantities="".join(f"q{line}, " for line in range(len(forms))),
            amounts="".join(f"a{line}, " for line in range(len(forms))),
            cost="None" if said[2] else " + ".join(f"a{line}" for line in range(len(forms))) or "0",
        )
        known: dict[str, object] = {
            "rated": Rated,
            "round_half_even": round_half_even,
            "some": self._some,
            "units": units,
            "unit_prices": unit_prices,
            "said": said,
        }
        exec(source, known)  # noqa: S102 (made above, of numbers only)
        return cast("Arithmetic", known["rate"])

    def _some(self, quantities: tuple[int, ...], amounts: tuple[int | None, ...]) -> Rated | None:
        """The answer where a line is zero, and left out, or less."""
        if min(quantities) < 0:
            return None
        some = tuple(map(bool, quantities))
        units, unit_prices, said = self._heads.get(some) or self._head(some)
        left = tuple(compress(amounts, some))
        cost = None if said[2] else sum(cast("tuple[int, ...]", left))
        return Rated(units, tuple(filter(None, quantities)), unit_prices, left, cost, *said)

    def _head(self, some: tuple[bool, ...]) -> _Head:
        """What is said of the lines that are not zero, remembered."""
        subject, lines = self._subject, list(compress(self._lines, some))
        units = tuple(unit for unit, _ in lines)
        prices = tuple(price for _, price in lines)
        reason: Reason = self._reason or ("no_price_for_unit" if None in prices else "")
        head = self._heads[some] = (
            units,
            tuple(price and round_half_even(price.numerator, price.denominator) for price in prices),
            (
                subject.currency,
                "unpriced" if reason else "priced",
                reason,
                subject.model,
                subject.price_id,
                subject.price_book,
                prices,
                ("cache_lifetime_assumed",) if self._assumed in units else (),
                subject.candidates,
            ),
        )
        return head


def _arithmetic(forms: Sequence[Form], prices: Sequence[ListPrice | None]) -> Iterator[str]:
    """The statements that make each line's quantity and amount; an amount without a price is None."""
    for line, (form, price) in enumerate(zip(forms, prices, strict=True)):
        taken = "".join(f" - c{at}" for at in form.minus) + "".join(f" + c{at}" for at in form.plus)
        yield f"q{line} = c{form.first}{taken}"
        if price is None:
            yield f"a{line} = None"
        elif price.denominator == 1:
            yield f"a{line} = q{line} * {price.numerator}"
        else:
            yield f"a{line} = round_half_even(q{line} * {price.numerator}, {price.denominator})"
