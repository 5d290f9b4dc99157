"""`serve` on one screen: pipeline, receiver and local endpoint in one event loop, and how they stop.

Stopping, in this order, so that nothing acknowledged is lost and nothing new is promised: health says no, requests
under way end, the endpoint closes, the journal is flushed, what waits is posted, the window closes, the store is freed.
"""

import asyncio
import os
import secrets
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit

import msgspec

from spanledger.exporter.authentication import Authenticator, Role
from spanledger.exporter.authentication.authenticator import Owner
from spanledger.exporter.authentication.guard import Guard, guard, is_loopback
from spanledger.exporter.credential import ANY_SCOPE, Credential
from spanledger.exporter.pipeline import Pipeline, open_pipeline
from spanledger.exporter.receiver.http_edge import HttpEdge
from spanledger.exporter.receiver.listening import cannot_listen, check_free
from spanledger.exporter.receiver.server import Receiver
from spanledger.exporter.receiver.stopping import POST_S_MAX, stop_on_signals, until_over
from spanledger.exporter.receiver.tls import digest_of, server_context
from spanledger.exporter.settings import Address, Settings
from spanledger.ledger.access.local import LocalAccess
from spanledger.ledger.alerts.file import read_alerts
from spanledger.ledger.alerts.settings import AlertSettings
from spanledger.ledger.alerts.watch import Watch, lag_of, watching
from spanledger.ledger.api.app import create_app
from spanledger.ledger.api.hosts import own_names_only
from spanledger.ledger.api.route import Services
from spanledger.ledger.api.routes import ROUTES
from spanledger.ledger.clickhouse_http.door import open_clickhouse_http
from spanledger.ledger.denials import recorder
from spanledger.ledger.endpoint_file import Endpoint, folder_of, leave
from spanledger.ledger.metrics import exposition
from spanledger.ledger.page import Page
from spanledger.ledger.policy import OpaSettings, PolicyServer, read_opa
from spanledger.ledger.sinks.running import feeding
from spanledger.ledger.sinks.settings import sinks_of
from spanledger.schemas import StoreUnavailableError

GRACE_SECONDS: Final = 10.0
"""What requests under way are given to end; an answer takes 8 s at most."""
_TOKEN_BYTES: Final = 32

Tell = Callable[[str], None]
Opened = Callable[[Endpoint], None]


def serve(settings: Settings, tell: Tell, opened: Opened | None = None) -> None:
    """Serve until SIGTERM or SIGINT; `tell` is given lines for people. A second signal, or 30 s, end it with 1.

    When it is ready `opened` is given its addresses, in the loop that serves: it may not wait for anything.
    Raises `ConfigurationError` (a port, a setting, a door that would stand open), `StoreLockedError`,
    `NewerSchemaError`, and `StoreUnavailableError` when the store is away or the journal failed for good.
    """
    token, page = secrets.token_urlsafe(_TOKEN_BYTES), secrets.token_urlsafe(_TOKEN_BYTES)
    everybody = Credential(ANY_SCOPE, settings.tenant)
    opa = read_opa(os.environ)
    doors = [("--grpc", settings.grpc), ("--http", settings.http), ("--api", settings.api)]
    if settings.clickhouse_http is not None:
        doors.append(("--clickhouse-http", settings.clickhouse_http))
    alerts = read_alerts(settings.alerts, os.environ) if settings.alerts else None
    guarded = guard(settings, doors, Owner(token, everybody), Owner(page, everybody, Role.READ))
    # Where keys are asked for the page asks for one too.
    terms = _Terms(settings, guarded, token, "" if guarded.otlp else page, opa, alerts, opened)
    try:
        asyncio.run(_serve(open_pipeline(settings), terms, tell))
    finally:
        guarded.api.close()


@dataclass(frozen=True, slots=True)
class _Terms:
    """On which terms a server serves."""

    settings: Settings
    guarded: Guard
    token: str
    """The owner's."""
    page: str
    """Its browser's; empty if there is none."""
    opa: OpaSettings | None
    """Who decides before a call, if anybody."""
    alerts: AlertSettings | None
    opened: Opened | None
    clickhouse: Address | None = None
    """Where the store is read as a ClickHouse server is, once it is."""


async def open_doors(pipeline: Pipeline, settings: Settings, authenticator: Authenticator | None = None) -> Receiver:
    """Start the receiver of a pipeline. Raises `ConfigurationError` when a port cannot be had."""
    receiver = Receiver(settings, pipeline.senders_intake(), ready=pipeline.ready, authenticator=authenticator)
    await receiver.start()
    return receiver


async def _serve(pipeline: Pipeline, terms: _Terms, tell: Tell) -> None:
    stopping = stop_on_signals(tell)
    try:
        await _take_and_answer(pipeline, terms, stopping, tell)
    finally:
        left_bytes = await asyncio.to_thread(pipeline.close, POST_S_MAX)
        if left_bytes:
            tell(f"{left_bytes / 1e6:.1f} MB wait in the journal, and are posted when a server or a command runs again")


