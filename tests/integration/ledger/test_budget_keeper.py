"""The keeper over the real engine and a real file: what is held, linked, told, and kept through failures."""

import subprocess
import sys
from collections.abc import Generator
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest
from support.asking import post, query_of
from support.ledger_events import event
from support.otlp import chat, request, span

from spanledger.exporter.credential import Credential
from spanledger.exporter.rate import catalogue
from spanledger.exporter.sift import Mask, Pseudonyms, sift
from spanledger.exporter.store import Store
from spanledger.ledger.budgets import Budget
from spanledger.ledger.budgets.definitions import put, remove
from spanledger.ledger.budgets.keeper import BudgetKeeper, NoReservationError, PolicyInput
from spanledger.ledger.budgets.reservation import Reservation, Reserve
from spanledger.ledger.budgets.telling import BELIEVED_S
from spanledger.schemas import (
    BudgetExceededError,
    ConfigurationError,
    PolicyDeniedError,
    SpanledgerError,
    StoreLockedError,
    StoreUnavailableError,
)
from spanledger.schemas.event import ATTO

NOW_NS = 1_775_044_800_000_000_000
"""2026-04-01T12:00:00Z, as the events of the tests."""
SEARCH = Budget(name="search", scope={"tenant": "acme", "team": "search"}, window="month", limit=Decimal(5), hard=True)
EVERYBODY = Budget(name="everybody", window="day", limit=Decimal(100), hard=True)
CALL = {"tenant": "acme", "team": "search", "provider": "openai", "model": "gpt-4o"}


@pytest.fixture
def keeper(store: Store, tmp_path: Path) -> Generator[BudgetKeeper]:
    """A keeper of two budgets over an empty ledger, whose clock stands still."""
    for each in (SEARCH, EVERYBODY):
        put(store, query_of(store), each, NOW_NS)
    with closing(a_keeper(store, tmp_path)) as keeper:
        keeper.changed()
        yield keeper


def a_keeper(store: Store, folder: Path, now_ns: int = NOW_NS) -> BudgetKeeper:
    """Over the store and a file in the folder."""
    return BudgetKeeper(query_of(store), folder / "reservations.sqlite", prices=catalogue, now_ns=lambda: now_ns)


def asked(amount: str, **more: object) -> Reserve:
    """Room for a call of the team."""
    return Reserve(call=CALL, amount=Decimal(amount), **more)  # type: ignore[arg-type]


def held(keeper: BudgetKeeper) -> list[str]:
    """Spent and held of each budget."""
    return [f"{state.spent:f}+{state.held:f}" for state in keeper.states([SEARCH, EVERYBODY])]


