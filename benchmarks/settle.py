"""What settling a claim costs, at few and at many open traces, and what remembering them takes.

Calls of many traces in turn, a claim of each in every round, so that every claim but the first meets a trace that is
open. Checked first: every call is charged once, and a second teller's claims are merged into the first's.

    python benchmarks/settle.py
"""

import os
import sys
import time
from pathlib import Path

from spanledger.exporter.settle import Settler, Standing, stand
from spanledger.exporter.settle.settler import CLAIMS_MAX
from spanledger.exporter.throughput import favour_throughput
from spanledger.schemas.claim import Attribution, Call, Claim

BATCH = 1_000
ROUNDS = 4
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
OWNERS = [Attribution(tenant=f"tenant-{number}", service_name="shop", service_instance="a") for number in range(50)]
START_NS = 1_790_000_000 * 10**9


def claim(trace: str, number: int, turn: int, *, emitter: str, with_id: bool) -> Standing:
    """The call of one trace in one round."""
    start_ns = START_NS + number * 1_000_000 + turn * 10**9
    usage = {"input_tokens": 1_200 + turn + number % 997, "output_tokens": 340, "cache_read_tokens": 1_024}
    made = Claim(
        scope="*",
        signal="traces",
        trace_id=trace,
        span_id=os.urandom(8).hex(),
        start_ns=start_ns,
        end_ns=start_ns + 900_000_000,
        call=Call(role="inference", dialect="semconv", emitter=emitter, operation="chat", provider="openai"),
        attribution=OWNERS[number % len(OWNERS)],
        response_id=f"chatcmpl-{trace[:20]}{turn}" if with_id else "",
        usage=usage,
        usage_source="provider",
    )
    return stand(made, start_ns)


def resident_mb() -> float:
    """Resident memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_BYTES / 1e6


def measure(title: str, traces: int, *, with_id: bool, tellers: tuple[str, ...] = ("client",), bound: int) -> None:
    """Settle `ROUNDS` claims a trace, of each teller, and print the CPU time of a claim and the memory of all."""
    names = [os.urandom(16).hex() for _ in range(traces)]
    settler, before_mb, spent, settled, charged = Settler(claims_max=bound), resident_mb(), 0.0, 0, 0
    for turn in range(ROUNDS):
        for emitter in tellers:
            for start in range(0, traces, BATCH):
                batch = [
                    claim(name, start + place, turn, emitter=emitter, with_id=with_id and emitter == "client")
                    for place, name in enumerate(names[start : start + BATCH])
                ]
                began = time.thread_time()
                settler.unknown(batch)
                settlement = settler.settle(batch, START_NS)
                spent += time.thread_time() - began
                settled += len(batch)
                charged += len(settlement.charges) - len(settlement.withdrawn)
    if bound > settled and charged != traces * ROUNDS:
        sys.exit(f"{charged} charges of {traces * ROUNDS} calls")
    took_mb = resident_mb() - before_mb
    print(f"{title:60s} {spent / settled * 1e6:6.2f} us CPU per claim, {settled:,} claims, {took_mb:,.0f} MB")


def main() -> None:
    """Every line."""
    favour_throughput()
    unbounded = 10**9
    measure("1,000 open traces, response ids", 1_000, with_id=True, bound=unbounded)
    measure("1,000 open traces, no ids", 1_000, with_id=False, bound=unbounded)
    measure("1,000 open traces, told twice", 1_000, with_id=True, tellers=("client", "framework"), bound=unbounded)
    measure(f"250,000 open traces, {CLAIMS_MAX:,} claims remembered", 250_000, with_id=True, bound=CLAIMS_MAX)
    measure("250,000 open traces, all claims remembered", 250_000, with_id=True, bound=unbounded)


if __name__ == "__main__":
    main()
