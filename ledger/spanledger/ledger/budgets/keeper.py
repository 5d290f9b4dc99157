"""The keeper of hard budgets in a server: reserve before a call, settle or release after it, atomically and durably.

What the ledger says is read again within a second of each posting, reservations' events before what was spent. So a
budget is overrun by no more than what was spent without a reservation between two readings, and by what calls cost
beyond what was reserved for them.
"""

import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from spanledger.exporter.rate import PriceBook
from spanledger.ledger.budgets.amounts import atto, converted, exchange_of
from spanledger.ledger.budgets.book import Account, Book, Held
from spanledger.ledger.budgets.book_file import BookFile
from spanledger.ledger.budgets.budget import Budget, BudgetState
from spanledger.ledger.budgets.desk import Desk
from spanledger.ledger.budgets.estimate import Estimate, at_worst, estimate
from spanledger.ledger.budgets.reservation import LEASE_S, Reservation, Reserve, Room, check_amount, checked
from spanledger.ledger.budgets.spending import Query
from spanledger.ledger.budgets.states import state_of, states
from spanledger.ledger.budgets.telling import as_told, nothing, rooms, told
from spanledger.ledger.budgets.watching import Watch
from spanledger.ledger.budgets.windows import moment_of
from spanledger.schemas import (
    BudgetExceededError,
    ConfigurationError,
    PolicyDeniedError,
    SpanledgerError,
    StoreUnavailableError,
)

ANSWER_S_MAX: Final = 30.0
"""How long a disk may take to make a promise durable."""
POLICIES_MAX: Final = 16
"""Policies that are asked at once; whoever comes then waits for one of them."""
_DAY_NS: Final = 86_400 * 10**9
_NS: Final = 10**9


class NoReservationError(ConfigurationError):
    """No reservation has this id, or none that this caller may know of."""


