"""A lease: room for several calls, taken and given back by one process. Pure; amounts in atto units of its currency."""

from typing import Final

from spanledger.ledger.guarding.asking import Granted
from spanledger.schemas.money import parse_amount

LEASE_S: Final = 180
"""How long the server holds a lease that nobody closes."""
TAKING_S: Final = 60
"""How long calls are taken from it: a call that is taken last is still held for the time that calls take."""


class Lease:
    """What is held at the server under one id. Its scope's lock is around every method."""

    __slots__ = (
        "_each",
        "_input_price",
        "_left",
        "_output_price",
        "calls_left",
        "in_flight",
        "reservation_id",
        "taken",
        "until_s",
    )

    def __init__(self, granted: Granted, now_s: float) -> None:
        """Raises `ValueError` for amounts that are none."""
        self.reservation_id = granted.reservation_id
        self.calls_left = max(1, granted.calls)
        self._left = parse_amount(granted.amount) if granted.amount is not None else 0
        self._each = self._left // self.calls_left
        self._input_price = None if granted.input_price is None else parse_amount(granted.input_price)
        self._output_price = None if granted.output_price is None else parse_amount(granted.output_price)
        self.taken = 0
        self.in_flight = 0
        self.until_s = now_s + TAKING_S

    def take(self, input_tokens: int | None, output_tokens: int | None, *, first: bool = False) -> int | None:
        """Take room for one call: how much it takes. None: there is not enough. The lease was asked for `first`."""
        if not self.calls_left:
            return None
        amount = self._worth(input_tokens, output_tokens)
        if amount > self._left:
            if not first:
                return None
            amount = self._left
        self.calls_left -= 1
        self._left -= amount
        self.taken += amount
        self.in_flight += 1
        return amount

    def ended(self) -> bool:
        """A call that was taken ended, and used what it used; whether it was the last that there ever is."""
        self.in_flight -= 1
        return not (self.in_flight or self.calls_left)

    def give_back(self, amount: int) -> None:
        """A call that was taken used nothing."""
        self.in_flight -= 1
        self.calls_left += 1
        self._left += amount
        self.taken -= amount

    def _worth(self, input_tokens: int | None, output_tokens: int | None) -> int:
        """What a call may cost: by its own size where the server said prices, else an equal share."""
        if self._input_price is None or self._output_price is None or input_tokens is None:
            return self._each
        asked = input_tokens * self._input_price
        return max(self._each, asked) if output_tokens is None else asked + output_tokens * self._output_price
