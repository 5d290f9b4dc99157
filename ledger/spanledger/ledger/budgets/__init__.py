"""Budgets: what may be spent on what, in which window; what is spent and held; who gets the last of it.

budget.py       a budget, its state, and what may be one
windows.py      when a window begins and ends, in any zone
amounts.py      money between texts, whole atto units and currencies
spending.py     what the ledger says was spent: daily sums where they tell it, events where not
definitions.py  the table of budgets, every version kept
states.py       budgets beside what was spent: now, and window by window
reservation.py  what is asked of the keeper, and what it answers
estimate.py     what a call may cost at most
links.py        which events were made under which reservation
book.py         the book of reservations: who holds what. Pure
book_file.py    the same on the disk
desk.py         one thread decides and writes, in groups
accounts.py     the budgets of an open ledger, for commands and servers
watching.py     what the ledger says, read again whenever it grows
keeper.py       all of it in a server: reserve, settle, release
telling.py      what it answers
"""

from spanledger.ledger.budgets.budget import Budget, BudgetState, Utilisation

__all__ = ["Budget", "BudgetState", "Utilisation"]
