import pytest
from support.keys import Clock

from spanledger.ledger.clickhouse_http.asked import AskedSession
from spanledger.ledger.clickhouse_http.errors import AskedWronglyError
from spanledger.ledger.clickhouse_http.sessions import SESSIONS_MAX, Sessions


def named(name: str = "s", *, seconds: int = 60, must_be: bool = False) -> AskedSession:
    """A session as a statement names it."""
    return AskedSession(name=name, seconds=seconds, must_be=must_be)


def code_of(sessions: Sessions, asked: AskedSession, who: str = "a") -> int:
    """Why a session cannot be entered; 0 if it can."""
    try:
        with sessions.entered(asked, who):
            return 0
    except AskedWronglyError as refused:
        return refused.code


def test_a_session_keeps_what_a_statement_left() -> None:
    """For statements of the same somebody alone; without an id nothing is kept."""
    sessions = Sessions()
    with sessions.entered(named(), "a") as session:
        session.database = "d"
    with sessions.entered(named(must_be=True), "a") as session:
        assert session.database == "d"
    with sessions.entered(named(), "b") as session:
        assert session.database == ""
    with sessions.entered(None, "a") as session:
        session.database = "d"
    with sessions.entered(None, "a") as session:
        assert session.database == ""


def test_a_session_that_is_idle_too_long_is_forgotten() -> None:
    """Each statement says how long; while one is under way its session stays."""
    clock = Clock()
    sessions = Sessions(clock)
    with sessions.entered(named(seconds=5), "a"):
        clock.advance(100)
        assert code_of(sessions, named()) == 373
    clock.advance(4.9)
    assert code_of(sessions, named(seconds=5, must_be=True)) == 0
    clock.advance(5)
    assert code_of(sessions, named(must_be=True)) == 372


def test_a_session_is_free_again_after_a_failure() -> None:
    """As after a success."""
    sessions = Sessions()
    with pytest.raises(ZeroDivisionError), sessions.entered(named(), "a"):
        _ = 1 // 0
    assert code_of(sessions, named(must_be=True)) == 0


def test_there_are_so_many_sessions_and_no_more() -> None:
    """The one that was left longest ago goes; when all are busy there is no other."""
    sessions = Sessions()
    for number in range(SESSIONS_MAX):
        assert code_of(sessions, named(str(number))) == 0
    assert code_of(sessions, named("0", must_be=True)) == 0
    assert code_of(sessions, named("more")) == 0
    assert code_of(sessions, named("0", must_be=True)) == 0
    assert code_of(sessions, named("1", must_be=True)) == 372
    busy = [sessions.entered(named(f"busy {number}"), "a") for number in range(SESSIONS_MAX)]
    for each in busy:
        each.__enter__()
    assert code_of(sessions, named("one more")) == 202
    for each in busy:
        each.__exit__(None, None, None)
