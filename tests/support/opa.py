"""A real Open Policy Agent, built once with Go into the cache, and a running server with the shipped policies."""

import json
import os
import socket
import subprocess
import threading
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from platformdirs import user_cache_path

VERSION: Final = "v1.22.2"
POLICIES: Final = Path(__file__).parent.parent.parent / "schemas" / "spanledger" / "schemas" / "policy"

# Building it for the first time downloads and compiles some hundred packages.
_BUILD_SECONDS_MAX: Final = 900
_SECONDS_MAX: Final = 60
_PORTS_MAX: Final = 5
_TRIES_MAX: Final = 200
_PAUSE_S: Final = 0.02


def opa() -> str:
    """The program: what `OPA` names, else the one that is built here."""
    if stated := os.environ.get("OPA"):
        return stated
    folder = user_cache_path("spanledger", appauthor=False) / f"opa-{VERSION}"
    if not (folder / "opa").exists():
        environ = {**os.environ, "GOBIN": str(folder), "GOFLAGS": "-buildvcs=false"}
        command = ["go", "install", "-trimpath", f"github.com/open-policy-agent/opa@{VERSION}"]
        built = subprocess.run(
            command, env=environ, capture_output=True, text=True, timeout=_BUILD_SECONDS_MAX, check=False
        )
        assert built.returncode == 0, built.stderr
    return str(folder / "opa")


def run_opa(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run it to its end."""
    return subprocess.run(
        [opa(), *map(str, arguments)], capture_output=True, text=True, timeout=_SECONDS_MAX, check=False
    )


class Opa:
    """A running server."""

    def __init__(self) -> None:
        for _ in range(_PORTS_MAX):
            self._start()
            if self._answers():
                return
            self.close()
        msg = f"it does not answer: {self._told}"
        raise AssertionError(msg)

    def _start(self) -> None:
        """It does not say which port it was given, so it is given one that was free a moment ago."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        said = ("--addr", f"127.0.0.1:{self.port}", "--log-level", "debug", "--log-format", "json")
        command = [opa(), "run", "--server", "--disable-telemetry", "--ignore", "*_test.rego", *said, str(POLICIES)]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        self._told: list[str] = []
        self._ready = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._ready.wait(_SECONDS_MAX)

    def _answers(self) -> bool:
        for _ in range(_TRIES_MAX):
            try:
                with urllib.request.urlopen(f"{self.url}/health", timeout=_SECONDS_MAX):  # noqa: S310 (loopback)
                    return True
            except OSError:
                # Its socket opens a moment after it says so.
                if self.process.poll() is not None:
                    return False
                threading.Event().wait(_PAUSE_S)
        return False

    @property
    def url(self) -> str:
        """Its base URL."""
        return f"http://127.0.0.1:{self.port}"

    def settle(self, settings: dict[str, object]) -> None:
        """Set what the shipped policies read."""
        body = json.dumps(settings).encode()
        asked = urllib.request.Request(f"{self.url}/v1/data/spanledger_settings", data=body, method="PUT")  # noqa: S310
        with urllib.request.urlopen(asked, timeout=_SECONDS_MAX) as answered:  # noqa: S310 (loopback)
            assert answered.status == 204

    def close(self) -> None:
        """End it."""
        self.process.kill()
        self.process.wait(_SECONDS_MAX)
        self._reader.join(_SECONDS_MAX)
        if self.process.stderr:
            self.process.stderr.close()

    def _read(self) -> None:
        for line in self.process.stderr or ():
            self._told.append(line)
            if "Server initialized" in line:
                self._ready.set()
        self._ready.set()


@contextmanager
def running_opa() -> Generator[Opa]:
    """A server that answers while the block runs."""
    server = Opa()
    try:
        yield server
    finally:
        server.close()
