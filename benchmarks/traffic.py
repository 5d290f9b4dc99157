"""OTLP traffic for the benchmarks: 512-span requests of an ordinary fleet, every span distinct.

A request is built once with the official protobuf classes; further ones are copies with new ids written over the old,
because building is slower than what is measured. Shapes: a chat call with 22 attributes (10 of them kept), a web or
database span with 12, a resource with 8.
"""

import os
from collections.abc import Iterator
from typing import Final

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

SPANS: Final = 512
SPANS_PER_TRACE: Final = 8
INPUT_TOKENS: Final = 1200
OUTPUT_TOKENS: Final = 340
CACHED_TOKENS: Final = 1024
START_NS: Final = 1_790_000_000 * 10**9

_TENANTS: Final = 50
_MODELS: Final = ("gpt-4o-mini-2024-07-18", "gpt-4o-2024-08-06", "gpt-5-2025-08-07", "claude-sonnet-4-5-20250929")


def requests(share: float, count: int, spans: int = SPANS) -> Iterator[tuple[bytes, int]]:
    """`count` requests of which a share of spans is GenAI; with each, how many of its spans state usage."""
    template, trace_at, span_at, response_at = _template(share, spans)
    for _ in range(count):
        body = bytearray(template)
        noise = os.urandom(16 * len(trace_at) + 8 * len(span_at) + 12 * len(response_at))
        position = 0
        for places in trace_at:
            for place in places:
                body[place : place + 16] = noise[position : position + 16]
            position += 16
        for place in span_at:
            body[place : place + 8] = noise[position : position + 8]
            position += 8
        for place in response_at:
            body[place : place + 24] = noise[position : position + 12].hex().encode()
            position += 12
        yield bytes(body), len(response_at)


def _template(share: float, spans: int) -> tuple[bytes, list[list[int]], list[int], list[int]]:
    request = ExportTraceServiceRequest()
    resource_spans = request.resource_spans.add()
    for key, value in _RESOURCE.items():
        resource_spans.resource.attributes.add(key=key).value.string_value = value
    scope_spans = resource_spans.scope_spans.add()
    scope_spans.scope.name = "opentelemetry.instrumentation.genai.openai"
    marks: list[tuple[bytes, bytes, bytes]] = []
    for number in range(spans):
        trace = (number // SPANS_PER_TRACE).to_bytes(2, "big") + b"TRACE-ID-MARK!"
        span = number.to_bytes(2, "big") + b"SPANID"
        genai = int(number * share) != int((number + 1) * share)
        response = f"{number:04d}response-id-mark-xyz".encode() if genai else b""
        marks.append((trace, span, response))
        scope_spans.spans.append(_span(number, trace, span, response.decode()))
    body = request.SerializeToString()
    traces = [_places(body, trace) for trace in dict.fromkeys(trace for trace, _, _ in marks)]
    span_ids = [place for _, span, _ in marks for place in _places(body, span)]
    responses = [place for *_, response in marks if response for place in _places(body, response)]
    assert len(span_ids) == spans
    return body, traces, span_ids, responses


def _places(body: bytes, mark: bytes) -> list[int]:
    found: list[int] = []
    place = body.find(mark)
    while place >= 0:
        found.append(place)
        place = body.find(mark, place + 1)
    return found


def _span(number: int, trace: bytes, span: bytes, response: str) -> Span:
    start_ns = START_NS + number * 1_000_000
    made = Span(
        trace_id=trace,
        span_id=span,
        name="chat gpt-4o-mini" if response else "SELECT orders",
        kind=Span.SPAN_KIND_CLIENT,
        start_time_unix_nano=start_ns,
        end_time_unix_nano=start_ns + 900_000_000,
    )
    attributes = _chat(number, response) if response else _web(number)
    for key, value in attributes.items():
        made.attributes.append(_pair(key, value))
    return made


def _pair(key: str, value: str | float) -> KeyValue:
    pair = KeyValue(key=key)
    match value:
        case bool():
            pair.value.bool_value = value
        case int():
            pair.value.int_value = value
        case float():
            pair.value.double_value = value
        case str():
            pair.value.string_value = value
    return pair


def _chat(number: int, response: str) -> dict[str, str | float]:
    model = _MODELS[number % len(_MODELS)]
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "anthropic" if model.startswith("claude") else "openai",
        "gen_ai.request.model": model[:-11],
        "gen_ai.response.model": model,
        "gen_ai.response.id": response,
        "gen_ai.usage.input_tokens": INPUT_TOKENS,
        "gen_ai.usage.output_tokens": OUTPUT_TOKENS,
        "gen_ai.usage.cache_read.input_tokens": CACHED_TOKENS,
        "gen_ai.usage.reasoning.output_tokens": 100,
        "ledger.tenant": f"tenant-{number % _TENANTS:03d}",
        "ledger.feature": ("search", "chat", "summarise")[number % 3],
        "ledger.user_id": f"user-{number % 97:05d}",
        "gen_ai.request.temperature": 0.7,
        "gen_ai.request.max_tokens": 1024,
        "gen_ai.request.top_p": 0.95,
        "gen_ai.request.stream": True,
        "gen_ai.output.type": "text",
        "gen_ai.response.time_to_first_chunk": 0.41,
        "server.address": "api.openai.com",
        "server.port": 443,
        "openai.api.type": "responses",
        "network.protocol.version": "1.1",
    }


def _web(number: int) -> dict[str, str | float]:
    return {
        "http.request.method": "POST",
        "http.route": "/orders/{id}",
        "url.scheme": "https",
        "url.path": f"/orders/{number}",
        "http.response.status_code": 200,
        "server.address": "orders.internal",
        "server.port": 8443,
        "client.address": "10.1.2.3",
        "user_agent.original": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)",
        "network.protocol.version": "1.1",
        "db.system.name": "postgresql",
        "db.query.summary": "SELECT orders",
    }


_RESOURCE: Final = {
    "service.name": "checkout",
    "service.namespace": "shop",
    "service.version": "2.14.1",
    "service.instance.id": "0d1f5a52-5b1e-4a0f-9a61-7e7c1e4d8f3b",
    "deployment.environment.name": "production",
    "cloud.region": "eu-central-1",
    "host.name": "node-17",
    "telemetry.sdk.language": "python",
}
