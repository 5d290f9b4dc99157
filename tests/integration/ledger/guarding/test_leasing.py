"""The guard inside an application and a server of reservations: what is asked, let go and given back."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal

import msgspec
import pytest
from support.leasing import CALL, EACH, Clock, Make, go
from support.reservations import Reservations

from spanledger.ledger.guarding.lease import TAKING_S
from spanledger.ledger.guarding.scope import CALLS_MAX, DENIED_S
from spanledger.schemas import BudgetExceededError, PolicyDeniedError


def test_the_first_call_is_asked_for_in_the_words_of_budgets(make: Make, server: Reservations) -> None:
    """Whom it is for, by its span and then its process; how large it may get; a key; and that the span tells of it."""
    (permit,) = go(make())
    (asked,) = server.asked
    assert permit.reservation_id == "r-1"
    assert asked == {
        "call": {
            "tenant": "acme",
            "team": "core",
            "user_id": "u-1",
            "service_name": "checkout",
            "environment": "production",
            "provider": "openai",
            "model": "gpt-4o",
            "operation": "chat",
        },
        "calls": 1,
        "lease_s": 180,
        "record_denial": False,
        "input_tokens": 1000,
        "max_output_tokens": 1000,
        "trace_id": f"{7:032x}",
        "span_id": f"{8:016x}",
    }
    assert server.keys == ["Bearer slk_1"]


def test_what_names_nobody_is_what_the_process_is_set_to(make: Make, server: Reservations) -> None:
    """As for what it records; a denial without a span is the server's to record."""
    go(make(tenant="globex"), call=msgspec.structs.replace(CALL, attributes={}, resource={}, span_id=0, trace_id=0))
    (asked,) = server.asked
    assert asked["call"]["tenant"] == "globex"
    assert asked["call"]["environment"] == "dev"
    assert asked["record_denial"] is True
    assert "trace_id" not in asked


def test_leases_grow_with_the_calls_and_what_is_used_up_is_settled(make: Make, server: Reservations) -> None:
    """1, 2, 4, … calls at a time; of each but the last the server knows what was taken."""
    guard = make()
    go(guard, 127)
    assert [asked["calls"] for asked in server.asked] == [1, 2, 4, 8, 16, 32, 64]
    assert server.asked[2]["input_tokens"] == 4000
    assert guard.close()
    assert server.held == {}
    assert sum(server.settled.values()) == 127 * EACH


def test_a_lease_is_never_larger_than_its_bound(make: Make, server: Reservations) -> None:
    """What one process holds is kept from others."""
    server.limit = Decimal(1000)
    go(make(), 400)
    assert max(asked["calls"] for asked in server.asked) == CALLS_MAX


def test_smaller_calls_take_less_of_a_lease(make: Make, server: Reservations) -> None:
    """By the prices that the server says; a larger one than there is room for is asked for."""
    guard = make()
    go(guard, 3)
    assert [asked["calls"] for asked in server.asked] == [1, 2]
    larger = msgspec.structs.replace(CALL, max_output_tokens=3000)
    go(guard, 1)
    go(guard, 1, larger)
    assert [asked["calls"] for asked in server.asked] == [1, 2, 4]
    go(guard, 1, larger)
    assert server.asked[3]["max_output_tokens"] == 3000 * server.asked[3]["calls"]


def test_what_used_nothing_gives_its_room_to_the_next(make: Make, server: Reservations) -> None:
    """Once, however often it is told."""
    guard = make()
    for _ in range(5):
        permit = guard.before(CALL)
        permit.failed()
        permit.failed()
        permit.used()
    assert len(server.asked) == 1
    guard.before(CALL).used()
    assert guard.close()
    assert server.settled == {"r-1": EACH}


def test_a_lease_that_was_not_used_is_released_at_the_end(make: Make, server: Reservations) -> None:
    """And one that has room left is left to expire: settled, it would wait for calls that are never made."""
    guard = make()
    guard.before(CALL).failed()
    other = msgspec.structs.replace(CALL, model="gpt-4o-mini")
    go(guard, 2, other)
    assert guard.close()
    assert server.released == ["r-1"]
    assert set(server.held) == {"r-3"}
    assert not guard.close()


def test_what_is_denied_says_which_budget_and_until_when(make: Make, server: Reservations) -> None:
    """The server's own words, as the public error."""
    server.limit = Decimal("0.01")
    with pytest.raises(BudgetExceededError) as caught:
        make().before(CALL)
    error = caught.value
    assert (error.budget, error.limit, error.spent, error.currency) == ("team-day", Decimal("0.01"), Decimal(0), "USD")
    assert error.resets_at == datetime(2026, 11, 23, tzinfo=UTC)
    assert str(error) == "the budget 'team-day' has no room"


def test_a_denial_is_believed_for_a_moment_by_calls_as_large(make: Make, server: Reservations, clock: Clock) -> None:
    """An SDK that sends again asks no server again; a smaller call may have room."""
    server.limit = Decimal("0.01")
    guard = make()
    errors: list[BaseException] = []
    for _ in range(3):
        with pytest.raises(BudgetExceededError) as caught:
            guard.before(CALL)
        errors.append(caught.value)
    assert len({id(error) for error in errors}) == 3
    assert len(server.asked) == 1
    go(guard, call=msgspec.structs.replace(CALL, input_tokens=1, max_output_tokens=1))
    assert len(server.asked) == 2
    clock.now_s += DENIED_S
    server.limit = Decimal(5)
    go(guard)
    assert len(server.asked) == 3


