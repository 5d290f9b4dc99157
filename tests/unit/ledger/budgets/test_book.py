"""The book of reservations in any order of events, beside a ledger that grows when it likes."""

from dataclasses import dataclass, replace
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from spanledger.ledger.budgets import Budget, book
from spanledger.ledger.budgets.book import Account, Book, Held, Kept
from spanledger.ledger.budgets.spending import Spent
from spanledger.ledger.budgets.windows import Window, window_at
from spanledger.schemas import BudgetExceededError, ConfigurationError
from spanledger.schemas.event import ATTO

START_NS = 1_775_044_800 * 10**9
"""2026-04-01T12:00:00Z."""
SECOND = 10**9
HOUR = 3600 * SECOND

BUDGETS = (
    Budget(name="a", scope={"team": "a"}, window="total", limit=Decimal(10), hard=True),
    Budget(name="day", window="day", limit=Decimal(6), hard=True),
    Budget(name="hours", scope={"team": "b"}, window="rolling:PT3H", limit=Decimal(5), hard=True),
)


@dataclass(frozen=True)
class Event:
    """A charge in the ledger."""

    team: str
    atto: int
    at_ns: int
    reservation_id: str = ""


def same(amount: int, source: str, target: str, at_ns: int) -> int | None:
    """Every currency but dollars is without a rate."""
    del at_ns
    return amount if source == target else None


def held(number: int, team: str, dollars: int, now_ns: int, **more: int) -> Held:
    """A reservation for ten minutes."""
    return Held(
        reservation_id=f"r{number}",
        call={"team": team},
        currency="USD",
        amount=dollars * ATTO,
        calls=more.get("calls", 1),
        reserved_ns=now_ns,
        expires_ns=now_ns + more.get("lease_s", 600) * SECOND,
    )


