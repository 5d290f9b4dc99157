"""What metering at the wire adds to a call and to a chunk of a stream, beside OpenTelemetry's own OpenAI instrumentor.

The real `openai` package over a transport that answers at once: CPU of this thread, measured in turns in one process,
so that all variants see the same machine. Every variant's spans are checked before a figure is printed.
"""

import json
import platform
import sys
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from statistics import quantiles
from typing import Any, Final

import httpx2
import openai
from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider

from spanledger.instrumentation.wire.instrumentors import Httpx2Instrumentor
from spanledger.schemas import attributes as a

ROUNDS: Final = 12
CALLS: Final = 50
STREAMS: Final = 3
CHUNKS: Final = 200
WARM_CALLS: Final = 5

_USAGE: Final = {
    "prompt_tokens": 1200,
    "completion_tokens": 300,
    "total_tokens": 1500,
    "prompt_tokens_details": {"cached_tokens": 1024, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 64, "audio_tokens": 0},
}
_HEAD: Final = {"id": "chatcmpl-1", "created": 1, "model": "gpt-4o-2024-08-06", "service_tier": "default"}
_MESSAGES: Final = [
    {"role": "system", "content": "You are a helpful assistant. " * 20},
    {"role": "user", "content": "Write an answer of some length. " * 20},
]


class Answering(httpx2.BaseTransport):
    """Answers at once, whole or as a stream of one event a chunk."""

    def __init__(self) -> None:
        message = {"role": "assistant", "content": "An answer of some length. " * 40}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        whole = {**_HEAD, "object": "chat.completion", "choices": [choice], "usage": _USAGE}
        self._whole = json.dumps(whole, separators=(",", ":")).encode()
        delta = {"index": 0, "delta": {"content": " word"}, "logprobs": None, "finish_reason": None}
        last = {**delta, "delta": {}, "finish_reason": "stop"}
        chunk = {**_HEAD, "object": "chat.completion.chunk", "usage": None}
        chunks = [*([delta] * CHUNKS), last]
        events: list[dict[str, object]] = [{**chunk, "choices": [each]} for each in chunks]
        events.append({**chunk, "choices": [], "usage": _USAGE})
        self._events = [b"data: " + json.dumps(each, separators=(",", ":")).encode() + b"\n\n" for each in events]
        self._events.append(b"data: [DONE]\n\n")

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Answer one request."""
        if b'"stream":true' in request.content.replace(b" ", b""):
            headers = {"content-type": "text/event-stream"}
            return httpx2.Response(200, headers=headers, stream=Events(self._events))
        return httpx2.Response(200, headers={"content-type": "application/json"}, content=self._whole)


class Events(httpx2.SyncByteStream):
    """A stream that has all its events at hand."""

    def __init__(self, events: list[bytes]) -> None:
        self._events = events

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._events)


class Ended(SpanProcessor):
    """Remembers the spans of one variant."""

    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        """Remember one."""
        self.spans.append(span)


class Variant:
    """The SDK with an instrumentor switched on, or with none."""

    def __init__(self, name: str, instrumentor: "Httpx2Instrumentor | OpenAIInstrumentor | None") -> None:
        self.name = name
        self._instrumentor = instrumentor
        self._ended = Ended()
        self._provider = TracerProvider(shutdown_on_exit=False)
        self._provider.add_span_processor(self._ended)
        self.calls_ns: list[int] = []

    def measure(self, work: Callable[[], None], calls: int) -> None:
        """One round of `calls` calls, each timed; each must have made one span with the usage."""
        if self._instrumentor is not None:
            self._instrumentor.instrument(tracer_provider=self._provider)
        for _ in range(WARM_CALLS):
            work()
        self._ended.spans.clear()
        for _ in range(calls):
            begun = time.thread_time_ns()
            work()
            self.calls_ns.append(time.thread_time_ns() - begun)
        if self._instrumentor is not None:
            self._instrumentor.uninstrument()
            used = [(span.attributes or {}).get(a.USAGE_INPUT_TOKENS) for span in self._ended.spans]
            assert used == [1200] * calls, used[:3]
            self._ended.spans.clear()

    def quartile_us(self) -> float:
        """The lower quartile: what else the machine does only ever adds."""
        return quantiles(self.calls_ns)[0] / 1e3


def main() -> None:
    """Measure and print."""
    print(f"{platform.machine()}, Python {platform.python_version()}, openai {version('openai')}, ", end="")
    print(f"opentelemetry-instrumentation-genai-openai {version('opentelemetry-instrumentation-genai-openai')}")
    with openai.OpenAI(api_key="k", http_client=httpx2.Client(transport=Answering())) as client:
        _compare("a plain call", lambda: _plain(client), CALLS, 1)
        _compare("a stream's chunk", lambda: _stream(client), STREAMS, CHUNKS)


def _compare(what: str, work: Callable[[], None], calls: int, parts: int) -> None:
    without, *variants = (
        Variant("without any", None),
        Variant("spanledger", Httpx2Instrumentor()),
        Variant("official", OpenAIInstrumentor()),
    )
    for _ in range(ROUNDS):
        for variant in (without, *variants):
            variant.measure(work, calls)
    base = without.quartile_us()
    print(f"{what:<18} {without.name:<12} {base / parts:8.2f} µs")
    for variant in variants:
        print(f"{what:<18} {variant.name:<12} {(variant.quartile_us() - base) / parts:+8.2f} µs")


def _plain(client: openai.OpenAI) -> None:
    create: Any = client.chat.completions.create
    create(model="gpt-4o", messages=_MESSAGES)


def _stream(client: openai.OpenAI) -> None:
    create: Any = client.chat.completions.create
    for _ in create(model="gpt-4o", messages=_MESSAGES, stream=True, stream_options={"include_usage": True}):
        pass


if __name__ == "__main__":
    sys.exit(main())
