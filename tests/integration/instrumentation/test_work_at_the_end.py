"""Processes that end in the middle of something: they do end, and what they used is in the journal."""

import subprocess
import sys
from pathlib import Path

import pytest
from support.application import Application, text
from support.fake_provider import Plan, fake_provider

from spanledger.schemas import attributes as a

# Far above what any of them takes.
SECONDS_MAX = 30

STREAMING = """
import os, signal, sys
from spanledger.instrumentation import flush, instrument, track
instrument()
import httpx
how, url, warm = sys.argv[1:]
if warm:
    track("a", "warm"); flush()
client = httpx.Client()
def main():
    asked = client.build_request("POST", url + "/v1/chat/completions", json={"model": "gpt-4o", "stream": True})
    answer = client.send(asked, stream=True)
    for piece in answer.iter_raw():
        if how == "raise": raise ValueError("a fault of the application")
        if how == "exit": sys.exit(1)
        if how == "_exit": os._exit(1)
        if how == "fork":
            if not (child := os.fork()): os._exit(0)
            os.waitpid(child, 0)
            signal.raise_signal(signal.SIGCHLD)
            sys.exit(1)
main()
"""

LATE = """
from spanledger.instrumentation import track
from spanledger.instrumentation.work.sink import sinks
sinks.current()
class Late:
    def __del__(self): track("a", "late")
def main():
    late = Late()
    raise ValueError
main()
"""

HUNG = """
import atexit, threading
from opentelemetry.sdk.trace import ReadableSpan
from spanledger.instrumentation.work import opening
opening.OPENING_TIMEOUT_S = 0.1
ledger = opening.Opening(threading.Event().wait)
ledger.on_end(ReadableSpan("work"))
# Whoever is asked once more at the end does not wait once more.
atexit.register(ledger.flush, 10 ** 6)
"""

NESTED = """
import os, signal, sys, threading
from spanledger.instrumentation import flush, track
if sys.argv[1] == "writer":
    track("a", "b"); flush()
def handle(number, frame):
    sys.settrace(None)
    flush(); os._exit(7)
signal.signal(signal.SIGUSR1, handle)
def trace(frame, event, arg):
    # An event's own methods, and a lock that is held: the first line where that is so.
    if not frame.f_code.co_qualname in ("Event.set", "Event.wait"): return None
    if event == "line" and frame.f_locals["self"]._cond._lock.locked():
        sys.settrace(None)
        signal.raise_signal(signal.SIGUSR1)
    return trace
track("a", "c")
sys.settrace(trace)
flush()
"""


@pytest.fixture
def application(tmp_path: Path) -> Application:
    """An application with an empty store."""
    return Application(tmp_path)


def ended(application: Application, program: str, *args: str, **environ: str) -> int:
    """The exit code of a program, which must have one soon."""
    path = application.folder / "ending.py"
    path.write_text(program)
    command = [sys.executable, "-B", str(path), *args]
    environ = application.environ | environ
    return subprocess.run(
        command, env=environ, cwd=application.folder, capture_output=True, timeout=SECONDS_MAX, check=False
    ).returncode


@pytest.mark.parametrize("warm", ["", "warm"])
@pytest.mark.parametrize("how", ["raise", "exit", "_exit", "fork"])
def test_a_stream_that_is_open_at_the_end_is_journaled_once(application: Application, how: str, warm: str) -> None:
    """Whatever ends the process in its loop, whether or not the ledger was opened before; a child ends none of it."""
    with fake_provider() as provider:
        provider.plans.append(Plan())
        code = ended(application, STREAMING, how, provider.url, warm, SPANLEDGER_ENDPOINTS=f"{provider.host}=openai")
    assert code == 1
    assert [text(span, a.REQUEST_MODEL) for span in application.journaled()].count("gpt-4o") == 1


def test_a_process_ends_whatever_is_recorded_behind_its_end(application: Application) -> None:
    """No thread is started, nor waited for, once none runs."""
    assert ended(application, LATE) == 1


def test_a_ledger_that_hangs_while_it_is_opened_holds_no_process(application: Application) -> None:
    """The process waits for it as long as it waits for any ledger, once, and ends."""
    assert ended(application, HUNG) == 0


@pytest.mark.parametrize("where", ["opening", "writer"])
def test_a_handler_may_flush_and_end_the_process_within_a_flush(application: Application, where: str) -> None:
    """The handler interrupts its thread while that holds a lock of its own flush."""
    assert ended(application, NESTED, where) == 7
