"""The store alone: what one ledger event costs, from a Python record to merged parts, and how fast a report reads.

    python benchmarks/store.py [--events 300000] [--report-events 1000000] [--rows 1000,10000,30000] [--store STORE]

CPU is the process's user and system time with the embedded engine's own threads, so background merges count. A figure
is printed only after the store has answered the sums that the events were made with.
"""

import argparse
import platform
import random
import resource
import tempfile
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Final

import msgspec

from spanledger.exporter.store import Store, migrate, open_store
from spanledger.exporter.store.blocks import Block, ClaimRow, claims_block, events_block
from spanledger.schemas import Attribution, Call, Claim, LedgerEvent
from spanledger.schemas.claim import seal
from spanledger.schemas.event import NO_EVENT

REPORT: Final = """
SELECT tenant, model, sum(requests), sum(input_tokens), sum(output_tokens), sum(cost)
FROM ledger_events FINAL GROUP BY tenant, model
"""
REPORT_RUNS: Final = 7
START_NS: Final = 1_775_044_800_000_000_000
TENANTS: Final = 200
MODELS: Final = ("gpt-4o-mini", "gpt-4o", "gpt-5", "claude-sonnet-4-5", "claude-haiku-4-5", "gemini-2.5-flash")
FEATURES: Final = ("chat", "search", "summarise", "translate", "voice", "classify")
AGENTS: Final = ("", "planner")
"""Every feature of a tenant meets every model and agent, so that no sum by them is thinner than it would be."""
INPUT_PRICE: Final = 150_000_000_000
OUTPUT_PRICE: Final = 600_000_000_000

PLAIN: Final = LedgerEvent(
    event_id=NO_EVENT,
    charge_id=NO_EVENT,
    kind="charge",
    reverses=NO_EVENT,
    event_time=0,
    booked_time=0,
    ingest_time=0,
    tenant="",
    environment="production",
    service_name="",
    user_id="",
    session_id="",
    organization_id="",
    feature="",
    team="",
    project="",
    cost_center="",
    agent="",
    agent_path=(),
    workflow_id="",
    conversation_id="",
    tools=(),
    provider="openai",
    model="",
    request_model="",
    response_model="",
    operation="chat",
    region="",
    account="",
    service_tier="default",
    requests=1,
    input_tokens=0,
    cache_read_tokens=None,
    cache_write_tokens=None,
    output_tokens=0,
    reasoning_tokens=None,
    lines_unit=("input_tokens", "output_tokens"),
    lines_quantity=(),
    lines_unit_price=(INPUT_PRICE, OUTPUT_PRICE),
    lines_amount=(),
    cost=0,
    currency="USD",
    cost_state="priced",
    reported_cost=None,
    revenue=None,
    revenue_currency="",
    reporting_cost=None,
    reporting_currency="",
    fx_rate=None,
    fx_source="",
    price_book="book-2026-04-01",
    price_id="openai/gpt-4o-mini",
    usage_source="provider",
    quality="exact",
    dialect="genai",
    scope="*",
    status="ok",
    error_type="",
    attempt=0,
    duration_ms=0,
    time_to_first_token_ms=None,
    trace_id="",
    span_id="",
    parent_span_id="",
    response_id="",
    flags=(),
    metadata={},
)