def charge(store: Store, reservation: Reservation | None, cents: int, number: int = 1, **changes: object) -> None:
    """What the call came to arrives in the ledger."""
    made_under = {"reservation_id": reservation.reservation_id} if reservation else {}
    post(store, event(number, team="search", cost=cents * ATTO // 100, metadata=made_under, **changes))


def test_money_is_counted_once_from_the_hold_to_the_ledger(keeper: BudgetKeeper, store: Store) -> None:
    """Held, settled, posted, read: at each moment the budgets count it once."""
    reservation = keeper.reserve(asked("3"))
    assert (reservation.amount, reservation.state) == (Decimal(3), "open")
    assert [(room.name, room.held, room.remaining) for room in reservation.budgets] == [
        ("everybody", Decimal(3), Decimal(97)),
        ("search", Decimal(3), Decimal(2)),
    ]
    with pytest.raises(BudgetExceededError, match=r"'search' has no room for 2\.01 USD: 3 of 5 are spent or held"):
        keeper.reserve(asked("2.01"))
    assert keeper.settle(reservation.reservation_id, Decimal(2)).state == "settled"
    assert held(keeper) == ["0+2", "0+2"]
    charge(store, reservation, 200)
    keeper.changed()
    assert held(keeper) == ["2+0", "2+0"]
    assert keeper.settle(reservation.reservation_id, Decimal(2)).amount == Decimal(2)
    assert held(keeper) == ["2+0", "2+0"]
    with pytest.raises(ConfigurationError, match="was settled at 2 USD before"):
        keeper.settle(reservation.reservation_id, Decimal(1))
    with pytest.raises(ConfigurationError, match="was settled before"):
        keeper.release(reservation.reservation_id)


def test_an_event_that_comes_before_the_settling_is_counted_once(keeper: BudgetKeeper, store: Store) -> None:
    """The hold shrinks by what the ledger has of it; of a lease the rest stays held."""
    reservation = keeper.reserve(asked("4", calls=2))
    charge(store, reservation, 100)
    keeper.changed()
    assert held(keeper) == ["1+3", "1+3"]
    keeper.settle(reservation.reservation_id, Decimal("2.5"))
    assert held(keeper) == ["1+1.5", "1+1.5"]
    charge(store, reservation, 150, number=2)
    keeper.changed()
    assert held(keeper) == ["2.5+0", "2.5+0"]


def test_an_event_that_falls_under_other_budgets_leaves_the_hold(keeper: BudgetKeeper, store: Store) -> None:
    """The span forgot its team: the team's budget goes on counting what was settled, the other one counts the event."""
    reservation = keeper.reserve(asked("1"))
    keeper.settle(reservation.reservation_id)
    post(store, event(1, team="", cost=ATTO, metadata={"reservation_id": reservation.reservation_id}))
    keeper.changed()
    assert held(keeper) == ["0+1", "1+0"]


def test_what_is_spent_without_a_reservation_counts_when_it_is_read(keeper: BudgetKeeper, store: Store) -> None:
    """Nobody is let through then."""
    charge(store, None, 480)
    keeper.changed()
    with pytest.raises(BudgetExceededError) as told:
        keeper.reserve(asked("0.21"))
    error = told.value
    assert (error.budget, error.limit, error.spent, error.currency) == ("search", Decimal(5), Decimal("4.8"), "USD")
    assert error.resets_at is not None
    assert error.resets_at.isoformat() == "2026-05-01T00:00:00+00:00"
    assert keeper.reserve(asked("0.20")).reservation_id


def test_the_server_prices_what_is_not_stated(keeper: BudgetKeeper) -> None:
    """gpt-4o is 2.50 and 10 dollars a million; without a price, or a bound on the answer, the worst case is held."""
    priced = keeper.reserve(Reserve(call=CALL, input_tokens=1000, max_output_tokens=500))
    assert (priced.amount, priced.input_price, priced.output_price) == (
        Decimal("0.0075"),
        Decimal("0.0000025"),
        Decimal("0.00001"),
    )
    own = keeper.reserve(Reserve(call={**CALL, "model": "house-model"}, input_tokens=1000, max_output_tokens=500))
    assert (own.amount, own.input_price) == (Decimal("0.25"), None)
    open_end = keeper.reserve(Reserve(call=CALL, input_tokens=1000))
    assert (open_end.amount, open_end.input_price) == (Decimal("0.2"), Decimal("0.0000025"))


def test_a_call_without_a_hard_budget_needs_no_reservation(keeper: BudgetKeeper, store: Store) -> None:
    """Nothing is held, and that may be believed for a while."""
    remove(store, query_of(store), "everybody", NOW_NS + 1)
    put(store, query_of(store), Budget(name="soft", window="day", limit=Decimal(1)), NOW_NS + 1)
    keeper.changed()
    free = keeper.reserve(Reserve(call={"tenant": "globex"}, amount=Decimal(1000)))
    assert (free.reservation_id, free.budgets, free.valid_s) == ("", (), BELIEVED_S)


def test_who_stands_for_one_tenant_learns_nothing_of_others(keeper: BudgetKeeper) -> None:
    """Neither what all spent nor anybody else's reservation."""
    acme = frozenset({"acme"})
    keeper.reserve(Reserve(call={"tenant": "globex"}, amount=Decimal(97)))
    reservation = keeper.reserve(asked("1"), acme)
    assert [room.name for room in reservation.budgets] == ["search"]
    with pytest.raises(BudgetExceededError) as told:
        keeper.reserve(asked("3"), acme)
    assert (told.value.budget, told.value.spent) == ("everybody", Decimal(100))
    assert "98" not in str(told.value)
    for tenants in (frozenset({"globex"}), frozenset[str]()):
        with pytest.raises(NoReservationError):
            keeper.settle(reservation.reservation_id, Decimal(1), tenants)
    assert keeper.release(reservation.reservation_id, acme).state == "released"
    assert keeper.release(reservation.reservation_id, acme).state == "released"
    with pytest.raises(ConfigurationError, match="was released"):
        keeper.settle(reservation.reservation_id, Decimal(1), acme)


def test_holds_expire_and_may_still_be_settled(store: Store, tmp_path: Path, keeper: BudgetKeeper) -> None:
    """After a restart an hour later the hold is gone; what was spent all the same is counted when it is told."""
    reservation = keeper.reserve(asked("3", lease_s=60))
    keeper.close()
    with closing(a_keeper(store, tmp_path, NOW_NS + 3600 * 10**9)) as later:
        later.changed()
        assert held(later) == ["0+0", "0+0"]
        assert later.settle(reservation.reservation_id, Decimal(2)).state == "settled"
        assert held(later) == ["0+2", "0+2"]


def test_one_server_keeps_the_reservations(store: Store, tmp_path: Path, keeper: BudgetKeeper) -> None:
    """A second one is told so; and a keeper that could not read the ledger yet grants nothing."""
    with pytest.raises(StoreLockedError, match="another server keeps the reservations"):
        a_keeper(store, tmp_path)
    keeper.close()
    with closing(a_keeper(store, tmp_path)) as fresh, pytest.raises(StoreUnavailableError, match="could not be read"):
        fresh.reserve(asked("1"))
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "reservations.sqlite").write_bytes(b"no database" * 1000)
    with pytest.raises(StoreUnavailableError, match="cannot be used"):
        a_keeper(store, tmp_path / "broken")


def test_who_is_refused_the_file_takes_its_lock_from_nobody(keeper: BudgetKeeper, store: Store, tmp_path: Path) -> None:
    """A second keeper of this process is refused; then one of another process is, too."""
    with pytest.raises(StoreLockedError):
        a_keeper(store, tmp_path)
    script = (
        "import sys; from pathlib import Path; from spanledger.ledger.budgets.book_file import BookFile;"
        "BookFile(Path(sys.argv[1]))"
    )
    file = str(tmp_path / "reservations.sqlite")
    other = subprocess.run([sys.executable, "-c", script, file], capture_output=True, text=True, check=False)
    assert "StoreLockedError" in other.stderr
    assert keeper.reserve(asked("1")).reservation_id


def test_a_full_disk_promises_nothing(keeper: BudgetKeeper) -> None:
    """Whoever asked is told to come again, nothing is held, and all is well when there is room again."""
    first = keeper.reserve(asked("1"))
    connection = keeper._desk._file._connection  # pyright: ignore[reportPrivateUsage]  # as a disk fails: below all
    connection.execute("PRAGMA query_only = ON")
    with pytest.raises(StoreUnavailableError, match="see that the disk has room"):
        keeper.reserve(asked("1"))
    with pytest.raises(StoreUnavailableError):
        keeper.settle(first.reservation_id, Decimal(1))
    connection.execute("PRAGMA query_only = OFF")
    assert held(keeper) == ["0+1", "0+1"]
    assert keeper.settle(first.reservation_id, Decimal(1)).state == "settled"


def test_a_policy_is_asked_before_anything_is_held(store: Store, tmp_path: Path, keeper: BudgetKeeper) -> None:
    """It sees the estimate and the budgets; each denial that is to be recorded is passed on, with its error."""
    keeper.close()
    seen: list[PolicyInput] = []
    recorded: list[SpanledgerError] = []

    def decide(given: PolicyInput) -> None:
        seen.append(given)
        if given.asked.call.get("agent") == "rogue":
            raise PolicyDeniedError(policy="agents", reason="rogue may not")

    with closing(
        BudgetKeeper(
            query_of(store),
            tmp_path / "reservations.sqlite",
            prices=catalogue,
            decide=decide,
            denied=lambda _, error: recorded.append(error),
            now_ns=lambda: NOW_NS,
        )
    ) as strict:
        strict.changed()
        granted = strict.reserving(asked("1")).result()
        assert granted.reservation_id
        assert granted.sized
        assert (seen[0].estimate.amount, [room.name for room in seen[0].budgets]) == (
            Decimal(1),
            ["everybody", "search"],
        )
        rogue = Reserve(call={**CALL, "agent": "rogue"}, amount=Decimal(1))
        with pytest.raises(PolicyDeniedError):
            strict.reserve(rogue)
        with pytest.raises(BudgetExceededError):
            strict.reserve(asked("9"))
        with pytest.raises(BudgetExceededError):
            strict.reserve(asked("9", record_denial=False))
        assert [type(error) for error in recorded] == [PolicyDeniedError, BudgetExceededError]
        assert held(strict) == ["0+1", "0+1"]


def test_holds_outlive_what_waits_in_the_journal(store: Store, tmp_path: Path, keeper: BudgetKeeper) -> None:
    """What was used under them is not in the ledger yet; what waits for ever keeps them an hour longer."""
    reservation = keeper.reserve(asked("3", lease_s=60))
    keeper.close()
    now_ns = [NOW_NS + 120 * 10**9]
    waits: list[int | None] = [NOW_NS + 30 * 10**9]
    with closing(
        BudgetKeeper(
            query_of(store),
            tmp_path / "reservations.sqlite",
            prices=catalogue,
            waits_since=lambda: waits[0],
            now_ns=lambda: now_ns[0],
        )
    ) as later:
        later.changed()
        assert held(later) == ["0+3", "0+3"]
        charge(store, reservation, 200)
        waits[0] = None
        later.renew()
        assert held(later) == ["2+0", "2+0"]
        stuck = later.reserve(asked("1", lease_s=60))
        waits[0] = now_ns[0]
        now_ns[0] += 3_700 * 10**9
        later.changed()
        assert held(later) == ["2+0", "2+0"]
        assert later.settle(stuck.reservation_id).state == "settled"


def test_a_clock_ahead_of_ours_takes_nothing_out_of_a_budget(store: Store, tmp_path: Path) -> None:
    """What is in the ledger is no longer held, and counts though it ended by another clock than ours."""
    put(store, query_of(store), Budget(name="hours", window="rolling:PT3H", limit=Decimal(5), hard=True), NOW_NS)
    with closing(a_keeper(store, tmp_path)) as keeper:
        keeper.changed()
        reservation = keeper.reserve(asked("4"))
        keeper.settle(reservation.reservation_id)
        ahead_ns = NOW_NS + 60 * 10**9
        charge(store, reservation, 400, event_time=ahead_ns, booked_time=ahead_ns)
        keeper.changed()
        with pytest.raises(BudgetExceededError, match="4 of 5 are spent or held"):
            keeper.reserve(asked("2"))


def test_a_window_that_began_is_read_though_nothing_was_posted(store: Store, tmp_path: Path) -> None:
    """What is in the ledger for tomorrow counts from its first instant on."""
    put(store, query_of(store), Budget(name="hour", window="hour", limit=Decimal(5), hard=True), NOW_NS)
    now_ns = [NOW_NS]
    file = tmp_path / "reservations.sqlite"
    with closing(BudgetKeeper(query_of(store), file, prices=catalogue, now_ns=lambda: now_ns[0])) as keeper:
        next_hour_ns = NOW_NS + 3_600 * 10**9
        charge(store, None, 400, event_time=next_hour_ns, booked_time=next_hour_ns)
        keeper.changed()
        now_ns[0] = next_hour_ns
        keeper.renew()
        with pytest.raises(BudgetExceededError, match="4 of 5 are spent or held"):
            keeper.reserve(asked("2"))


def test_what_cannot_be_written_holds_up_nobody(keeper: BudgetKeeper) -> None:
    """Whoever asks for it is told, and the next is served."""
    with pytest.raises(UnicodeEncodeError):
        keeper.reserve(Reserve(call={**CALL, "feature": "\ud800"}, amount=Decimal(1)))
    assert held(keeper) == ["0+0", "0+0"]
    assert keeper.reserve(asked("1")).reservation_id


def test_persons_are_asked_for_by_their_pseudonyms(store: Store, tmp_path: Path) -> None:
    """A budget of a person is of the name that the ledger has; the other one is neither kept nor recorded."""
    names = Pseudonyms(b"secret")
    bob = names.words({"tenant": "acme", "user_id": "bob"})
    budget = Budget(name="bob", scope=bob, window="day", limit=Decimal(1), hard=True)
    put(store, query_of(store), budget, NOW_NS)
    recorded: list[Reserve] = []
    file = tmp_path / "reservations.sqlite"
    with closing(
        BudgetKeeper(
            query_of(store),
            file,
            prices=catalogue,
            denied=lambda given, _: recorded.append(given),
            named=names.words,
            now_ns=lambda: NOW_NS,
        )
    ) as keeper:
        keeper.changed()
        call = {**CALL, "user_id": "bob", "session_id": "bob@example.com"}
        assert keeper.reserve(Reserve(call=call, amount=Decimal(1))).reservation_id
        with pytest.raises(BudgetExceededError):
            keeper.reserving(Reserve(call=call, amount=Decimal(1))).result()
    assert [given.call["user_id"] for given in recorded] == [bob["user_id"]]
    assert b"bob@" not in file.read_bytes()
    body = request(span(chat(user__id="bob", ledger__tenant="acme", ledger__session_id="bob@example.com")))
    assert bob["user_id"].encode() in sift(body, mask=Mask(names, Credential("*", "acme"))).payload


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"amount": Decimal(-1)}, "an amount is zero or more"),
        ({"amount": Decimal("NaN")}, "an amount is zero or more"),
        ({"amount": Decimal("0." + "1" * 80)}, "an amount is zero or more"),
        ({"amount": Decimal("1E-99999")}, "an amount is zero or more"),
        ({"calls": 0}, "1 to 10000 calls"),
        ({"lease_s": 100_000}, "holds for 1 to 86400 seconds"),
        ({"input_tokens": -1}, "input_tokens must be a whole number"),
        ({"call": {"weather": "fine"}}, "'weather' is not known of a call"),
        ({"currency": "EUR", "amount": Decimal(1)}, "no rate from EUR"),
    ],
)
def test_what_cannot_be_reserved_is_told(keeper: BudgetKeeper, changes: dict[str, object], told: str) -> None:
    """One sentence; nothing is held."""
    with pytest.raises(ConfigurationError, match=told):
        keeper.reserve(Reserve(**{"call": CALL, **changes}))  # type: ignore[arg-type]
    assert held(keeper) == ["0+0", "0+0"]
