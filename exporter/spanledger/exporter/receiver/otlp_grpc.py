"""The gRPC door: OTLP Export for the three signals and the health service, on raw bytes.

grpc itself decodes nothing: its own deserialiser would answer a broken message with INTERNAL, which senders take
for a reason to drop. This is the only module that imports grpc.

The door has an event loop of its own. grpc.aio accepts one call in some six rounds of its loop, so in the loop that
also sifts and serves HTTP, calls waited until HTTP had nothing more to do (measured: 4 s beside 500 HTTP senders).
"""

import asyncio
import errno
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from typing import Final, Protocol

import grpc
import grpc.aio

from spanledger.exporter.access_settings import TlsSettings
from spanledger.exporter.authentication import Peer
from spanledger.exporter.authentication.certificates import names
from spanledger.exporter.failures import Permanent, Transient
from spanledger.exporter.journal import Signal
from spanledger.exporter.receiver.answers import Refusal, refusal, response
from spanledger.exporter.receiver.gate import Gate, in_time, report_bug, turn
from spanledger.exporter.receiver.health import HEALTH_SERVICE, Health
from spanledger.exporter.receiver.listening import cannot_listen, check_free
from spanledger.exporter.receiver.own_loop import OwnLoop
from spanledger.exporter.receiver.tls import read_pem
from spanledger.exporter.settings import Address

STREAMS_MAX: Final = 128
"""Calls under way on one connection."""
METADATA_BYTES_MAX: Final = 16 * 1024
PING_INTERVAL_MS: Final = 10_000
"""Senders may ping so often, also without a call; a flood ends in GOAWAY "too_many_pings"."""
CONNECTION_AGE_MS: Final = 5 * 60_000
"""Connections are renewed (grpc adds a jitter), so that load spreads after a scale-out and the dead ones go."""
CONNECTION_GRACE_MS: Final = 30_000
CONNECTION_IDLE_MS: Final = 15 * 60_000
HANDSHAKE_MS_MAX: Final = 10_000

_SERVICES: Final = {
    "opentelemetry.proto.collector.trace.v1.TraceService": Signal.TRACES,
    "opentelemetry.proto.collector.logs.v1.LogsService": Signal.LOGS,
    "opentelemetry.proto.collector.metrics.v1.MetricsService": Signal.METRICS,
}
_STATUS_CODES: Final[dict[int, grpc.StatusCode]] = {code.value[0]: code for code in grpc.StatusCode}


class Context(Protocol):
    """What this door uses of `grpc.aio.ServicerContext`."""

    async def read(self) -> object:
        """Return the next message, or `grpc.aio.EOF`."""
        ...

    def peer(self) -> str:
        """Return the caller's address, such as `ipv4:127.0.0.1:4711`."""
        ...

    def auth_context(self) -> Mapping[str, Iterable[bytes]]:
        """Return what TLS knows of the caller; nothing without TLS."""
        ...

    def time_remaining(self) -> float | None:
        """Return the seconds until the caller's deadline; None when it set none."""
        ...

    def invocation_metadata(self) -> Iterable[tuple[str, str | bytes]]:
        """Return the caller's metadata."""
        ...

    def set_code(self, code: grpc.StatusCode) -> None:
        """Set the status of the answer."""
        ...

    def set_details(self, details: str) -> None:
        """Set the message of the answer."""
        ...

    def set_trailing_metadata(self, trailing_metadata: tuple[tuple[str, bytes], ...]) -> None:
        """Set the trailers of the answer."""
        ...


class GrpcDoor:
    """OTLP/gRPC on one address."""

    def __init__(self, gate: Gate, tls: TlsSettings | None = None) -> None:
        self._gate = gate
        self._tls = tls
        self._server: grpc.aio.Server | None = None
        self._own_loop: OwnLoop | None = None

    async def start(self, address: Address) -> Address:
        """Listen; return the bound address. Raises `ConfigurationError` when the port is taken."""
        own_loop = OwnLoop("spanledger-grpc")
        try:
            bound = await own_loop.run(self._listen(address))
        except BaseException:
            await own_loop.close()
            raise
        self._own_loop = own_loop
        return bound

    async def _listen(self, address: Address) -> Address:
        # grpc.aio binds a server to the loop it is made in.
        self._server = grpc.aio.server(options=_options(self._gate.limits.body_bytes))
        self._server.add_generic_rpc_handlers((_Routes(self._gate),))
        try:
            # grpc would write lines of its own to stderr, and not say which error it met.
            check_free(address)
            if self._tls is None:
                port = self._server.add_insecure_port(str(address))
            else:
                port = self._server.add_secure_port(str(address), _credentials(self._tls))
        except OSError as error:
            raise cannot_listen(address, "--grpc", error) from error
        except RuntimeError as error:
            # Free a moment ago: somebody was faster.
            raise cannot_listen(address, "--grpc", OSError(errno.EADDRINUSE, str(error))) from error
        await self._server.start()
        return Address(address.host, port)

    async def drain(self, grace_s: float) -> None:
        """Send GOAWAY, let the calls under way end for `grace_s` seconds, then cancel what is left. May be repeated."""
        if self._server is None or self._own_loop is None:
            return
        own_loop = self._own_loop
        await own_loop.run(self._server.stop(grace_s))
        self._own_loop = None
        await own_loop.close()


