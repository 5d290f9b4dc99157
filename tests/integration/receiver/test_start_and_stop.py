"""Opening the doors, draining them, and the receiver as a process of its own."""

import asyncio
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from http.client import HTTPException
from pathlib import Path

import pytest
from support.receiving import ANY_PORT, PATIENCE_S, MemoryIntake, exchange, receiving

from spanledger.exporter.receiver.server import Receiver
from spanledger.exporter.receiver.stopping import until_over
from spanledger.exporter.settings import Address, Settings, load
from spanledger.schemas import ConfigurationError

START_S_MAX = 60


def test_the_doors_are_on_the_standard_ports_of_loopback() -> None:
    """C12, C13, C14: 4317 and 4318, and nothing beyond this machine unless a host is given."""
    settings = load({})
    assert (settings.grpc, settings.http) == (Address("127.0.0.1", 4317), Address("127.0.0.1", 4318))


@pytest.mark.parametrize("door", ["grpc", "http"])
def test_a_taken_port_is_named_with_the_cure(door: str) -> None:
    """Two receivers never share a port in silence; the second says which option moves it, and opens nothing."""
    with receiving() as first:
        taken = {"grpc": first.receiver.grpc_address, "http": first.receiver.http_address}[door]
        settings = Settings(store="unused", data=Path("unused"), grpc=ANY_PORT, http=ANY_PORT)
        second = Receiver(replace(settings, **{door: taken}), MemoryIntake())
        with pytest.raises(ConfigurationError) as raised:
            asyncio.run(second.start())
    assert str(raised.value) == (
        f"cannot listen on {taken}: the port is already in use: "
        f"stop the other process, or choose another port with --{door} PORT"
    )


@pytest.mark.parametrize(
    ("host", "cure"), [("192.0.2.1", "does not have that address"), ("nowhere.invalid", "the host is not known")]
)
def test_an_address_that_cannot_be_had_is_explained(host: str, cure: str) -> None:
    """A host of another machine, or of none, is a wrong setting."""
    settings = Settings(store="unused", data=Path("unused"), grpc=ANY_PORT, http=Address(host, 0))
    with pytest.raises(ConfigurationError, match=cure):
        asyncio.run(Receiver(settings, MemoryIntake()).start())


def test_a_drain_finishes_what_is_under_way_and_takes_nothing_new() -> None:
    """4.8: the request inside is answered 200 and its connection closed; idle ones are closed; new ones refused."""
    with receiving() as door, ThreadPoolExecutor() as threads, closing(door.connect()) as idle:
        assert exchange(idle, b"before").status == 200
        door.intake.entered.acquire()
        door.hold()
        pending = threads.submit(door.post, b"kept")
        assert door.intake.entered.acquire(timeout=PATIENCE_S)
        drained = threads.submit(door.run, door.receiver.drain())
        door.run(door.receiver.gate.closed.wait())
        with pytest.raises((HTTPException, OSError)):
            exchange(idle, b"late")
        assert not door.receiver.ready
        with pytest.raises(ConnectionRefusedError):
            door.post(b"new")
        door.release()
        answered = pending.result(PATIENCE_S)
        drained.result(PATIENCE_S)
    assert (answered.status, answered.headers["connection"]) == (200, "close")
    assert [taken.body for taken in door.intake.taken] == [b"before", b"kept"]


def test_a_drain_ends_in_time_whatever_hangs() -> None:
    """4.8: a request that does not end is cut without an answer, which makes its sender try again."""
    with receiving() as door, ThreadPoolExecutor() as threads:
        door.hold()
        pending = threads.submit(door.post, b"hung")
        assert door.intake.entered.acquire(timeout=PATIENCE_S)
        door.run(door.receiver.drain(0.2))
        with pytest.raises((HTTPException, OSError)):
            pending.result(PATIENCE_S)


def test_the_receiver_alone_takes_serves_and_stops(tmp_path: Path) -> None:
    """`python -m spanledger.exporter` prints where it listens; SIGTERM ends it with 0."""
    with _process(tmp_path, "--grpc", "0", "--http", "0") as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("OTLP/gRPC on 127.0.0.1:")
        process.send_signal(signal.SIGTERM)
        assert process.wait(START_S_MAX) == 0


def test_a_wrong_setting_ends_the_receiver_with_one_sentence(tmp_path: Path) -> None:
    """Exit code 2, and no traceback."""
    with _process(tmp_path, "--grpc", "nonsense") as process:
        assert process.wait(START_S_MAX) == 2
        assert process.stderr is not None
        assert process.stderr.read() == "--grpc 'nonsense' is not [HOST:]PORT with a port from 0 to 65535\n"


def test_a_second_signal_ends_a_stop_that_hangs() -> None:
    """4.8: the first asks for a clean stop, the second ends the process at once, with status 1."""
    with subprocess.Popen((sys.executable, "-c", _HANGING_STOP), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == "stopping\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(START_S_MAX) == 1


def test_a_stop_that_takes_too_long_is_ended() -> None:
    """4.8: half a minute (here 0.2 s) after one signal the process ends with 1, and says what is kept."""
    program = f"from spanledger.exporter.receiver import stopping; stopping.STOP_S_MAX = 0.2\n{_HANGING_STOP}"
    with subprocess.Popen((sys.executable, "-c", program), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(START_S_MAX) == 1
        assert list(process.stdout) == ["stopping\n", "stopped at once: what was acknowledged is in the journal\n"]


def test_a_journal_that_gave_up_ends_the_wait() -> None:
    """A process that can journal nothing more does not linger."""

    async def wait() -> None:
        await until_over(asyncio.Event(), lambda: True)

    asyncio.run(wait())


def _process(folder: Path, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        (sys.executable, "-m", "spanledger.exporter", "--store", str(folder / "store"), *arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"HOME": str(folder)},
    )


_HANGING_STOP = """
import asyncio, threading
from spanledger.exporter.receiver.stopping import stop_on_signals, until_over

async def serve():
    stopped = stop_on_signals(lambda line: print(line, flush=True))
    print("started", flush=True)
    await until_over(stopped, lambda: False)
    print("stopping", flush=True)
    await asyncio.to_thread(threading.Event().wait)

asyncio.run(serve())
"""
