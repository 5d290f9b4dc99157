import asyncio
import gc
import importlib
import pkgutil
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import Protocol, cast

import pytest
from support.keys import Clock
from support.otlp import chat, request, span
from support.receiving import receiving

import spanledger.exporter
from spanledger.exporter.credential import Credential
from spanledger.exporter.failures import Throttled
from spanledger.exporter.intake import Intake
from spanledger.exporter.journal import JournalWriter, Signal
from spanledger.exporter.receiver import Answer
from spanledger.exporter.tenant_rates import BURST_S, SCOPES_MAX, TenantRates


class Cache(Protocol):
    """What `lru_cache` makes of a function."""

    __qualname__: str

    def cache_info(self) -> SimpleNamespace:
        """Its counts and its bound."""
        ...


CACHE = type(lru_cache(len))
ACME, GLOBEX = Credential("acme", "acme"), Credential("globex", "globex")
TEN_SPANS = request(*(span(chat(), span_id=number + 1) for number in range(10)))


def test_a_tenant_over_its_spans_per_second_waits_until_they_are_paid_back(tmp_path: Path) -> None:
    """10 a second and a burst of 10 s: 100 spans pass at once, then 10 a second. Nobody else notices."""
    clock, writer = Clock(), JournalWriter(tmp_path)
    intake = Intake(writer).within(TenantRates(spans_per_s=10, clock=clock))

    async def send(credential: Credential, signal: Signal = Signal.TRACES) -> Answer:
        return await intake(signal, TEN_SPANS if signal is Signal.TRACES else b"", credential)

    async def flood() -> None:
        for _ in range(int(BURST_S)):
            await send(ACME)
        for refused in (Signal.TRACES, Signal.METRICS):
            with pytest.raises(Throttled, match="acme sends more than 10 spans per second"):
                await send(ACME, refused)
        for _ in range(3):
            await send(GLOBEX)
        clock.advance(1)
        await send(ACME)
        with pytest.raises(Throttled):
            await send(ACME)
        clock.advance(3600)
        for _ in range(int(BURST_S)):
            await send(ACME)
        with pytest.raises(Throttled):
            await send(ACME)

    asyncio.run(flood())
    writer.close()


def test_bytes_are_held_to_a_rate_of_their_own() -> None:
    """A request that is larger than all that is left passes, and is paid back."""
    clock = Clock()
    rates = TenantRates(bytes_per_s=1000, clock=clock)
    rates.check(ACME)
    rates.spend(ACME, spans=10**6, body_bytes=12_000)
    with pytest.raises(Throttled, match="1000 bytes per second"):
        rates.check(ACME)
    rates.check(GLOBEX)
    clock.advance(2)
    with pytest.raises(Throttled):
        rates.check(ACME)
    clock.advance(0.1)
    rates.check(ACME)


def test_keys_of_one_scope_share_a_rate() -> None:
    """More keys are not more allowance."""
    rates = TenantRates(spans_per_s=1, clock=Clock())
    rates.spend(Credential("a,b", "a"), spans=100, body_bytes=0)
    with pytest.raises(Throttled):
        rates.check(Credential("a,b", "b"))


def test_without_a_rate_nothing_is_counted() -> None:
    """As it is unless somebody sets one."""
    rates = TenantRates()
    for _ in range(3):
        rates.spend(ACME, spans=10**9, body_bytes=10**12)
        rates.check(ACME)
    assert len(rates) == 0


def test_the_memory_of_rates_is_bounded() -> None:
    """However many scopes send."""
    rates = TenantRates(spans_per_s=1, clock=Clock())
    for number in range(SCOPES_MAX + 100):
        rates.check(Credential(f"t{number}", ""))
    assert len(rates) == SCOPES_MAX


def test_the_doors_say_later_to_the_one_tenant() -> None:
    """429 with Retry-After and RetryInfo: stock senders keep the batch and come again."""
    with receiving() as receiver:
        receiver.intake.failures.append(Throttled("acme sends more than 10 spans per second"))
        refused = receiver.post(b"")
        assert (refused.status, refused.headers["retry-after"]) == (429, "3")
        assert refused.failure().details[0].type_url.endswith("google.rpc.RetryInfo")


def test_no_cache_of_what_senders_state_is_without_a_bound() -> None:
    """A sender that makes up tenants, models and keys without end costs what the tables hold, and no more."""
    for module in pkgutil.walk_packages(spanledger.exporter.__path__, "spanledger.exporter."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    bounds = {
        f"{cache.__module__}.{cache.__qualname__}": cache.cache_info().maxsize
        for each in gc.get_objects()
        if isinstance(each, CACHE) and (cache := cast("Cache", each)).__module__.startswith("spanledger.exporter.")
    }
    unbounded = {name for name, bound in bounds.items() if bound is None}
    assert len(bounds) > 10
    assert unbounded <= OF_OUR_OWN


OF_OUR_OWN = {
    # By the fields and messages of the protocol.
    "spanledger.exporter.receiver.otlpjson._by_key",
    "spanledger.exporter.receiver.otlpjson._holds_elements",
    "spanledger.exporter.receiver.json_wire.message_encoder",
    # By nothing: one value each.
    "spanledger.exporter.rate.library.catalogue",
    "spanledger.exporter.rate.library._imported",
}
