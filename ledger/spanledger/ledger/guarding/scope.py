"""Calls that are alike in all that a budget or a policy may name: the lease they share, and their last denial."""

import copy
import threading
from collections import deque
from operator import ge
from typing import Final

from spanledger.ledger.guarding.asking import Granted
from spanledger.ledger.guarding.lease import Lease
from spanledger.schemas import BudgetExceededError, PolicyDeniedError
from spanledger.schemas.guarding import GuardedCall

DENIED_S: Final = 2.0
"""How long a denial is believed: an SDK that takes it for a broken connection asks no server again."""
CALLS_MAX: Final = 64
"""The most calls of one lease: what a process may hold that others could use."""
BELIEVED_S_MAX: Final = 60.0
"""How long it is believed at most that no budget covers a call, whatever the server says."""

Denial = BudgetExceededError | PolicyDeniedError


class Free:
    """The permit of a call for which nothing is held."""

    reservation_id = ""

    def used(self) -> None:
        """Nothing is held."""

    def failed(self) -> None:
        """Nothing is held."""


FREE: Final = Free()


class Taken:
    """The permit of a call that was taken from a lease."""

    __slots__ = ("_amount", "_is_over", "_lease", "_scope", "reservation_id")

    def __init__(self, scope: "Scope", lease: Lease, amount: int) -> None:
        self._scope, self._lease, self._amount = scope, lease, amount
        self._is_over = False
        self.reservation_id = lease.reservation_id

    def used(self) -> None:
        """It was answered."""
        with self._scope.lock:
            if not self._is_over:
                self._is_over = True
                if self._lease.ended():
                    self._scope.over.append(self._lease)

    def failed(self) -> None:
        """It used nothing: another call may have its room."""
        with self._scope.lock:
            if not self._is_over:
                self._is_over = True
                self._lease.give_back(self._amount)


class Scope:
    """One kind of call in this process."""

    __slots__ = (
        "_believed_until_s",
        "_calls",
        "_denial",
        "_denied",
        "_denied_until_s",
        "_sized",
        "asking",
        "lease",
        "lock",
        "over",
        "resource",
        "unasked_until_s",
    )

    def __init__(self, resource: object, over: deque[Lease]) -> None:
        self.resource = resource
        """Kept, so that its identity is nobody else's."""
        # A response that is collected ends its call wherever this thread is, inside of here too; so may a signal.
        self.lock = threading.RLock()
        self.asking = threading.RLock()
        """Whoever asks the server for this scope holds it."""
        self.lease: Lease | None = None
        self.over = over
        """Leases that are used up: every call was taken, and has ended."""
        self.unasked_until_s = 0.0
        """Until then the server takes no question about such calls."""
        self._believed_until_s = 0.0
        self._calls = 1
        self._denial: Denial | None = None
        self._sized: GuardedCall | None = None
        """The call that a policy let go, and calls no larger with it."""
        self._denied: tuple[int, int] = (0, 0)
        self._denied_until_s = 0.0

    def take(self, call: GuardedCall, now_s: float) -> Taken | Free | None:
        """Let a call go by what is known; None where the server has to be asked. Raises what it said a moment ago."""
        if self._sized is not None and _is_larger(call, self._sized):
            return self._denied_lately(call, now_s)
        if now_s < self._believed_until_s:
            return FREE
        with self.lock:
            lease = self.lease
            if lease is not None and now_s < lease.until_s:
                amount = lease.take(call.input_tokens, call.max_output_tokens)
                if amount is not None:
                    return Taken(self, lease, amount)
        return self._denied_lately(call, now_s)

    def _denied_lately(self, call: GuardedCall, now_s: float) -> None:
        if now_s < self._denied_until_s and self._denial is not None and all(map(ge, _size(call), self._denied)):
            # One of its own for each: an error keeps the way that it took.
            raise copy.copy(self._denial)

    def calls_to_ask(self, now_s: float) -> int:
        """For how many calls to ask: more, the quicker the last lease was used up."""
        with self.lock:
            lease, self.lease = self.lease, None
            if lease is not None:
                quick = not lease.calls_left and now_s < lease.until_s
                self._calls = min(CALLS_MAX, self._calls * 2) if quick else max(1, self._calls // 2)
        return self._calls

    def granted(self, granted: Granted, call: GuardedCall, now_s: float) -> Taken | Free:
        """Take over what the server granted, and let the call go that it was asked for."""
        self._sized = call if granted.sized else None
        if not granted.reservation_id:
            self._believed_until_s = now_s + max(0.0, min(granted.valid_s, BELIEVED_S_MAX))
            return FREE
        lease = Lease(granted, now_s)
        with self.lock:
            self.lease = lease
            amount = lease.take(call.input_tokens, call.max_output_tokens, first=True) or 0
        return Taken(self, lease, amount)

    def denied(self, denial: Denial, call: GuardedCall, now_s: float) -> None:
        """Remember a denial for a moment: nothing larger has room either."""
        self._calls = 1
        self._denial, self._denied, self._denied_until_s = denial, _size(call), now_s + DENIED_S

    def give_up(self) -> Lease | None:
        """Take no more from the lease; it is the caller's if nothing was ever taken from it."""
        with self.lock:
            lease, self.lease = self.lease, None
        return lease if lease is not None and not lease.taken and not lease.in_flight else None


def _is_larger(call: GuardedCall, than: GuardedCall) -> bool:
    """Whether a call may be larger than another; of what is unknown nobody knows."""
    sizes = ((call.input_tokens, than.input_tokens), (call.max_output_tokens, than.max_output_tokens))
    return any(mine != other and (mine is None or other is None or mine > other) for mine, other in sizes)


def _size(call: GuardedCall) -> tuple[int, int]:
    return call.input_tokens or 0, call.max_output_tokens or 0
