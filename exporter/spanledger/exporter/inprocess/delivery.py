"""One OTLP/HTTP request to a receiver, and what its answer means (OTLP 1.11, "OTLP/HTTP Response").

Redirects are not followed: usage would go where nobody configured it to.
"""

import http.client
import ssl
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from spanledger.exporter.failures import Permanent
from spanledger.exporter.inprocess.courier import Undelivered

ANSWER_TIMEOUT_S: Final = 10.0
ANSWER_BYTES_MAX: Final = 64 * 1024
RETRY_AFTER_S_MAX: Final = 60.0

# Refusals of the door rather than of what is carried: a wrong key or address is put right, and the usage waits for it.
# 408, 425 and 429 ask for another try by definition.
_DOOR_STATUSES: Final = frozenset({401, 403, 404, 405, 407, 408, 425, 429})


@dataclass(frozen=True, slots=True)
class Delivered:
    """The receiver took the request but `rejected` of its spans, for the reason in `message`."""

    rejected: int
    message: str


class ReceiverConnection:
    """A connection to the traces path of an OTLP/HTTP base URL. Used by one thread; opened when it is needed."""

    def __init__(self, endpoint: str, api_key: str) -> None:
        self._url = urlsplit(endpoint)
        # Without the user and password that a URL may hold: what does not answer is told to a log.
        self._at = self._url.netloc.rpartition("@")[2]
        self._path = self._url.path.rstrip("/") + "/v1/traces"
        self._headers = {"Content-Type": "application/x-protobuf", "User-Agent": "spanledger"}
        if api_key:
            self._headers["Authorization"] = f"Bearer {api_key}"
        self._connection: http.client.HTTPConnection | None = None

    def deliver(self, body: bytes) -> Delivered:
        """Send one request. Raises `Undelivered`, or `Permanent` when it will never be taken."""
        try:
            connection = self._connection = self._connection or self._open()
            connection.request("POST", self._path, body, self._headers)
            response = connection.getresponse()
            answer = response.read(ANSWER_BYTES_MAX)
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.close()
            why = f"{self._at} does not answer: {error!r}"
            raise Undelivered(why) from error
        if response.status in range(200, 300):
            return _partial_success(answer)
        self.close()
        why = f"{self._at}{self._path} answers {response.status} {response.reason}"
        if response.status in range(400, 500) and response.status not in _DOOR_STATUSES:
            raise Permanent(why)
        raise Undelivered(why, _seconds(response.getheader("Retry-After", "")))

    def close(self) -> None:
        """Close the connection; the next `deliver` opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open(self) -> http.client.HTTPConnection:
        host, port = self._url.hostname or "", self._url.port
        if self._url.scheme == "https":
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(host, port, timeout=ANSWER_TIMEOUT_S, context=context)
        return http.client.HTTPConnection(host, port, timeout=ANSWER_TIMEOUT_S)


def _partial_success(answer: bytes) -> Delivered:
    try:
        partial = ExportTraceServiceResponse.FromString(answer).partial_success
    except DecodeError:
        # The status alone says that it was taken.
        return Delivered(0, "")
    return Delivered(partial.rejected_spans, partial.error_message)


def _seconds(retry_after: str) -> float:
    """`Retry-After` in seconds; its other form, a date, counts as no hint."""
    return min(float(retry_after), RETRY_AFTER_S_MAX) if retry_after.isascii() and retry_after.isdigit() else 0.0
