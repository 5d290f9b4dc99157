"""Tenants that send the same ids with their own keys: nobody's rows carry, or are changed by, what another sent."""

import asyncio
import re
from collections.abc import Generator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import grpc
import pytest
from support.desk import Desk
from support.keys import Keys, bearer
from support.otlp import chat, request, span
from support.receiving import ANY_PORT, PATIENCE_S, exchange

from spanledger.exporter.authentication.api_key import ApiKey
from spanledger.exporter.intake import Intake
from spanledger.exporter.receiver.server import Receiver
from spanledger.exporter.settings import Settings
from spanledger.exporter.store import Store

TENANTS = 1000
CANARY = re.compile("canary-[0-9]{4}")
EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


@pytest.fixture
def desk(store: Store, tmp_path: Path) -> Generator[Desk]:
    """An empty ledger."""
    made = Desk(store, tmp_path / "journal")
    yield made
    made.writer.close()


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
    canary, victim = f"canary-{number:04}", name_of((number + 1) % TENANTS)
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


def send_all(receiver: Receiver, keys: list[ApiKey]) -> None:
    """Every tenant in turn over one connection of each door, so that whatever stays on a connection would show."""
    address = receiver.http_address
    with (
        closing(HTTPConnection(address.host, address.port, timeout=PATIENCE_S)) as connection,
        grpc.insecure_channel(str(receiver.grpc_address)) as channel,
    ):
        export: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(EXPORT)
        for number, key in enumerate(keys):
            baggage = f"ledger.tenant={name_of((number + 1) % TENANTS)}"
            headers = bearer(key) | {"baggage": baggage, "x-scope-orgid": "victim", "x-tenant-id": "victim"}
            if number % 2:
                assert exchange(connection, body_of(number), **headers).status == 200
            else:
                assert export(body_of(number), timeout=PATIENCE_S, metadata=tuple(headers.items())) == b""


async def _sent(desk: Desk, keys: Keys, shown: list[ApiKey]) -> None:
    settings = Settings(store="unused", data=desk.root, grpc=ANY_PORT, http=ANY_PORT)
    receiver = Receiver(settings, Intake(desk.writer), authenticator=keys.authenticator)
    await receiver.start()
    try:
        await asyncio.to_thread(send_all, receiver, shown)
    finally:
        await receiver.drain(1.0)


def test_a_thousand_tenants_with_the_same_ids_stay_apart(desk: Desk, tmp_path: Path) -> None:
    """Each is charged its own counts once, though all share trace, span and response ids and claim to be others.

    Everything is sent twice, and the second time posted by a process that remembers nothing of the first.
    """
    keys = Keys(tmp_path / "keys.sqlite")
    shown = keys.create_many([scope_of(number) for number in range(TENANTS)])
    asyncio.run(_sent(desk, keys, shown))
    desk.post()
    desk.restart()
    asyncio.run(_sent(desk, keys, shown))
    desk.post()
    desk.close_window()
    desk.post()

    charged = desk.store.query("SELECT tenant, sum(requests), sum(input_tokens) FROM charges GROUP BY tenant")
    assert {tenant: (requests, tokens) for tenant, requests, tokens in charged} == {
        payer_of(number): (1, 1000 + number) for number in range(TENANTS)
    }
    owner = {f"canary-{number:04}": {name_of(number), payer_of(number)} for number in range(TENANTS)}
    tables = [str(name) for (name,) in desk.store.query(TABLES)]
    seen: dict[str, int] = {}
    for table in tables:
        rows = desk.store.query(f"SELECT tenant, * FROM {table}")
        found = [(str(row[0]), canary) for row in rows for canary in set(CANARY.findall(repr(row)))]
        assert [(tenant, canary) for tenant, canary in found if tenant not in owner[canary]] == []
        seen[table] = len({canary for _, canary in found})
    assert (seen["ledger_events"], seen["ledger_claims"]) == (TENANTS, TENANTS)


def test_what_was_taken_is_its_tenants_whatever_becomes_of_the_key(desk: Desk, tmp_path: Path) -> None:
    """Who pays is written with the usage when it is taken; posting asks nobody again, not even where keys are gone."""
    keys = Keys(tmp_path / "keys.sqlite")
    asyncio.run(_sent(desk, keys, [keys.create(scope_of(0))]))
    keys.store.file.unlink()
    desk.restart()
    desk.post()
    assert desk.store.query("SELECT tenant, input_tokens FROM charges") == [(payer_of(0), 1000)]


TABLES = (
    "SELECT table FROM system.columns WHERE database = currentDatabase() AND name = 'tenant' AND table IN"
    " (SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree')"
)
