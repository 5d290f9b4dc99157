"""What both doors share, without a socket."""

import asyncio
import logging
import threading
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
from support.receiving import PATIENCE_S, MemoryIntake

from spanledger.exporter.credential import Credential
from spanledger.exporter.failures import Permanent, TooLarge, Transient
from spanledger.exporter.journal import Signal
from spanledger.exporter.receiver import Answer
from spanledger.exporter.receiver.gate import Gate, InFlight, Limits
from spanledger.exporter.receiver.own_loop import OwnLoop

OPEN = Credential(scope="*", tenant="acme")


def _gate(intake: MemoryIntake, **limits: float) -> Gate:
    return Gate(intake, OPEN, Limits(body_bytes=100, in_flight_bytes=400, **limits), lambda: True)


@asynccontextmanager
async def _elsewhere(gate: Gate) -> AsyncGenerator[OwnLoop]:
    """The loop that a gate lives in, which is not the running one."""

    async def move_in() -> None:
        gate.live_here()

    home = OwnLoop("home")
    await home.run(move_in())
    yield home
    await home.close()


def test_an_open_receiver_knows_one_credential() -> None:
    """Without keys every sender has the scope of loopback, and the tenant of the settings."""

    async def admit() -> None:
        intake = MemoryIntake()
        gate = _gate(intake)
        await gate.admit(Signal.TRACES, b"body", gate.authenticate({"authorization": "anything"}))
        assert [taken.credential for taken in intake.taken] == [OPEN]

    asyncio.run(admit())


def test_bytes_are_held_until_the_append_ends_not_until_the_answer() -> None:
    """C19, C38: a sender that was told to come again still has its bytes in memory."""

    async def admit() -> None:
        intake = MemoryIntake()
        gate = _gate(intake, answer_s=0.01)
        intake.released.clear()
        with pytest.raises(Transient):
            await gate.admit(Signal.TRACES, bytes(100), OPEN)
        assert gate.in_flight.bytes == 100
        assert not await gate.settle(0.01)
        intake.released.set()
        assert await gate.settle(1.0)
        assert gate.in_flight.bytes == 0
        assert len(intake.taken) == 1

    asyncio.run(admit())


def test_a_budget_that_is_already_spent_is_refused_and_the_append_still_ends() -> None:
    """C38: less than half a second before its deadline a caller is told at once to come again."""

    async def admit() -> None:
        intake = MemoryIntake()
        gate = _gate(intake)
        intake.released.clear()
        with pytest.raises(Transient):
            await gate.admit(Signal.TRACES, b"late", OPEN, budget_s=0.4)
        intake.released.set()
        assert await gate.settle(1.0)
        assert [taken.body for taken in intake.taken] == [b"late"]

    asyncio.run(admit())


def test_failures_pass_and_bugs_become_temporary(caplog: pytest.LogCaptureFixture) -> None:
    """C34, C54: a bug is logged once, with its place and without its words, and answered as temporary."""

    async def admit() -> None:
        intake = MemoryIntake()
        gate = _gate(intake)
        for failure in (Permanent("p"), TooLarge("t"), Transient("f")):
            intake.failures = [failure]
            with pytest.raises(type(failure), match=str(failure)):
                await gate.admit(Signal.TRACES, b"", OPEN)
        intake.failures = [ValueError("a secret")]
        with pytest.raises(Transient) as raised:
            await gate.admit(Signal.TRACES, b"", OPEN)
        assert "secret" not in str(raised.value)

    with caplog.at_level(logging.INFO):
        asyncio.run(admit())
    assert len(caplog.records) == 1
    assert "ValueError" in caplog.text
    assert "support/receiving.py" in caplog.text
    assert "secret" not in caplog.text


def test_a_body_over_the_limit_is_not_admitted() -> None:
    """C07: whatever way it came."""

    async def admit() -> None:
        intake = MemoryIntake()
        with pytest.raises(TooLarge, match="SPANLEDGER_BODY_BYTES_MAX"):
            await _gate(intake).admit(Signal.TRACES, bytes(101), OPEN)
        assert intake.calls == 0

    asyncio.run(admit())


