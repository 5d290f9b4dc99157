"""The hot path: one shape of usage under one set of prices; its lines, and when they cannot be told apart."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

import msgspec

from spanledger.exporter.rate.band import Band
from spanledger.exporter.rate.buckets import Form, Gap, Shape
from spanledger.exporter.rate.overlay import GPU_SECONDS, SECONDS
from spanledger.exporter.rate.rated import Rated, Reason, Subject
from spanledger.exporter.rate.tariff import Step, Steps, list_price, price_above
from spanledger.schemas import units as names

REQUESTS_PER_CALL: Final = 1
"""A call is one request; the plan reads it at the position after the stated counts, and after it the call's
milliseconds and those of its graphics processors, where a price asks for them."""

MILLISECONDS: Final = {SECONDS: "milliseconds", GPU_SECONDS: "gpu_milliseconds"}
"""A price by the second is charged by the millisecond: quantities are whole numbers, and so is `duration_ms`."""


class Priced(msgspec.Struct, frozen=True, gc=False):
    """The prices to compile; with none, `reason` says why there are none."""

    prices: Mapping[str, Steps]
    reason: Reason
    whole: bool = False
    """Whether the prices are all a call costs: its other counts make no lines."""
    gpus: int = 1


class Plan:
    """How one shape of usage is rated under one set of prices. Its answers never change."""

    __slots__ = (
        "_bands",
        "_checks",
        "_gaps",
        "_gpus",
        "_guarded",
        "_lowest",
        "_stated",
        "_subject",
        "_thresholds",
        "_timed",
        "_total",
        "whole",
    )

    def __init__(self, shape: Shape, priced: Priced, subject: Subject) -> None:
        self.whole = priced.whole
        self._gpus = priced.gpus
        prices, derived = _by_the_call(shape, priced.prices)
        self._timed = any(form.first > len(shape.stated) for form in derived.values())
        shares = shape.shares([*prices] if self.whole else [*prices, *shape.uncovered(prices)])
        lines = {unit: shares[unit] for unit in sorted(shares, key=lambda unit: shape.positions[unit])} | derived
        heights = {step.above for steps in prices.values() for step in steps[1:]}
        total = shape.positions.get(names.INPUT_TOKENS)
        needed = [*prices, names.INPUT_TOKENS] if heights else [*prices]
        gaps = [shape.gap(unit) for unit in dict.fromkeys(needed) if unit not in shape.positions]
        self._gaps: tuple[Gap, ...] = tuple(gap for gap in gaps if gap)
        self._checks = () if self.whole else tuple(shape.consistency() - set(lines.values()))
        self._guarded = bool(self._gaps or self._checks or derived)
        counts = len(shape.stated) + (3 if self._timed else 1 if self._guarded else 0)
        self._total = 0 if total is None else total
        self._thresholds = () if total is None else tuple(sorted(heights))
        assumes = _assumes_lifetime(shape, prices)
        self._bands = tuple(
            Band(
                {shape.name(unit): form for unit, form in lines.items()},
                {shape.name(unit): price_above(steps, above + 1) for unit, steps in prices.items()},
                (subject, priced.reason),
                counts=counts,
                assumes=assumes,
            )
            for above in (-1, *self._thresholds)
        )
        self._lowest = self._bands[0]
        self._stated = shape.stated
        self._subject = subject

    def rate(self, usage: Mapping[str, int], duration_ms: int | None = None) -> Rated:
        """Rate one usage of the plan's shape: the same units in the same order."""
        counts = list(usage.values())
        if self._guarded and (fault := self._fault(counts, duration_ms)):
            return self._as_stated(counts, fault)
        thresholds = self._thresholds
        band = self._bands[bisect_left(thresholds, counts[self._total])] if thresholds else self._lowest
        return band.rate(counts) or self._as_stated(counts, "inconsistent_usage")

    def _fault(self, counts: list[int], duration_ms: int | None) -> Reason:
        """What forbids telling the lines apart; empty when nothing does. Adds what every call has."""
        counts.append(REQUESTS_PER_CALL)
        if self._timed:
            if duration_ms is None:
                return "incomplete_usage"
            counts += (duration_ms, duration_ms * self._gpus)
        for form in self._checks:
            left = counts[form.first]
            for at in form.minus:
                left -= counts[at]
            for at in form.plus:
                left += counts[at]
            if left < 0:
                return "inconsistent_usage"
        for gap in self._gaps:
            if any(counts[at] for at in gap.parts) or any(counts[one] and counts[other] for one, other in gap.pairs):
                return "incomplete_usage"
        return ""

    def _as_stated(self, counts: Sequence[int], reason: Reason) -> Rated:
        """No lines can be told apart: give back what was stated, without a price."""
        return unrated(dict(zip(self._stated, counts, strict=False)), self._subject, reason)


def unrated(usage: Mapping[str, int], subject: Subject, reason: Reason) -> Rated:
    """The answer without a cost: the quantities as stated. Without any, the state is `unknown`."""
    stated = {unit: quantity for unit, quantity in usage.items() if quantity}
    nothing = (None,) * len(stated)
    return Rated(
        tuple(stated),
        tuple(stated.values()),
        nothing,
        nothing,
        None,
        subject.currency,
        "unknown" if reason == "no_usage" else "unpriced",
        reason,
        subject.model,
        subject.price_id,
        subject.price_book,
        nothing,
        (),
        subject.candidates,
    )


def _by_the_call(shape: Shape, prices: Mapping[str, Steps]) -> tuple[Mapping[str, Steps], dict[str, Form]]:
    """The prices, those by the second as prices by the millisecond, and the lines of what every call has."""
    at = len(shape.stated)
    derived: dict[str, Form] = {}
    given = dict(prices)
    if names.REQUESTS in prices and names.REQUESTS not in shape.positions:
        derived[names.REQUESTS] = Form(at)
    for position, unit in enumerate((SECONDS, GPU_SECONDS), at + 1):
        if unit in prices and unit not in shape.positions:
            derived[MILLISECONDS[unit]] = Form(position)
            given[MILLISECONDS[unit]] = tuple(
                Step(step.above, list_price(Decimal(step.price.amount), step.price.per * 1000))
                for step in given.pop(unit)
            )
    return given, derived


def _assumes_lifetime(shape: Shape, prices: Mapping[str, Steps]) -> bool:
    """Whether tokens are written to the cache for an unknown time, and the price depends on it."""
    hour = prices.get(names.CACHE_WRITE_1H_TOKENS)
    return (
        hour is not None
        and hour != prices.get(names.CACHE_WRITE_TOKENS)
        and names.CACHE_WRITE_TOKENS in shape.positions
        and not {names.CACHE_WRITE_5M_TOKENS, names.CACHE_WRITE_1H_TOKENS} & shape.positions.keys()
    )
