"""A denial that nobody else records, as a span in the journal: in the ledger it is an event of amount zero.

It is what an application's own span of the denied call would say, under the trace and the span that asked.
"""

import logging
import secrets
from collections.abc import Callable
from contextlib import suppress
from time import time_ns
from typing import TYPE_CHECKING, Final

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

from spanledger.exporter.credential import ANY_SCOPE
from spanledger.exporter.journal import Entry, JournalWriter, Signal
from spanledger.exporter.sift import sift
from spanledger.ledger.budgets.reservation import Reserve
from spanledger.schemas import BudgetExceededError, PolicyDeniedError, SpanledgerError
from spanledger.schemas import attributes as a
from spanledger.schemas.allowlist import ATTRIBUTION_KEYS
from spanledger.schemas.guarding import DENIALS, denied_by, reason_of

if TYPE_CHECKING:
    from concurrent.futures import Future

SCOPE: Final = "spanledger.ledger.denials"
"""The instrumentation scope of these spans."""

_CHAT: Final = "chat"
_logger: Final = logging.getLogger(__name__)


def recorder(writer: JournalWriter, tenant: str) -> Callable[[Reserve, SpanledgerError], None]:
    """What journals the denials of one server. `tenant` is charged, with nothing, where a call names none."""

    def record(asked: Reserve, denial: SpanledgerError) -> None:
        """Journal one; nobody waits for the disk. A journal that does not take it is told in the log."""
        if isinstance(denial, DENIALS):
            sifted = sift(span_of(asked, denial, time_ns()))
            entry = Entry(sifted.payload, Signal.TRACES, ANY_SCOPE, tenant, sifted.received - sifted.rejected)
            writer.append(entry).add_done_callback(lambda written: _told(written, denied_by(denial)))

    return record


def _told(written: "Future[int]", who: str) -> None:
    if error := written.exception():
        _logger.warning("a denial by %s is not recorded: %s", who, error)


def span_of(asked: Reserve, denial: BudgetExceededError | PolicyDeniedError, now_ns: int) -> bytes:
    """The request of OTLP with the span of one denial."""
    call = asked.call
    stated = {
        a.OPERATION_NAME: call.get("operation") or _CHAT,
        a.PROVIDER_NAME: call.get("provider", ""),
        a.REQUEST_MODEL: call.get("model", ""),
        a.ERROR_TYPE: type(denial).__name__,
        a.LEDGER_DENIED_BY: denied_by(denial),
        a.LEDGER_DENIAL_REASON: reason_of(denial),
        **{ATTRIBUTION_KEYS[word][0]: value for word, value in call.items() if word in ATTRIBUTION_KEYS},
    }
    service = stated.pop(a.SERVICE_NAME, "")
    span = Span(
        trace_id=_id(asked.trace_id, 16) or secrets.token_bytes(16),
        span_id=secrets.token_bytes(8),
        parent_span_id=_id(asked.span_id, 8),
        name=f"denied {call.get('model', '')}".rstrip(),
        kind=Span.SPAN_KIND_INTERNAL,
        start_time_unix_nano=now_ns,
        end_time_unix_nano=now_ns,
        attributes=_pairs(stated),
        status=Status(code=Status.STATUS_CODE_ERROR),
    )
    spans = ScopeSpans(scope=InstrumentationScope(name=SCOPE), spans=[span])
    resource = Resource(attributes=_pairs({a.SERVICE_NAME: service}))
    return ExportTraceServiceRequest(
        resource_spans=[ResourceSpans(resource=resource, scope_spans=[spans])]
    ).SerializeToString()


def _pairs(stated: dict[str, str]) -> list[KeyValue]:
    return [KeyValue(key=key, value=AnyValue(string_value=value)) for key, value in stated.items() if value]


def _id(stated: str, length: int) -> bytes:
    """An id that is stated in hex digits; empty for what is none."""
    with suppress(ValueError):
        found = bytes.fromhex(stated)
        return found if len(found) == length and any(found) else b""
    return b""
