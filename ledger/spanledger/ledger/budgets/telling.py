"""What the keeper of budgets answers, from what it knows. Pure; amounts leave as exact decimals."""

from collections.abc import Iterable
from typing import Final

from spanledger.ledger.budgets.amounts import atto, decimal
from spanledger.ledger.budgets.book import Account, Book, Held
from spanledger.ledger.budgets.estimate import Estimate
from spanledger.ledger.budgets.reservation import Reservation, Reserve, Room
from spanledger.ledger.budgets.windows import moment_of
from spanledger.schemas import BudgetExceededError

BELIEVED_S: Final = 10.0
"""How long whoever asked may believe that no hard budget covers such a call."""


def told(held: Held) -> Reservation:
    """A reservation as it stands."""
    return Reservation(
        reservation_id=held.reservation_id,
        state=held.state,
        amount=decimal(held.stands_for),
        calls=held.calls,
        currency=held.currency,
        expires_at=moment_of(held.expires_ns),
    )


def nothing(asked: Reserve, priced: Estimate) -> Reservation:
    """No hard budget covers the call."""
    return Reservation(
        calls=asked.calls,
        currency=priced.currency,
        input_price=priced.input_price,
        output_price=priced.output_price,
        valid_s=BELIEVED_S,
    )


def rooms(accounts: Iterable[Account], tenants: frozenset[str] | None) -> tuple[Room, ...]:
    """The budgets of these accounts, as far as who asks may know."""
    return tuple(
        Room(
            name=each.budget.name,
            limit=each.budget.limit,
            spent=decimal(each.spent.atto),
            held=decimal(each.held),
            remaining=decimal(atto(each.budget.limit) - each.spent.atto - each.held),
            currency=each.budget.currency,
            resets_at=each.resets_at,
        )
        for each in accounts
        if each.budget.within(tenants)
    )


def as_told(book: Book, denial: BudgetExceededError, tenants: frozenset[str] | None) -> BudgetExceededError:
    """To whom it is not told what others spent, a budget without room is used up."""
    if book.accounts[denial.budget].budget.within(tenants):
        return denial
    return BudgetExceededError(
        budget=denial.budget,
        limit=denial.limit,
        spent=denial.limit,
        currency=denial.currency,
        resets_at=denial.resets_at,
    )