def test_a_closed_gate_is_not_ready_and_lets_nothing_begin() -> None:
    """4.8: what has begun is finished, what comes later is told to come again."""

    async def close() -> None:
        gate = _gate(MemoryIntake())
        assert gate.ready
        gate.check_open()
        gate.close()
        assert not gate.ready
        with pytest.raises(Transient):
            gate.check_open()
        assert await gate.admit(Signal.TRACES, b"begun before", OPEN) == Answer()

    asyncio.run(close())


def test_a_growing_body_gives_back_what_it_took() -> None:
    """C19: also when it is refused halfway."""
    in_flight = InFlight(100)
    held: list[int] = []

    def read() -> None:
        with in_flight.reading() as grow:
            grow(60)
            held.append(in_flight.bytes)
            grow(41)

    with pytest.raises(Transient):
        read()
    assert (held, in_flight.bytes) == ([60], 0)


def test_a_door_of_another_loop_is_answered_as_one_of_the_gates_own() -> None:
    """What the intake says or raises comes back; the append itself runs where the gate lives."""
    ran_in: list[str] = []

    class Noting(MemoryIntake):
        async def __call__(self, signal: Signal, body: bytes, credential: Credential) -> Answer:
            ran_in.append(threading.current_thread().name)
            return await super().__call__(signal, body, credential)

    async def admit() -> None:
        intake = Noting()
        gate = _gate(intake)
        async with _elsewhere(gate) as home:
            intake.answer = Answer(1, "a span has no trace id")
            assert await gate.admit(Signal.TRACES, b"taken", OPEN) == intake.answer
            intake.failures = [Permanent("broken"), ValueError("a secret")]
            with pytest.raises(Permanent, match="broken"):
                await gate.admit(Signal.TRACES, b"refused", OPEN)
            with pytest.raises(Transient, match="could not be taken now"):
                await gate.admit(Signal.TRACES, b"met a bug", OPEN)
            assert await home.run(gate.settle(PATIENCE_S))
        assert [taken.body for taken in intake.taken] == [b"taken"]
        assert gate.in_flight.bytes == 0

    asyncio.run(admit())
    assert ran_in == ["home"] * 3


def test_what_another_loop_hands_over_counts_at_once_and_begins_whoever_leaves() -> None:
    """C19, C38: while the gate's loop is busy, bytes are held already, and a caller that goes away changes nothing."""
    busy, go_on = threading.Event(), threading.Event()

    async def work() -> None:
        busy.set()
        assert go_on.wait(PATIENCE_S)

    async def admit() -> None:
        intake = MemoryIntake()
        gate = _gate(intake)
        async with _elsewhere(gate) as home:
            working = asyncio.create_task(home.run(work()))
            await asyncio.to_thread(busy.wait, PATIENCE_S)
            asked = asyncio.create_task(gate.admit(Signal.TRACES, bytes(100), OPEN))
            await asyncio.sleep(0)
            assert gate.in_flight.bytes == 100
            asked.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asked
            go_on.set()
            await working
            assert await home.run(gate.settle(PATIENCE_S))
        assert gate.in_flight.bytes == 0
        assert len(intake.taken) == 1

    asyncio.run(admit())


def test_a_gate_whose_loop_has_ended_takes_nothing() -> None:
    """4.8: temporary, and nothing stays counted."""

    async def admit() -> None:
        gate = _gate(MemoryIntake())
        async with _elsewhere(gate):
            pass
        with pytest.raises(Transient):
            await gate.admit(Signal.TRACES, b"late", OPEN)
        assert gate.in_flight.bytes == 0

    asyncio.run(admit())


def test_the_end_is_heard_in_any_loop() -> None:
    """C41: watchers of the gRPC door wait for what the gate's own loop says."""

    async def wait() -> None:
        gate = _gate(MemoryIntake())

        async def close() -> None:
            gate.close()

        async with _elsewhere(gate) as home, asyncio.timeout(PATIENCE_S):
            waiting = asyncio.create_task(gate.until_closed())
            await asyncio.sleep(0)
            await home.run(close())
            await waiting

    asyncio.run(wait())
