"""What metering at the wire adds to a call and to a chunk of a stream, beside OpenTelemetry's own OpenAI instrumentor.

The real `openai` package over a transport that answers at once, in one process: CPU of all its threads, in short blocks
that take turns, so that all variants see the same machine. The yardstick is one bare span of the SDK with as many
attributes: what any instrumentation of a call costs at least. Every variant's spans are checked before a figure is
printed. `pip install opentelemetry-instrumentation-genai-openai` adds the comparison; without it, it is left out.
"""

import gc
import json
import platform
import random
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from statistics import quantiles
from typing import TYPE_CHECKING, Any, Final

import httpx2
import openai
from openai.resources.chat.completions import Completions
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, Tracer, TracerProvider
from opentelemetry.trace import SpanKind

from spanledger.instrumentation.wire.hooks import SWITCH
from spanledger.instrumentation.wire.instrumentors import Httpx2Instrumentor
from spanledger.schemas import attributes as a

if TYPE_CHECKING:
    from spanledger.instrumentation.wire.meter import Meter

ROUNDS: Final = 60
STREAM_ROUNDS: Final = 12
CALLS: Final = 10
WARM_CALLS: Final = 3
CHUNKS: Final = 400
OFFICIAL: Final = "opentelemetry-instrumentation-genai-openai"

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
_URL: Final = "https://api.openai.com/v1/chat/completions"
_ASKS: Final = {"include_usage": True}

Work = Callable[[], object]


