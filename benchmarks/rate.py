"""What rating one event costs after warm-up, over a mix of models, tiers and shapes of usage. Target: at most 2 µs CPU.

Each round's costs are summed and compared with a sum worked out beforehand; a figure is printed only when they agree.
"""

import platform
import time
from importlib.metadata import version
from statistics import median
from typing import Final, NamedTuple

from spanledger.exporter.rate import PriceBook, catalogue
from spanledger.schemas.money import format_amount

ROUNDS: Final = 30
CALLS_PER_ROUND: Final = 20_000

AT_NS: Final = 1_795_264_800 * 10**9  # 2026-11-21 12:40 UTC


class Case(NamedTuple):
    """One kind of call, and its cost by the provider's price list."""

    name: str
    provider: str
    model: str
    tier: str
    usage: dict[str, int]
    cost: str


_CACHED: Final = {"input_tokens": 4700, "output_tokens": 500, "cache_read_tokens": 3000, "cache_write_tokens": 700}
_PLAIN: Final = {"input_tokens": 1000, "output_tokens": 500}
_REASONED: Final = {"input_tokens": 4000, "output_tokens": 500, "cache_read_tokens": 3000, "reasoning_tokens": 400}

CASES: Final = (
    # 1 000 * 3 + 3 000 * 0.30 + 700 * 3.75 + 500 * 15, per million
    Case("4 buckets, context bands", "anthropic", "claude-sonnet-4-5-20250929", "standard", _CACHED, "0.014025"),
    # 1 000 * 3.30 + 3 000 * 0.33 + 700 * 4.125 + 500 * 16.50
    Case("4 buckets", "aws.bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "", _CACHED, "0.0154275"),
    # 1 000 * 1.25 + 3 000 * 0.125 + 500 * 10
    Case("3 buckets and reasoning", "openai", "gpt-5-2025-08-07", "default", _REASONED, "0.006625"),
    # 1 000 * 0.625 + 500 * 5; the flex price has a date, so that the time of the call is looked at
    Case("2 buckets, dated price", "openai", "gpt-5-2025-08-07", "flex", _PLAIN, "0.003125"),
    # no price
    Case("2 buckets, unknown model", "openai", "gpt-99-turbo", "", _PLAIN, "0"),
)


def main() -> None:
    """Warm up, measure every case in turn, print medians."""
    print(f"{platform.machine()}, Python {platform.python_version()}, genai-prices {version('genai-prices')}")
    begun = time.process_time()
    book = catalogue()
    print(f"{'load the catalogue':<26} {(time.process_time() - begun) * 1000:7.1f} ms CPU")
    begun = time.process_time()
    assert book.digest
    print(f"{'its digest':<26} {(time.process_time() - begun) * 1000:7.1f} ms CPU")
    for case in CASES:
        begun = time.process_time()
        _measure(book, case, 1)
        first_us = (time.process_time() - begun) * 1_000_000
        rounds = [_measure(book, case, CALLS_PER_ROUND) for _ in range(ROUNDS)]
        print(
            f"{case.name:<26} {median(rounds):7.2f} us CPU, best {min(rounds):5.2f}, first of its kind {first_us:6.0f}"
        )


def _measure(book: PriceBook, case: Case, calls: int) -> float:
    """CPU microseconds per call; refuses to answer when the sum is not the one expected."""
    rate, usage, provider, model, tier = book.rate, case.usage, case.provider, case.model, case.tier
    total = 0
    begun = time.process_time()
    for _ in range(calls):
        total += (
            rate(usage, provider=provider, model=model, fallback_model=model, at_ns=AT_NS, service_tier=tier).cost or 0
        )
    elapsed = time.process_time() - begun
    assert total % calls == 0
    assert format_amount(total // calls) == case.cost, case.name
    return elapsed / calls * 1_000_000


if __name__ == "__main__":
    main()
