"""What a guard adds to a call that it need not ask anybody for: microseconds of the caller's thread.

Target: 30 µs while a lease has room, or while it is believed that no budget covers the call. Everything between the
request and its sending counts: reading how large it may get, asking the guard, and what the answer costs at the end.
"""

import platform
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from statistics import median

import msgspec
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import TracerProvider as AnyProvider

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from support.reservations import Reservations, reservations

from spanledger.instrumentation import AttributionSpanProcessor, attribution
from spanledger.instrumentation.wire.admission import admit
from spanledger.instrumentation.wire.meter import Meter
from spanledger.instrumentation.wire.settings import endpoints_from
from spanledger.ledger.guarding import LeasingGuard
from spanledger.ledger.guarding.settings import GuardSettings

ROUNDS = 600
CALLS_PER_ROUND = 20
TARGET_US = 30.0
LIMIT = Decimal(10**9)

ANSWER = msgspec.json.encode({"id": "r", "model": "gpt-4o", "usage": {"prompt_tokens": 9, "completion_tokens": 9}})


def main() -> None:
    """Measure and print."""
    print(f"{platform.machine()}, Python {platform.python_version()}")
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(AttributionSpanProcessor())
    with reservations() as server, attribution(tenant="acme", user_id="u-1", feature="search", team="core"):
        for size, words in (("1 kB", 30), ("100 kB", 3_000)):
            body = msgspec.json.encode(
                {
                    "model": "gpt-4o",
                    "max_tokens": 100,
                    "messages": [{"role": "user", "content": "how are you today " * words * 2}],
                }
            )
            _print_adds(f"a lease has room, {size}", server, provider, body, leased=True)
            _print_adds(f"no budget covers it, {size}", server, provider, body, leased=False)


def _print_adds(what: str, server: Reservations, provider: AnyProvider, body: bytes, *, leased: bool) -> None:
    meter = Meter(endpoints_from({}), provider)
    endpoint = meter.recognise("https", "api.openai.com", 443, "/v1/chat/completions")
    assert endpoint is not None
    permits: list[object] = []

    def call() -> None:
        attempt = meter.begin(endpoint, None, body)
        assert attempt is not None
        admit(attempt)
        attempt.answered(200, {"content-type": "application/json"}, ANSWER)
        permits.append(attempt.permit)

    plain_us, _ = _us(call, lambda: 0)
    server.limit, server.valid_s = (LIMIT, 0.0) if leased else (None, 60.0)
    meter.guard = guard = LeasingGuard(GuardSettings(enforce=True, url=server.url))
    permits.clear()
    server.asked.clear()
    cached_us, all_us = _us(call, lambda: len(server.asked))
    assert None not in permits
    assert guard.failures == {}, guard.failures
    added = cached_us - plain_us
    trips = f"{len(server.asked)} questions for {len(permits)} calls, {all_us - plain_us:.1f} µs with them"
    print(f"{what:<32} {added:6.1f} µs beside {plain_us:5.1f} of metering; {trips}")
    assert added <= TARGET_US or len(body) > 10_000, added


def _us(call: Callable[[], None], asked: Callable[[], int]) -> tuple[float, float]:
    """A call's time: the median over rounds in which nobody was asked, and the mean of all."""
    rounds: list[float] = []
    whole = 0.0
    for _ in range(ROUNDS):
        before, begun = asked(), time.thread_time_ns()
        for _ in range(CALLS_PER_ROUND):
            call()
        each = (time.thread_time_ns() - begun) / CALLS_PER_ROUND / 1000
        whole += each
        if asked() == before:
            rounds.append(each)
    return median(rounds), whole / ROUNDS


if __name__ == "__main__":
    main()
