"""The demonstration: send through a receiver of its own, or a running `serve`'s; post; ask the ledger."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from spanledger.exporter.pipeline import Pipeline
from spanledger.exporter.settings import LOOPBACK, Address, Settings
from spanledger.ledger.access import Access, Opened, open_access
from spanledger.ledger.access.local import LocalAccess
from spanledger.ledger.demo.calls import DAY, DAY_AFTER, ENVIRONMENT
from spanledger.ledger.demo.sending import Doors, send
from spanledger.ledger.ledger import Ledger
from spanledger.ledger.serving import open_doors
from spanledger.ledger.tables import Table
from spanledger.schemas import ConfigurationError

# Charges and attempts, less what was taken back: fifty, however often they are sent.
_EVENTS: Final = (
    "SELECT sum(if(kind = 'reversal', -1, 1)), anyIf(response_id, reasoning_tokens > 0)"  # noqa: S608 (constants)
    f" FROM ledger_events FINAL WHERE environment = '{ENVIRONMENT}'"
    f" AND event_time >= '{DAY} 00:00:00' AND event_time < '{DAY_AFTER} 00:00:00'"
)

_ANY_PORT: Final = Address(LOOPBACK, 0)


@dataclass(frozen=True, slots=True)
class Shown:
    """What the ledger says of the demonstration's day."""

    by_model: Table
    by_service: Table
    events: int
    example: str
    """A response id worth explaining."""


def demonstrate(settings: Settings, tell: Callable[[str], None]) -> Shown:
    """Send the calls, post them, ask. Raises what opening the store or sending raises."""
    access = open_access(settings)
    try:
        tell(f"store: {access.place}")
        spans = _sent(access, settings)
        access.post()
        tell(f"sent {spans} spans of three services over OTLP/gRPC and OTLP/HTTP")
        return _asked(access)
    finally:
        access.close()


def _sent(access: Opened, settings: Settings) -> int:
    if isinstance(access, LocalAccess):
        return asyncio.run(_through_own_doors(access.pipeline, settings))
    if access.endpoint.http.startswith("https://"):
        msg = f"{access.place} takes TLS only, and the demonstration sends without: give it a --store of its own"
        raise ConfigurationError(msg)
    return send(Doors(access.endpoint.grpc, access.endpoint.http, access.endpoint.token))


async def _through_own_doors(pipeline: Pipeline, settings: Settings) -> int:
    receiver = await open_doors(pipeline, replace(settings, grpc=_ANY_PORT, http=_ANY_PORT, http_prefix=""))
    try:
        doors = Doors(str(receiver.grpc_address), f"http://{receiver.http_address}")
        return await asyncio.to_thread(send, doors)
    finally:
        await receiver.drain()


def _asked(access: Access) -> Shown:
    ledger = Ledger(access=access)
    [[events, example]] = ledger.sql(_EVENTS).rows
    return Shown(
        ledger.report("tenant,model", DAY, DAY_AFTER),
        ledger.report("service_name", DAY, DAY_AFTER),
        int(str(events)),
        str(example),
    )