class _Routes(grpc.GenericRpcHandler):
    """Method name → handler. Everything else, reflection included, is UNIMPLEMENTED."""

    def __init__(self, gate: Gate) -> None:
        health = Health(gate, frozenset(_SERVICES))
        self._handlers: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
            f"/{service}/Export": grpc.stream_unary_rpc_method_handler(_export(gate, signal))
            for service, signal in _SERVICES.items()
        }
        self._handlers[f"/{HEALTH_SERVICE}/Check"] = grpc.unary_unary_rpc_method_handler(_health_check(health))
        self._handlers[f"/{HEALTH_SERVICE}/Watch"] = grpc.unary_stream_rpc_method_handler(_health_watch(health))

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> "grpc.RpcMethodHandler[bytes, bytes] | None":
        """Return the handler of a call."""
        return self._handlers.get(handler_call_details.method)


def _export(gate: Gate, signal: Signal) -> Callable[[object, Context], Awaitable[bytes]]:
    """Return the handler of one signal.

    It is registered as client-streaming, which is the same on the wire: so the message is read when the gate has
    room for it, not as soon as the call arrives.
    """

    async def export(_messages: object, context: Context) -> bytes:
        try:
            credential = gate.authenticate(_headers(context), _peer(context))
            body = await _message(gate, context)
            answer = await gate.admit(signal, body, credential, context.time_remaining())
        except Exception as failure:  # noqa: BLE001 - anything else than a status would be UNKNOWN: senders drop on it
            report_bug(failure)
            return _refuse(context, refusal(failure))
        return response(signal, answer)

    return export


async def _message(gate: Gate, context: Context) -> bytes:
    """Read the one message of a call, once there is room for the largest. The caller hears before its deadline."""
    gate.check_open()
    async with turn(gate.unsized_reads, in_time(gate.limits.answer_s, context.time_remaining())):
        try:
            async with asyncio.timeout(in_time(gate.limits.body_s, context.time_remaining())):
                message = await context.read()
        except TimeoutError as error:
            msg = "the request did not arrive in time"
            raise Transient(msg) from error
    if not isinstance(message, bytes):
        msg = "the call carries no message"
        raise Permanent(msg)
    return message


def _peer(context: Context) -> Peer:
    """The other end, with the names in its certificate if it had to show one."""
    stated = context.auth_context()
    if not stated:
        return Peer(context.peer())
    uris, dns, common = (
        [name.decode(errors="replace") for name in stated.get(kind, ())]
        for kind in ("peer_uri", "peer_dns", "x509_common_name")
    )
    return Peer(context.peer(), names(uris, dns, common))


def _credentials(tls: TlsSettings) -> grpc.ServerCredentials:
    pair = (read_pem(tls.key), read_pem(tls.certificate))
    authority = None if tls.client_ca is None else read_pem(tls.client_ca)
    return grpc.ssl_server_credentials([pair], authority, require_client_auth=authority is not None)


def _headers(context: Context) -> Mapping[str, str]:
    return {key: value for key, value in context.invocation_metadata() if isinstance(value, str)}


def _refuse(context: Context, refused: Refusal) -> bytes:
    context.set_code(_STATUS_CODES[refused.code])
    context.set_details(refused.status().message)
    context.set_trailing_metadata(refused.trailers())
    return b""


def _health_check(health: Health) -> Callable[[bytes, Context], Awaitable[bytes]]:
    async def check(request: bytes, context: Context) -> bytes:
        status = health.check(request)
        if status is None:
            context.set_code(grpc.StatusCode.NOT_FOUND)
            return b""
        return status

    return check


def _health_watch(health: Health) -> Callable[[bytes, Context], AsyncIterator[bytes]]:
    async def watch(request: bytes, _context: Context) -> AsyncIterator[bytes]:
        async for status in health.watch(request):
            yield status

    return watch


def _options(body_bytes_max: int) -> list[tuple[str, int]]:
    return [
        # Also the limit of an inflated message (measured: 800 MiB of zeros cost 7 MiB).
        ("grpc.max_receive_message_length", body_bytes_max),
        ("grpc.max_concurrent_streams", STREAMS_MAX),
        ("grpc.absolute_max_metadata_size", METADATA_BYTES_MAX),
        # Of a call that nobody reads yet, grpc takes 64 KiB; on a fast link the probe makes that megabytes a call
        # (measured: 500 MB for a thousand calls of 1 MiB). Once a call is read it is given room for its whole message.
        ("grpc.http2.bdp_probe", 0),
        # Two receivers on one port would share the senders between them without a word.
        ("grpc.so_reuseport", 0),
        ("grpc.http2.min_ping_interval_without_data_ms", PING_INTERVAL_MS),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.max_connection_age_ms", CONNECTION_AGE_MS),
        ("grpc.max_connection_age_grace_ms", CONNECTION_GRACE_MS),
        ("grpc.max_connection_idle_ms", CONNECTION_IDLE_MS),
        ("grpc.server_handshake_timeout_ms", HANDSHAKE_MS_MAX),
    ]
