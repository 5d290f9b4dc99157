"""A canary in every field of OTLP's schema that may not be kept, through every way in: it turns up nowhere.

Not in the journal, the tables, the quarantine, the log, the metrics, an answer or a report. Fields that are kept, each
for a reason, are named in `KEPT`. `python tests/faults change canaries`.
"""

import contextlib
import io
import json
import logging
import tempfile
from collections.abc import Iterator, Sequence
from http.client import HTTPConnection
from pathlib import Path
from typing import Final, NamedTuple, cast

from faults.batches import json_of, json_request
from faults.table import Line
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import Link, SpanContext, Status, StatusCode
from support.commands import run as command
from support.commands import serving
from support.otlp import chat, span
from support.otlp import request as request_of_spans
from support.otlp_logs import log, logs_request

from spanledger.exporter.inprocess import LedgerSpanProcessor
from spanledger.exporter.journal import Signal
from spanledger.exporter.settings import load
from spanledger.exporter.store import open_store
from spanledger.schemas.attributes import INFERENCE_DETAILS_EVENT

CANARY: Final = "kanarienvogel"

KEPT: Final = frozenset(
    {"Span.name", "LogRecord.event_name", "InstrumentationScope.name", "InstrumentationScope.version"}
)
"""Kept by design: dialects tell calls, events and emitters apart by them. A prompt never stands there."""
_ELEMENTS: Final = {"Span", "LogRecord"}
_IDS: Final = frozenset({"trace_id", "span_id", "parent_span_id"})

_PATHS: Final = {Signal.TRACES: "/v1/traces", Signal.LOGS: "/v1/logs", Signal.METRICS: "/v1/metrics"}
_REQUESTS: Final = {
    Signal.TRACES: ExportTraceServiceRequest,
    Signal.LOGS: ExportLogsServiceRequest,
    Signal.METRICS: ExportMetricsServiceRequest,
}
_FIELDS: Final = ("tenant", "model", "user_id", "feature", "provider")


_AWAY: Final = "gen_ai.input.messages"
"""An attribute that nobody keeps."""
_SHUT: Final = ("gen_ai.agent.name", "ledger.note", "gen_ai.usage.cache_read.input_tokens")
"""Attributes that are kept, but never what is in a list, a map or bytes; of the last it sets the span aside."""


class Canary(NamedTuple):
    """A request with the canary in one place."""

    where: str
    signal: Signal
    content: bytes
    calls: int
    """How many calls it states."""


def canaries() -> Iterator[Canary]:
    """One for each text of the schema, beside usage that is charged, and beside usage that is set aside."""
    number = 0
    for signal, request in _REQUESTS.items():
        for path in _texts(request.DESCRIPTOR, ()):
            where = ".".join(field.name for field in path)
            if f"{_message_of(path[-1])}.{path[-1].name}" in KEPT or path[-1].name in _IDS:
                continue
            for key, kind in _places(path):
                number += 1
                content = _planted(signal, path, key, kind, number)
                aside = signal is Signal.METRICS or (key == _SHUT[-1] and _message_of(path[-3]) in _ELEMENTS)
                yield Canary(f"{where} {key} {kind}", signal, content, int(not aside))


def found_in(sent: Sequence[Canary], folder: Path) -> tuple[list[str], int]:
    """Send all to a real server and look everywhere: where the canary is, and how many calls were charged."""
    store = folder / "store"
    seen: dict[str, str] = {}
    with serving(store) as server:
        connection = HTTPConnection(server.http, timeout=30)
        for each in sent:
            seen[f"answer to {each.where}"] = _post(connection, each.signal, each.content, "application/x-protobuf")
            if each.signal is not Signal.METRICS:
                as_json = json_request(each.signal, json_of(each.signal, each.content))
                seen[f"answer to JSON {each.where}"] = _post(connection, each.signal, as_json, "application/json")
        # Where a number belongs, and where an id does: refused, and nobody quotes it.
        bad = {"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": CANARY, "startTimeUnixNano": CANARY}]}]}]}
        _post(connection, Signal.TRACES, json.dumps(bad).encode(), "application/json")
        _post(connection, Signal.TRACES, CANARY.encode(), "application/x-protobuf")
        connection.close()
        charged = int(_reported(store, "tenant")[0]["requests"])
        for dimension in _FIELDS:
            for form in ("table", "csv", "json"):
                ended = command("report", "--store", store, "--by", dimension, "--format", form)
                seen[f"report --by {dimension} {form}"] = ended.stdout + ended.stderr
        seen["doctor"] = command("doctor", "--store", store).stdout
        api = HTTPConnection(server.api, timeout=30)
        api.request("GET", "/metrics")
        seen["metrics"] = api.getresponse().read().decode()
        api.close()
        server.stop()
        seen["log"] = "\n".join(server.told)
    seen |= _tables(store)
    hits = [where for where, text in seen.items() if CANARY in text]
    return hits + _files(folder), charged


def in_process(folder: Path) -> tuple[list[str], int]:
    """The same through the span processor of an application: its journal, its log, and what is posted from it."""
    settings = load({"SPANLEDGER_STORE": str(folder / "store")})
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    logging.getLogger().addHandler(handler)
    try:
        with contextlib.redirect_stderr(written), contextlib.redirect_stdout(written):
            _application(LedgerSpanProcessor(settings))
    finally:
        logging.getLogger().removeHandler(handler)
    hits = ["log of the application"] if CANARY in written.getvalue() else []
    hits += _files(folder)
    charged = int(_reported(folder / "store", "tenant")[0]["requests"])
    hits += [where for where, text in _tables(folder / "store").items() if CANARY in text]
    return hits + _files(folder), charged


