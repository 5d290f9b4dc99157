"""The contract of spanledger: names, records, tables and public errors. It depends on nothing of ours."""

from spanledger.schemas.claim import Attribution, Call, Claim
from spanledger.schemas.errors import (
    BudgetExceededError,
    ConfigurationError,
    NewerSchemaError,
    PolicyDeniedError,
    SpanledgerError,
    StoreError,
    StoreLockedError,
    StoreUnavailableError,
)
from spanledger.schemas.event import LedgerEvent

__all__ = [
    "Attribution",
    "BudgetExceededError",
    "Call",
    "Claim",
    "ConfigurationError",
    "LedgerEvent",
    "NewerSchemaError",
    "PolicyDeniedError",
    "SpanledgerError",
    "StoreError",
    "StoreLockedError",
    "StoreUnavailableError",
]
