"""Tenants that share every id and claim to be each other: nobody's rows carry, or are changed by, what another sent."""

import asyncio
import re
import tempfile
from collections.abc import Sequence
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Final

import grpc
from faults.table import Line
from support.desk import Desk
from support.keys import Keys, bearer
from support.otlp import chat, request, span
from support.receiving import ANY_PORT, PATIENCE_S, exchange

from spanledger.exporter.authentication.api_key import ApiKey
from spanledger.exporter.intake import Intake
from spanledger.exporter.receiver.server import Receiver
from spanledger.exporter.settings import Settings
from spanledger.exporter.store import open_store
from spanledger.exporter.store.migrations import migrate

TENANTS: Final = 1_000
CANARY: Final = re.compile("canary-[0-9]{4}")
EXPORT: Final = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
TABLES: Final = (
    "SELECT table FROM system.columns WHERE database = currentDatabase() AND name = 'tenant' AND table IN"
    " (SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree')"
)


def tenants(count: int) -> Line:
    """So many, each with a canary, in a ledger of their own."""
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(f"{folder}/store")
        try:
            migrate(store)
            desk = Desk(store, Path(folder) / "journal")
            line = told_apart(desk, Keys(Path(folder) / "keys.sqlite"), count)
            desk.writer.close()
        finally:
            store.close()
    return line


def told_apart(desk: Desk, keys: Keys, count: int) -> Line:
    """Everything is sent twice, and the second time posted by a process that remembers nothing of the first."""
    line = Line("tenants with the same ids, each with a canary", count)
    shown = keys.create_many([scope_of(number) for number in range(count)])
    asyncio.run(send(desk, keys, shown))
    desk.post()
    desk.restart()
    asyncio.run(send(desk, keys, shown))
    desk.post()
    desk.close_window()
    desk.post()
    rows = desk.store.query("SELECT tenant, sum(requests), sum(input_tokens) FROM charges GROUP BY tenant")
    charged = {str(tenant): numbers for tenant, *numbers in rows}
    for number in range(count):
        booked = charged.pop(payer_of(number), None)
        if booked is None:
            line.blame(f"lost: the call of {payer_of(number)}")
        elif booked != [1, 1000 + number]:
            line.blame(f"doubled: {payer_of(number)} is charged {booked}")
    line.wrong += [f"{tenant} is charged {numbers}" for tenant, numbers in charged.items()]
    _look_for_canaries(line, desk, count)
    return line


def _look_for_canaries(line: Line, desk: Desk, count: int) -> None:
    owner = {f"canary-{number:04}": {name_of(number), payer_of(number)} for number in range(count)}
    for (table,) in desk.store.query(TABLES):
        seen: set[str] = set()
        for row in desk.store.query(f"SELECT tenant, * FROM {table}"):
            found = set(CANARY.findall(repr(row)))
            seen |= found
            line.wrong += [f"{table} of {row[0]} has {each}" for each in found if row[0] not in owner[each]]
        if table in {"ledger_events", "ledger_claims"} and len(seen) != count:
            line.wrong.append(f"{table} has {len(seen)} canaries: nothing was looked at")


def name_of(number: int) -> str:
    """A tenant."""
    return f"tenant-{number:04}"


def scope_of(number: int) -> str:
    """Every fifth key stands for two tenants."""
    return f"{name_of(number)},{name_of(number)}-lab" if number % 5 == 0 else name_of(number)


def payer_of(number: int) -> str:
    """Who has to pay: what the span says where the key's scope holds it, else the key's first tenant."""
    return f"{name_of(number)}-lab" if number % 5 == 0 else name_of(number)


def body_of(number: int) -> bytes:
    """Ids, times and services that all tenants share; counts, and a canary in every free field, of their own.

    A fifth say which of their own two tenants it is for; the others claim, in every way there is, to be the next one.
    """
    canary, victim = f"canary-{number:04}", name_of(number + 1)
    own = number % 5 == 0
    call = chat(
        gen_ai__usage__input_tokens=1000 + number,
        gen_ai__response__id="chatcmpl-shared",
        gen_ai__request__model=f"gpt-4o-mini:{canary}" if number % 2 else "gpt-4o-mini",
        ledger__tenant=payer_of(number) if own else victim,
        ledger__user_id=canary,
        ledger__feature=canary,
        ledger__anything=canary,
        gen_ai__conversation__id=canary,
    )
    resource = {"service.name": "shop", "ledger.tenant": victim, "tenant.id": victim, "service.version": canary}
    agent = {"gen_ai.operation.name": "invoke_agent", "ledger.session_id": canary, "ledger.tenant": victim}
    return request(span(agent), span(call, span_id=2, parent_id=1), resource=resource)


def _send_all(receiver: Receiver, keys: Sequence[ApiKey]) -> None:
    """Every tenant in turn over one connection of each door, so that whatever stays on a connection would show."""
    address = receiver.http_address
    with (
        closing(HTTPConnection(address.host, address.port, timeout=PATIENCE_S)) as connection,
        grpc.insecure_channel(str(receiver.grpc_address)) as channel,
    ):
        export: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(EXPORT)
        for number, key in enumerate(keys):
            baggage = f"ledger.tenant={name_of(number + 1)}"
            headers = bearer(key) | {"baggage": baggage, "x-scope-orgid": "victim", "x-tenant-id": "victim"}
            if number % 2:
                assert exchange(connection, body_of(number), **headers).status == 200
            else:
                assert export(body_of(number), timeout=PATIENCE_S, metadata=tuple(headers.items())) == b""


async def send(desk: Desk, keys: Keys, shown: Sequence[ApiKey]) -> None:
    """Through a receiver of its own over the desk's journal."""
    settings = Settings(store="unused", data=desk.root, grpc=ANY_PORT, http=ANY_PORT)
    receiver = Receiver(settings, Intake(desk.writer), authenticator=keys.authenticator)
    await receiver.start()
    try:
        await asyncio.to_thread(_send_all, receiver, shown)
    finally:
        await receiver.drain(1.0)
