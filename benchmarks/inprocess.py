"""What metering costs an application: microseconds on the thread that ends a span, and how fast spans become durable.

Each figure is read only after every usage span is found in the journal.
"""

import platform
import tempfile
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Final

from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.util.types import AnyValue

from spanledger.exporter import LedgerSpanProcessor
from spanledger.exporter.journal import shards
from spanledger.exporter.settings import Settings
from spanledger.schemas import attributes as a

ROUNDS: Final = 100
SPANS_PER_ROUND: Final = 100
BURST_SPANS: Final = 20_000

CHAT: Final[dict[str, AnyValue]] = {
    a.OPERATION_NAME: "chat",
    a.PROVIDER_NAME: "openai",
    a.REQUEST_MODEL: "gpt-4o",
    a.RESPONSE_MODEL: "gpt-4o-2024-08-06",
    a.RESPONSE_ID: "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT",
    a.USAGE_INPUT_TOKENS: 1200,
    a.USAGE_OUTPUT_TOKENS: 300,
    a.SERVER_ADDRESS: "api.openai.com",
    a.LEDGER_TENANT: "acme",
    "gen_ai.input.messages": "a prompt of some length " * 40,
    "gen_ai.output.messages": "an answer of some length " * 20,
}
HTTP: Final[dict[str, AnyValue]] = {
    "http.request.method": "GET",
    "http.response.status_code": 200,
    "http.route": "/orders/{id}",
    "network.protocol.version": "1.1",
    "server.address": "shop.example",
    "server.port": 443,
    "url.path": "/orders/7",
    "user_agent.original": "Mozilla/5.0",
}


class Ended(SpanProcessor):
    """Remembers spans as they end."""

    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        """Remember one."""
        self.spans.append(span)


def main() -> None:
    """Measure and print."""
    print(f"{platform.machine()}, Python {platform.python_version()}, opentelemetry-sdk {version('opentelemetry-sdk')}")
    with tempfile.TemporaryDirectory() as folder:
        journal = Path(folder) / "store" / "journal"
        processor = LedgerSpanProcessor(Settings(store=str(journal.parent), data=journal))
        print(f"on_end of a usage span     {_on_end_us(processor, _spans(CHAT)):6.2f} µs")
        print(f"on_end of any other span   {_on_end_us(processor, _spans(HTTP)):6.2f} µs")
        print(f"a burst until durable      {_burst_us(processor, _spans(CHAT)):6.2f} µs of CPU per usage span")
        processor.shutdown()
        _check(journal, ROUNDS * SPANS_PER_ROUND + BURST_SPANS)


def _spans(attributes: dict[str, AnyValue]) -> Sequence[ReadableSpan]:
    ended = Ended()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(ended)
    tracer = provider.get_tracer("benchmark")
    for _ in range(SPANS_PER_ROUND):
        tracer.start_span("span", attributes=attributes).end()
    return ended.spans


def _on_end_us(processor: LedgerSpanProcessor, spans: Sequence[ReadableSpan]) -> float:
    """The application's share, round by round, so that the writer's thread rests while it is measured."""
    rounds: list[float] = []
    for _ in range(ROUNDS):
        begun = time.thread_time()
        for span in spans:
            processor.on_end(span)
        rounds.append(time.thread_time() - begun)
        assert processor.force_flush()
    return median(rounds) / len(spans) * 1e6


def _burst_us(processor: LedgerSpanProcessor, spans: Sequence[ReadableSpan]) -> float:
    """The whole process's share: queue, encoding, sift, journal."""
    begun = time.process_time()
    for _ in range(BURST_SPANS // len(spans)):
        for span in spans:
            processor.on_end(span)
    assert processor.force_flush()
    return (time.process_time() - begun) / BURST_SPANS * 1e6


def _check(journal: Path, expected: int) -> None:
    found = sum(record.entry.elements for shard in shards(journal) for record in shard.read())
    assert found == expected, f"{found} of {expected} usage spans are in the journal"


if __name__ == "__main__":
    main()
