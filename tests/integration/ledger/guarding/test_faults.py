"""The guard inside an application when its server is away, its connections close, its process forks."""

import os
from pathlib import Path
from typing import Literal

import msgspec
import pytest
from support.leasing import CALL, Clock, Make, go
from support.reservations import Reservations

from spanledger.ledger.budgets.budget import VALUE_CHARS_MAX
from spanledger.ledger.budgets.reservation import Reserve, checked
from spanledger.ledger.endpoint_file import Endpoint, leave
from spanledger.ledger.guarding import LeasingGuard, open_guard
from spanledger.ledger.guarding.guard import AWAY_S
from spanledger.ledger.guarding.settings import GuardSettings, read_settings
from spanledger.schemas import ConfigurationError, PolicyDeniedError

AWAYS: list[tuple[int, dict[str, object]] | None] = [
    None,
    (500, {}),
    (401, {"message": "no such key"}),
    (403, {"error": "Denied"}),
    (200, {"reservation_id": 5}),
]


@pytest.mark.parametrize("answer", AWAYS)
@pytest.mark.parametrize("away", ["allow", "deny"])
def test_a_server_that_is_away_means_what_is_set(
    server: Reservations,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
    answer: tuple[int, dict[str, object]] | None,
    away: Literal["allow", "deny"],
) -> None:
    """Not there, broken, or not answering to us: let go or denied, asked again after a while, logged once."""
    url = server.url
    if answer is None:
        url = "http://127.0.0.1:1"
    server.answer = answer
    guard = LeasingGuard(GuardSettings(enforce=True, away=away, url=url), clock)
    for _ in range(3):
        if away == "allow":
            assert guard.before(CALL).reservation_id == ""
        else:
            with pytest.raises(PolicyDeniedError, match="cannot be asked"):
                guard.before(CALL)
    assert len(server.asked) == (0 if answer is None else 1)
    assert len(caplog.records) == 1
    clock.now_s += AWAY_S
    server.answer = None
    if answer is not None:
        go(guard)
        assert len(server.asked) == 2


@pytest.mark.parametrize("status", [400, 403, 413, 422])
def test_a_call_that_the_server_does_not_take_lets_no_other_go(
    make: Make, server: Reservations, clock: Clock, status: int
) -> None:
    """One tenant that the key may not charge is no way round the budgets of all others."""
    guard = make()
    stranger = msgspec.structs.replace(CALL, attributes={"ledger.tenant": "initech"})
    server.answer = (status, {"error": "Forbidden"})
    assert [permit.reservation_id for permit in go(guard, 2, stranger)] == ["", ""]
    assert len(server.asked) == 1
    server.answer = None
    assert [permit.reservation_id for permit in go(guard)] == ["r-2"]
    clock.now_s += AWAY_S
    assert [permit.reservation_id for permit in go(guard, 1, stranger)] == ["r-3"]


def test_words_are_asked_for_as_long_as_the_ledger_keeps_them(make: Make, server: Reservations) -> None:
    """A user id as long as somebody likes is no question that a server refuses."""
    attributes = {"ledger.user": "u" * 5_000, "ledger.approval": "a" * 5_000}
    go(make(), 1, msgspec.structs.replace(CALL, model="m" * 5_000, attributes=attributes))
    (asked,) = server.asked
    checked(msgspec.convert(asked, Reserve))
    assert asked["call"]["model"] == "m" * VALUE_CHARS_MAX


def test_a_connection_that_the_server_closed_is_made_anew(make: Make, server: Reservations) -> None:
    """A server may close what is idle; nobody is away for that."""
    guard = make()
    go(guard, 2)
    for _, connection in guard._server._caller._idle:  # pyright: ignore[reportPrivateUsage]
        assert connection.sock is not None
        connection.sock.shutdown(2)
    go(guard, 2)
    assert guard.failures == {}
    assert len(server.asked) == 3


def test_a_forked_child_takes_nothing_from_its_parents_leases(make: Make, server: Reservations) -> None:
    """Two processes cannot both have the same room; nor one connection."""
    guard = make()
    go(guard, 2)
    child = os.fork()
    if not child:
        try:
            os._exit(0 if go(guard)[0].reservation_id == "r-3" else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert [asked["calls"] for asked in server.asked] == [1, 2, 1]
    assert go(guard)[0].reservation_id == "r-2"


def test_a_serve_of_this_machine_is_found_by_its_file(server: Reservations, tmp_path: Path) -> None:
    """Where no URL is set: the store's folder says the address and the token, also after it was started again."""
    environ = {"SPANLEDGER_STORE": str(tmp_path), "SPANLEDGER_GUARD_AWAY": "deny"}
    clock = Clock()
    guard = LeasingGuard(read_settings(environ, "enforce"), clock)
    with pytest.raises(PolicyDeniedError):
        guard.before(CALL)
    leave(tmp_path, Endpoint(address=server.url, token="t-1", pid=1, store="", data=""))
    clock.now_s += AWAY_S
    go(guard)
    assert server.keys == ["Bearer t-1"]


@pytest.mark.parametrize(
    ("name", "value"), [("SPANLEDGER_GUARD_AWAY", "perhaps"), ("SPANLEDGER_GUARD_URL", "localhost:8318")]
)
def test_a_wrong_setting_is_named(name: str, value: str) -> None:
    """In a sentence."""
    with pytest.raises(ConfigurationError, match=name):
        open_guard({name: value}, "enforce")


def test_a_response_that_is_collected_inside_of_the_guard_does_not_stop_it(make: Make, server: Reservations) -> None:
    """Its call ends in whichever thread collects, wherever that thread is."""
    guard = make()
    permit = guard.before(CALL)
    (scope,) = guard._scopes.values()  # pyright: ignore[reportPrivateUsage]
    with scope.asking, scope.lock:
        permit.failed()
        go(guard)
    assert len(server.asked) == 1
