"""The port by which whoever sends requests asks before one leaves, and whoever keeps budgets answers.

Neither imports the other: a guard is found by its entry point (`GUARD_GROUP`), or given by the application. What it
answers is a permit, or one of two errors; those two are all of it that an application ever sees.
"""

from collections.abc import Mapping
from typing import Final, Protocol

import msgspec

from spanledger.schemas.errors import BudgetExceededError, PolicyDeniedError

GUARD_GROUP: Final = "spanledger_guard"
"""Entry points of this group are functions (environment, mode) → `Guard`; the first one is taken."""

DENIALS: Final = (BudgetExceededError, PolicyDeniedError)
"""What a guard may raise."""

REASON_CHARS_MAX: Final = 512


class GuardedCall(msgspec.Struct, frozen=True, gc=False):
    """A call to a model as it is known before it is made. Nothing of what is asked is in it but its size."""

    provider: str
    """In the conventions' words, as its span states it."""
    model: str
    operation: str
    attributes: Mapping[str, object]
    """What its span states so far: whom it is for among them."""
    resource: Mapping[str, object]
    """What is stated of the process."""
    input_tokens: int | None = None
    """An estimate from the length of what is sent; None where that says nothing."""
    max_output_tokens: int | None = None
    """What the request allows; None where it sets no limit."""
    trace_id: int = 0
    span_id: int = 0
    """0 where no span is recorded of it."""


class Permit(Protocol):
    """A call may go."""

    reservation_id: str
    """What its span states, so that its cost is taken from what is held for it; empty where nothing is held."""

    def used(self) -> None:
        """It was answered: what it cost comes into the ledger under the reservation. Never raises."""
        ...

    def failed(self) -> None:
        """Nothing was sent, or nothing came back that was used: what is held for it is free again. Never raises."""
        ...


class Guard(Protocol):
    """Decides whether calls may be made. Any thread may ask."""

    def before(self, call: GuardedCall) -> Permit:
        """Ask for a call that is about to be made. Raises one of `DENIALS` where it may not; may wait for a server."""
        ...

    def at_once(self, call: GuardedCall) -> Permit | None:
        """The same without waiting for anybody; None where somebody has to be asked. For event loops."""
        ...


def denied_by(denial: BudgetExceededError | PolicyDeniedError) -> str:
    """Who denied a call, as its span states it: `budget:NAME` or `policy:NAME`."""
    return f"budget:{denial.budget}" if isinstance(denial, BudgetExceededError) else f"policy:{denial.policy}"


def reason_of(denial: BudgetExceededError | PolicyDeniedError) -> str:
    """Why, as its span states it."""
    return (str(denial) if isinstance(denial, BudgetExceededError) else denial.reason)[:REASON_CHARS_MAX]
