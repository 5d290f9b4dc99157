"""`BudgetManager`: 371OS's monthly cap, checked before a call.

It looks at what is in the ledger, so calls under way at once may pass it together, as theirs could. A hard budget with
reservations (docs/budgets.md) holds that too.
"""

from decimal import Decimal
from typing import Final

from spanledger.ledger.predecessors.usage_ledger import UsageLedger
from spanledger.schemas import BudgetExceededError

MONTHLY_CAP: Final = 20.0
"""US dollars."""
NAME: Final = "monthly_cap"


class BudgetManager:
    """A cap on what a month may cost."""

    def __init__(self, monthly_cap: float | Decimal = MONTHLY_CAP, ledger: UsageLedger | None = None) -> None:
        """Hold a `UsageLedger` (None: over the default store) to so many US dollars a calendar month of its zone."""
        self.monthly_cap = monthly_cap
        self.ledger = ledger or UsageLedger()

    def get_remaining_budget_percentage(self) -> float:
        """What remains, as a part of the cap from 0.0 to 1.0; a float of exact sums. Raises what the ledger raises."""
        return float(self._remaining(self.ledger.current_month().total))

    def is_budget_exceeded(self) -> bool:
        """Whether nothing remains."""
        return self.get_remaining_budget_percentage() <= 0

    def check_budget(self) -> None:
        """Raise `BudgetExceededError` if nothing remains, naming limit, spent and when it resets."""
        month = self.ledger.current_month()
        if self._remaining(month.total) <= 0:
            raise BudgetExceededError(
                budget=NAME, limit=self._cap, spent=month.total, currency="USD", resets_at=month.until
            )

    @property
    def _cap(self) -> Decimal:
        return Decimal(str(self.monthly_cap))

    def _remaining(self, spent: Decimal) -> Decimal:
        return max(Decimal(0), (self._cap - spent) / self._cap) if self._cap > 0 else Decimal(0)