class Reserving(RuleBasedStateMachine):
    """Reserve, call, settle, release, expire, post, read and restart in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.now_ns = START_NS
        self.book = Book(same)
        self.ledger: list[Event] = []
        self.made: dict[str, Held] = {}
        """Every reservation that was granted, as it stands."""
        self.costs: dict[str, int] = {}
        """What the calls of each really cost: never more than was reserved."""
        self.posted: dict[str, int] = {}
        self.rows: dict[str, Held] = {}
        self.kept: dict[tuple[str, str, int], Kept] = {}
        self.exact = False

    @initialize()
    def begin(self) -> None:
        """An empty ledger was read."""
        self.read()

    def window(self, budget: Budget) -> Window:
        """The window now."""
        return window_at(budget.window, ZoneInfo(budget.tz), self.now_ns)

    def spent(self, budget: Budget) -> int:
        """What the ledger has in the window."""
        since, until = self.window(budget)
        return sum(
            each.atto
            for each in self.ledger
            if budget.covers({"team": each.team})
            and (since or 0) <= each.at_ns
            and (until is None or each.at_ns < until)
        )

    def outstanding(self, budget: Budget) -> int:
        """What the ledger does not have yet, by the words of the law."""
        since = self.window(budget).since_ns or 0
        total = 0
        for name, each in self.made.items():
            if not budget.covers(each.call):
                continue
            linked = sum(event.atto for event in self.ledger if event.reservation_id == name)
            if each.state == "open":
                total += max(0, each.amount - linked)
            elif each.state == "settled" and self.posted.get(name, 0) < each.calls and each.closed_ns >= since:
                total += max(0, each.settled - linked)
        return total

    @rule(team=st.sampled_from("ab"), dollars=st.integers(0, 4), calls=st.integers(1, 2), lease_s=st.integers(1, 900))
    def reserve(self, team: str, dollars: int, calls: int, lease_s: int) -> None:
        """Granted only while there is room in every budget, of what was really spent and is outstanding."""
        asked = held(len(self.made), team, dollars, self.now_ns, calls=calls, lease_s=lease_s)
        over = [
            budget.name
            for budget in BUDGETS
            if budget.covers(asked.call)
            and self.spent(budget) + self.outstanding(budget) + asked.amount > int(budget.limit) * ATTO
        ]
        try:
            self.book.reserve(asked)
        except BudgetExceededError as error:
            denied = error.budget in over or not self.exact
            assert denied, error  # noqa: PT017 (either may happen)
        else:
            assert not over
            self.made[asked.reservation_id] = asked
        self.write()

    @rule(data=st.data())
    def settle(self, data: st.DataObject) -> None:
        """At what it cost, or at all that was held; a second time changes nothing."""
        if not self.made:
            return
        name = data.draw(st.sampled_from(sorted(self.made)))
        was = self.made[name]
        cost = self.costs.setdefault(name, was.amount if data.draw(st.booleans()) else was.amount // 2)
        if was.state == "released":
            with pytest.raises(ConfigurationError, match="was released"):
                self.book.settle(was, cost, self.now_ns)
            return
        late = was.state == "expired"
        self.made[name] = self.book.settle(self.rows.get(name, was), cost, self.now_ns)
        assert self.made[name].settled == cost
        # Whoever settles what had expired states what was spent without a hold.
        self.exact = self.exact and not late
        self.write()

    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        """Nothing was sent: only of those for which nothing was."""
        free = sorted(name for name, each in self.made.items() if name not in self.costs and each.state != "settled")
        if free:
            name = data.draw(st.sampled_from(free))
            self.made[name] = self.book.release(self.rows.get(name, self.made[name]), self.now_ns)
            assert self.made[name].state in {"released", "expired"}
            self.write()

    @rule(data=st.data())
    def post(self, data: st.DataObject) -> None:
        """One call of a reservation that holds, or was settled, reaches the ledger."""
        waiting = sorted(
            name
            for name, each in self.made.items()
            if each.state in {"open", "settled"} and self.posted.get(name, 0) < each.calls
        )
        if waiting:
            name = data.draw(st.sampled_from(waiting))
            each = self.made[name]
            cost = self.costs.setdefault(name, each.amount)
            self.posted[name] = self.posted.get(name, 0) + 1
            share = cost // each.calls
            if self.posted[name] == each.calls:
                share = cost - share * (each.calls - 1)
            self.ledger.append(Event(each.call["team"], share, min(self.now_ns, each.closed_ns or self.now_ns), name))
            self.exact = False

    @rule(seconds=st.sampled_from((1, 300, 3600, 20_000)))
    def pass_time(self, seconds: int) -> None:
        """Windows begin."""
        self.now_ns += seconds * SECOND
        self.book.pass_time(self.now_ns)
        self.exact = False
        self.write()

    @rule()
    def read(self) -> None:
        """The ledger is read, links first; holds expire with it."""
        for name, each in self.made.items():
            if each.state == "open" and each.expires_ns <= self.now_ns:
                self.made[name] = replace(each, state="expired")
        accounts: list[Account] = []
        for budget in BUDGETS:
            links: dict[str, tuple[int, int]] = {}
            for event in self.ledger:
                if event.reservation_id and budget.covers({"team": event.team}):
                    events, atto = links.get(event.reservation_id, (0, 0))
                    links[event.reservation_id] = (events + 1, atto + event.atto)
            accounts.append(Account(budget, self.window(budget), Spent(self.spent(budget)), links))
        self.book.renew(accounts, self.now_ns)
        self.exact = True
        self.write()

    @rule()
    def restart(self) -> None:
        """The process is killed, and begins with what was written."""
        self.book = Book(same)
        self.book.restore([each for each in self.rows.values() if not each.done], self.kept.values())
        self.read()

    def write(self) -> None:
        """What the file would have."""
        changes, self.book.changes = self.book.changes, []
        for each in changes:
            if isinstance(each, Held):
                self.rows[each.reservation_id] = each
            else:
                self.kept[each.scope, each.currency, each.quarter_ns] = each

    @invariant()
    def nothing_is_counted_twice_nor_forgotten(self) -> None:
        """Each account is what is really spent and outstanding, as soon as the ledger was read."""
        for account in self.book.accounts.values():
            assert account.held == sum(account.counted.values()) + sum(account.kept.values())
            if self.exact:
                assert account.spent.atto == self.spent(account.budget)
                assert account.held == self.outstanding(account.budget)


TestReserving = Reserving.TestCase
TestReserving.settings = settings(max_examples=80, stateful_step_count=30, deadline=None)


def opened(*accounts: Budget, now_ns: int = START_NS) -> Book:
    """A book over an empty ledger."""
    made = Book(same)
    made.renew(
        [Account(each, window_at(each.window, ZoneInfo(each.tz), now_ns), Spent(), {}) for each in accounts], now_ns
    )
    return made


def test_a_call_is_held_in_every_budget_or_in_none() -> None:
    """The second budget has no room: the first one holds nothing of it."""
    made = opened(BUDGETS[0], replace_limit(BUDGETS[1], 1))
    with pytest.raises(BudgetExceededError, match="'day' has no room for 2 USD: 0 of 1 are spent or held; it"):
        made.reserve(held(1, "a", 2, START_NS))
    assert [account.held for account in made.accounts.values()] == [0, 0]
    assert made.changes == []


def replace_limit(budget: Budget, limit: int) -> Budget:
    """The same with another limit."""
    return Budget(name=budget.name, scope=budget.scope, window=budget.window, limit=Decimal(limit), hard=True)


def test_what_the_ledger_never_has_counts_through_its_window(monkeypatch: pytest.MonkeyPatch) -> None:
    """A settled amount that no event ever names is kept without its reservation, until its window ends."""
    monkeypatch.setattr(book, "LIVE_MAX", 0)
    made = opened(*BUDGETS)
    made.settle(made.live.get("r1") or granted(made, held(1, "b", 3, START_NS)), 2 * ATTO, START_NS)
    made.renew([*made.accounts.values()], START_NS)
    assert made.live == {}
    assert [account.held for account in made.accounts.values()] == [0, 2 * ATTO, 2 * ATTO]
    with pytest.raises(BudgetExceededError):
        made.reserve(held(2, "b", 4, START_NS))
    later = START_NS + 4 * HOUR
    made.renew([replace(made.accounts["hours"], window=window_at("rolling:PT3H", ZoneInfo("UTC"), later))], later)
    assert made.accounts["hours"].held == 0


def test_many_that_are_open_do_not_make_the_settled_count_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """A settled call waits for its event however many others are on their way."""
    monkeypatch.setattr(book, "LIVE_MAX", 2)
    made = opened(BUDGETS[0])
    for number in range(4):
        granted(made, held(number, "a", 1, START_NS))
    made.settle(made.live["r0"], ATTO, START_NS)
    account = made.accounts["a"]
    made.renew([account], START_NS)
    made.renew([replace(account, spent=Spent(ATTO), links={"r0": (1, ATTO)})], START_NS)
    assert made.accounts["a"].held == 3 * ATTO


def granted(made: Book, asked: Held) -> Held:
    """A reservation that was let through."""
    made.reserve(asked)
    return asked


def test_a_lease_counts_what_of_it_is_not_in_the_ledger() -> None:
    """Of four dollars for two calls one call of one dollar is posted: three are held, until the other one is, too."""
    made = opened(BUDGETS[0])
    lease = granted(made, held(1, "a", 4, START_NS, calls=2))
    account = made.accounts["a"]
    made.renew([replace(account, spent=Spent(ATTO), links={"r1": (1, ATTO)})], START_NS)
    assert made.accounts["a"].held == 3 * ATTO
    made.settle(lease, 2 * ATTO, START_NS)
    assert made.accounts["a"].held == ATTO
    made.renew([replace(account, spent=Spent(2 * ATTO), links={"r1": (2, 2 * ATTO)})], START_NS)
    assert made.accounts["a"].held == 0
    assert made.live == {}


def test_an_amount_without_a_rate_is_refused() -> None:
    """Two currencies are never added as if they were equal."""
    made = opened(BUDGETS[0])
    with pytest.raises(ConfigurationError, match="no rate from EUR"):
        made.reserve(replace(held(1, "a", 1, START_NS), currency="EUR"))
    with pytest.raises(ConfigurationError, match="was settled at 1 USD before"):
        made.settle(made.settle(granted(made, held(2, "a", 2, START_NS)), ATTO, START_NS), 2 * ATTO, START_NS)