def test_a_call_that_is_smaller_in_one_way_is_asked_for(make: Make, server: Reservations) -> None:
    """A token more of what is asked is made up for by an answer that is much shorter."""
    server.limit = Decimal("0.019")
    guard = make()
    with pytest.raises(BudgetExceededError):
        guard.before(CALL)
    go(guard, call=msgspec.structs.replace(CALL, input_tokens=1001, max_output_tokens=1))


def test_the_last_of_a_budget_is_given_call_by_call(make: Make, server: Reservations) -> None:
    """Where a lease has no room a single call may: 5.00 USD are 250 calls, and not one more."""
    guard = make()
    go(guard, 250)
    with pytest.raises(BudgetExceededError):
        guard.before(CALL)
    assert server.left == 0


def test_what_no_budget_covers_is_asked_once(make: Make, server: Reservations, clock: Clock) -> None:
    """For as long as the server says that it may be believed."""
    server.limit = None
    guard = make()
    assert {permit.reservation_id for permit in go(guard, 5)} == {""}
    assert guard.at_once(CALL) is not None
    assert len(server.asked) == 1
    clock.now_s += server.valid_s
    assert guard.at_once(CALL) is None
    go(guard)
    assert len(server.asked) == 2


@pytest.mark.parametrize("limit", [None, Decimal(5)])
def test_what_a_policy_let_go_lets_nothing_larger_go(make: Make, server: Reservations, limit: Decimal | None) -> None:
    """Neither by a lease with room for it, nor by a belief; nor what is of unknown size."""
    server.limit, server.sized = limit, True
    guard = make()
    go(guard, 2)
    before = len(server.asked)
    go(guard, call=msgspec.structs.replace(CALL, input_tokens=1, max_output_tokens=1))
    assert len(server.asked) == before
    for larger in ({"input_tokens": 1001, "max_output_tokens": 1}, {"max_output_tokens": 1001}, {"input_tokens": None}):
        go(guard, 2)
        before = len(server.asked)
        go(guard, call=msgspec.structs.replace(CALL, **larger))
        assert len(server.asked) == before + 1


def test_kinds_of_calls_have_leases_of_their_own(make: Make, server: Reservations) -> None:
    """Whatever a budget or a policy may name keeps them apart; a span's id does not."""
    guard = make()
    for change in ("ledger.team", "ledger.user_id", "session.id", "ledger.approval"):
        attributes = {**CALL.attributes, change: "other"}
        go(guard, call=msgspec.structs.replace(CALL, attributes=attributes))
    assert len(server.asked) == 4
    assert server.asked[3]["approval"] == "other"
    go(guard, 2)
    go(guard, call=msgspec.structs.replace(CALL, span_id=9, attributes={**CALL.attributes, "gen_ai.x": "y"}))
    assert [asked["calls"] for asked in server.asked[4:]] == [1, 2]


def test_a_lease_is_taken_from_for_a_while(make: Make, server: Reservations, clock: Clock) -> None:
    """A call that is taken last is still held while it runs."""
    guard = make()
    go(guard, 2)
    clock.now_s += TAKING_S
    go(guard)
    assert [asked["calls"] for asked in server.asked] == [1, 2, 1]


@pytest.mark.parametrize("enforce", [True, False])
def test_a_policy_denies(make: Make, server: Reservations, enforce: bool) -> None:  # noqa: FBT001
    """403 with a policy's name; where nothing is enforced the call goes, and it is counted."""
    said: dict[str, object] = {
        "error": "PolicyDeniedError",
        "message": "no",
        "policy": "models.allow",
        "reason": "gpt-4o is not allowed",
    }
    server.answer = 403, said
    guard = make(enforce=enforce)
    if enforce:
        with pytest.raises(PolicyDeniedError) as caught:
            guard.before(CALL)
        assert (caught.value.policy, caught.value.reason) == ("models.allow", "gpt-4o is not allowed")
    else:
        go(guard, 3)
        assert guard.observed == {"policy:models.allow": 3}


def test_what_is_observed_is_logged_once_and_sent(
    make: Make, server: Reservations, caplog: pytest.LogCaptureFixture
) -> None:
    """No denial is recorded of what was not denied."""
    server.limit = Decimal("0.01")
    guard = make(enforce=False)
    go(guard, 3, msgspec.structs.replace(CALL, span_id=0))
    assert guard.observed == {"budget:team-day": 3}
    (record,) = caplog.records
    assert "would deny calls by budget:team-day" in record.getMessage()
    assert {asked["record_denial"] for asked in server.asked} == {False}


def test_threads_share_leases_and_never_overdraw(make: Make, server: Reservations) -> None:
    """16 threads, 1 000 calls of 0.02 on 5.00 USD: 250 go, whoever is first."""
    guard = make()
    start = threading.Barrier(16)

    def some(_: int) -> int:
        start.wait()
        went = 0
        for _call in range(62):
            try:
                guard.before(CALL).used()
                went += 1
            except BudgetExceededError:
                pass
        return went

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(some, range(16))) == 250
    assert server.left == 0
    assert guard.failures == {}


def test_one_thread_asks_while_the_others_wait_for_its_lease(make: Make, server: Reservations) -> None:
    """The calls of one kind make one trip at a time; another kind is not held up."""
    guard = make()
    go(guard, 3)
    server.gate.clear()
    with ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(guard.before, CALL) for _ in range(4)]
        server.gate.set()
        for each in waiting:
            each.result(30).used()
    assert [asked["calls"] for asked in server.asked] == [1, 2, 4]
