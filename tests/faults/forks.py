"""Real process managers: whatever ends whichever process, all that was used is charged once.

Every application runs as under `opentelemetry-instrument`, over one embedded store, and is gone before it is posted.
"""

# Tasks and applications are Celery's.

# pyright: reportMissingImports=false, reportUnknownVariableType=false, reportUnknownMemberType=false

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import celery
from faults.table import Line
from support.application import Application
from support.commands import answer
from support.servers import FORKS, SECONDS_MAX, TASKS, WEB, instrumented, serving, stopped_during, waited_until, works

from spanledger.instrumentation import attribution
from spanledger.schemas.claim import UNATTRIBUTED

Used = Counter[tuple[str, str]]
"""How often a piece of work of a name, for a tenant, was done or charged."""

BOOKED = """
SELECT service_name, if(request_model = '', operation, request_model) AS name, tenant, count() AS charges
FROM charges GROUP BY ALL
"""


@dataclass
class Ended:
    """An application that is gone: what it worked for, how it exited, and what may be asked of it."""

    used: Used
    code: int
    said: Any = None


class Place:
    """Where all of them run: one folder, one store."""

    def __init__(self, folder: Path) -> None:
        application = Application(folder)
        self.folder = folder
        self.store = application.store
        self._environ = instrumented(application)

    def environ(self, service: str, *, libraries: bool = False) -> dict[str, str]:
        """The environment of one application. To instrument every library takes a process longer than all the rest."""
        disabled = "" if libraries else "*"
        return {
            **self._environ,
            "OTEL_SERVICE_NAME": service,
            "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": disabled,
        }


Scenario = Callable[[Place], Ended]


def unattributed(*names: str) -> Used:
    """What `work` of these names leaves, for nobody."""
    return used_by(UNATTRIBUTED, *names)


def used_by(tenant: str, *names: str) -> Used:
    """What `work` of these names leaves, for a tenant."""
    return Counter({(name, tenant): count for name, count in works(*names).items()})


def gunicorn_sync(place: Place) -> Ended:
    """Workers that are recycled every three requests; a graceful reload; SIGTERM in the middle of a request."""
    options = ("--bind", "fd://{fd}", "--workers", "2", "--max-requests", "3")
    with serving(place.folder, place.environ("gunicorn_sync"), "gunicorn", "web:wsgi", *options) as server:
        recycled = {server.ask(f"recycled{number}") for number in range(9)}
        server.process.send_signal(signal.SIGHUP)
        for number in range(100):
            if server.ask(f"reloaded{number}") not in recycled:
                break
        code = server.stop_during("slow")
        workers = re.findall(r"Booting worker with pid: (\d+)", server.output())
        names = (*server.answered, *(f"start of {pid}" for pid in workers))
        return Ended(unattributed(*names), code, len(recycled))


def gunicorn_threads(place: Place) -> Ended:
    """Threads of a worker that was forked of a master which had worked itself, while it loaded the application."""
    options = ("--bind", "fd://{fd}", "--worker-class", "gthread", "--threads", "4", "--preload")
    with serving(place.folder, place.environ("gunicorn_threads"), "gunicorn", "web:wsgi", *options) as server:
        with ThreadPoolExecutor(4) as threads:
            answered_by = set(threads.map(server.ask, [f"at-once-{number}" for number in range(8)]))
        code = server.stop_during("slow")
        names = (*server.answered, f"start of {server.process.pid}")
        return Ended(unattributed(*names), code, answered_by - {server.process.pid})


def uvicorn_workers(place: Place) -> Ended:
    """Two workers that work last when they shut down, and then die of the SIGTERM they were stopped by."""
    options = ("--fd", "{fd}", "--workers", "2")
    with serving(place.folder, place.environ("uvicorn_workers"), "uvicorn", "web:asgi", *options) as server:
        ready = place.folder / "ready"
        waited_until(lambda: len(list(ready.iterdir())) == 2)
        for number in range(6):
            server.ask(f"request{number}")
        code = server.stop_during("slow")
        workers = {path.name for path in ready.iterdir()}
        names = (*server.answered, *(f"{when} of {pid}" for pid in workers for when in ("start", "end")))
        return Ended(unattributed(*names), code, len(workers))


def forks(place: Place) -> Ended:
    """Children by `os.fork`, by `multiprocessing` and of pools, however they end."""
    (place.folder / "forks.py").write_text(FORKS)
    done = subprocess.run(
        [sys.executable, "forks.py"],
        env=place.environ("forks"),
        cwd=place.folder,
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )
    assert not done.stderr
    ended = dict(line.split() for line in done.stdout.splitlines())
    pools = [f"{pool} {number}" for pool in ("pool", "executor") for number in range(4)]
    return Ended(unattributed("parent before", "parent after", *ended, *pools), done.returncode, ended)


