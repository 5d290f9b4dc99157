"""What rating one event costs after warm-up, over a mix of models, tiers and shapes of usage. Target: at most 2 µs CPU.

Each round's costs are summed and compared with a sum worked out beforehand; a figure is printed only when they agree.
"""

import platform
import time
from importlib.metadata import version
from statistics import median
from typing import Final, NamedTuple

from spanledger.exporter.rate import PriceBook, catalogue, price_book, read_layer
from spanledger.schemas.money import format_amount

ROUNDS: Final = 30
CALLS_PER_ROUND: Final = 20_000

AT_NS: Final = 1_795_264_800 * 10**9  # 2026-11-21 12:40 UTC


# What a company's own file does to every call: a contract, a margin, another currency.
OVERLAY: Final = """
prices:
  - {provider: openai, model: "gpt-5*", discount: 20%, tenant: acme}
  - {provider: self, model: llama-3-70b, currency: EUR, units: {gpu_seconds: 0.0011}}
sell: [{tenant: acme, margin: 25%}]
currencies: {reporting: EUR, rates: [{date: 2026-11-20, from: USD, to: EUR, rate: 0.92}]}
"""


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

OVERLAID: Final = (
    # 0.006625 less a fifth
    Case("a discount, sold, in euros", "openai", "gpt-5-2025-08-07", "default", _REASONED, "0.0053"),
    # 2 seconds at 0.0011
    Case("by the GPU second", "self", "llama-3-70b", "", _PLAIN, "0.0022"),
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
    overlaid = price_book([read_layer(OVERLAY, origin="own.yaml")])
    medians = [_report(one, case) for one, cases in ((book, CASES), (overlaid, OVERLAID)) for case in cases]
    print(f"{'the mix':<26} {sum(medians) / len(medians):7.2f} us CPU")


def _report(book: PriceBook, case: Case) -> float:
    """Measure a case and print it; gives the median."""
    begun = time.process_time()
    _measure(book, case, 1)
    first_us = (time.process_time() - begun) * 1_000_000
    rounds = [_measure(book, case, CALLS_PER_ROUND) for _ in range(ROUNDS)]
    print(f"{case.name:<26} {median(rounds):7.2f} us CPU, best {min(rounds):5.2f}, first of its kind {first_us:6.0f}")
    return median(rounds)


def _measure(book: PriceBook, case: Case, calls: int) -> float:
    """CPU microseconds per call; refuses to answer when the sum is not the one expected."""
    rate, usage, provider, model, tier = book.rate, case.usage, case.provider, case.model, case.tier
    total = 0
    begun = time.process_time()
    for _ in range(calls):
        answer = rate(
            usage,
            provider=provider,
            model=model,
            fallback_model=model,
            at_ns=AT_NS,
            service_tier=tier,
            region="",
            tenant="acme",
            duration_ms=2000,
        )
        total += answer.cost or 0
    elapsed = time.process_time() - begun
    assert total % calls == 0
    assert format_amount(total // calls) == case.cost, case.name
    return elapsed / calls * 1_000_000


if __name__ == "__main__":
    main()
