"""How a failure travels over HTTP: the name of a public error and its sentence, so that it stays the same error."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Final

import msgspec

from spanledger.schemas import (
    BudgetExceededError,
    ConfigurationError,
    NewerSchemaError,
    PolicyDeniedError,
    SpanledgerError,
    StoreError,
    StoreLockedError,
    StoreUnavailableError,
)


class Failure(msgspec.Struct, frozen=True):
    """Any answer but a good one: the name of a public error, or of what HTTP calls it, and its sentence."""

    error: str
    message: str


class _Exceeded(msgspec.Struct, frozen=True):
    """What a budget that is exceeded tells beside its sentence."""

    budget: str
    limit: Decimal
    spent: Decimal
    currency: str
    resets_at: datetime | None


class _Denied(msgspec.Struct, frozen=True):
    """What a policy tells beside its sentence."""

    policy: str
    reason: str


FAILURES: Final[dict[str, type[SpanledgerError]]] = {
    error.__name__: error
    for error in (
        ConfigurationError,
        NewerSchemaError,
        SpanledgerError,
        StoreError,
        StoreLockedError,
        StoreUnavailableError,
    )
}
"""Public errors by name: who asks over HTTP fails as it would before the store itself."""

_DETAILED: Final[Mapping[str, tuple[type[SpanledgerError], type[msgspec.Struct]]]] = {
    BudgetExceededError.__name__: (BudgetExceededError, _Exceeded),
    PolicyDeniedError.__name__: (PolicyDeniedError, _Denied),
}
"""Those that tell more than a sentence."""
DETAILS: Final[Mapping[str, tuple[str, ...]]] = {name: form.__struct_fields__ for name, (_, form) in _DETAILED.items()}
"""What they tell."""


def error_of(status: int, body: bytes, url: str) -> SpanledgerError:
    """The public error that an answer other than a good one stands for."""
    try:
        failure = msgspec.json.decode(body, type=Failure)
        if failure.error in _DETAILED:
            error, form = _DETAILED[failure.error]
            return error(failure.message, **msgspec.structs.asdict(msgspec.json.decode(body, type=form)))
    except ValueError:
        return StoreUnavailableError(f"{url} answers {status}, and not as a spanledger serve does")
    # Wrong credentials, wrong paths and wrong questions are all for the caller to put right; the rest may pass.
    usual = StoreUnavailableError if status in {429, 500, 503} else ConfigurationError
    return FAILURES.get(failure.error, usual)(failure.message)
