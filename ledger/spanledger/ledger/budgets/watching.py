"""What the ledger says of the hard budgets, read again whenever it grows: what was spent, after what is linked.

What is posted between the two readings counts twice until the next time, never not at all.
"""

import threading
import time
from collections.abc import Callable
from logging import getLogger
from typing import Final, NamedTuple

from spanledger.exporter.rate import PriceBook
from spanledger.ledger.budgets.amounts import exchange_of
from spanledger.ledger.budgets.book import Account, Book
from spanledger.ledger.budgets.budget import Budget
from spanledger.ledger.budgets.definitions import current
from spanledger.ledger.budgets.desk import Desk
from spanledger.ledger.budgets.links import links_of
from spanledger.ledger.budgets.spending import Query, spent_of
from spanledger.ledger.budgets.windows import CALENDAR, window_at
from spanledger.ledger.periods import zone
from spanledger.schemas import SpanledgerError

_log = getLogger(__name__)

LOOK_S: Final = 1.0
"""How often the ledger is asked whether anything was posted."""
IDLE_LOOK_S: Final = 5.0
"""The same while there is no hard budget: another server may set one."""
ANEW_S: Final = 30.0
"""How often everything is read though nothing was posted: prices are revised, and rolling windows move on."""
BEHIND_NS_MAX: Final = 3_600 * 10**9
"""How long a hold outlives its time at most while what was used under it may wait in the journal."""
_STOP_S_MAX: Final = 60.0
_FRESH_NS: Final = 900 * 10**9
_STAMP: Final = (
    "SELECT (SELECT count() FROM ledger_budgets),"
    " (SELECT (count(), max(posted_at), sum(last_seq)) FROM ledger_postings)"
)


class _Read(NamedTuple):
    """What was read last."""

    stamp: object = None
    at_s: float = float("-inf")
    all_links_at_s: float = float("-inf")


class Watch:
    """Reads for one desk. Any thread may ask."""

    def __init__(
        self,
        query: Query,
        desk: Desk,
        prices: Callable[[], PriceBook],
        now_ns: Callable[[], int],
        waits_since: Callable[[], int | None] | None = None,
    ) -> None:
        self._query = query
        self._desk = desk
        self._prices = prices
        self._now_ns = now_ns
        self._waits_since = waits_since
        self._read = _Read()
        self._reading = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="spanledger-budgets", daemon=True)
        self.hard: tuple[Budget, ...] | None = None
        """The hard budgets; None before the ledger could be read once."""
        self.failure = ""
        """Why the ledger could not be read last; empty when it could."""

    def start(self) -> None:
        """Read now, and go on reading."""
        self._try()
        self._thread.start()

    def close(self) -> None:
        """Stop reading."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(_STOP_S_MAX)

    def renew(self, *, anew: bool = False) -> None:
        """Read the ledger, if anything was posted since the last time or `anew`. Raises `StoreUnavailableError`."""
        with self._reading:
            now_s = time.monotonic()
            stamp = self._query(_STAMP).rows
            now_ns = self._now_ns()
            anew = anew or self._desk.do(lambda book: book.is_due(now_ns))
            if not anew and stamp == self._read.stamp and now_s - self._read.at_s < ANEW_S:
                return
            # Late events come seldom, and looking for them reads far back.
            far = now_s - self._read.all_links_at_s >= ANEW_S
            hard = tuple(budget for budget in current(self._query) if budget.hard)
            self._take(hard, far=far)
            self.hard = hard
            self._read = _Read(stamp, now_s, now_s if far else self._read.all_links_at_s)

    def _take(self, hard: tuple[Budget, ...], *, far: bool) -> None:
        now_ns = self._now_ns()
        posted_ns = self._posted_ns(now_ns)
        closed_after_ns = 0 if far else now_ns - _FRESH_NS
        before, waiting, since_ns = self._desk.do(lambda book: _waiting(book, closed_after_ns))
        exchange = exchange_of(self._prices())
        found = links_of(self._query, hard, waiting, since_ns, exchange)
        windows = [(budget, window_at(budget.window, zone(budget.tz), now_ns)) for budget in hard]
        # A call that ended by a clock ahead of ours is linked already: it counts, too.
        until_whenever = [
            (budget, window if budget.window in CALENDAR else window._replace(until_ns=None))
            for budget, window in windows
        ]
        spent = spent_of(self._query, until_whenever, exchange)
        accounts: list[Account] = []
        for (budget, window), amount in zip(windows, spent, strict=True):
            old = before.get(budget.name)
            links = {**(old.links if old and old.budget.scope == budget.scope else {}), **found[budget.name]}
            accounts.append(Account(budget, window, amount, links))
        self._desk.do(lambda book: book.renew(accounts, now_ns, posted_ns))

    def _posted_ns(self, now_ns: int) -> int:
        """Until when everything that was received is in the ledger, that is read after this."""
        try:
            since_ns = self._waits_since() if self._waits_since else None
        except OSError:
            since_ns = 0
        return now_ns if since_ns is None else max(since_ns, now_ns - BEHIND_NS_MAX)

    def _run(self) -> None:
        while not self._stopping.is_set():
            if not self._stopping.wait(LOOK_S if self.hard else IDLE_LOOK_S):
                self._try()

    def _try(self) -> None:
        try:
            self.renew()
        except Exception as error:  # noqa: BLE001 (the thread outlives every failure; what is held stays held)
            text, known = str(error), isinstance(error, SpanledgerError)
            if (text if known else type(error).__name__) != self.failure:
                _log.warning("budgets go on with what was known: %s", text if known else "", exc_info=not known)
            self.failure = text if known else type(error).__name__
        else:
            self.failure = ""


def _waiting(book: Book, closed_after_ns: int) -> tuple[dict[str, Account], list[str], int]:
    """The accounts, the reservations that events may come of, and when the oldest of them was made."""
    waiting = book.waiting(closed_after_ns)
    live = {name: dict(each.links) for name, each in book.accounts.items()}
    before = {
        name: Account(
            each.budget, each.window, each.spent, {key: link for key, link in live[name].items() if key in book.live}
        )
        for name, each in book.accounts.items()
    }
    return before, waiting, min((book.live[each].reserved_ns for each in waiting), default=0)
