"""The classes of two predecessors, over this ledger: TokenLedger's queries, and the usage ledger and budget of 371OS.

Their numbers are floats where theirs were: each is made, at the last, of an exact decimal. docs/migrating.md translates
their quick starts line by line. A name is loaded when it is first asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from spanledger.ledger.predecessors.asynchronous import AsyncTokenLedgerQueries
    from spanledger.ledger.predecessors.budget import BudgetManager
    from spanledger.ledger.predecessors.costs import CostSummary, DailyCost, HourlyCost, ModelCost, UserCost
    from spanledger.ledger.predecessors.queries import TokenLedgerQueries
    from spanledger.ledger.predecessors.usage import LLMUsage
    from spanledger.ledger.predecessors.usage_ledger import UsageLedger
    from spanledger.schemas import BudgetExceededError

__all__ = [
    "AsyncTokenLedgerQueries",
    "BudgetExceededError",
    "BudgetManager",
    "CostSummary",
    "DailyCost",
    "HourlyCost",
    "LLMUsage",
    "ModelCost",
    "TokenLedgerQueries",
    "UsageLedger",
    "UserCost",
]

_HERE: Final = "spanledger.ledger.predecessors"
_HOMES: Final = {
    f"{_HERE}.asynchronous": ("AsyncTokenLedgerQueries",),
    f"{_HERE}.budget": ("BudgetManager",),
    f"{_HERE}.costs": ("CostSummary", "DailyCost", "HourlyCost", "ModelCost", "UserCost"),
    f"{_HERE}.queries": ("TokenLedgerQueries",),
    f"{_HERE}.usage": ("LLMUsage",),
    f"{_HERE}.usage_ledger": ("UsageLedger",),
    "spanledger.schemas": ("BudgetExceededError",),
}


def __getattr__(name: str) -> object:
    """Load a public name. Raises `AttributeError` for any other."""
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(home), name)
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