async def _take_and_answer(pipeline: Pipeline, terms: _Terms, stopping: asyncio.Event, tell: Tell) -> None:
    # Broken price files and wrong sinks stop a server before it promises anything.
    pipeline.prices.current()
    sinks = sinks_of()
    access = LocalAccess(pipeline)
    decide = PolicyServer(terms.opa).decide if terms.opa else None
    feeds = feeding(access.query, sinks, terms.settings.data)
    named = pipeline.pseudonyms.words if pipeline.pseudonyms else None
    denied = recorder(pipeline.writer, terms.settings.tenant)

    def waits_since() -> int | None:
        return lag_of(terms.settings.data).oldest_ns

    with access.accounts.kept(decide=decide, denied=denied, named=named, waits_since=waits_since), feeds:
        async with open_clickhouse_http(pipeline.store, terms.settings, terms.guarded.api) as address:
            await _answer(pipeline, replace(terms, clickhouse=address), access, stopping, tell)


async def _answer(pipeline: Pipeline, terms: _Terms, access: LocalAccess, stopping: asyncio.Event, tell: Tell) -> None:
    settings = terms.settings
    watch = Watch(terms.alerts, access.query, settings.data, budgets=access.accounts.states) if terms.alerts else None
    page = Page()
    edge, endpoint = await _open_endpoint(pipeline, terms, access, watch, page)
    try:
        receiver = await open_doors(pipeline, settings, terms.guarded.otlp)
    except BaseException:
        await edge.drain(0)
        raise
    pipeline.start()
    if access.accounts.keeper is not None:
        await asyncio.to_thread(access.accounts.keeper.start)
    tell(terms.guarded.told)
    with _published(settings, endpoint, receiver) as published:
        page.otlp = published.http
        clickhouse = f" clickhouse={_reachable(terms.clickhouse)}" if terms.clickhouse else ""
        tell(
            f"spanledger ready grpc={receiver.grpc_address} http={receiver.http_address}"
            f" api={urlsplit(published.address).netloc}{clickhouse} store={published.store}"
        )
        tell(f"the page is at {published.address}/ and spanledger open opens it")
        if terms.opened:
            terms.opened(published)
        async with watching(watch):
            await until_over(stopping, pipeline.writer.failed.is_set)
    tell("stopping: finishing requests, then posting what waits")
    await receiver.drain(GRACE_SECONDS)
    await edge.drain(GRACE_SECONDS)
    if pipeline.writer.failed.is_set():
        msg = f"the journal in {settings.data} failed: check the disk, then start again; what was acknowledged is kept"
        raise StoreUnavailableError(msg)


async def _open_endpoint(
    pipeline: Pipeline, terms: _Terms, access: LocalAccess, watch: Watch | None, page: Page
) -> tuple[HttpEdge, Endpoint]:
    settings = terms.settings
    try:
        check_free(settings.api)
    except OSError as error:
        raise cannot_listen(settings.api, "--api", error) from error
    endpoint = Endpoint(
        address="",
        token=terms.token,
        pid=os.getpid(),
        store=pipeline.store.url,
        data=str(settings.data),
        page=terms.page,
    )

    def metrics() -> tuple[str, bytes]:
        return exposition(access.query, settings.data, pipeline.prices, watch.families if watch else None)

    tls = settings.access.tls
    # The owner's commands have a token and no certificate.
    context = server_context(tls, client_must=False) if tls else None
    services = Services(
        access=access,
        authenticator=terms.guarded.api,
        proof=endpoint.proof,
        metrics=metrics,
        book=pipeline.prices.current,
        now=lambda: datetime.now(UTC),
        keeper=access.accounts.keeper,
        cancel=access.cancel,
    )
    app = create_app(services, ROUTES, dict.fromkeys(page.paths, page))
    # With keys there may be something in front that passes on the name it is called by.
    alone = is_loopback(settings.api.host) and terms.guarded.otlp is None
    edge = HttpEdge(own_names_only(app, settings.api.host) if alone else app, "--api", context)
    address = await edge.start(settings.api)
    certificate = digest_of(tls) if tls else ""
    return edge, msgspec.structs.replace(
        endpoint, address=f"{_scheme(settings)}://{_reachable(address)}", certificate=certificate
    )


def published_endpoint(settings: Settings, endpoint: Endpoint, receiver: Receiver) -> Endpoint:
    """What other commands are told of a started receiver."""
    http = f"{_scheme(settings)}://{_reachable(receiver.http_address)}{settings.http_prefix}"
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


def _scheme(settings: Settings) -> str:
    return "https" if settings.access.tls else "http"


def _reachable(address: Address) -> Address:
    """An address to connect to: a server that listens everywhere is reached on this machine by loopback."""
    everywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 (read, not bound)
    return Address(everywhere.get(address.host, address.host), address.port)