def run(_: int) -> Line:
    """The programme; each size tries all."""
    sent = list(canaries())
    with tempfile.TemporaryDirectory() as folder:
        hits, charged = found_in(sent, Path(folder, "received"))
        more, own = in_process(Path(folder, "inside"))
    expected = sum(each.calls for each in sent) + 1
    lost, doubled = max(expected - charged - own, 0), max(charged + own - expected, 0)
    note = f"{len(hits) + len(more)} found"
    return Line("privacy canaries", len(sent) + 1, lost, doubled, [*hits, *more], note=note)


def _application(processor: LedgerSpanProcessor) -> None:
    """A call whose span says everything that a span of the SDK can say."""
    provider = TracerProvider(
        resource=Resource({"service.name": "shop", "process.command_args": [CANARY], CANARY: "a"})
    )
    provider.add_span_processor(processor)
    tracer = provider.get_tracer("app", schema_url=f"https://{CANARY}.example", attributes={"a": CANARY})
    link = Link(SpanContext(1, 1, is_remote=True), {"a": CANARY})
    with tracer.start_as_current_span("chat", links=[link], record_exception=True) as current:
        current.set_attributes({**{key: str(value) for key, value in chat().items()}, _AWAY: CANARY, CANARY: "a"})
        current.set_attribute("ledger.note", [CANARY])
        current.add_event("gen_ai.choice", {"message": CANARY})
        current.record_exception(ValueError(CANARY))
        current.set_status(Status(StatusCode.ERROR, CANARY))
    provider.shutdown()


def _texts(message: Descriptor, above: tuple[FieldDescriptor, ...]) -> Iterator[tuple[FieldDescriptor, ...]]:
    """The way to every text and all bytes; into a message that contains itself only once."""
    for field in message.fields:
        if field.type in {FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES}:
            yield (*above, field)
        inside = field.message_type
        if inside is not None and inside not in {each.message_type for each in above}:
            yield from _texts(inside, (*above, field))


def _message_of(field: FieldDescriptor) -> str:
    return cast("Descriptor", field.containing_type).name


def _places(path: tuple[FieldDescriptor, ...]) -> list[tuple[str, str]]:
    """Under which attributes a value stands, and in what."""
    if path[-1].name == "bytes_value":
        return [(key, "") for key in (_AWAY, *_SHUT)]
    if path[-1].name == "string_value":
        return [(_AWAY, ""), *((key, kind) for key in _SHUT for kind in ("array_value", "kvlist_value"))]
    return [("", "")]


def _planted(signal: Signal, path: tuple[FieldDescriptor, ...], key: str, kind: str, number: int) -> bytes:
    """A request of one good element with the canary at the end of a path."""
    request = _good(signal, number)
    node: Message = request
    for field in path[:-1]:
        if field.is_repeated:
            members = cast("Sequence[Message]", getattr(node, field.name))
            node = members[0] if members and field.name != "attributes" else _added(members)
        else:
            node = cast("Message", getattr(node, field.name))
        if isinstance(node, KeyValue):
            node.key = key or "a"
    text = CANARY.encode() if path[-1].type == FieldDescriptor.TYPE_BYTES else CANARY
    if isinstance(node, AnyValue) and kind == "array_value":
        node.array_value.values.add(string_value=CANARY)
    elif isinstance(node, AnyValue) and kind == "kvlist_value":
        node.kvlist_value.values.add(key=CANARY, value=AnyValue(string_value=CANARY))
    elif path[-1].is_repeated:
        cast("list[object]", getattr(node, path[-1].name)).append(text)
    else:
        setattr(node, path[-1].name, text)
    return request.SerializeToString()


def _good(signal: Signal, number: int) -> Message:
    stated = chat(gen_ai__response__id=f"r-{number}", ledger__tenant="acme")
    if signal is Signal.TRACES:
        return ExportTraceServiceRequest.FromString(request_of_spans(span(stated, trace_id=number, span_id=number)))
    if signal is Signal.LOGS:
        told = log(stated, event=INFERENCE_DETAILS_EVENT, trace_id=number, span_id=number)
        return ExportLogsServiceRequest.FromString(logs_request(told))
    return ExportMetricsServiceRequest()


def _added(members: Sequence[Message]) -> Message:
    return cast("Message", members.add())  # pyright: ignore[reportAttributeAccessIssue] (a repeated field has it)


def _post(connection: HTTPConnection, signal: Signal, content: bytes, content_type: str) -> str:
    connection.request("POST", _PATHS[signal], content, {"content-type": content_type})
    return connection.getresponse().read().decode(errors="replace")


def _reported(store: Path, by: str) -> list[dict[str, str]]:
    ended = command("report", "--store", store, "--by", by, "--format", "json")
    assert ended.returncode == 0, ended.stderr
    return cast("list[dict[str, str]]", json.loads(ended.stdout))


def _tables(folder: Path) -> dict[str, str]:
    """Every row of every table: their files are compressed, and a search of those alone would find nothing."""
    store = open_store(str(folder))
    try:
        names = [
            str(name) for (name,) in store.query("SELECT name FROM system.tables WHERE database = currentDatabase()")
        ]
        return {f"table {name}": str(store.query(f"SELECT * FROM {name}")) for name in names}
    finally:
        store.close()


def _files(folder: Path) -> list[str]:
    """Files with the canary in them; what a receiver journals lies there as it is."""
    needle = CANARY.encode()
    return [str(path) for path in folder.rglob("*") if path.is_file() and needle in path.read_bytes()]