def main() -> None:
    """Measure encoding and inserting at several insert sizes, then the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=300_000)
    parser.add_argument("--report-events", type=int, default=1_000_000)
    parser.add_argument("--rows", default="1000,10000,30000")
    parser.add_argument("--store")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(arguments.store or str(Path(folder) / "store"))
        migrate(store)
        engine = store.query("SELECT version()")[0][0]
        print(f"{platform.machine()}, Python {platform.python_version()}, engine {engine}, ", end="")
        print(f"clickhouse-connect {version('clickhouse-connect')}")
        for rows in map(int, arguments.rows.split(",")):
            _inserting(store, arguments.events, rows)
        _reporting(store, arguments.report_events)
        store.close()


def _inserting(store: Store, count: int, rows: int) -> None:
    """Insert events and their claims, `rows` at a time, and wait until nothing merges."""
    _empty(store)
    making_s = encoding_s = 0.0
    tokens = 0
    begun_s, begun_cpu_s = time.perf_counter(), _cpu_s()
    for first in range(0, count, rows):
        begun_making_s = time.thread_time()
        events = list(synthetic(first, min(rows, count - first)))
        claims = [claim_of(event) for event in events]
        tokens += sum(event.input_tokens or 0 for event in events)
        begun_encoding_s = time.thread_time()
        blocks = {"ledger_claims": claims_block(claims), "ledger_events": events_block(events)}
        making_s += begun_encoding_s - begun_making_s
        encoding_s += time.thread_time() - begun_encoding_s
        _insert(store, blocks)
    while store.query("SELECT count() FROM system.merges")[0][0]:
        time.sleep(0.2)
    engine_s = _cpu_s() - begun_cpu_s - making_s - encoding_s
    assert store.query("SELECT count(), sum(input_tokens) FROM ledger_events FINAL") == [(count, tokens)]
    assert store.query("SELECT count() FROM ledger_claims FINAL") == [(count,)]
    stored = store.query("SELECT table, sum(bytes_on_disk) FROM system.parts WHERE active GROUP BY table")
    disk = {str(table): int(str(size)) / count for table, size in stored}
    per_event = 1e6 / count
    print(
        f"{rows:>6} rows an insert: encoding {encoding_s * per_event:4.1f}, inserts and merges "
        f"{engine_s * per_event:5.1f} us CPU for an event and its claim; disk {disk['ledger_events']:.0f} + "
        f"{disk['ledger_claims']:.0f} bytes; {count / (time.perf_counter() - begun_s):,.0f} events/s, making them "
        f"included; resident {_resident_mb()} MB"
    )


def _reporting(store: Store, count: int) -> None:
    """`report --by tenant,model` over a ledger of 30 days with one event in twenty delivered twice."""
    _empty(store)
    tokens = 0
    for first in range(0, count, 50_000):
        events = list(synthetic(first, min(50_000, count - first)))
        tokens += sum(event.input_tokens or 0 for event in events)
        _insert(store, {"ledger_events": events_block(events)})
        _insert(store, {"ledger_events": events_block(events[::20])})
    runs = list[tuple[float, float]]()
    for _ in range(REPORT_RUNS):
        cpu, begun_s = _cpu_s(), time.perf_counter()
        answer = store.query(REPORT)
        runs.append((time.perf_counter() - begun_s, _cpu_s() - cpu))
        assert sum(int(str(row[3])) for row in answer) == tokens
    wall_s, cpu_s = sorted(runs)[REPORT_RUNS // 2]
    parts = store.query("SELECT count() FROM system.parts WHERE active AND table = 'ledger_events'")[0][0]
    print(f"report by tenant and model over {count:,} events in {parts} parts: {wall_s * 1000:.0f} ms wall, ", end="")
    print(f"{cpu_s * 1000:.0f} ms CPU")


def synthetic(first: int, count: int) -> Iterator[LedgerEvent]:
    """Charges of many tenants, a few of them large, in the order a journal brings them."""
    chance = random.Random(first)
    weights = [1 / (rank + 1) for rank in range(TENANTS)]
    for number, rank in enumerate(chance.choices(range(TENANTS), weights, k=count), first):
        end_ns = START_NS + number * 2_592_000_000 + chance.randrange(10**9)
        trace_id, span_id = f"{chance.getrandbits(128):032x}", f"{chance.getrandbits(64):016x}"
        event_id = end_ns.to_bytes(8, "big") + chance.randbytes(8)
        tokens = (chance.randrange(10, 8000), chance.randrange(1, 2000))
        amounts = (tokens[0] * INPUT_PRICE, tokens[1] * OUTPUT_PRICE)
        model = MODELS[number % len(MODELS)]
        yield msgspec.structs.replace(
            PLAIN,
            event_id=event_id,
            charge_id=event_id,
            event_time=end_ns,
            booked_time=end_ns,
            ingest_time=end_ns + 10**9,
            tenant=f"tenant-{rank:03}",
            service_name=f"svc-{number % 8}",
            feature=FEATURES[number // len(MODELS) % len(FEATURES)],
            agent=AGENTS[number // len(MODELS) // len(FEATURES) % len(AGENTS)],
            user_id=f"user-{chance.randrange(20_000)}",
            session_id=f"session-{chance.randrange(50_000)}",
            team=f"team-{rank % 20}",
            conversation_id=f"conv-{trace_id[:20]}",
            model=model,
            request_model=model,
            response_model=model,
            input_tokens=tokens[0],
            output_tokens=tokens[1],
            lines_quantity=tokens,
            lines_amount=amounts,
            cost=sum(amounts),
            duration_ms=chance.randrange(100, 20_000),
            time_to_first_token_ms=chance.choice((None, chance.randrange(20, 100))),
            trace_id=trace_id,
            span_id=span_id,
            response_id=f"chatcmpl-{trace_id[:24]}",
        )


def claim_of(event: LedgerEvent) -> ClaimRow:
    """The claim behind a synthetic charge."""
    claim = Claim(
        scope="*",
        signal="traces",
        trace_id=event.trace_id,
        span_id=event.span_id,
        start_ns=event.event_time - event.duration_ms * 10**6,
        end_ns=event.event_time,
        call=Call(
            role="inference",
            dialect="semconv",
            emitter="opentelemetry.instrumentation.openai_v2",
            operation="chat",
            provider=event.provider,
            request_model=event.model,
            response_model=event.model,
        ),
        response_id=event.response_id,
        usage={"input_tokens": event.input_tokens or 0, "output_tokens": event.output_tokens or 0},
        usage_source="provider",
        attribution=Attribution(
            tenant=event.tenant,
            environment=event.environment,
            service_name=event.service_name,
            user_id=event.user_id,
            session_id=event.session_id,
            feature=event.feature,
            team=event.team,
            conversation_id=event.conversation_id,
        ),
    )
    claim_id, payload = seal(claim)
    settled = (event.charge_id, "response_id", "*", event.trace_id, event.response_id, event.input_tokens or 0)
    teller = (event.service_name, claim.signal, claim.call.emitter)
    return ClaimRow(
        event.tenant, claim_id, *settled, *teller, claim.start_ns, event.ingest_time, event.ingest_time, "", payload
    )


def _insert(store: Store, blocks: dict[str, Block]) -> None:
    for table, (columns, block) in blocks.items():
        store.insert(table, columns, block)


def _empty(store: Store) -> None:
    for table in ("ledger_events", "ledger_claims"):
        store.command(f"TRUNCATE TABLE {table}")


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _resident_mb() -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) // 1024


if __name__ == "__main__":
    main()
