"""Every way a request can be answered, as gRPC status and as HTTP status, in one table.

A stock sender drops its data on any code outside the retry tables of OTLP 1.11, so whatever is not known to be
permanent is answered as temporary. No attribute value and no traceback is ever echoed.
"""

import random
from dataclasses import dataclass
from typing import Final

from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.json_format import MessageToJson
from google.protobuf.message import Message
from google.rpc import code_pb2
from google.rpc.error_details_pb2 import BadRequest, RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsPartialSuccess, ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsPartialSuccess,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceResponse,
)

from spanledger.exporter.failures import Denied, Permanent, Throttled, TooLarge, Transient, Unauthenticated
from spanledger.exporter.journal import Signal
from spanledger.exporter.receiver.port import Answer
from spanledger.exporter.receiver.reasons import summary

PROTOBUF: Final = "application/x-protobuf"
JSON: Final = "application/json"

# Measured against the stock Python exporters (10 s deadline, 6 attempts): with these they stay for 9.0 s. Shorter
# hints burn the attempts; one beyond the deadline makes them drop the batch at once.
RETRY_GRPC_S: Final = 1.8
RETRY_HTTP_S: Final = 3
# Jitter only shortens the hint, and by little: a herd is spread, and 9 s stay 8.
RETRY_JITTER: Final = 0.1

# gRPC and HTTP responses stay far below the 4 MiB a client accepts, whatever was rejected.
MESSAGE_BYTES_MAX: Final = 4 * 1024

# The trailer of the gRPC standard (a google.rpc.Status), and the one that the Python exporter reads instead.
STATUS_TRAILER: Final = "grpc-status-details-bin"
RETRY_TRAILER: Final = "google.rpc.retryinfo-bin"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request that is not accepted, as both transports state it."""

    code: int
    """A `google.rpc.Code`, which is also the gRPC status code."""
    http_status: int
    message: str
    retry: bool = False
    """Temporary: carries the retry hints."""
    allow: str = ""
    """The `Allow` header of a 405."""

    def status(self) -> Status:
        """Return the google.rpc.Status: BadRequest says what to mend, RetryInfo when to come back."""
        status = Status(code=self.code, message=shortened(self.message))
        if self.code == code_pb2.INVALID_ARGUMENT:
            violation = BadRequest.FieldViolation(field="body", description=status.message)
            status.details.append(_packed(BadRequest(field_violations=[violation])))
        if self.retry:
            status.details.append(_packed(_retry_info()))
        return status

    def trailers(self) -> tuple[tuple[str, bytes], ...]:
        """Return the gRPC trailing metadata: the status, and its retry hint once more in the Python exporter's form."""
        status = self.status()
        trailers = [(STATUS_TRAILER, status.SerializeToString())]
        retry = RetryInfo()
        if any(detail.Unpack(retry) for detail in status.details):
            trailers.append((RETRY_TRAILER, retry.SerializeToString()))
        return tuple(trailers)

    def headers(self) -> list[tuple[bytes, bytes]]:
        """Return the HTTP headers that belong to this refusal."""
        headers: list[tuple[bytes, bytes]] = []
        if self.retry:
            headers.append((b"retry-after", b"%d" % RETRY_HTTP_S))
        if self.allow:
            headers.append((b"allow", self.allow.encode()))
        if self.http_status == 401:
            headers.append((b"www-authenticate", b"Bearer"))
        return headers

    def body(self, content_type: str) -> bytes:
        """Return the google.rpc.Status in the request's encoding."""
        return encoded(self.status(), content_type)


def refusal(failure: Exception) -> Refusal:
    """Translate a failure. What is neither permanent nor too large is temporary; a bug keeps its text to itself."""
    match failure:
        case TooLarge():
            return Refusal(code_pb2.RESOURCE_EXHAUSTED, 413, str(failure))
        case Permanent():
            return Refusal(code_pb2.INVALID_ARGUMENT, 400, str(failure))
        case Unauthenticated() | Denied():
            known = isinstance(failure, Denied)
            code = code_pb2.PERMISSION_DENIED if known else code_pb2.UNAUTHENTICATED
            return Refusal(code, 403 if known else 401, str(failure))
        case Throttled():
            return Refusal(code_pb2.RESOURCE_EXHAUSTED, 429, str(failure), retry=True)
        case Transient():
            return Refusal(code_pb2.UNAVAILABLE, 503, str(failure), retry=True)
        case _:
            return Refusal(code_pb2.UNAVAILABLE, 503, "the request could not be taken now", retry=True)


def response(signal: Signal, answer: Answer, content_type: str = PROTOBUF) -> bytes:
    """Return the Export response of a request that was accepted, at least in part.

    `partial_success` is unset on full success: an empty protobuf message, or `{}` in JSON.
    """
    if answer == _FULL_SUCCESS:
        return b"{}" if content_type == JSON else b""
    return encoded(_RESPONSES[signal](answer.rejected, shortened(answer.message)), content_type)


def with_rejections(answer: Answer, reasons: list[str]) -> Answer:
    """Add elements that were refused before the intake saw the request, one reason each."""
    if not reasons:
        return answer
    message = "; ".join(filter(None, (summary(reasons), answer.message)))
    return Answer(answer.rejected + len(reasons), message, (*dict.fromkeys(reasons), *answer.reasons))


def shortened(message: str) -> str:
    """Cut a message to 4 KiB of UTF-8, whole characters only; the counts beside it stay as they are."""
    raw = message.encode(errors="replace")
    if len(raw) <= MESSAGE_BYTES_MAX:
        return raw.decode()
    return raw[: MESSAGE_BYTES_MAX - len(_CUT)].decode(errors="ignore") + _CUT.decode()


def encoded(message: Message, content_type: str) -> bytes:
    """Return a message in the encoding of the request it answers."""
    if content_type == JSON:
        return MessageToJson(message, indent=None).encode()
    return message.SerializeToString()


_FULL_SUCCESS: Final = Answer()
_CUT: Final = "…".encode()


def _packed(detail: Message) -> AnyMessage:
    packed = AnyMessage()
    packed.Pack(detail)
    return packed


def _retry_info() -> RetryInfo:
    seconds = RETRY_GRPC_S * (1 - random.uniform(0, RETRY_JITTER))  # noqa: S311 - spreads senders, guards nothing
    retry = RetryInfo()
    retry.retry_delay.FromMilliseconds(round(seconds * 1000))
    return retry


def _trace_response(rejected: int, message: str) -> Message:
    partial = ExportTracePartialSuccess(rejected_spans=rejected, error_message=message)
    return ExportTraceServiceResponse(partial_success=partial)


def _logs_response(rejected: int, message: str) -> Message:
    partial = ExportLogsPartialSuccess(rejected_log_records=rejected, error_message=message)
    return ExportLogsServiceResponse(partial_success=partial)


def _metrics_response(rejected: int, message: str) -> Message:
    partial = ExportMetricsPartialSuccess(rejected_data_points=rejected, error_message=message)
    return ExportMetricsServiceResponse(partial_success=partial)


_RESPONSES: Final = {
    Signal.TRACES: _trace_response,
    Signal.LOGS: _logs_response,
    Signal.METRICS: _metrics_response,
}
