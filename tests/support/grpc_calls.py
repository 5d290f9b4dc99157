"""Raw calls to a gRPC door: an answer's bytes, or how it was refused."""

from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import cast

import grpc
import pytest
from google.protobuf.wrappers_pb2 import Int32Value, StringValue
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceResponse,
)
from support.receiving import PATIENCE_S, Receiving

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
CHECK = "/grpc.health.v1.Health/Check"
WATCH = "/grpc.health.v1.Health/Watch"
SERVING, NOT_SERVING, SERVICE_UNKNOWN = 1, 2, 3


class Call:
    """A channel to one door, for raw calls."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._channel = channel

    def __call__(self, body: bytes, method: str = EXPORT, timeout: float | None = PATIENCE_S) -> bytes:
        """Return the answer's bytes. Raises `grpc.RpcError`."""
        return cast("bytes", self._channel.unary_unary(method)(body, timeout=timeout))

    def refusal(self, body: bytes, method: str = EXPORT, timeout: float | None = PATIENCE_S) -> "Refused":
        """Return how a call was refused."""
        with pytest.raises(grpc.RpcError) as raised:
            self(body, method, timeout)
        return Refused(raised.value)

    def partial(self, body: bytes, method: str = EXPORT) -> ExportTracePartialSuccess | None:
        """What a call that was answered OK says of elements that were not accepted."""
        response = ExportTraceServiceResponse.FromString(self(body, method))
        return response.partial_success if response.HasField("partial_success") else None

    def begin(self, body: bytes) -> "grpc.Future[bytes]":
        """Begin a call, to be cancelled."""
        return cast("grpc.Future[bytes]", self._channel.unary_unary(EXPORT).future(body))

    def refused_stream(self, messages: Iterator[bytes]) -> "Refused":
        """Return how a call with any number of messages was refused."""
        with pytest.raises(grpc.RpcError) as raised:
            self._channel.stream_unary(EXPORT)(messages, timeout=PATIENCE_S)
        return Refused(raised.value)

    def watch(self, service: str) -> Generator[int]:
        """Yield the health of a service as it changes."""
        statuses = cast("Iterator[bytes]", self._channel.unary_stream(WATCH)(health_of(service)))
        yield from map(health_in, statuses)


class Refused:
    """The status of a failed call."""

    def __init__(self, error: grpc.RpcError) -> None:
        assert isinstance(error, grpc.Call)
        self.code = error.code()
        self.details = error.details() or ""
        self.trailers: Mapping[str, object] = {item.key: item.value for item in error.trailing_metadata() or ()}

    def status(self) -> Status:
        """The google.rpc.Status of the standard trailer."""
        raw = self.trailers["grpc-status-details-bin"]
        assert isinstance(raw, bytes)
        return Status.FromString(raw)

    @property
    def retry_s(self) -> float | None:
        """The hint, which both trailers state alike; None if there is none."""
        own = self.trailers.get("google.rpc.retryinfo-bin")
        standard = RetryInfo()
        stated = "grpc-status-details-bin" in self.trailers and any(
            detail.Unpack(standard) for detail in self.status().details
        )
        assert own == (standard.SerializeToString() if stated else None)
        return standard.retry_delay.ToMilliseconds() / 1000 if stated else None


@contextmanager
def calling(door: Receiving) -> Generator[Call]:
    """A channel to a door."""
    with grpc.insecure_channel(door.grpc) as channel:
        yield Call(channel)


def health_of(name: str) -> bytes:
    """A HealthCheckRequest."""
    return StringValue(value=name).SerializeToString()


def health_in(response: bytes) -> int:
    """The status of a HealthCheckResponse."""
    return Int32Value.FromString(response).value
