"""The command `spanledger` as real processes: run one, keep a server."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_COMMAND = (sys.executable, "-m", "spanledger.ledger.cli")
_READY = re.compile(r"spanledger ready grpc=(\S+) http=(\S+) api=(\S+)(?: clickhouse=(\S+))? store=(.+)")
_START_SECONDS_MAX = 30.0
_STOP_SECONDS_MAX = 30.0
_RUN_SECONDS_MAX = 60.0


def run(*arguments: str | Path, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, without a terminal."""
    return subprocess.run(
        [*_COMMAND, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=_RUN_SECONDS_MAX,
        env={**os.environ, **(environment or {})},
    )


def answer(*arguments: str | Path) -> list[dict[str, Any]]:
    """What a command prints with `--format json`; it must succeed."""
    ended = run(*arguments, "--format", "json")
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def sums(store: Path) -> list[tuple[Any, ...]]:
    """The report by tenant and model as sorted rows: tenant, model, requests, input, output, cost."""
    rows = answer("report", "--store", store, "--by", "tenant,model")
    names = ("tenant", "model", "requests", "input_tokens", "output_tokens", "cost")
    return sorted((tuple(row[name] for name in names) for row in rows), key=str)


class Serve:
    """A running `spanledger serve` on free ports."""

    def __init__(self, store: Path | str, *options: str, program: Sequence[str] = ()) -> None:
        """Start it; `program` is a Python text with its arguments that serves in the command's place."""
        ports = ("--grpc", "0", "--http", "0", "--api", "0")
        command = [*_COMMAND, "serve", "--store", str(store), *ports, *options]
        self.process = subprocess.Popen(
            [sys.executable, "-c", *program] if program else command, stderr=subprocess.PIPE, text=True
        )
        self.told: list[str] = []
        self._ready = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._ready.wait(_START_SECONDS_MAX)
        ready = [match for line in self.told if (match := _READY.fullmatch(line))]
        if not ready:
            self.close()
        assert ready, self.told
        self.grpc, self.http, self.api, self.clickhouse, self.store = ready[0].groups()

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and wait; the exit code."""
        self.process.send_signal(number)
        code = self.process.wait(_STOP_SECONDS_MAX)
        self._reader.join(_STOP_SECONDS_MAX)
        return code

    def close(self) -> None:
        """End it, however it is."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(_STOP_SECONDS_MAX)
        self._reader.join(_STOP_SECONDS_MAX)
        if self.process.stderr:
            self.process.stderr.close()

    def _read(self) -> None:
        for line in self.process.stderr or ():
            self.told.append(line.rstrip("\n"))
            if _READY.fullmatch(self.told[-1]):
                self._ready.set()
        self._ready.set()


@contextmanager
def serving(store: Path, *options: str) -> Generator[Serve]:
    """A running `serve`, ended with the block."""
    server = Serve(store, *options)
    try:
        yield server
    finally:
        server.close()
