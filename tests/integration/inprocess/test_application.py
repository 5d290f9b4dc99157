"""Applications in processes of their own: what they emit is in the journal, whatever they do and however they end."""

import signal
import time
from pathlib import Path

import pytest
from support.application import Application, text
from support.programs import CALL, PROVIDER

from spanledger.schemas import attributes as a

SECONDS_MAX = 20


@pytest.fixture
def application(tmp_path: Path) -> Application:
    """An application with an empty store."""
    return Application(tmp_path)


def wait_for(application: Application, names: list[str]) -> None:
    """Wait until exactly these are journaled."""
    deadline = time.monotonic() + SECONDS_MAX
    while application.names() != names:
        assert time.monotonic() < deadline, application.names()
        time.sleep(0.01)


def test_an_instrumented_application_only_journals(application: Application) -> None:
    """One variable is enough; the prompt stays out, and no engine, grpc, price list or data frame is loaded."""
    application.run_instrumented(
        CALL + "call('gpt-4o')\n"
        "trace.get_tracer_provider().force_flush()\n"
        "import sys\n"
        "heavy = {'chdb', 'clickhouse_connect', 'genai_prices', 'grpc', 'numpy', 'pandas', 'pyarrow', 'uvicorn'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    (span,) = application.journaled()
    assert text(span, a.REQUEST_MODEL) == "gpt-4o"
    assert span.attributes[a.USAGE_INPUT_TOKENS] == b"\x18\x64"
    assert b"secret" not in span.raw
    assert text(span, "missing") == ""


def test_sampling_does_not_touch_metering(application: Application) -> None:
    """With a ratio of 0, usage recognisable at start is journaled, and nothing else is."""
    application.run_instrumented(
        CALL + "with tracer.start_as_current_span('request') as request:\n"
        "    assert not request.is_recording()\n"
        "    call('gpt-4o')\n"
        "    tracer.start_span('SELECT', attributes={'db.system': 'sqlite'}).end()\n",
        OTEL_TRACES_SAMPLER="parentbased_traceidratio",
        OTEL_TRACES_SAMPLER_ARG="0.0",
    )
    assert application.names() == ["gpt-4o"]


def test_a_burst_loses_nothing(application: Application) -> None:
    """20 000 spans from four threads at once, and the process ends right behind them."""
    application.run_instrumented(
        CALL + "from threading import Thread\n"
        "threads = [Thread(target=lambda: [call(f'm{number}') for _ in range(5000)]) for number in range(4)]\n"
        "for thread in threads: thread.start()\n"
        "for thread in threads: thread.join()\n"
    )
    spans = application.journaled()
    assert len(spans) == len({span.span_id for span in spans}) == 20_000


def test_a_wrong_setting_costs_one_log_line(application: Application) -> None:
    """The application runs as if we were not there."""
    program = CALL + "call('gpt-4o')\ncall('gpt-4o')\nprint('done')\n"
    done = application.run_instrumented(program, SPANLEDGER_STORE="mysql://db")
    assert done.stdout == "done\n"
    (line,) = done.stderr.splitlines()
    assert line.startswith("spanledger is disabled")
    assert application.names() == []


def test_a_journal_that_cannot_be_written_costs_one_log_line(application: Application) -> None:
    """The application runs; what was lost is said once more at the end."""
    application.store.write_text("in the way")
    done = application.run_instrumented(CALL + "call('gpt-4o')\ncall('gpt-4o')\nprint('done')\n")
    assert done.stdout == "done\n"
    waits, lost = done.stderr.splitlines()
    assert "usage waits in memory, the journal fails" in waits
    assert "usage in memory is given up" in lost


def test_a_forked_child_journals_for_itself(application: Application) -> None:
    """Spans before and after the fork, in parent and child, are each there once; the child ends by itself."""
    application.run(
        PROVIDER + CALL + "import os, sys\n"
        "call('before')\n"
        "pid = os.fork()\n"
        "if pid == 0:\n"
        "    call('child')\n"
        "    sys.exit()\n"
        "call('parent')\n"
        "assert os.waitpid(pid, 0)[1] == 0\n"
        "call('after')\n"
    )
    assert application.names() == ["after", "before", "child", "parent"]
    assert len(list((application.store / "journal").glob("*-*"))) == 2


def test_a_child_that_skips_every_handler_flushes_first(application: Application) -> None:
    """`os._exit` runs nothing of anybody's: `force_flush` before it is what keeps the last span."""
    application.run(
        PROVIDER + CALL + "import os\n"
        "if (pid := os.fork()) == 0:\n"
        "    call('child')\n"
        "    assert provider.force_flush()\n"
        "    os._exit(0)\n"
        "assert os.waitpid(pid, 0)[1] == 0\n"
    )
    assert application.names() == ["child"]


def test_forks_while_other_threads_emit_lose_nothing(application: Application) -> None:
    """A preloaded server forks its workers while it already works: no child hangs, no span is missing or doubled."""
    application.run(
        PROVIDER + CALL + "import os, sys, threading\n"
        "stop = threading.Event()\n"
        "count = 0\n"
        "def work():\n"
        "    global count\n"
        "    while not stop.is_set():\n"
        "        call('parent'); count += 1; stop.wait(0.001)\n"
        "thread = threading.Thread(target=work); thread.start()\n"
        "for number in range(4):\n"
        "    if (pid := os.fork()) == 0:\n"
        "        call(f'child{number}')\n"
        "        sys.exit()\n"
        "    assert os.waitpid(pid, 0)[1] == 0\n"
        "stop.set(); thread.join()\n"
        "open('count', 'w').write(str(count))\n"
    )
    count = int((application.folder / "count").read_text())
    assert application.names() == [*(f"child{number}" for number in range(4)), *["parent"] * count]


def test_spans_ended_at_exit_are_journaled(application: Application) -> None:
    """Handlers that run after ours may still end spans; the provider's own shutdown comes last."""
    application.run(PROVIDER + "import atexit\natexit.register(lambda: call('last'))\n" + CALL + "call('first')\n")
    assert application.names() == ["first", "last"]


def test_a_killed_process_has_journaled_what_ended_before(application: Application) -> None:
    """Nothing is asked of the process: a moment after a span ended it is on the disk, and SIGKILL does not matter."""
    process = application.start(PROVIDER + CALL + "call('gpt-4o')\nprint('ended')\ninput()\n")
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ended\n"
        wait_for(application, ["gpt-4o"])
    finally:
        process.kill()
        process.communicate()
    assert application.names() == ["gpt-4o"]


def test_sigterm_stays_the_applications(application: Application) -> None:
    """Without a handler it kills, as before us; with one that exits, nothing is lost."""
    handler = "import signal, sys\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit(0))\n"
    assert terminated(application, "") == -signal.SIGTERM
    assert terminated(application, handler) == 0
    assert application.names()[-1] == "last"


def terminated(application: Application, handler: str) -> int:
    """Run a program that emits a span right before it gets SIGTERM: its exit code."""
    process = application.start(
        PROVIDER + CALL + handler + "import os\ncall('last')\nos.kill(os.getpid(), 15)\ninput()\n"
    )
    process.communicate(timeout=SECONDS_MAX)
    return process.returncode
