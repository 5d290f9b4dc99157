"""Real Celery workers over a broker in memory: each task works for whoever sent it."""

# ruff: noqa: ANN401
# Tasks and applications are Celery's.

# pyright: reportMissingImports=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUntypedFunctionDecorator=false, reportMissingParameterType=false, reportUnknownParameterType=false

import logging
import re
from collections.abc import Generator
from typing import Any

import pytest
from support.attributing import stamped

from spanledger.instrumentation import attribution
from spanledger.instrumentation.attributing import install

celery = pytest.importorskip("celery")
WAIT_S = 60

# Celery's own worker leaves sockets and deprecated calls behind.
pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture(scope="module", params=["solo", "threads", "solo, official instrumentation"])
def app(request: pytest.FixtureRequest) -> Generator[Any]:
    """An application whose worker runs in this process."""
    from celery.contrib.testing.worker import start_worker  # noqa: PLC0415

    instrumentor: Any = None
    if "official" in request.param:
        instrumentor = pytest.importorskip("opentelemetry.instrumentation.celery").CeleryInstrumentor()
        instrumentor.instrument()
    # A task is every application's of its process: each of these has its own names, and its own queue.
    name = re.sub(r"\W", "-", request.param)
    made = celery.Celery(name, broker="memory://", backend="cache+memory://")
    made.conf.update(broker_connection_retry_on_startup=False, task_default_queue=name)

    @made.task(name=f"{name}.who")
    def who() -> Any:
        return stamped()

    @made.task(name=f"{name}.passes_on")
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
    who, passes_on = app.tasks[f"{app.main}.who"], app.tasks[f"{app.main}.passes_on"]
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
        assert app.tasks[f"{app.main}.who"].apply().get() == {"tenant": "acme"}
        assert stamped() == {"tenant": "acme"}
