"""The guard of an application, a call for it to ask for, and time that passes when the test says so."""

from collections.abc import Callable
from dataclasses import replace

from support.reservations import PRICE, Reservations

from spanledger.ledger.guarding import LeasingGuard
from spanledger.ledger.guarding.settings import GuardSettings
from spanledger.schemas.guarding import GuardedCall, Permit

RESOURCE = {"service.name": "checkout", "deployment.environment.name": "production"}
CALL = GuardedCall(
    "openai",
    "gpt-4o",
    "chat",
    {"ledger.tenant": "acme", "ledger.team": "core", "gen_ai.user": "u-1"},
    RESOURCE,
    1000,
    1000,
    trace_id=7,
    span_id=8,
)
"""Of 0.02 USD."""
EACH = 2000 * PRICE


class Clock:
    """Time that passes when the test says so."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        """The time."""
        return self.now_s


Make = Callable[..., LeasingGuard]


def maker(server: Reservations, clock: Clock) -> Make:
    """Makes guards that ask the server, with settings changed by name."""

    def made(**changes: object) -> LeasingGuard:
        settings = GuardSettings(enforce=True, url=server.url, api_key="slk_1")
        return LeasingGuard(replace(settings, **changes), clock)

    return made


def go(guard: LeasingGuard, times: int = 1, call: GuardedCall = CALL) -> list[Permit]:
    """Calls that go one after the other, each of which uses what it may."""
    permits: list[Permit] = []
    for _ in range(times):
        permits.append(guard.before(call))
        permits[-1].used()
    return permits
