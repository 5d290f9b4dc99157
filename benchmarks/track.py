"""What one `track()` costs its caller: microseconds, while the receiver that the usage is for is dead.

Targets: 20 µs of its thread's time, 50 µs in the 99th percentile by the clock. The yardstick is a bare span of the SDK
with as many attributes. Read only after every unit of work is found in the journal.
"""

import os
import platform
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from statistics import median, quantiles
from typing import Final

from opentelemetry.sdk.trace import TracerProvider

from spanledger.exporter.journal import shards
from spanledger.instrumentation import LLMEvent, attribution, flush, get_tracker, track

ROUNDS: Final = 100
CALLS_PER_ROUND: Final = 100
CLOCKED_CALLS: Final = 3_000
PAUSE_S: Final = 0.002

_STATED: Final = {f"ledger.field_{number}": "a value" for number in range(9)}
_tracer = TracerProvider(shutdown_on_exit=False).get_tracer("yardstick")


def main() -> None:
    """Measure and print."""
    print(f"{platform.machine()}, Python {platform.python_version()}, opentelemetry-sdk {version('opentelemetry-sdk')}")
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as dead:
        # It takes connections into its backlog and never answers.
        os.environ["SPANLEDGER_OTLP_ENDPOINT"] = f"http://127.0.0.1:{dead.getsockname()[1]}"
        os.environ["SPANLEDGER_DATA"] = folder
        begun = time.perf_counter()
        track("elevenlabs", "transcribe")
        print(f"the first call                             {(time.perf_counter() - begun) * 1000:6.1f} ms")
        assert flush()
        print(f"until its work is on disk                  {(time.perf_counter() - begun) * 1000:6.1f} ms")
        with attribution(tenant="acme", user_id="u-1", feature="search", team="core"):
            print(f"the yardstick: a bare span                 {_thread_us(_bare_span):6.2f} µs of its thread")
            print(f"track()                                    {_thread_us(_track):6.2f} µs of its thread")
            print(f"get_tracker().track(LLMEvent(…))           {_thread_us(_event):6.2f} µs of its thread")
            print(f"get_tracker().track(fast_construct(…))     {_thread_us(_fast_event):6.2f} µs of its thread")
            _print_clocked("in bursts of 100", _clocked_us(_track, pause_s=0.0))
            _print_clocked(f"one every {PAUSE_S * 1000:.0f} ms", _clocked_us(_track, pause_s=PAUSE_S))
        assert flush()
        found = sum(record.entry.elements for shard in shards(Path(folder)) for record in shard.read())
        assert found == 1 + 3 * ROUNDS * CALLS_PER_ROUND + 2 * CLOCKED_CALLS, found
        sys.stdout.flush()
        # The courier still waits for the answer that never comes; there is nothing more to lose.
        os._exit(0)


def _bare_span() -> None:
    _tracer.start_span("track", attributes=_STATED).end()


def _track() -> None:
    track("elevenlabs", "transcribe", 120, "characters", job="77")


def _event() -> None:
    get_tracker().track(LLMEvent(provider="openai", model="gpt-4o", input_tokens=1200, output_tokens=300))


def _fast_event() -> None:
    event = LLMEvent.fast_construct(provider="openai", model="gpt-4o", input_tokens=1200, output_tokens=300)
    get_tracker().track(event)


def _thread_us(call: Callable[[], None]) -> float:
    rounds: list[float] = []
    for _ in range(ROUNDS):
        begun = time.thread_time()
        for _ in range(CALLS_PER_ROUND):
            call()
        rounds.append((time.thread_time() - begun) / CALLS_PER_ROUND)
        assert flush()
    # What else the machine does only ever adds.
    return quantiles(rounds)[0] * 1e6


def _clocked_us(call: Callable[[], None], *, pause_s: float) -> list[float]:
    taken: list[float] = []
    for number in range(CLOCKED_CALLS):
        begun = time.perf_counter()
        call()
        taken.append((time.perf_counter() - begun) * 1e6)
        if pause_s:
            time.sleep(pause_s)
        elif number % CALLS_PER_ROUND == CALLS_PER_ROUND - 1:
            assert flush()
    return taken


def _print_clocked(how: str, taken: Sequence[float]) -> None:
    cuts = quantiles(taken, n=1000)
    print(f"track() by the clock, {how}: median {median(taken):.1f}, p99 {cuts[989]:.1f}, p99.9 {cuts[998]:.1f} µs")


if __name__ == "__main__":
    main()
