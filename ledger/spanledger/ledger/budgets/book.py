"""The book of reservations: who holds what of which budget. Pure: no clock, no disk; one thread at a time.

Law: a call is let through only while, in every hard budget that covers it, what the ledger says was spent, what
reservations count and what it asks for itself stay within the limit. A reservation counts what it holds (or was settled
at) less what the ledger has of it already; nothing once it was released, expired, or is settled and in the ledger.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from heapq import heappop, heappush
from typing import Final, TypeAlias

from spanledger.ledger.budgets.amounts import atto, decimal
from spanledger.ledger.budgets.budget import Budget
from spanledger.ledger.budgets.reservation import State
from spanledger.ledger.budgets.spending import Spent
from spanledger.ledger.budgets.windows import CALENDAR, Window, window_at
from spanledger.ledger.periods import zone
from spanledger.schemas import BudgetExceededError, ConfigurationError

LINK_NS: Final = 86_400 * 10**9
"""How long a settled reservation waits for its events; then its amount is kept without it, and counts on."""
LIVE_MAX: Final = 20_000
"""Settled reservations counted one by one each time the ledger grew; beyond it the oldest wait no longer."""
QUARTER_NS: Final = 900 * 10**9
"""Every zone's midnight falls on a quarter of an hour of UTC: amounts without a reservation are kept by those."""

Convert: TypeAlias = Callable[[int, str, str, int], int | None]
"""Atto units, from a currency, into a currency, at an instant; None without a rate."""
Link: TypeAlias = tuple[int, int]
"""Events of the ledger that name a reservation, and what they count in a budget."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A reservation. Amounts in atto units, times in nanoseconds since 1970 UTC."""

    reservation_id: str
    call: Mapping[str, str]
    currency: str
    amount: int
    calls: int
    reserved_ns: int
    expires_ns: int
    state: State = "open"
    closed_ns: int = 0
    settled: int = 0
    done: bool = False
    """Whether it counts nothing any more, whatever comes."""

    @property
    def stands_for(self) -> int:
        """What it holds, or was settled at."""
        return self.settled if self.state == "settled" else self.amount


@dataclass(frozen=True, slots=True)
class Kept:
    """An amount that was settled in a quarter of an hour, of whom nobody waits for events any more."""

    scope: str
    """Of the budget, as text; with the currency it names what was counted."""
    currency: str
    quarter_ns: int
    amount: int


@dataclass(slots=True)
class Account:
    """A hard budget with what is spent and held of it."""

    budget: Budget
    window: Window
    spent: Spent
    links: dict[str, Link]
    kept: dict[int, int] = field(default_factory=dict[int, int])
    counted: dict[str, int] = field(default_factory=dict[str, int])
    """Reservation → what it counts."""
    held: int = 0

    @property
    def scope(self) -> str:
        """The name under which amounts are kept."""
        return scope_text(self.budget)

    def count(self, reservation_id: str, amount: int) -> None:
        """Let a reservation count this much."""
        self.held += amount - self.counted.pop(reservation_id, 0)
        if amount:
            self.counted[reservation_id] = amount

    def error(self, more: int) -> BudgetExceededError:
        """What whoever asks for more is told."""
        used, limit = decimal(self.spent.atto + self.held), self.budget.limit
        resets = f"it resets at {self.resets_at.isoformat()}" if self.resets_at else "no time resets it"
        return BudgetExceededError(
            f"the budget {self.budget.name!r} has no room for {decimal(more):f} {self.budget.currency}: "
            f"{used:f} of {limit:f} are spent or held; {resets}",
            budget=self.budget.name,
            limit=limit,
            spent=used,
            currency=self.budget.currency,
            resets_at=self.resets_at,
        )

    @property
    def resets_at(self) -> datetime | None:
        """When what is spent counts no longer; None where nothing ends at once."""
        return self.window.ends_at if self.budget.window in CALENDAR else None


def scope_text(budget: Budget) -> str:
    """A scope as one text, equal for equal scopes."""
    return "\n".join(f"{name}={value}" for name, value in sorted(budget.scope.items()))


def _is_over(account: Account, now_ns: int) -> bool:
    """Whether another window of its calendar began."""
    until_ns = account.window.until_ns
    return until_ns is not None and until_ns <= now_ns and account.budget.window in CALENDAR