def celery_prefork(place: Place) -> Ended:
    """Children that are recycled after two tasks each; a warm shutdown in the middle of a task."""
    folder = place.folder
    (folder / "tasks.py").write_text(TASKS)
    for name in ("broker", "results"):
        (folder / name).mkdir()
    with worked_by(place) as worker:
        sender = celery.Celery("sender", broker="filesystem://", backend=f"file://{folder}/results")
        broker = str(folder / "broker")
        sender.conf.broker_transport_options = {
            "data_folder_in": broker,
            "data_folder_out": broker,
            "control_folder": str(folder / "control"),
        }
        used: Used = Counter()
        sent: list[Any] = []
        for number in range(6):
            with attribution(tenant=f"tenant {number % 2}"):
                sent.append(sender.send_task("matrix.perform", [f"task {number}"]))
            used += used_by(f"tenant {number % 2}", f"task {number}")
        children = {each.get(timeout=SECONDS_MAX) for each in sent}
        with attribution(tenant="last"):
            sender.send_task("matrix.perform", ["slow-task"])
        code = stopped_during(worker, folder / "slow-task")
        return Ended(used + used_by("last", "slow-task"), code, len(children))


@contextmanager
def worked_by(place: Place) -> Generator[subprocess.Popen[bytes]]:
    """A Celery worker, and its children, that are gone with the block."""
    options = ("--concurrency=2", "--without-gossip", "--without-mingle")
    with (place.folder / "celery.log").open("wb") as output:
        worker = subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "tasks", "worker", *options],
            env=place.environ("celery_prefork", libraries=True),
            cwd=place.folder,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield worker
    finally:
        if worker.poll() is None:
            os.killpg(worker.pid, signal.SIGKILL)
            worker.wait(SECONDS_MAX)


# Celery's shutdown is mostly sleep, so it runs beside the others.
SCENARIOS = (celery_prefork, gunicorn_sync, gunicorn_threads, uvicorn_workers, forks)


class Matrix:
    """What became of every application, and what the ledger holds of it afterwards."""

    def __init__(self, place: Place) -> None:
        (place.folder / "web.py").write_text(WEB)
        (place.folder / "ready").mkdir()
        with ThreadPoolExecutor(2) as threads:
            self._ended = {scenario.__name__: threads.submit(scenario, place) for scenario in SCENARIOS}
        self._rows = answer("sql", "--store", place.store, BOOKED)

    def of(self, scenario: Scenario) -> tuple[Ended, Used]:
        """What an application worked for, and what is charged for it."""
        ended = self._ended[scenario.__name__].result()
        rows = [row for row in self._rows if row["service_name"] == scenario.__name__]
        return ended, Counter({(row["name"], row["tenant"]): int(row["charges"]) for row in rows})


def process_matrix(runs: int) -> Line:
    """Run all of them so many times: each piece of work that was done is charged once."""
    line = Line("forked, spawned, recycled, reloaded and stopped processes")
    for _ in range(runs):
        with tempfile.TemporaryDirectory() as folder:
            matrix = Matrix(Place(Path(folder)))
            for scenario in SCENARIOS:
                ended, booked = matrix.of(scenario)
                line.runs += ended.used.total()
                line.lost += (ended.used - booked).total()
                line.doubled += (booked - ended.used).total()
                if ended.code:
                    line.wrong.append(f"{scenario.__name__} ended with {ended.code}")
    line.note = f"pieces of work in {runs * len(SCENARIOS)} applications"
    return line


WRITERS = 16
_WRITER = """
import sys
from spanledger.instrumentation import track

number, units = int(sys.argv[1]), int(sys.argv[2])
for unit in range(units):
    track("writers", "write", number + 1, "pages", tenant=f"writer-{number}")
"""
_WRITTEN = "SELECT tenant, count() AS events, sum(arraySum(`lines.quantity`)) AS pages FROM charges GROUP BY tenant"


def writers(units: int) -> Line:
    """Sixteen processes at once, each with so many pieces of work of its own tenant: every count and sum is exact."""
    line = Line("processes that write at once", WRITERS * units)
    with tempfile.TemporaryDirectory() as folder:
        place = Place(Path(folder))
        running = [
            subprocess.Popen([sys.executable, "-c", _WRITER, str(number), str(units)], env=place.environ("writers"))
            for number in range(WRITERS)
        ]
        for process in running:
            if process.wait(SECONDS_MAX * WRITERS):
                line.blame(f"a writer exited with {process.returncode}")
        rows = {row["tenant"]: row for row in answer("sql", "--store", str(place.store), _WRITTEN)}
    for number in range(WRITERS):
        row = rows.get(f"writer-{number}", {"events": 0, "pages": 0})
        line.lost += max(units - int(row["events"]), 0)
        line.doubled += max(int(row["events"]) - units, 0)
        if int(row["pages"]) != (number + 1) * int(row["events"]):
            line.blame(f"writer {number} has {row['pages']} pages in {row['events']} events")
    return line
