"""What can be asked of a group of events: the plain sums behind it, and how a figure is made of them.

Sums over every kind of event are right (a reversal carries negative amounts), and sums of parts can be added up. A
figure that cannot (a quantile) is taken from the charges that stand. Unknown is not zero: it is None.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final, cast

from spanledger.ledger.tables import EXACT, Value, decimal_text
from spanledger.schemas.claim import UNATTRIBUTED

REVERSED: Final = "event_id IN (SELECT r.reverses FROM ledger_events AS r WHERE r.kind = 'reversal')"
_TRY: Final = f"kind = 'attempt' AND NOT {REVERSED}"
_CHARGE: Final = f"kind = 'charge' AND NOT {REVERSED}"
_UNPRICED: Final = "cost_state != 'priced'"
_PRICED_LATER: Final = "(tenant, event_id) IN (SELECT p.tenant, p.event_id FROM priced_later AS p)"
_STILL_UNPRICED: Final = f"{_UNPRICED} AND NOT {_PRICED_LATER}"
_TOKENS: Final = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens")
_OF_TOKENS: Final = "arrayExists(unit -> endsWith(unit, 'tokens'), `lines.unit`)"


@dataclass(frozen=True, slots=True)
class Sum:
    """One sum: over the events, and over the rows of the daily sums if they have it."""

    of_events: str
    of_days: str | None = None

    def told_by(self, *, adjusted: bool) -> str:
        """Over the events. Where nothing was ever adjusted, nothing was priced later: half of the time is that."""
        return self.of_events if adjusted else self.of_events.replace(_STILL_UNPRICED, _UNPRICED)


SUMS: Final[Mapping[str, Sum]] = {
    "requests": Sum("sum(requests)", "sum(requests)"),
    "attempts": Sum(f"toInt64(countIf({_TRY}))", "sum(attempts)"),
    "errors": Sum(
        f"sumIf(requests, status = 'error') + toInt64(countIf(status = 'error' AND {_TRY}))",
        "sum(error_requests) + sum(error_attempts)",
    ),
    **{name: Sum(f"sum({name})", f"sum({name})") for name in _TOKENS},
    "cost": Sum("sum(cost)", "sum(cost)"),
    "revenue": Sum("sum(revenue)"),
    "token_cost": Sum(f"sumOrNullIf(cost, {_OF_TOKENS})"),
    "priced_tokens": Sum(f"sumIf(ifNull(input_tokens, 0) + ifNull(output_tokens, 0), NOT ({_STILL_UNPRICED}))"),
    "duration_ms": Sum("sum(requests * duration_ms)", "sum(duration_ms)"),
    "unpriced": Sum(f"sumIf(requests, {_STILL_UNPRICED})", "sum(uncosted_requests)"),
    "estimated": Sum("sumIf(requests, usage_source = 'estimated')", "sum(estimated_requests)"),
    "probable": Sum("sumIf(requests, quality = 'probable')", "sum(probable_requests)"),
    "unattributed": Sum(f"sumIf(requests, tenant = '{UNATTRIBUTED}')", f"sumIf(requests, tenant = '{UNATTRIBUTED}')"),
}

SHARES: Final = {f"{name}_share": name for name in ("unpriced", "estimated", "probable", "unattributed")}
"""Each share and the sum behind it: parts of the requests, from 0 to 1; they stand beside every sum."""
_ALWAYS: Final = ("requests", *SHARES.values())

_SHARE_DECIMALS: Final = 6
_ATTO: Final = Decimal(1).scaleb(-18)
_MILLION: Final = Decimal(1_000_000)


@dataclass(frozen=True, slots=True)
class Measure:
    """A figure: its ClickHouse type, the sums it is made of, and how."""

    type: str
    sums: tuple[str, ...]
    figure: Callable[..., Value] | None = None
    """Takes the sums; None: the first of them is the figure."""


@dataclass(frozen=True, slots=True)
class Quantile:
    """A quantile over the charges that stand; zero says that nobody measured it."""

    column: str
    level: float
    type: str = "Nullable(Int64)"

    @property
    def sql(self) -> str:
        """None where no charge of the group has a value."""
        known = f"{self.column} > 0 AND {_CHARGE}"
        value = f"toInt64(quantileExactIf({self.level})(assumeNotNull({self.column}), {known}))"
        return f"if(countIf({known}) = 0, NULL, {value})"


def share(part: Value, whole: Value) -> float | None:
    """One count as a part of another; None of nothing."""
    return round(cast("int", part) / cast("int", whole), _SHARE_DECIMALS) if whole else None


def known_cost(cost: Value, unpriced: Value, requests: Value) -> Value:
    """The cost, unless attempts and reversals left a zero that no priced request stands behind: that is no price."""
    return None if cost == "0" and unpriced == requests != 0 else cost


def quotient(amount: Value, count: Value, scale: Decimal = Decimal(1)) -> str | None:
    """An amount of money over a count, rounded half-even to 18 places; None where either is unknown or nothing."""
    if amount is None or not count or cast("int", count) < 0:
        return None
    exact = EXACT.divide(EXACT.multiply(Decimal(cast("str", amount)), scale), Decimal(cast("int", count)))
    return decimal_text(exact.quantize(_ATTO, ROUND_HALF_EVEN, EXACT))


def _success_rate(requests: int, attempts: int, errors: int) -> Value:
    return share(requests + attempts - errors, requests + attempts)


def _mean_ms(total_ms: int, requests: int) -> Value:
    return round(total_ms / requests, 1) if requests > 0 else None


def _per_million(cost: Value, tokens: Value) -> Value:
    return quotient(cost, tokens, _MILLION)


def _output_per_input(output_tokens: int | None, input_tokens: int | None) -> Value:
    return None if output_tokens is None else share(output_tokens, input_tokens)


_COUNT: Final = "Nullable(Int64)"
_MONEY: Final = "Nullable(Decimal(38, 18))"
_RATIO: Final = "Nullable(Float64)"
_LEVELS: Final = (50, 90, 95, 99)

MEASURES: Final[Mapping[str, Measure | Quantile]] = {
    **{name: Measure("Int64", (name,)) for name in ("requests", "attempts", "errors")},
    "success_rate": Measure(_RATIO, ("requests", "attempts", "errors"), _success_rate),
    **{name: Measure(_COUNT, (name,)) for name in _TOKENS},
    "cost": Measure(_MONEY, ("cost", "unpriced", "requests"), known_cost),
    "revenue": Measure(_MONEY, ("revenue",)),
    "cost_per_million_tokens": Measure(_MONEY, ("token_cost", "priced_tokens"), _per_million),
    "output_per_input": Measure(_RATIO, ("output_tokens", "input_tokens"), _output_per_input),
    "duration_mean_ms": Measure(_RATIO, ("duration_ms", "requests"), _mean_ms),
    **{f"duration_p{level}_ms": Quantile("duration_ms", level / 100) for level in _LEVELS},
    **{f"time_to_first_token_p{level}_ms": Quantile("time_to_first_token_ms", level / 100) for level in _LEVELS},
}
"""Every measure by name."""

SUMMED: Final = tuple(
    name
    for name, measure in MEASURES.items()
    if name == "cost" or (isinstance(measure, Measure) and not measure.figure)
)
"""Those that are sums themselves: parts of them add up, and differences mean something."""

DEFAULT_MEASURES: Final = ("requests", "input_tokens", "output_tokens", "cost")


def sums_behind(measures: tuple[str, ...]) -> tuple[str, ...]:
    """The sums that these measures and the shares are made of, each once."""
    named = [MEASURES[name] for name in measures]
    needed = (name for measure in named if isinstance(measure, Measure) for name in measure.sums)
    return tuple(dict.fromkeys((*_ALWAYS, *needed)))