class Book:
    """Every reservation that counts, and the accounts of the hard budgets."""

    def __init__(self, convert: Convert) -> None:
        self._convert = convert
        self.accounts: dict[str, Account] = {}
        self.live: dict[str, Held] = {}
        self._kept: dict[tuple[str, str], dict[int, int]] = {}
        self._expiries: list[tuple[int, str]] = []
        self._began = False
        """Whether a window began of which nothing was read yet."""
        self.changes: list[Held | Kept] = []
        """What is new since somebody took it: rows to be written."""

    def restore(self, held: Iterable[Held], kept: Iterable[Kept]) -> None:
        """Begin with what was written before."""
        for each in kept:
            self._keep(each)
        for each in held:
            self._put(each)
        self.changes.clear()

    def covering(self, call: Mapping[str, str]) -> list[Account]:
        """The accounts that a call falls under."""
        return [account for account in self.accounts.values() if account.budget.covers(call)]

    def reserve(self, asked: Held) -> list[Account]:
        """Hold an amount in every account that covers the call. Raises `BudgetExceededError`; nothing is held then.

        Raises `ConfigurationError` where an account is kept in a currency that the amount has no rate into.
        """
        self.pass_time(asked.reserved_ns)
        accounts = self.covering(asked.call)
        for account in accounts:
            amount = self._asked(asked, account)
            if account.spent.atto + account.held + amount > atto(account.budget.limit):
                raise account.error(amount)
        if accounts:
            self._put(asked)
        return accounts

    def settle(self, held: Held, amount: int | None, now_ns: int) -> Held:
        """Close a reservation at what it came to, also after it expired. Doing it twice is harmless.

        Raises `ConfigurationError` when it was released, or settled at another amount.
        """
        self.pass_time(now_ns)
        held = self.live.get(held.reservation_id, held)
        settled = held.amount if amount is None else amount
        if held.state == "released" or (held.state == "settled" and amount is not None and settled != held.settled):
            at = f" at {decimal(held.settled):f} {held.currency}" if held.state == "settled" else ""
            msg = f"the reservation {held.reservation_id} was {held.state}{at} before: that stays"
            raise ConfigurationError(msg)
        if held.state != "settled":
            held = replace(held, state="settled", settled=settled, closed_ns=now_ns, done=False)
            self._put(held)
        return held

    def release(self, held: Held, now_ns: int) -> Held:
        """Give back what a reservation holds. Doing it twice is harmless, also after it expired.

        Raises `ConfigurationError` when it was settled.
        """
        self.pass_time(now_ns)
        held = self.live.get(held.reservation_id, held)
        if held.state == "settled":
            msg = f"the reservation {held.reservation_id} was settled before: that stays"
            raise ConfigurationError(msg)
        if held.state == "open":
            held = replace(held, state="released", closed_ns=now_ns, done=True)
            self._drop(held)
        return held

    def pass_time(self, now_ns: int) -> None:
        """Let windows begin."""
        for account in self.accounts.values():
            if _is_over(account, now_ns):
                self._began = True
                account.window = window_at(account.budget.window, zone(account.budget.tz), now_ns)
                account.spent = Spent()
                self._recount(account)

    def is_due(self, now_ns: int) -> bool:
        """Whether reading the ledger again tells more: holds expire then, and what is spent in a window that began."""
        return self._expires(now_ns) or self._began or any(_is_over(each, now_ns) for each in self.accounts.values())

    def renew(self, accounts: Iterable[Account], now_ns: int, posted_ns: int | None = None) -> None:
        """Take what the ledger says, of all hard budgets at once. Reading it began at this time.

        All that was received before `posted_ns` (now, unless told) is in it.
        Links must have been read before what was spent: what is posted in between counts twice until the next time,
        never not at all. For the same reason holds expire only here: what was posted under them is known now.
        """
        self.accounts = {account.budget.name: account for account in accounts}
        self._began = False
        for account in self.accounts.values():
            account.kept = self._kept.setdefault((account.scope, account.budget.currency), {})
            self._recount(account)
        self._expire(now_ns if posted_ns is None else posted_ns)
        self._let_go(now_ns)

    def waiting(self, closed_after_ns: int) -> list[str]:
        """The reservations that events may still come of: the open ones, and those settled since then."""
        return [
            each.reservation_id
            for each in self.live.values()
            if each.state == "open" or each.closed_ns >= closed_after_ns
        ]

    def _asked(self, held: Held, account: Account) -> int:
        amount = self._convert(held.amount, held.currency, account.budget.currency, held.reserved_ns)
        if amount is None:
            msg = (
                f"the budget {account.budget.name!r} is kept in {account.budget.currency}, and the price files have no "
                f"rate from {held.currency} for today"
            )
            raise ConfigurationError(msg)
        return amount

    def _counts(self, held: Held, account: Account) -> int:
        """What a live reservation counts in an account that covers it."""
        events, linked = account.links.get(held.reservation_id, (0, 0))
        if held.state == "settled":
            since_ns = account.window.since_ns
            if events >= held.calls or (since_ns is not None and held.closed_ns < since_ns):
                return 0
        budget = account.budget
        amount = self._convert(held.stands_for, held.currency, budget.currency, held.reserved_ns)
        if amount is None:
            # Held before the budget was set, or its rate was taken out of the price files since.
            amount = held.calls * atto(budget.unpriced_per_request)
        return max(0, amount - linked)

    def _put(self, held: Held) -> None:
        self.live[held.reservation_id] = held
        self.changes.append(held)
        if held.state == "open":
            heappush(self._expiries, (held.expires_ns, held.reservation_id))
        for account in self.covering(held.call):
            account.count(held.reservation_id, self._counts(held, account))

    def _drop(self, held: Held) -> None:
        self.live.pop(held.reservation_id, None)
        self.changes.append(held)
        for account in self.covering(held.call):
            account.count(held.reservation_id, 0)

    def _expires(self, now_ns: int) -> bool:
        return bool(self._expiries) and self._expiries[0][0] <= now_ns

    def _expire(self, now_ns: int) -> None:
        while self._expires(now_ns):
            _, reservation_id = heappop(self._expiries)
            held = self.live.get(reservation_id)
            if held is not None and held.state == "open":
                self._drop(replace(held, state="expired", closed_ns=held.expires_ns, done=True))

    def _recount(self, account: Account) -> None:
        since_ns = account.window.since_ns
        account.counted.clear()
        account.held = sum(
            amount
            for quarter_ns, amount in account.kept.items()
            if since_ns is None or quarter_ns + QUARTER_NS > since_ns
        )
        for held in self.live.values():
            if account.budget.covers(held.call):
                account.count(held.reservation_id, self._counts(held, account))

    def _let_go(self, now_ns: int) -> None:
        """Forget settled reservations whose events are all in the ledger, or were waited for long enough."""
        settled = [each for each in self.live.values() if each.state == "settled"]
        late_ns = now_ns - LINK_NS
        if (excess := len(settled) - LIVE_MAX) > 0:
            settled.sort(key=lambda each: each.closed_ns)
            late_ns = max(late_ns, settled[excess - 1].closed_ns + 1)
        for held in settled:
            accounts = self.covering(held.call)
            if held.closed_ns < late_ns or self._is_complete(held, accounts):
                for account in accounts:
                    self._fold(held, account)
                self._drop(replace(held, done=True))

    @staticmethod
    def _is_complete(held: Held, accounts: Iterable[Account]) -> bool:
        events = [account.links.get(held.reservation_id, (0, 0))[0] for account in accounts]
        return bool(events) and min(events) >= held.calls

    def _fold(self, held: Held, account: Account) -> None:
        amount = account.counted.get(held.reservation_id, 0)
        if amount:
            kept = Kept(account.scope, account.budget.currency, held.closed_ns // QUARTER_NS * QUARTER_NS, amount)
            self._keep(kept)
            account.count(held.reservation_id, 0)
            account.held += amount

    def _keep(self, kept: Kept) -> None:
        """Amounts of one quarter are one amount."""
        amounts = self._kept.setdefault((kept.scope, kept.currency), {})
        amounts[kept.quarter_ns] = amounts.get(kept.quarter_ns, 0) + kept.amount
        self.changes.append(replace(kept, amount=amounts[kept.quarter_ns]))
