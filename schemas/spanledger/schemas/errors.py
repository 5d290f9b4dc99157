"""Public errors. Every one says in a sentence what is wrong and what to do; `exit_code` is the command's.

SpanledgerError
├── ConfigurationError        2   a setting or argument is wrong
├── StoreError                1   the store answered, and refused
│   └── NewerSchemaError      2   the store was written by a newer spanledger
├── StoreUnavailableError     3   the store or server cannot be reached now; trying again may help
│   └── StoreLockedError      3   another process holds the embedded store
├── BudgetExceededError       1   a call would take a budget over its limit
└── PolicyDeniedError         1   a policy forbids a call
"""

from datetime import datetime
from decimal import Decimal


class SpanledgerError(Exception):
    """The root of every error spanledger raises on purpose."""

    exit_code = 1


class ConfigurationError(SpanledgerError):
    """A setting or argument is wrong; the message names it and the cure."""

    exit_code = 2


class StoreError(SpanledgerError):
    """The store answered and refused; sending the same again will not help."""


class NewerSchemaError(StoreError):
    """The store's schema is newer than this program knows; upgrade spanledger."""

    exit_code = 2


class StoreUnavailableError(SpanledgerError):
    """The store or server cannot be reached now; the same call may succeed later."""

    exit_code = 3


class StoreLockedError(StoreUnavailableError):
    """Another process holds the embedded store; the message names it and how to reach it."""


class BudgetExceededError(SpanledgerError):
    """A hard budget has no room for a call. Nothing was spent; the attributes say which budget, and until when."""

    def __init__(
        self,
        message: str = "",
        *,
        budget: str,
        limit: Decimal,
        spent: Decimal,
        currency: str,
        resets_at: datetime | None = None,
    ) -> None:
        """`spent` includes what is held for calls under way. `resets_at` is None where nothing ever resets it."""
        self.budget = budget
        self.limit = limit
        self.spent = spent
        self.currency = currency
        self.resets_at = resets_at
        until = f"it resets at {resets_at.isoformat()}" if resets_at else "it does not reset"
        super().__init__(
            message
            or f"the budget {budget!r} has no room: {spent:f} of {limit:f} {currency} are spent or held; {until}"
        )

    def __reduce__(self) -> tuple[object, ...]:
        """Let it cross to another process whole."""
        return _again, (type(self), str(self), self.__dict__)


class PolicyDeniedError(SpanledgerError):
    """A policy forbids a call. Nothing was spent."""

    def __init__(self, message: str = "", *, policy: str, reason: str) -> None:
        self.policy = policy
        self.reason = reason
        super().__init__(message or f"the policy {policy!r} denies the call: {reason}")

    def __reduce__(self) -> tuple[object, ...]:
        """Let it cross to another process whole."""
        return _again, (type(self), str(self), self.__dict__)


def _again(error: type[SpanledgerError], message: str, attributes: dict[str, object]) -> SpanledgerError:
    """Make an error anew from what it told."""
    return error(message, **attributes)
