"""Requests with good spans among others, put together from raw parts so that one part may be broken."""

import base64
import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple, cast

from faults.mutation import Json
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from support.otlp import chat, span
from support.otlp_logs import log

from spanledger.exporter.journal import Signal

_CORPUS: Final = Path(__file__).parent.parent / "corpus"

# Most recordings are smaller; a larger one takes longer to read than it brings new shapes.
_RECORDING_BYTES_MAX: Final = 6 * 1024

GOOD_TRACE: Final = 0x600D
"""The trace of every good span, and of nothing else."""
GOOD: Final = {number: {"input_tokens": 1_000_003 * number, "output_tokens": 1_009 * number} for number in (1, 2)}
"""What each good span used, by its id."""


class Part(NamedTuple):
    """The elements (spans, log records) of one scope, as they stand on the wire."""

    resource: bytes
    scope: bytes
    elements: tuple[bytes, ...]


class Recording(NamedTuple):
    """A real request, taken apart."""

    name: str
    signal: Signal
    parts: tuple[Part, ...]

    @property
    def element_type(self) -> type[Message]:
        """What an element is."""
        return type(_good_element(self.signal, 1))


@cache
def recordings() -> tuple[Recording, ...]:
    """Every real request of the corpus that is not large, in a fixed order."""
    found: list[Recording] = []
    for path in sorted(_CORPUS.glob("*/*.pb")):
        if ".metrics" not in path.name and path.stat().st_size <= _RECORDING_BYTES_MAX:
            signal = Signal.LOGS if ".logs" in path.name else Signal.TRACES
            found.append(Recording(f"{path.parent.name}/{path.name}", signal, _parts(signal, path.read_bytes())))
    return tuple(found)


@cache
def good_part(signal: Signal) -> Part:
    """Good elements in a scope of their own."""
    scope = "test" if signal is Signal.TRACES else "com.anthropic.claude_code.events"
    elements = tuple(_good_element(signal, number).SerializeToString() for number in GOOD)
    return Part(b"", InstrumentationScope(name=scope).SerializeToString(), elements)


def request_of(parts: Sequence[Part]) -> bytes:
    """An export request of parts, each with its resource."""
    return b"".join(
        delimited(
            1,
            delimited(1, part.resource)
            + delimited(2, delimited(1, part.scope) + b"".join(delimited(2, each) for each in part.elements)),
        )
        for part in parts
    )


def delimited(number: int, content: bytes) -> bytes:
    """A field of bytes on the wire."""
    size, length = len(content), bytearray()
    while size > 0x7F:
        length.append(size & 0x7F | 0x80)
        size >>= 7
    length.append(size)
    return bytes((number << 3 | 2,)) + bytes(length) + content


@cache
def json_of_recording(recording: Recording) -> list[Json]:
    """The first resource of a recording as OTLP/JSON."""
    return json_of(recording.signal, request_of(recording.parts[:1]))


@cache
def good_json(signal: Signal) -> Json:
    """The good elements of a signal as OTLP/JSON, in a resource of their own."""
    (resource,) = json_of(signal, request_of([good_part(signal)]))
    return resource


def json_of(signal: Signal, body: bytes) -> list[Json]:
    """The resources of a request as OTLP/JSON: ids are hex, names camel case."""
    message = _request_type(signal).FromString(body)
    made = cast("Json", MessageToDict(message, use_integers_for_enums=True))
    return [each for every in cast("dict[str, list[Json]]", _hex_ids(made)).values() for each in every]


def json_request(signal: Signal, resources: Sequence[Json]) -> bytes:
    """An export request of some resources as OTLP/JSON."""
    return json.dumps({"resourceSpans" if signal is Signal.TRACES else "resourceLogs": resources}).encode()


def _hex_ids(tree: Json) -> Json:
    if isinstance(tree, list):
        return [_hex_ids(each) for each in tree]
    if not isinstance(tree, dict):
        return tree
    ids = {"traceId", "spanId", "parentSpanId"}
    return {
        key: base64.b64decode(value).hex() if key in ids and isinstance(value, str) else _hex_ids(value)
        for key, value in tree.items()
    }


def _good_element(signal: Signal, number: int) -> Message:
    used = GOOD[number]
    if signal is Signal.TRACES:
        stated = chat(gen_ai__response__id=f"good-{number}", ledger__tenant="good")
        stated |= {f"gen_ai.usage.{unit}": count for unit, count in used.items()}
        return span(stated, span_id=number, trace_id=GOOD_TRACE)
    counts = {
        **used,
        "cache_creation_tokens": 0,
        "event.name": "api_request",
        "model": "claude-x",
        "request_id": f"good-{number}",
    }
    return log({**counts, "ledger.tenant": "good"}, body="claude_code.api_request", span_id=number, trace_id=GOOD_TRACE)


def _request_type(signal: Signal) -> type[Message]:
    return ExportTraceServiceRequest if signal is Signal.TRACES else ExportLogsServiceRequest


def _parts(signal: Signal, body: bytes) -> tuple[Part, ...]:
    found: list[Part] = []
    if signal is Signal.TRACES:
        for resource_spans in ExportTraceServiceRequest.FromString(body).resource_spans:
            found += [_part(resource_spans.resource, each.scope, each.spans) for each in resource_spans.scope_spans]
    else:
        for resource_logs in ExportLogsServiceRequest.FromString(body).resource_logs:
            found += [_part(resource_logs.resource, each.scope, each.log_records) for each in resource_logs.scope_logs]
    return tuple(found)


def _part(resource: Resource, scope: InstrumentationScope, elements: Sequence[Message]) -> Part:
    raw = tuple(element.SerializeToString() for element in elements)
    return Part(resource.SerializeToString(), scope.SerializeToString(), raw)
