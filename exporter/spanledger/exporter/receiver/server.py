"""The receiver: both doors in front of one intake, started together and drained together."""

import asyncio
from collections.abc import Callable
from typing import Final

from spanledger.exporter.authentication import Authenticator
from spanledger.exporter.credential import ANY_SCOPE, Credential
from spanledger.exporter.receiver.gate import Gate, Limits
from spanledger.exporter.receiver.http_edge import HttpEdge
from spanledger.exporter.receiver.otlp_grpc import GrpcDoor
from spanledger.exporter.receiver.otlp_http import http_app
from spanledger.exporter.receiver.port import Intake
from spanledger.exporter.receiver.tls import server_context
from spanledger.exporter.settings import Address, Settings

# How long requests under way may still take after a stop was asked for: an answer takes 8 s at most.
DRAIN_S: Final = 10.0


class Receiver:
    """OTLP/gRPC and OTLP/HTTP on the addresses of the settings, in the running event loop.

    `ready` tells whether a request could be made durable now; `/readyz` and the gRPC health service repeat it.
    Without an `authenticator` whoever reaches the doors may send, for any tenant.
    """

    def __init__(
        self,
        settings: Settings,
        intake: Intake,
        *,
        ready: Callable[[], bool] = lambda: True,
        limits: Limits | None = None,
        authenticator: Authenticator | None = None,
    ) -> None:
        self._settings = settings
        self.gate = Gate(
            intake,
            Credential(scope=ANY_SCOPE, tenant=settings.tenant),
            limits or Limits(body_bytes=settings.body_bytes_max),
            ready,
            authenticator,
        )
        """What both doors share; its counts tell how busy they are."""
        tls = settings.access.tls
        # Also checks the files: grpc does not say what is wrong with them.
        self._http = HttpEdge(http_app(self.gate, settings.http_prefix), tls=server_context(tls) if tls else None)
        self._grpc: GrpcDoor | None = None
        self.grpc_address: Address = settings.grpc
        """Where gRPC listens; after `start` with the port that the system chose for port 0."""
        self.http_address: Address = settings.http

    @property
    def ready(self) -> bool:
        """Whether a request sent now could be made durable."""
        return self.gate.ready

    async def start(self) -> None:
        """Open both doors. Raises `ConfigurationError`, with neither open, when one of the ports cannot be had."""
        self.gate.live_here()
        self.http_address = await self._http.start(self._settings.http)
        self._grpc = GrpcDoor(self.gate, self._settings.access.tls)
        try:
            self.grpc_address = await self._grpc.start(self._settings.grpc)
        except BaseException:
            await self._http.drain(0)
            raise

    async def drain(self, grace_s: float = DRAIN_S) -> None:
        """Stop: say so to health checks, take nothing new, finish what is under way, then close. May be repeated."""
        self.gate.close()
        deadline_s = asyncio.get_running_loop().time() + grace_s
        async with asyncio.TaskGroup() as doors:
            doors.create_task(self._http.drain(grace_s))
            if self._grpc is not None:
                doors.create_task(self._grpc.drain(grace_s))
        await self.gate.settle(max(deadline_s - asyncio.get_running_loop().time(), 0))
