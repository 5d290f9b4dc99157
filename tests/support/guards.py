"""A guard of an application's own: it grants and denies as the test says, and remembers what it was asked."""

import asyncio
import threading
from decimal import Decimal

from spanledger.schemas import BudgetExceededError, PolicyDeniedError
from spanledger.schemas.guarding import GuardedCall

OUT_OF_MONEY = BudgetExceededError(
    budget="team-day", limit=Decimal("5.00"), spent=Decimal("4.98"), currency="USD", resets_at=None
)
FORBIDDEN = PolicyDeniedError(policy="models.allow", reason="gpt-4o is not on the list of acme")


class Ticket:
    """A permit that knows whether it was given back."""

    def __init__(self, number: int) -> None:
        self.reservation_id = f"r-{number}"
        self.given_back = self.kept = 0

    def used(self) -> None:
        """Count it."""
        self.kept += 1

    def failed(self) -> None:
        """Count it."""
        self.given_back += 1


class OwnGuard:
    """Raises `raising` if it is set; else grants."""

    def __init__(self, raising: BaseException | None = None, *, waits: bool = False) -> None:
        self.raising = raising
        self.waits = waits
        self.asked: list[GuardedCall] = []
        self.tickets: list[Ticket] = []
        self.threads: set[str] = set()
        self.gate = threading.Event()
        self.came = threading.Event()

    def before(self, call: GuardedCall) -> Ticket:
        """Answer as the test says."""
        self.threads.add(threading.current_thread().name)
        self.asked.append(call)
        self.came.set()
        if self.waits:
            assert self.gate.wait(30)
        if self.raising is not None:
            raise self.raising
        self.tickets.append(Ticket(len(self.tickets) + 1))
        return self.tickets[-1]

    def at_once(self, call: GuardedCall) -> Ticket | None:
        """Somebody has to be asked if the guard waits."""
        return None if self.waits else self.before(call)


async def came(guard: OwnGuard) -> None:
    """Until the guard is asked."""
    assert await asyncio.to_thread(guard.came.wait, 30)
