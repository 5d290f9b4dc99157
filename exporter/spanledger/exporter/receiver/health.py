"""The gRPC health service (grpc.health.v1) as plain bytes: SERVING while requests can be made durable.

Its two messages are written with protobuf's well-known wrappers, which have the same wire form:
`HealthCheckRequest{string service = 1}`, `HealthCheckResponse{enum status = 1}`.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from google.protobuf.message import DecodeError
from google.protobuf.wrappers_pb2 import Int32Value, StringValue

from spanledger.exporter.receiver.gate import Gate

HEALTH_SERVICE: Final = "grpc.health.v1.Health"

# Readiness is a question, not an event: this is how late a watcher may learn of a full disk.
_POLL_S: Final = 1.0

_SERVING: Final = Int32Value(value=1).SerializeToString()
_NOT_SERVING: Final = Int32Value(value=2).SerializeToString()
_SERVICE_UNKNOWN: Final = Int32Value(value=3).SerializeToString()


class Health:
    """Answers for the services of a gRPC door; the empty name stands for all of them."""

    def __init__(self, gate: Gate, services: frozenset[str]) -> None:
        self._gate = gate
        self._services = services | {""}

    def check(self, request: bytes) -> bytes | None:
        """Return the HealthCheckResponse, or None (gRPC NOT_FOUND) for a service that is not ours."""
        return self._status() if self._knows(request) else None

    async def watch(self, request: bytes) -> AsyncIterator[bytes]:
        """Yield the status, and again at each change. Ends once the gate is closed, so as not to hold up a drain."""
        known = self._knows(request)
        last = b""
        while True:
            closed = self._gate.closed.is_set()
            status = self._status() if known else _SERVICE_UNKNOWN
            if status != last:
                yield status
                last = status
            if closed:
                return
            await self._closed_or_later()

    async def _closed_or_later(self) -> None:
        try:
            async with asyncio.timeout(_POLL_S):
                await self._gate.until_closed()
        except TimeoutError:
            return

    def _knows(self, request: bytes) -> bool:
        try:
            return StringValue.FromString(request).value in self._services
        except DecodeError:
            return False

    def _status(self) -> bytes:
        return _SERVING if self._gate.ready else _NOT_SERVING
