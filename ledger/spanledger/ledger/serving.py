"""`serve` on one screen: pipeline, receiver and local endpoint in one event loop, and how they stop.

Stopping, in this order, so that nothing acknowledged is lost and nothing new is promised: health says no, requests
under way end, the endpoint closes, the journal is flushed, what waits is posted, the window closes, the store is freed.
"""

import asyncio
import os
import secrets
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Final

import msgspec

from spanledger.exporter.pipeline import Pipeline, open_pipeline
from spanledger.exporter.receiver.http_edge import HttpEdge
from spanledger.exporter.receiver.listening import cannot_listen, check_free
from spanledger.exporter.receiver.server import Receiver
from spanledger.exporter.receiver.stopping import stop_on_signals, until_over
from spanledger.exporter.settings import Address, Settings
from spanledger.ledger.access.endpoint import endpoint_app
from spanledger.ledger.access.endpoint_file import Endpoint, folder_of, leave
from spanledger.ledger.access.local import LocalAccess
from spanledger.ledger.metrics import exposition
from spanledger.schemas import StoreUnavailableError

GRACE_SECONDS: Final = 10.0
"""What requests under way are given to end; an answer takes 8 s at most."""
_TOKEN_BYTES: Final = 32

Tell = Callable[[str], None]


def serve(settings: Settings, tell: Tell) -> None:
    """Serve until SIGTERM or SIGINT; `tell` is given lines for people. A second signal, or 30 s, end it with 1.

    Raises `ConfigurationError` (a port, a setting), `StoreLockedError`, `NewerSchemaError`, and
    `StoreUnavailableError` when the store is away or the journal failed for good.
    """
    asyncio.run(_serve(open_pipeline(settings), settings, tell))


async def open_doors(pipeline: Pipeline, settings: Settings) -> Receiver:
    """Start the receiver of a pipeline. Raises `ConfigurationError` when a port cannot be had."""
    receiver = Receiver(settings, pipeline.intake, ready=pipeline.ready)
    await receiver.start()
    return receiver


async def _serve(pipeline: Pipeline, settings: Settings, tell: Tell) -> None:
    stopping = stop_on_signals(tell)
    try:
        await _take_and_answer(pipeline, settings, stopping, tell)
    finally:
        await asyncio.to_thread(pipeline.close)


async def _take_and_answer(pipeline: Pipeline, settings: Settings, stopping: asyncio.Event, tell: Tell) -> None:
    # Broken price files stop a server before it promises anything.
    pipeline.prices.current()
    edge, endpoint = await _open_endpoint(pipeline, settings)
    try:
        receiver = await open_doors(pipeline, settings)
    except BaseException:
        await edge.drain(0)
        raise
    pipeline.start()
    with _published(settings, endpoint, receiver) as published:
        tell(
            f"spanledger ready grpc={receiver.grpc_address} http={receiver.http_address}"
            f" api={published.address.removeprefix('http://')} store={published.store}"
        )
        await until_over(stopping, pipeline.writer.failed.is_set)
    tell("stopping: finishing requests, then posting what waits")
    await receiver.drain(GRACE_SECONDS)
    await edge.drain(GRACE_SECONDS)
    if pipeline.writer.failed.is_set():
        msg = f"the journal in {settings.data} failed: check the disk, then start again; what was acknowledged is kept"
        raise StoreUnavailableError(msg)


async def _open_endpoint(pipeline: Pipeline, settings: Settings) -> tuple[HttpEdge, Endpoint]:
    try:
        check_free(settings.api)
    except OSError as error:
        raise cannot_listen(settings.api, "--api", error) from error
    endpoint = Endpoint(
        address="",
        token=secrets.token_urlsafe(_TOKEN_BYTES),
        pid=os.getpid(),
        store=pipeline.store.url,
        data=str(settings.data),
    )
    access = LocalAccess(pipeline)
    edge = HttpEdge(endpoint_app(access, endpoint, lambda: exposition(access.query, settings.data, pipeline.prices)))
    address = await edge.start(settings.api)
    return edge, msgspec.structs.replace(endpoint, address=f"http://{_reachable(address)}")


def published_endpoint(settings: Settings, endpoint: Endpoint, receiver: Receiver) -> Endpoint:
    """What other commands are told of a started receiver."""
    http = f"http://{_reachable(receiver.http_address)}{settings.http_prefix}"
    return msgspec.structs.replace(endpoint, grpc=str(_reachable(receiver.grpc_address)), http=http)


@contextmanager
def _published(settings: Settings, endpoint: Endpoint, receiver: Receiver) -> Generator[Endpoint]:
    """The endpoint's file lies where commands look for it while requests are taken."""
    published = published_endpoint(settings, endpoint, receiver)
    take_away = leave(folder_of(settings), published)
    try:
        yield published
    finally:
        take_away()


def _reachable(address: Address) -> Address:
    """An address to connect to: a server that listens everywhere is reached on this machine by loopback."""
    everywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 (read, not bound)
    return Address(everywhere.get(address.host, address.host), address.port)