class PolicyInput(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a call before anything is held for it."""

    asked: Reserve
    """As it was asked, its `call` as the ledger will name it."""
    estimate: Estimate
    budgets: tuple[Room, ...]
    """The hard budgets that cover the call, as they stand."""


class BudgetKeeper:
    """Keeps the hard budgets of one ledger; one at a time. Any thread may ask."""

    def __init__(
        self,
        query: Query,
        file: Path,
        *,
        prices: Callable[[], PriceBook],
        decide: Callable[[PolicyInput], None] | None = None,
        denied: Callable[[Reserve, SpanledgerError], None] | None = None,
        named: Callable[[Mapping[str, str]], dict[str, str]] | None = None,
        waits_since: Callable[[], int | None] | None = None,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """Open the book. `prices` gives the price book in force.

        `decide` raises for a call that a policy denies; `denied` is told of every denial that is to be recorded;
        `named` names a call as the ledger will, where that has pseudonyms for persons; `waits_since`
        says when the oldest was received of what is not in the ledger yet.
        Raises `StoreLockedError` while another server keeps it, `StoreUnavailableError` when the disk fails.
        """
        self._query = query
        self._prices = prices
        self._decide = decide
        self._denied = denied
        self._named = named
        self._now_ns = now_ns
        self._desk = Desk(BookFile(file), self._convert, now_ns)
        self._book: PriceBook | None = None
        self._watch = Watch(query, self._desk, prices, now_ns, waits_since)
        self._policies = ThreadPoolExecutor(POLICIES_MAX, "spanledger-policy")
        self._rating = threading.Lock()

    def start(self) -> None:
        """Read what was spent, and again whenever the ledger grows. Before it could be read, nothing is reserved."""
        self._watch.start()

    def changed(self) -> None:
        """Budgets were set or removed: what holds from now on is read before this returns."""
        self._watch.renew(anew=True)

    def renew(self) -> None:
        """Read what was spent if anything was posted since the last time. Raises `StoreUnavailableError`."""
        self._watch.renew()

    def close(self) -> None:
        """Stop reading and close the book. Doing it twice is harmless."""
        self._watch.close()
        self._policies.shutdown()
        self._desk.close()

    def reserve(self, asked: Reserve, tenants: frozenset[str] | None = None) -> Reservation:
        """Hold room for a call in every hard budget that covers it, or in none.

        Who asks for some tenants (None: all) learns no sums of a budget that is not theirs alone.
        Raises `BudgetExceededError`, `PolicyDeniedError`, `ConfigurationError`, or `StoreUnavailableError`.
        """
        asked = self._asked(asked)
        budgets = self._covering(asked.call)
        priced = self._priced(asked, budgets)
        self._ask_policy(asked, priced)
        held = self._held(asked, budgets, priced, tenants).result(ANSWER_S_MAX)
        return held if self._decide is None else msgspec.structs.replace(held, sized=True)

    def reserving(self, asked: Reserve, tenants: frozenset[str] | None = None) -> "Future[Reservation]":
        """The same for an event loop: what is wrong is raised at once, who is denied is told later."""
        if self._decide is not None:
            return self._policies.submit(self.reserve, asked, tenants)
        asked = self._asked(asked)
        budgets = self._covering(asked.call)
        return self._held(asked, budgets, self._priced(asked, budgets), tenants)

    def settle(
        self, reservation_id: str, amount: Decimal | None = None, tenants: frozenset[str] | None = None
    ) -> Reservation:
        """Close a reservation at what it came to, in its own currency; without an amount, at all that it held.

        Raises `NoReservationError` unless it is of one of these tenants (None: all), `ConfigurationError` when it was
        released, or settled at another amount.
        """
        return self.settling(reservation_id, amount, tenants).result(ANSWER_S_MAX)

    def settling(
        self, reservation_id: str, amount: Decimal | None = None, tenants: frozenset[str] | None = None
    ) -> "Future[Reservation]":
        """The same for an event loop."""
        check_amount(amount)
        stated, now_ns = None if amount is None else atto(amount), self._now_ns()
        return self._closed(reservation_id, tenants, lambda book, held: book.settle(held, stated, now_ns))

    def release(self, reservation_id: str, tenants: frozenset[str] | None = None) -> Reservation:
        """Give back what a reservation holds. Raises as `settle` does."""
        return self.releasing(reservation_id, tenants).result(ANSWER_S_MAX)

    def releasing(self, reservation_id: str, tenants: frozenset[str] | None = None) -> "Future[Reservation]":
        """The same for an event loop."""
        now_ns = self._now_ns()
        return self._closed(reservation_id, tenants, lambda book, held: book.release(held, now_ns))

    def states(self, budgets: Sequence[Budget]) -> list[BudgetState]:
        """The state of budgets, what is held included; hard ones as they are kept, soft ones by the ledger now."""
        kept = self._desk.do(_accounts)
        read = [budget for budget in budgets if budget.name not in kept or kept[budget.name].budget != budget]
        found = states(self._query, read, moment_of(self._now_ns()), exchange_of(self._prices()))
        by_name = {state.budget.name: state for state in found}
        for name, account in kept.items():
            by_name.setdefault(name, state_of(account.budget, account.window, account.spent, account.held))
        return [by_name[budget.name] for budget in budgets]

    def _asked(self, asked: Reserve) -> Reserve:
        """Checked, its call by the ledger's names: budgets are of those, and no others come onto the disk."""
        checked(asked)
        return msgspec.structs.replace(asked, call=self._named(asked.call)) if self._named else asked

    def _covering(self, call: Mapping[str, str]) -> list[Budget]:
        hard = self._watch.hard
        if hard is None:
            why = self._watch.failure or "the server just started"
            msg = f"what was spent could not be read yet ({why}): come again"
            raise StoreUnavailableError(msg)
        return [budget for budget in hard if budget.covers(call)]

    def _priced(self, asked: Reserve, budgets: list[Budget]) -> Estimate:
        """What is to be held: as stated, else as the book prices it, else the worst case of its budgets."""
        if asked.amount is not None:
            return Estimate(asked.amount, asked.currency)
        with self._rating:
            priced = estimate(self._own_book(), asked.call, asked.input_tokens, asked.max_output_tokens, self._now_ns())
        if priced.amount is not None:
            return priced
        tokens = (asked.input_tokens or 0) + (asked.max_output_tokens or 0)
        now_ns = self._now_ns()
        worst = at_worst(budgets, tokens, asked.calls, partial(self._convert, at_ns=now_ns))
        return worst._replace(input_price=priced.input_price, output_price=priced.output_price)

    def _ask_policy(self, asked: Reserve, priced: Estimate) -> None:
        if self._decide is None:
            return
        standing = self._desk.do(lambda book: rooms(book.covering(asked.call), None))
        try:
            self._decide(PolicyInput(asked=asked, estimate=priced, budgets=standing))
        except PolicyDeniedError as denial:
            self._record(asked, denial)
            raise

    def _held(
        self, asked: Reserve, budgets: Sequence[Budget], priced: Estimate, tenants: frozenset[str] | None
    ) -> "Future[Reservation]":
        if not budgets or priced.amount is None:
            answer: Future[Reservation] = Future()
            answer.set_result(nothing(asked, priced))
            return answer
        now_ns = self._now_ns()
        held = Held(
            reservation_id=secrets.token_hex(16),
            call=asked.call,
            currency=priced.currency,
            amount=atto(priced.amount),
            calls=asked.calls,
            reserved_ns=now_ns,
            expires_ns=now_ns + (asked.lease_s or LEASE_S) * _NS,
        )

        def work(book: Book) -> Reservation:
            try:
                accounts = book.reserve(held)
            except BudgetExceededError as denial:
                self._record(asked, denial)
                raise as_told(book, denial, tenants) from None
            if not accounts:
                return nothing(asked, priced)
            return msgspec.structs.replace(
                told(held),
                input_price=priced.input_price,
                output_price=priced.output_price,
                budgets=rooms(accounts, tenants),
            )

        return self._desk.submit(work)

    def _record(self, asked: Reserve, denial: SpanledgerError) -> None:
        if self._denied is not None and asked.record_denial:
            self._denied(asked, denial)

    def _own_book(self) -> PriceBook:
        """The book in force, as an object of our own: what it remembers is for one thread at a time."""
        book = self._prices()
        if self._book is None or self._book.digest != book.digest:
            self._book = PriceBook(book.source)
        return self._book

    def _closed(
        self, reservation_id: str, tenants: frozenset[str] | None, close: Callable[[Book, Held], Held]
    ) -> "Future[Reservation]":
        def work(book: Book) -> Reservation:
            held = self._desk.find(book, reservation_id)
            if held is None or not (tenants is None or held.call.get("tenant", "") in tenants):
                msg = f"there is no reservation {reservation_id[:64]!r}, or it was closed more than a week ago"
                raise NoReservationError(msg)
            closed = close(book, held)
            return msgspec.structs.replace(told(closed), budgets=rooms(book.covering(closed.call), tenants))

        return self._desk.submit(work)

    def _convert(self, amount: int, source: str, target: str, at_ns: int) -> int | None:
        if source == target:
            return amount
        return converted(exchange_of(self._prices()), amount, source, target, at_ns // _DAY_NS)


def _accounts(book: Book) -> dict[str, Account]:
    """Copies: the book's own change while they are read."""
    return {
        name: Account(each.budget, each.window, each.spent, {}, held=each.held) for name, each in book.accounts.items()
    }
