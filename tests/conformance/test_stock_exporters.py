"""The exporters people have, the newest and those of November 2024, through outages as long as they bear.

Real seconds: they wait as long as they were told, and that is what is tested. `make conformance` runs this.
"""

import json
import subprocess
import sys
import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from support.desk import SUMS
from support.journaling import Journaling, journaling
from support.sdk import chat_span

from spanledger.exporter.credential import Credential
from spanledger.exporter.failures import Transient
from spanledger.exporter.journal import Signal
from spanledger.exporter.poster import Poster
from spanledger.exporter.receiver import Answer, Intake
from spanledger.exporter.store import Store

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

ROOT = Path(__file__).parent.parent.parent
OUTAGE_S = 8.0
"""What a stock exporter of today survives when it is told when to come back: it gives up after 10 s."""


class Outage:
    """Refuses for some seconds from the first request on, as a full disk does, and remembers when requests came."""

    def __init__(self, intake: Intake, seconds: float) -> None:
        self._intake = intake
        self._seconds = seconds
        self.came_s: list[float] = []

    async def __call__(self, signal: Signal, body: bytes, credential: Credential) -> Answer:
        """Refuse, or let through."""
        self.came_s.append(time.monotonic())
        if self.came_s[-1] < self.came_s[0] + self._seconds:
            msg = "the journal's disk is full"
            raise Transient(msg)
        return await self._intake(signal, body, credential)

    @property
    def waits_s(self) -> list[float]:
        """The times between requests."""
        return [later - earlier for earlier, later in pairwise(self.came_s)]


@contextmanager
def away(root: Path, seconds: float) -> Generator[tuple[Journaling, Outage]]:
    """A receiver in an outage."""
    outages: list[Outage] = []

    def before(intake: Intake) -> Outage:
        outages.append(Outage(intake, seconds))
        return outages[0]

    with journaling(root, before=before) as running:
        yield running, outages[0]


def test_the_newest_exporters_survive_eight_seconds(tmp_path: Path) -> None:
    """C35, C36, C37, C56: each comes back as it was told, 1.8 s and 3 s, and in the end is taken once."""
    with away(tmp_path / "grpc", OUTAGE_S) as (grpc, by_grpc), away(tmp_path / "http", OUTAGE_S) as (http, by_http):
        exporters: list[SpanExporter] = [
            GrpcExporter(endpoint=grpc.door.grpc, insecure=True),
            HttpExporter(endpoint=f"{http.door.http}/v1/traces"),
        ]
        with ThreadPoolExecutor() as threads:
            sending = [threads.submit(exporter.export, [chat_span()]) for exporter in exporters]
            results = [each.result() for each in sending]
        assert results == [SpanExportResult.SUCCESS] * 2
        for exporter in exporters:
            exporter.shutdown()
        assert [len(running.new_usage()) for running in (grpc, http)] == [1, 1]
        assert all(1.62 <= wait_s < 2.5 for wait_s in by_grpc.waits_s), by_grpc.waits_s
        assert all(3.0 <= wait_s < 3.7 for wait_s in by_http.waits_s), by_http.waits_s


@pytest.fixture(scope="module")
def old_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the exporters of November 2024 and what they needed then."""
    if sys.version_info >= (3, 14):
        pytest.skip("grpcio of that time has no wheel for this Python")
    folder = tmp_path_factory.mktemp("old") / "venv"
    subprocess.run((sys.executable, "-m", "venv", str(folder)), check=True)
    python = folder / "bin" / "python"
    pip = (str(python), "-m", "pip", "--disable-pip-version-check", "--quiet", "install", "--only-binary", ":all:")
    required = ROOT / "requirements" / "old-exporters.txt"
    subprocess.run((*pip, "--require-hashes", "--requirement", str(required)), check=True)
    return python


def test_exporters_of_two_years_ago_are_booked_and_come_back(old_python: Path, store: Store, tmp_path: Path) -> None:
    """C01, C24, C32, C36, C56: both protocols, plain and compressed, and an outage of 8 s: nothing lost or doubled.

    gRPC obeys the trailer that today's exporter reads as well; HTTP of that time knew no Retry-After, and backs off
    from 1 s by itself. Six exports of ten calls: 60 * (100 * 0.00000015 + 20 * 0.0000006) = 0.00162 USD.
    """
    with away(tmp_path / "up", 0) as (up, _):
        assert _sent(old_python, up, "grpc", "none", "gzip") == ["SUCCESS"] * 2
        assert _sent(old_python, up, "http", "none", "gzip") == ["SUCCESS"] * 2
        assert len(up.new_usage()) == 40
    with away(tmp_path / "grpc", OUTAGE_S) as (grpc, by_grpc), away(tmp_path / "http", OUTAGE_S) as (http, by_http):
        with ThreadPoolExecutor() as threads:
            sending = [threads.submit(_sent, old_python, grpc, "grpc", "none")]
            sending.append(threads.submit(_sent, old_python, http, "http", "none"))
            assert [each.result() for each in sending] == [["SUCCESS"]] * 2
        assert [len(running.new_usage()) for running in (grpc, http)] == [10, 10]
    assert len(by_grpc.waits_s) == 5
    assert all(1.62 <= wait_s < 2.5 for wait_s in by_grpc.waits_s), by_grpc.waits_s
    assert [round(wait_s) for wait_s in by_http.waits_s] == [1, 2, 4, 8]
    for name in ("up", "grpc", "http"):
        Poster(store, tmp_path / name).post_waiting()
    assert store.query(SUMS)[0] == (60, 6000, 1200, "0.00162")


def _sent(python: Path, running: Journaling, protocol: str, *compressions: str) -> list[str]:
    """Export ten calls for each compression in a process of that environment; what the exporter said each time."""
    target = running.door.grpc if protocol == "grpc" else f"{running.door.http}/v1/traces"
    command = (str(python), "-I", "-c", _SENDER, protocol, target, *compressions)
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
    told = json.loads(done.stdout)
    assert told["version"].startswith("1.28.")
    return told["results"]


_SENDER = """
import json, sys
from importlib.metadata import version
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

protocol, target, *compressions = sys.argv[1:]

def exporter(compression):
    if protocol == "grpc":
        import grpc
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
        kind = {"none": grpc.Compression.NoCompression, "gzip": grpc.Compression.Gzip}[compression]
        return OTLPSpanExporter(endpoint=target, insecure=True, compression=kind)
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    return OTLPSpanExporter(endpoint=target, compression=Compression(compression))

def calls():
    memory = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    for _ in range(10):
        with provider.get_tracer("app").start_as_current_span("chat") as span:
            span.set_attributes({"gen_ai.operation.name": "chat", "gen_ai.system": "openai"})
            span.set_attributes({"gen_ai.request.model": "gpt-4o-mini"})
            span.set_attributes({"gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 20})
    return memory.get_finished_spans()

results = []
for compression in compressions:
    sending = exporter(compression)
    results.append(sending.export(calls()).name)
    sending.shutdown()
version = version(f"opentelemetry-exporter-otlp-proto-{protocol}")
print(json.dumps({"version": version, "results": results}))
"""
