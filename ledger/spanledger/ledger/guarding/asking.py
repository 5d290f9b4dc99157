"""One question to a server's reservations, by HTTP, and what its answers mean.

A server that cannot be reached, or answers what nobody expects, is *away*: what that means for a call is a setting.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Final
from urllib.parse import quote

import msgspec

from spanledger.ledger.calling import Caller, Place, UnansweredError
from spanledger.ledger.endpoint_file import Endpoint
from spanledger.schemas import BudgetExceededError, PolicyDeniedError

# A server on the same machine answers in some milliseconds; a caller does not wait longer than this for its own call.
ANSWER_TIMEOUT_S: Final = 2.0

RESERVATIONS: Final = "/v1/reservations"

_OF_THE_QUESTION: Final = frozenset({400, 403, 413, 422})
"""What is wrong is this call (a tenant that the key may not charge): of any other it says nothing."""


class AwayError(Exception):
    """The server cannot be asked now; the message says why."""


class UnaskedError(AwayError):
    """The server is there, and takes no question about such a call."""


class Granted(msgspec.Struct, frozen=True):
    """What the server answers that lets calls go."""

    reservation_id: str = ""
    amount: str | None = None
    """Of all calls together."""
    calls: int = 1
    currency: str = ""
    input_price: str | None = None
    output_price: str | None = None
    valid_s: float = 0.0
    """Without a reservation: how long it may be believed that no budget covers such a call."""
    sized: bool = False
    """Whether it is for calls that are no larger."""


class _Refused(msgspec.Struct, frozen=True):
    error: str = ""
    message: str = ""
    budget: str = ""
    limit: Decimal = Decimal(0)
    spent: Decimal = Decimal(0)
    currency: str = ""
    resets_at: datetime | None = None
    policy: str = ""
    reason: str = ""


class Server:
    """The server of one process. Any thread may ask."""

    def __init__(self, find: Callable[[], Endpoint | None]) -> None:
        self._find = find
        self._caller = Caller(ANSWER_TIMEOUT_S)

    def renew(self) -> None:
        """In a forked child: the parent's connections are the parent's."""
        self._caller.close()

    def reserve(self, asked: Mapping[str, object]) -> Granted:
        """Ask for a lease. Raises `BudgetExceededError`, `PolicyDeniedError`, `UnaskedError` or `AwayError`."""
        status, body = self._exchange(RESERVATIONS, asked)
        try:
            if status == 200:
                return msgspec.json.decode(body, type=Granted)
            refused = msgspec.json.decode(body, type=_Refused)
        except msgspec.MsgspecError as error:
            msg = f"it answers {status} with what is no answer"
            raise AwayError(msg) from error
        if status == 402:
            raise BudgetExceededError(
                refused.message,
                budget=refused.budget,
                limit=refused.limit,
                spent=refused.spent,
                currency=refused.currency,
                resets_at=refused.resets_at,
            )
        if status == 403 and refused.error == PolicyDeniedError.__name__:
            raise PolicyDeniedError(refused.message, policy=refused.policy, reason=refused.reason)
        msg = f"it answers {status} {refused.message or refused.error}"
        raise UnaskedError(msg) if status in _OF_THE_QUESTION else AwayError(msg)

    def settle(self, reservation_id: str, amount: str) -> None:
        """Close a lease at what was taken from it. Raises `AwayError`."""
        self._close(f"{RESERVATIONS}/{quote(reservation_id, safe='')}/settle", {"amount": amount})

    def release(self, reservation_id: str) -> None:
        """Close a lease from which nothing was taken. Raises `AwayError`."""
        self._close(f"{RESERVATIONS}/{quote(reservation_id, safe='')}/release", {})

    def _close(self, path: str, asked: Mapping[str, object]) -> None:
        status, _ = self._exchange(path, asked)
        if status != 200:
            msg = f"it answers {status} when a lease is closed"
            raise AwayError(msg)

    def _exchange(self, path: str, asked: Mapping[str, object]) -> tuple[int, bytes]:
        endpoint = self._find()
        if endpoint is None:
            msg = "no serve runs on this store"
            raise AwayError(msg)
        place = Place(endpoint.address, endpoint.token, endpoint.certificate)
        try:
            return self._caller.post(place, path, asked)
        except UnansweredError as error:
            raise AwayError(str(error)) from error
