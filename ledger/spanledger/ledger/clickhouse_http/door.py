"""The door itself: a listener beside the others of `serve`, open while a block runs, if it is asked for at all."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final

from spanledger.exporter.receiver.http_edge import HttpEdge
from spanledger.exporter.receiver.tls import server_context
from spanledger.exporter.settings import Address, Settings
from spanledger.exporter.store import Store
from spanledger.ledger.clickhouse_http.answering import Reader
from spanledger.ledger.clickhouse_http.app import App, Recognises

FLAG: Final = "--clickhouse-http"
_GRACE_S: Final = 1.0
"""What statements under way are given; who asks again asks the next server."""


@asynccontextmanager
async def open_clickhouse_http(
    store: Store, settings: Settings, recognises: Recognises
) -> AsyncGenerator[Address | None]:
    """Listen, or not: the bound address. Raises `ConfigurationError` when it cannot be had."""
    if settings.clickhouse_http is None:
        yield None
        return
    tls = settings.access.tls
    reader = await asyncio.to_thread(Reader, store.raw_connection, store.cancel)
    try:
        # Keys are shown in headers: a certificate may be, and need not.
        context = server_context(tls, client_must=False) if tls else None
        edge = HttpEdge(App(reader, recognises), FLAG, context)
        try:
            yield await edge.start(settings.clickhouse_http)
        finally:
            await edge.drain(_GRACE_S)
    finally:
        await asyncio.to_thread(reader.close)
