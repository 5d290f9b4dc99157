"""What charges are worth against what the providers really returned. Pure: plain data in, plain data out.

A charge that states a number must be true; one that cannot know it must say so. Unknown is not zero.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeAlias, cast

BUCKETS: Final = (
    "cache_read_tokens",
    "cache_write_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "reasoning_tokens",
)
"""Parts of input and output that have a price of their own; `cache_write_tokens` holds the two after it."""

COUNTS: Final = ("input_tokens", "output_tokens", *BUCKETS)
FLAGS: Final = frozenset({"missing", "estimated"})
"""Usage sources that promise nothing: such a charge is never summed."""

CALLED_EXACT: Final = frozenset({"", "exact"})
"""Qualities of a charge that makes no reservation. One that has no such word makes none."""

Value: TypeAlias = "str | int | bool | None"
Record: TypeAlias = Mapping[str, Value]
"""An object of a truth file; what is nested in it is not read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """One answer of a provider that it bills: status 200."""

    counts: Mapping[str, int]
    on_wire: bool
    """Whether the provider sent its usage; if not, nobody can know it from telemetry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """Some calls through one emitter."""

    name: str
    """`emitter/scenario`."""
    responses: tuple[Response, ...]
    unsent: int = 0
    """How many of the responses no span and no log record tells of, though telemetry was on."""
    scored: bool = True
    """False if no provider was called, so that nobody can say what is right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """One row of the CSV."""

    counts: Mapping[str, int]
    """What it states; what it leaves open is absent."""
    usage_source: str = ""
    quality: str = ""

    @property
    def flagged(self) -> bool:
        """Whether it says itself that its usage is not known."""
        return self.usage_source in FLAGS


class Verdict(Enum):
    """What became of a scenario; exactly one of these."""

    RIGHT = "right"
    FLAGGED = "flagged"
    """What is stated is true, and a charge stands for every response that cannot be."""
    UNSENT = "never sent"
    """The same, but for responses of which the emitter sends nothing at all."""
    SILENT = "lost silently"
    """What is stated is true, but responses are left out and nothing says so."""
    FALSE = "false"
    """What is stated is the sum of no set of responses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The score of one scenario."""

    scenario: str
    verdict: Verdict
    called_exact: bool
    """Whether it is false already by what charges without reservation state."""
    needless_flags: int
    """Charges that claim a loss where there is none."""
    true: Mapping[str, int]
    stated: Mapping[str, int]
    """What no charge states is absent."""

    @property
    def wrong(self) -> bool:
        """Whether the ledger would be wrong, and would not know."""
        return self.verdict in {Verdict.SILENT, Verdict.FALSE}

    @property
    def bucketed(self) -> bool:
        """Whether any bucket is used at all."""
        return any(self.true[name] for name in BUCKETS)

    @property
    def buckets_right(self) -> bool:
        """Whether the totals are right and so is every bucket: a used one stated, an unused one not."""
        return self.verdict is Verdict.RIGHT and not any(self.off(name) for name in BUCKETS)

    def off(self, name: str) -> int:
        """How far one count is off, up or down."""
        return abs(self.stated.get(name, 0) - self.true[name])

    @property
    def error_tokens(self) -> int:
        """How many tokens the two totals are off, up or down."""
        return sum(self.off(name) for name in COUNTS[:2])


def score(scenario: Scenario, charges: Sequence[Charge]) -> Result:
    """Judge the charges of one scenario.

    Only responses whose usage was on the wire count. What is stated is right if it is their sum; incomplete if it is
    the sum of some of them; false otherwise.
    """
    known = [response.counts for response in scenario.responses if response.on_wire]
    sums = _sums_of_some(map(_totals, known))
    summed = [charge for charge in charges if not charge.flagged]
    stated = _sum(charge.counts for charge in summed)
    exact = _sum(charge.counts for charge in summed if charge.quality in CALLED_EXACT)
    covered = sums.get(_totals(stated))
    flags = len(charges) - len(summed)
    lost = len(scenario.responses) - (covered or 0)
    return Result(
        scenario=scenario.name,
        verdict=Verdict.FALSE if covered is None else _verdict(lost, flags, scenario.unsent),
        called_exact=covered is None and _totals(exact) not in sums,
        needless_flags=0 if covered is None else max(0, flags - lost),
        true=dict.fromkeys(COUNTS, 0) | _sum(known),
        stated=stated,
    )


def _verdict(lost: int, flags: int, unsent: int) -> Verdict:
    """What it is called when a number of responses is in no sum."""
    if not lost:
        return Verdict.RIGHT
    if flags >= lost:
        return Verdict.FLAGGED
    return Verdict.UNSENT if flags + unsent >= lost else Verdict.SILENT


def _sum(many: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Each count added up; one that is nowhere stated is absent."""
    total: dict[str, int] = {}
    for counts in many:
        for name, tokens in counts.items():
            total[name] = total.get(name, 0) + tokens
    return total


def _totals(counts: Mapping[str, int]) -> tuple[int, int]:
    return counts.get("input_tokens", 0), counts.get("output_tokens", 0)


def _sums_of_some(responses: Iterable[tuple[int, int]]) -> dict[tuple[int, int], int]:
    """Every sum of some of the responses, and how many it takes at most."""
    sums = {(0, 0): 0}
    for tokens_in, tokens_out in responses:
        for (sum_in, sum_out), taken in list(sums.items()):
            more = (sum_in + tokens_in, sum_out + tokens_out)
            sums[more] = max(sums.get(more, 0), taken + 1)
    return sums


def response_of(record: Record) -> Response | None:
    """A row of a truth file; None for an answer that bills nothing."""
    if record["status"] != 200:
        return None
    parts = {name: cast("int", record[name]) for name in record if name.startswith(("input_", "output", "reasoning_"))}
    written = sum(tokens for name, tokens in parts.items() if name.startswith("input_cache_write_"))
    return Response(
        on_wire=bool(record["usage_on_wire"]),
        counts={
            "input_tokens": parts["input_uncached"] + parts["input_cached_read"] + written,
            "output_tokens": parts["output"],
            "cache_read_tokens": parts["input_cached_read"],
            "cache_write_tokens": written,
            "cache_write_5m_tokens": parts["input_cache_write_5m"],
            "cache_write_1h_tokens": parts["input_cache_write_1h"],
            "reasoning_tokens": parts["reasoning_in_output"],
        },
    )


def results(corpus: Iterable[Scenario], stated: Mapping[str, Sequence[Charge]]) -> list[Result]:
    """The result of every scenario that is scored, also of those without a charge."""
    return [score(scenario, stated.get(scenario.name, ())) for scenario in corpus if scenario.scored]
