"""What is asked of the keeper of budgets and what it answers, as it travels: JSON, amounts as decimal strings."""

from datetime import datetime
from decimal import Decimal
from typing import Final, Literal

import msgspec

from spanledger.ledger.budgets.amounts import atto
from spanledger.ledger.budgets.budget import CALL_WORDS, VALUE_CHARS_MAX
from spanledger.schemas import ConfigurationError
from spanledger.schemas.money import AMOUNT_CHARS_MAX, AMOUNT_DIGITS_MAX

LEASE_S: Final = 600
"""How long a reservation holds when nobody says: longer than a call takes, short enough after a crash."""
LEASE_S_MAX: Final = 86_400
CALLS_MAX: Final = 10_000
TOKENS_MAX: Final = 10**12
_ID_CHARS_MAX: Final = 128

State = Literal["open", "settled", "released", "expired"]


class Reserve(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`POST /v1/reservations`: room for a call that is about to be made, or for several."""

    call: dict[str, str] = {}
    """What is known of it: `tenant`, `team`, `model` and the others of `CALL_WORDS`."""
    amount: Decimal | None = None
    """The most it may cost; without it the server prices the tokens."""
    currency: str = "USD"
    """Of `amount`."""
    input_tokens: int | None = None
    max_output_tokens: int | None = None
    calls: int = 1
    """How many calls it is for; amount and tokens are those of all of them together."""
    lease_s: int | None = None
    """How long it holds unless it is settled or released before."""
    trace_id: str = ""
    span_id: str = ""
    approval: str = ""
    """What a person gave for it, where a policy asks for that."""
    record_denial: bool = True
    """Whether the server records a denial, because the caller will not."""


class Settle(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`POST /v1/reservations/{id}/settle`: what it came to; without an amount, all that was reserved."""

    amount: Decimal | None = None


class Room(msgspec.Struct, frozen=True, kw_only=True):
    """A hard budget that covers a call, after the answer."""

    name: str
    limit: Decimal
    spent: Decimal
    held: Decimal
    remaining: Decimal
    currency: str
    resets_at: datetime | None


class Reservation(msgspec.Struct, frozen=True, kw_only=True):
    """An answer. Without a hard budget that covers the call there is nothing to reserve: the id is empty."""

    reservation_id: str = ""
    state: State = "open"
    amount: Decimal | None = None
    """What is reserved, or what it was settled at."""
    calls: int = 1
    currency: str = "USD"
    expires_at: datetime | None = None
    input_price: Decimal | None = None
    """Of one token, where the server priced it."""
    output_price: Decimal | None = None
    budgets: tuple[Room, ...] = ()
    valid_s: float = 0
    """With an empty id: how long it may be believed that no hard budget covers such a call."""
    sized: bool = False
    """Whether a policy decided it for calls of this size: what is larger is to be asked for anew."""


def checked(asked: Reserve) -> Reserve:
    """What was asked, if it can be. Raises `ConfigurationError`."""
    for name, value in asked.call.items():
        if name not in CALL_WORDS:
            msg = f"{name[:64]!r} is not known of a call; choose from {', '.join(CALL_WORDS)}"
            raise ConfigurationError(msg)
        if len(value) > VALUE_CHARS_MAX:
            msg = f"the value of {name!r} must be at most {VALUE_CHARS_MAX} characters"
            raise ConfigurationError(msg)
    check_amount(asked.amount)
    if not 0 < asked.calls <= CALLS_MAX:
        msg = f"a reservation is for 1 to {CALLS_MAX} calls, not {asked.calls}"
        raise ConfigurationError(msg)
    if asked.lease_s is not None and not 0 < asked.lease_s <= LEASE_S_MAX:
        msg = f"a reservation holds for 1 to {LEASE_S_MAX} seconds, not {asked.lease_s}"
        raise ConfigurationError(msg)
    for what, tokens in (("input_tokens", asked.input_tokens), ("max_output_tokens", asked.max_output_tokens)):
        if tokens is not None and not 0 <= tokens <= TOKENS_MAX:
            msg = f"{what} must be a whole number from 0 to {TOKENS_MAX}"
            raise ConfigurationError(msg)
    if len(asked.approval) > VALUE_CHARS_MAX:
        msg = f"an approval must be at most {VALUE_CHARS_MAX} characters"
        raise ConfigurationError(msg)
    if len(asked.trace_id) > _ID_CHARS_MAX or len(asked.span_id) > _ID_CHARS_MAX:
        msg = "a trace_id or span_id is too long"
        raise ConfigurationError(msg)
    return asked


def check_amount(amount: Decimal | None) -> None:
    """Raise `ConfigurationError` for what cannot be reserved or settled."""
    if amount is None:
        return
    try:
        fits = atto(amount) >= 0 and amount.adjusted() < AMOUNT_DIGITS_MAX
    except ValueError:
        fits = False
    if not fits:
        msg = (
            f"an amount is zero or more, with at most {AMOUNT_DIGITS_MAX} digits before the point and "
            f"{AMOUNT_CHARS_MAX} characters in all"
        )
        raise ConfigurationError(msg)