class Answering(httpx2.BaseTransport):
    """Answers at once, whole or as a stream of one event a chunk: as many as the request's `n` says."""

    def __init__(self) -> None:
        message = {"role": "assistant", "content": "An answer of some length. " * 40}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        self._whole = _json({**_HEAD, "object": "chat.completion", "choices": [choice], "usage": _USAGE})
        delta = {"index": 0, "delta": {"content": " word"}, "logprobs": None, "finish_reason": None}
        chunk = {**_HEAD, "object": "chat.completion.chunk", "usage": None}
        self._delta = _event({**chunk, "choices": [delta]})
        last = {**chunk, "choices": [{**delta, "delta": {}, "finish_reason": "stop"}]}
        self._end = [_event(last), _event({**chunk, "choices": [], "usage": _USAGE}), b"data: [DONE]\n\n"]

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Answer one request."""
        asked: dict[str, Any] = json.loads(request.content)
        if asked.get("stream"):
            # Each chunk is bytes of its own, as it would be from a socket.
            events = [bytes(bytearray(self._delta)) for _ in range(asked["n"])] + self._end
            return httpx2.Response(200, headers={"content-type": "text/event-stream"}, stream=Events(events))
        return httpx2.Response(200, headers={"content-type": "application/json"}, content=self._whole)


class Events(httpx2.SyncByteStream):
    """A stream that has all its events at hand."""

    def __init__(self, events: list[bytes]) -> None:
        self._events = events

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._events)


class Ended(SpanProcessor):
    """Remembers spans as they end."""

    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        """Remember one."""
        self.spans.append(span)


class Bench:
    """One process with every variant at hand; a variant is chosen by what the hooks ask."""

    def __init__(self) -> None:
        self._ended = Ended()
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(self._ended)
        self._tracer: Tracer = provider.get_tracer("yardstick")  # pyright: ignore[reportAttributeAccessIssue]
        Httpx2Instrumentor().instrument(tracer_provider=provider)
        plain: object = Completions.create
        self._variants: dict[str, tuple[Meter | None, object]] = {
            "without": (None, plain),
            "spanledger": (SWITCH.meter, plain),
        }
        if _official(provider):
            self._variants["official"] = (None, Completions.create)
        self._stated: Mapping[str, Any] = {}

    def compare(self, work: Work, rounds: int = ROUNDS) -> "dict[str, list[int]]":
        """Nanoseconds of each call by variant, and of the yardstick between them."""
        taken: dict[str, list[int]] = {name: [] for name in (*self._variants, "yardstick")}
        for name in self._variants:
            self._block(name, work)
        # What was loaded once is not looked at again by every collection.
        gc.collect()
        gc.freeze()
        for _ in range(rounds):
            for name in random.sample(list(self._variants), len(self._variants)):
                taken[name] += self._block(name, work)
            taken["yardstick"] += self._yardsticks(work)
        return taken

    def _block(self, name: str, work: Work) -> list[int]:
        self._choose(name)
        for _ in range(WARM_CALLS):
            work()
        self._ended.spans.clear()
        taken = [_ns(work) for _ in range(CALLS)]
        self._check(name)
        return taken

    def _yardsticks(self, work: Work) -> list[int]:
        """A bare span after each call, so that it finds the caches as an instrumentation would."""
        self._choose("without")
        taken: list[int] = []
        for _ in range(CALLS):
            work()
            taken.append(_ns(self._bare_span))
        self._ended.spans.clear()
        return taken

    def _bare_span(self) -> None:
        half = len(self._stated) // 2
        items = list(self._stated.items())
        span = self._tracer.start_span("chat gpt-4o", kind=SpanKind.CLIENT, attributes=dict(items[:half]))
        span.set_attributes(dict(items[half:]))
        span.end()

    def _choose(self, name: str) -> None:
        SWITCH.meter, create = self._variants[name]
        if Completions.create is not create:
            Completions.create = create  # type: ignore[method-assign] # pyright: ignore[reportAttributeAccessIssue]

    def _check(self, name: str) -> None:
        used = [(span.attributes or {}).get(a.USAGE_INPUT_TOKENS) for span in self._ended.spans]
        # The official instrumentor sees what the SDK does, not what is sent by other means.
        assert used == [1200] * CALLS or (name != "spanledger" and not used), (name, used[:3])
        assert used or name != "spanledger"
        if name == "spanledger":
            self._stated = {**(self._ended.spans[0].attributes or {})}
        self._ended.spans.clear()


def main() -> None:
    """Measure and print."""
    print(f"{platform.machine()}, Python {platform.python_version()}, openai {version('openai')}, ", end="")
    print(f"opentelemetry-sdk {version('opentelemetry-sdk')}")
    bench, transport = Bench(), Answering()
    with (
        openai.OpenAI(api_key="k", http_client=httpx2.Client(transport=transport)) as sdk,
        httpx2.Client(transport=transport) as raw,
    ):
        completions: Any = sdk.chat.completions
        _print_call("a plain call", bench.compare(lambda: completions.create(model="gpt-4o", messages=_MESSAGES)))

        def streamed(chunks: int, options: object) -> None:
            for _ in completions.create(model="gpt-4o", messages=_MESSAGES, stream=True, n=chunks, **_options(options)):
                pass

        def streamed_raw(chunks: int, options: object) -> None:
            body = {"model": "gpt-4o", "messages": _MESSAGES, "stream": True, "n": chunks, **_options(options)}
            with raw.stream("POST", _URL, json=body) as response:
                for _ in response.iter_bytes():
                    pass

        _print_chunk("a chunk, by the SDK", bench, lambda chunks: streamed(chunks, _ASKS))
        _print_chunk("a chunk, by httpx2", bench, lambda chunks: streamed_raw(chunks, _ASKS))
        _print_chunk("the same, usage asked for by us", bench, lambda chunks: streamed_raw(chunks, None))


def _print_call(what: str, taken: "dict[str, list[int]]") -> None:
    base, yard = _quartiles_us(taken["without"]), _quartiles_us(taken["yardstick"])
    print(f"{what:<32} {'':<11} {base[0]:8.1f} µs in the lower quartile, {base[1]:8.1f} in the median")
    print(f"{what:<32} {'yardstick':<11} {yard[0]:+8.1f} µs in the lower quartile, {yard[1]:+8.1f} in the median")
    added = {
        name: tuple(have - had for have, had in zip(_quartiles_us(taken[name]), base, strict=True))
        for name in taken
        if name not in {"without", "yardstick"}
    }
    for name, (low, median) in added.items():
        spans = f"{low / yard[0]:.2f} and {median / yard[1]:.2f} bare spans"
        print(f"{what:<32} {name:<11} {low:+8.1f} µs in the lower quartile, {median:+8.1f} in the median: {spans}")
    if "official" in added:
        ratios = [ours / theirs for ours, theirs in zip(added["spanledger"], added["official"], strict=True)]
        print(f"{what:<32} spanledger / official: {ratios[0]:.2f} and {ratios[1]:.2f}")


def _print_chunk(what: str, bench: Bench, streamed: Callable[[int], None]) -> None:
    """A chunk is what a long stream takes beyond a short one, so that the call itself is not in it."""
    short = bench.compare(lambda: streamed(1), STREAM_ROUNDS)
    long = bench.compare(lambda: streamed(1 + CHUNKS), STREAM_ROUNDS)
    chunk = {
        name: [
            (have - had) / CHUNKS
            for have, had in zip(_quartiles_us(long[name]), _quartiles_us(short[name]), strict=True)
        ]
        for name in short
    }
    base = chunk["without"]
    print(f"{what:<32} {'':<11} {base[0]:8.2f} µs in the lower quartile, {base[1]:8.2f} in the median")
    for name, taken in chunk.items():
        if name not in {"without", "yardstick"}:
            low, median = (have - had for have, had in zip(taken, base, strict=True))
            print(f"{what:<32} {name:<11} {low:+8.2f} µs in the lower quartile, {median:+8.2f} in the median")


def _quartiles_us(taken: list[int]) -> tuple[float, float]:
    """What else the machine does only ever adds: the lower quartile, and the median."""
    low, median, _ = quantiles(taken)
    return low / 1e3, median / 1e3


def _ns(work: Work) -> int:
    begun = time.process_time_ns()
    work()
    return time.process_time_ns() - begun


def _official(provider: TracerProvider) -> bool:
    try:
        print(f"{OFFICIAL} {version(OFFICIAL)}")
    except PackageNotFoundError:
        print(f"{OFFICIAL} is not installed: no comparison")
        return False
    # Not one of the project's own tools, so nothing is known of its types.
    instrumentor: Any = import_module("opentelemetry.instrumentation.genai.openai").OpenAIInstrumentor()
    instrumentor.instrument(tracer_provider=provider)
    return True


def _options(options: object) -> dict[str, object]:
    return {"stream_options": options} if options else {}


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _event(value: object) -> bytes:
    return b"data: " + _json(value) + b"\n\n"


if __name__ == "__main__":
    sys.exit(main())
