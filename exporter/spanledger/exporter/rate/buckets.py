"""Usage counts contain one another; here each token is given to the one count that prices it. Pure set algebra.

A unit contains another when its dimensions are a subset. What a unit is billed for is its count less everything
that finer billed units took: a sum of stated counts with signs, called a form.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import Final

import msgspec

from spanledger.exporter.rate.tariff import Dimensions
from spanledger.schemas import units as names

_BASE: Final = frozenset({"family", "direction"})
# Counts along one axis are disjoint or nested, never overlapping: their parts may be summed against the whole.
_AXES: Final = (_BASE | {"token_type", "cache_ttl"}, _BASE | {"modality"}, _BASE | {"page_type"})

_ALIASES: Final = {names.REASONING_TOKENS: "output_reasoning_tokens"}
"""Names of ours that the units registry spells otherwise."""

_PLAIN: Final = frozenset(
    {
        names.INPUT_TOKENS,
        names.OUTPUT_TOKENS,
        names.CACHE_READ_TOKENS,
        names.CACHE_WRITE_TOKENS,
        names.CACHE_WRITE_5M_TOKENS,
        names.CACHE_WRITE_1H_TOKENS,
    }
)
"""What a call without a price is broken down into: never two overlapping ways of counting the same tokens."""


class Form(msgspec.Struct, frozen=True, gc=False):
    """A stated count, by its position; the counts to take away from it; those to add because two took them."""

    first: int
    minus: tuple[int, ...] = ()
    plus: tuple[int, ...] = ()


class Gap(msgspec.Struct, frozen=True, gc=False):
    """What makes an unstated count indispensable: a part above zero, or two overlapping ones both above zero."""

    parts: tuple[int, ...]
    pairs: tuple[tuple[int, int], ...]


class Shape:
    """The counts one usage states, in order, and how they contain one another."""

    def __init__(self, stated: Sequence[str], units: Mapping[str, Dimensions]) -> None:
        self._units = units
        self.stated = tuple(stated)
        # An alias beside the registry's own name would count the same twice: it stays a unit nobody prices.
        self.positions = {
            unit if (alias := _ALIASES.get(unit, unit)) in stated else alias: position
            for position, unit in enumerate(stated)
        }

    def name(self, unit: str) -> str:
        """The unit as the usage stated it."""
        return self.stated[self.positions[unit]] if unit in self.positions else unit

    def dimensions(self, unit: str) -> Dimensions:
        """What the unit counts; a unit nobody registered contains nothing and is part of nothing."""
        return self._units.get(unit) or frozenset({("unit", unit)})

    def contains(self, whole: str, part: str) -> bool:
        """Whether `part` is counted inside `whole`, and is not the same."""
        return self.dimensions(whole) < self.dimensions(part)

    def uncovered(self, priced: Iterable[str]) -> list[str]:
        """Stated units that no price reaches, reduced to those that make lines of their own."""
        priced = set(priced)
        left = [
            unit
            for unit in self.positions
            if unit not in priced and not any(self.contains(whole, unit) for whole in priced)
        ]
        # Every call is a request: where the book prices none, the count says nothing beside other units.
        if len(self.positions) > 1:
            left = [unit for unit in left if unit != names.REQUESTS]
        return [unit for unit in left if unit in _PLAIN or not any(self.contains(whole, unit) for whole in left)]

    def shares(self, billed: Iterable[str]) -> dict[str, Form]:
        """What each stated billed unit is left with when finer billed units have taken theirs."""
        finest_first = sorted(billed, key=lambda unit: (-len(self.dimensions(unit)), unit))
        taken: dict[str, dict[str, int]] = {}
        for unit in finest_first:
            rest: dict[str, int] = {}
            for finer in [other for other in taken if self.contains(unit, other)]:
                for name, sign in {finer: 1, **taken[finer]}.items():
                    rest[name] = rest.get(name, 0) - sign
            taken[unit] = rest
        return {unit: self._form(unit, taken[unit]) for unit in finest_first if unit in self.positions}

    def gap(self, unit: str) -> Gap | None:
        """What would make the count of an unstated unit indispensable; None when nothing stated could."""
        stated = [name for name in self.positions if name in self._units]
        parts = tuple(self.positions[name] for name in stated if self.contains(unit, name))
        pairs = tuple(
            (self.positions[left], self.positions[right])
            for left, right in combinations(stated, 2)
            if not self.contains(left, right)
            and not self.contains(right, left)
            and self.dimensions(left) | self.dimensions(right) == self.dimensions(unit)
        )
        return Gap(parts, pairs) if parts or pairs else None

    def consistency(self) -> set[Form]:
        """Forms that are negative only if the counts contradict one another, whatever is priced."""
        forms: set[Form] = set()
        on_an_axis: set[str] = set()
        for axis in _AXES:
            members = [unit for unit in self.positions if {name for name, _ in self.dimensions(unit)} <= axis]
            on_an_axis.update(members)
            forms.update(form for form in self.shares(members).values() if form.minus)
        forms.update(
            Form(self.positions[whole], (self.positions[part],))
            for part in self.positions.keys() - on_an_axis
            for whole in self.positions
            if self.contains(whole, part)
        )
        return forms

    def _form(self, unit: str, rest: Mapping[str, int]) -> Form:
        """Positions for names; an unstated count is zero and drops out, as does one that cancels."""
        terms = sorted((self.positions[name], sign) for name, sign in rest.items() if name in self.positions)
        return Form(
            self.positions[unit],
            minus=tuple(position for position, sign in terms for _ in range(-sign)),
            plus=tuple(position for position, sign in terms for _ in range(sign)),
        )
