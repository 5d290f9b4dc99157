"""Applications under process managers, over one store: what each of them worked for, and how it is stopped."""

import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

from support.application import Application
from support.programs import CALL

SECONDS_MAX = 60.0

WORK = (
    CALL
    + """
import os, time
from spanledger.instrumentation import track

def work(name):
    for number in range(5):
        call(f"{name} {number}")
    track("db", name)

def wait_for(name):
    open(f"{name}.started", "w").close()
    while not os.path.exists(f"{name}.go"):
        time.sleep(0.01)
"""
)
"""Defines `work(name)`, five usage spans and a unit of explicit work, and `wait_for(name)`: until the test goes on."""

WEB = (
    WORK
    + """
def answer(name):
    if name.startswith("slow"):
        wait_for(name)
    work(name)
    return str(os.getpid()).encode()

def wsgi(environ, start_response):
    body = answer(environ["QUERY_STRING"])
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]

async def asgi(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        open(f"ready/{os.getpid()}", "w").close()
        await receive()
        work(f"end of {os.getpid()}")
        await send({"type": "lifespan.shutdown.complete"})
        return
    body = answer(scope["query_string"].decode())
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})

work(f"start of {os.getpid()}")
"""
)
"""A WSGI and an ASGI application that work for each request, when they are loaded and when they end."""


FORKS = (
    WORK
    + """
import multiprocessing, signal, sys
from concurrent.futures import ProcessPoolExecutor

ENDS = {
    "exit": sys.exit,
    "_exit": lambda: os._exit(0),
    "exec": lambda: os.execlp("true", "true"),
    "kill": lambda: os.kill(os.getpid(), signal.SIGTERM),
    "raise": lambda: signal.raise_signal(signal.SIGTERM),
}

if __name__ == "__main__":
    work("parent before")
    for name, end in ENDS.items():
        if (pid := os.fork()) == 0:
            work(name)
            end()
        print(name, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    for method in ("fork", "spawn", "forkserver"):
        child = multiprocessing.get_context(method).Process(target=work, args=(method,))
        child.start()
        child.join()
        print(method, child.exitcode)
    context = multiprocessing.get_context("fork")
    with context.Pool(2) as pool:
        pool.map(work, [f"pool {number}" for number in range(4)], chunksize=1)
    with ProcessPoolExecutor(2, mp_context=context) as executor:
        list(executor.map(work, [f"executor {number}" for number in range(4)]))
    work("parent after")
"""
)
"""Children of every kind, that end in every way; prints how."""

TASKS = (
    WORK
    + """
from celery import Celery

app = Celery("matrix", broker="filesystem://", backend="file://results")
app.conf.update(
    broker_transport_options={"data_folder_in": "broker", "data_folder_out": "broker", "polling_interval": 0.05},
    worker_max_tasks_per_child=2, worker_prefetch_multiplier=1, broker_connection_retry_on_startup=False,
)

@app.task(name="matrix.perform")
def perform(name):
    if name.startswith("slow"):
        wait_for(name)
    work(name)
    return os.getpid()
"""
)
"""A Celery application whose children are recycled, over a broker of files."""


def works(*names: str) -> Counter[str]:
    """What `work` of these names leaves in the ledger, each charge once."""
    return Counter(said for name in names for said in (name, *(f"{name} {number}" for number in range(5))))


def instrumented(application: Application) -> dict[str, str]:
    """The environment in which `opentelemetry-instrument` runs a command."""
    launcher = "from opentelemetry.instrumentation.auto_instrumentation import run; run()"
    told = subprocess.run(
        [sys.executable, "-c", launcher, "env", "-0"],
        env=application.environ | application.instrumentation,
        capture_output=True,
        check=True,
        text=True,
        timeout=SECONDS_MAX,
    )
    return dict(line.split("=", 1) for line in told.stdout.split("\0") if line)


class Server:
    """A process that listens on a socket of the test's, which takes requests before anybody answers them."""

    def __init__(self, folder: Path, environ: Mapping[str, str], *command: str) -> None:
        self._folder = folder
        name = environ["OTEL_SERVICE_NAME"]
        self._address = str(self._folder / f"{name}.sock")
        self._output = self._folder / f"{name}.log"
        self.answered: list[str] = []
        self.pids: list[int] = []
        with socket.socket(socket.AF_UNIX) as listening, self._output.open("wb") as output:
            listening.bind(self._address)
            listening.listen(64)
            number = listening.fileno()
            self.process = subprocess.Popen(
                [sys.executable, "-m", *(part.format(fd=number) for part in command)],
                env=environ,
                cwd=self._folder,
                pass_fds=(number,),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )

    def ask(self, name: str) -> int:
        """One request: the process that answered it."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(SECONDS_MAX)
            connection.connect(self._address)
            connection.sendall(f"GET /?{name} HTTP/1.0\r\nHost: test\r\n\r\n".encode())
            answer = b"".join(iter(lambda: connection.recv(4096), b""))
        head, _, body = answer.partition(b"\r\n\r\n")
        assert b" 200 " in head.partition(b"\r\n")[0], (answer, self.output())
        self.answered.append(name)
        self.pids.append(int(body))
        return self.pids[-1]

    def stop_during(self, name: str) -> int:
        """SIGTERM while a request is being answered, which it is in the end: the exit code."""
        asking = Thread(target=self.ask, args=(name,))
        asking.start()
        code = stopped_during(self.process, self._folder / name)
        asking.join(SECONDS_MAX)
        return code

    def output(self) -> str:
        """What it printed."""
        return self._output.read_text()


@contextmanager
def serving(folder: Path, environ: Mapping[str, str], *command: str) -> Generator[Server]:
    """A server that is gone with the block."""
    server = Server(folder, environ, *command)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.process.kill()
            server.process.wait(SECONDS_MAX)


def stopped_during(process: subprocess.Popen[bytes], work: Path) -> int:
    """SIGTERM while work waits to be let go on: the exit code."""
    waited_until(work.with_suffix(".started").exists)
    process.send_signal(signal.SIGTERM)
    work.with_suffix(".go").touch()
    return process.wait(SECONDS_MAX)


def waited_until(happened: Callable[[], bool]) -> None:
    """Wait until something another process does has happened."""
    deadline = time.monotonic() + SECONDS_MAX
    while not happened():
        assert time.monotonic() < deadline, happened
        time.sleep(0.01)
