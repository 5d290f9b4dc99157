"""What simulated senders send: calls to a model, some told of by two spans, each under a tenant of its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from support.otlp import NOON_NS, Value, chat, request, span

from spanledger.exporter.sift import sift
from spanledger.exporter.sift.records import UsageRecord

CALLS = 40
"""How many different calls there are; a world uses some of them."""


@dataclass(frozen=True)
class Message:
    """One request with one span: what a sender keeps sending until it is answered."""

    tenant: str
    """Every call's own, by which the ledger is compared with what was sent."""
    span_id: str
    payload: bytes
    spans: Sequence[UsageRecord]
    second: bool
    """Whether another message tells of the same call."""


def input_tokens(tenant: str) -> int:
    """What a call used."""
    return 1000 + int(tenant.removeprefix("tenant-"))


@cache
def messages() -> list[Message]:
    """Every message: each call's first, and of every other call a second, by another emitter in another trace."""
    made: list[Message] = []
    for number in range(CALLS):
        start_ns = NOON_NS + number * 3_600 * 10**9
        told = chat(ledger__tenant=f"tenant-{number}", gen_ai__usage__input_tokens=input_tokens(f"tenant-{number}"))
        if number % 4:
            told["gen_ai.response.id"] = f"response-{number}"
        made.append(_message(number, told, 2 * number + 1, start_ns))
        if number % 2:
            fuller = told | {"gen_ai.usage.cache_read.input_tokens": 500}
            made.append(_message(number, fuller, 2 * number + 2, start_ns - 1000, scope="gateway"))
    return made


def _message(number: int, attributes: dict[str, Value], identity: int, start_ns: int, scope: str = "test") -> Message:
    made = span(attributes, span_id=identity, trace_id=identity, start_ns=start_ns, end_ns=start_ns + 10**9)
    sifted = sift(request(made, scope=scope))
    return Message(f"tenant-{number}", made.span_id.hex(), sifted.payload, sifted.spans, scope != "test")
