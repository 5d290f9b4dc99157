"""Real Celery workers over a broker in memory: each task works for whoever sent it."""

# ruff: noqa: ANN401
# Tasks and applications are Celery's.

# pyright: reportMissingImports=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUntypedFunctionDecorator=false, reportMissingParameterType=false, reportUnknownParameterType=false

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from support.application import PROJECT, Application, text
from support.attributing import stamped

from spanledger.instrumentation import attribution
from spanledger.instrumentation.attributing import install
from spanledger.schemas import attributes as a

celery = pytest.importorskip("celery")
WAIT_S = 60
PATHS = ":".join(str(PROJECT / floor) for floor in ("schemas", "exporter", "instrumentation", "ledger"))

# Celery's own worker leaves sockets and deprecated calls behind.
pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture(params=["solo", "threads", "solo, official instrumentation"])
def app(request: pytest.FixtureRequest) -> Generator[Any]:
    """An application whose worker runs in this process."""
    from celery.contrib.testing.worker import start_worker  # noqa: PLC0415

    instrumentor: Any = None
    if "official" in request.param:
        instrumentor = pytest.importorskip("opentelemetry.instrumentation.celery").CeleryInstrumentor()
        instrumentor.instrument()
    made = celery.Celery("app", broker="memory://", backend="cache+memory://")
    made.conf.update(broker_connection_retry_on_startup=False)

    @made.task(name="who")
    def who() -> Any:
        return stamped()

    @made.task(name="passes_on")
    def passes_on() -> Any:
        with attribution(feature="below"):
            return who.delay().id

    install()
    worker: Any = start_worker
    # A worker sets the level of every logger of its process, which the tests after it share.
    level = logging.getLogger().level
    with worker(made, pool=request.param.partition(",")[0], perform_ping_check=False, shutdown_timeout=WAIT_S):
        yield made
    logging.getLogger().setLevel(level)
    if instrumentor is not None:
        instrumentor.uninstrument()


def test_a_task_works_for_who_sent_it(app: Any) -> None:
    """Whoever comes next too; a task that nobody's block sent works for nobody, and tasks pass it on."""
    who, passes_on = app.tasks["who"], app.tasks["passes_on"]
    with attribution(tenant="acme", agent="planner"):
        first = who.delay()
        below = passes_on.delay()
    with attribution(tenant="umbrella"):
        second = who.apply_async()
    third = who.delay()
    assert first.get(timeout=WAIT_S) == {"tenant": "acme", "agent": "planner", "agent_path": "planner"}
    assert second.get(timeout=WAIT_S) == {"tenant": "umbrella"}
    assert third.get(timeout=WAIT_S) == {}
    passed = app.AsyncResult(below.get(timeout=WAIT_S)).get(timeout=WAIT_S)
    assert passed == {"tenant": "acme", "agent": "planner", "agent_path": "planner", "feature": "below"}
    assert stamped() == {}


def test_an_eager_task_runs_in_its_callers_context(app: Any) -> None:
    """It is a function call."""
    with attribution(tenant="acme"):
        assert app.tasks["who"].apply().get() == {"tenant": "acme"}
        assert stamped() == {"tenant": "acme"}


PREFORK = """
import sys, threading, time
from celery import Celery
from spanledger.instrumentation import attribution, track
from spanledger.instrumentation.attributing import install

install()
app = Celery("app", broker="filesystem://", backend=f"file://{sys.argv[1]}")
app.conf.update(
    broker_transport_options={"data_folder_in": sys.argv[1], "data_folder_out": sys.argv[1]},
    worker_max_tasks_per_child=1, broker_connection_retry_on_startup=False,
)

@app.task(name="work")
def work(number):
    track("db", f"{number:02}")

if len(sys.argv) == 3:
    for number in range(6):
        with attribution(tenant=f"tenant {number % 2}"):
            work.delay(number)
else:
    app.worker_main(["worker", "--pool=prefork", "--concurrency=2", "--loglevel=ERROR", "--without-gossip"])
"""


def test_recycled_children_lose_nothing(tmp_path: Path) -> None:
    """Forked children that end after one task each: every task's work is in the journal, under who sent it."""
    application = Application(tmp_path)
    application.environ["PYTHONPATH"] += f":{PATHS}"
    broker = tmp_path / "broker"
    broker.mkdir()
    program = tmp_path / "celery_app.py"
    program.write_text(PREFORK)
    command = [sys.executable, str(program), str(broker)]
    subprocess.run([*command, "send"], env=application.environ, cwd=tmp_path, check=True, timeout=WAIT_S)
    with subprocess.Popen(command, env=application.environ, cwd=tmp_path, start_new_session=True) as worker:
        deadline = time.monotonic() + WAIT_S
        while len(application.journaled()) < 6 and time.monotonic() < deadline:
            time.sleep(0.05)
        # Children and all: how a worker of Celery's stops is not the matter here.
        os.killpg(worker.pid, signal.SIGKILL)
    found = sorted((text(span, a.LEDGER_OPERATION), text(span, a.LEDGER_TENANT)) for span in application.journaled())
    assert found == [(f"{number:02}", f"tenant {number % 2}") for number in range(6)]
