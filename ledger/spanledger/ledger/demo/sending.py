"""The demonstration's calls as real spans, sent by the official OTLP exporters: what any application would send."""

import random
from dataclasses import dataclass
from itertools import groupby
from typing import Final, cast

import requests
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer, set_span_in_context

from spanledger.ledger.demo.calls import ENVIRONMENT, SEED, Call, agent_totals, calls
from spanledger.schemas import StoreUnavailableError
from spanledger.schemas import attributes as a

HTTP_SERVICES: Final = ("report-writer",)
"""These services send OTLP/HTTP, all others OTLP/gRPC."""

_TIMEOUT_S: Final = 10.0
_TRACES_PATH: Final = "/v1/traces"
_SCOPE: Final = "spanledger.demo"
# A proxy of the environment must not stand between two ends of one machine.
_NO_PROXY: Final = (("grpc.enable_http_proxy", 0),)


@dataclass(frozen=True, slots=True)
class Doors:
    """Where a receiver listens: HOST:PORT for gRPC, a base URL for HTTP."""

    grpc: str
    http: str
    token: str = ""
    """What they ask for, if they ask."""


class _FixedIds(IdGenerator):
    """Ids drawn from a fixed seed, so that the same spans have the same ids in every run."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)  # noqa: S311 (reproducible on purpose)

    def generate_span_id(self) -> int:
        """Eight bytes, not zero."""
        return self._chance.randrange(1, 2**64)

    def generate_trace_id(self) -> int:
        """Sixteen bytes, not zero."""
        return self._chance.randrange(1, 2**128)


def send(doors: Doors) -> int:
    """Send every call, each service through its own exporter; returns how many spans the receiver took.

    Raises `StoreUnavailableError` if it did not take them.
    """
    sent = 0
    by_service = sorted(calls(), key=lambda call: call.service)
    for place, (service, own) in enumerate(groupby(by_service, key=lambda call: call.service)):
        spans = spans_of(service, list(own), SEED + place)
        exporter, door = _exporter(service, doors)
        try:
            if exporter.export(spans) is not SpanExportResult.SUCCESS:
                msg = f"the receiver at {door} did not take the spans of {service}"
                raise StoreUnavailableError(msg)
        finally:
            exporter.shutdown()
        sent += len(spans)
    return sent


def spans_of(service: str, own: list[Call], seed: int) -> list[ReadableSpan]:
    """The spans of one service, made by the SDK; an agent's calls lie below its span."""
    kept = InMemorySpanExporter()
    provider = TracerProvider(
        sampler=ALWAYS_ON,
        resource=Resource({a.SERVICE_NAME: service, a.ENVIRONMENT_NAME: ENVIRONMENT}),
        id_generator=_FixedIds(seed),
        span_limits=SpanLimits(),
        shutdown_on_exit=False,
    )
    provider.add_span_processor(SimpleSpanProcessor(kept))
    tracer = provider.get_tracer(_SCOPE)
    for agent, below in groupby(own, key=lambda call: call.agent):
        _record(tracer, agent, list(below))
    provider.shutdown()
    return list(kept.get_finished_spans())


def _record(tracer: Tracer, agent: str, below: list[Call]) -> None:
    """Spans of neighbouring calls; those of an agent below a span of its own, which ends after them."""
    if not agent:
        for call in below:
            _span(tracer, call, Context())
        return
    outer = tracer.start_span(
        f"invoke_agent {agent}", Context(), attributes=agent_totals(below), start_time=below[0].start_ns
    )
    for call in below:
        _span(tracer, call, set_span_in_context(outer, Context()))
    outer.end(below[-1].end_ns)


def _span(tracer: Tracer, call: Call, context: Context) -> None:
    span: Span = tracer.start_span(
        call.name, context, kind=SpanKind.CLIENT, attributes=call.attributes, start_time=call.start_ns
    )
    if call.error_type:
        span.set_attribute(a.ERROR_TYPE, call.error_type)
        span.set_status(Status(StatusCode.ERROR))
    span.end(call.end_ns)


def _exporter(service: str, doors: Doors) -> tuple[SpanExporter, str]:
    headers = {"authorization": f"Bearer {doors.token}"} if doors.token else {}
    if service in HTTP_SERVICES:
        session = requests.Session()
        session.trust_env = False
        door = doors.http + _TRACES_PATH
        return HttpExporter(endpoint=door, timeout=_TIMEOUT_S, session=session, headers=headers), door
    options = cast("tuple[tuple[str, str]]", _NO_PROXY)
    exporter = GrpcExporter(
        endpoint=doors.grpc, insecure=True, timeout=_TIMEOUT_S, channel_options=options, headers=headers
    )
    return exporter, doors.grpc
