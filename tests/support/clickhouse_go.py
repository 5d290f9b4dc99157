"""A Go program that asks with ClickHouse's driver, which Grafana's datasource is made of; built by who asks for it."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

_SOURCES: Final = Path(__file__).parent.parent / "integration" / "ledger" / "clickhouse_http" / "go"
# Whoever builds for the first time downloads what it needs.
_SECONDS_MAX: Final = 600


class GoClient:
    """The program, built."""

    def __init__(self, folder: Path) -> None:
        """Build a copy of it; nothing is written into the tree."""
        copied = shutil.copytree(_SOURCES, folder / "go")
        self._program = copied / "clickhouse"
        environ = {**os.environ, "GOFLAGS": "-mod=readonly -buildvcs=false"}
        _finished(["go", "build", "-o", str(self._program), "."], copied, environ)

    def ask(
        self, address: str, key: str, statements: Sequence[str], compression: str = "gzip"
    ) -> list[Mapping[str, Any]]:
        """What each statement is answered with: names, types, rows, code, error."""
        told = "".join(f"{json.dumps(statement)}\n" for statement in statements)
        command = [str(self._program), address, key, compression]
        answers = _finished(command, self._program.parent, dict(os.environ), told).splitlines()
        return [json.loads(line) for line in answers]


def _finished(command: list[str], folder: Path, environ: dict[str, str], told: str = "") -> str:
    done = subprocess.run(
        command, cwd=folder, env=environ, input=told, capture_output=True, text=True, timeout=_SECONDS_MAX, check=False
    )
    assert done.returncode == 0, f"{command[0]}: {done.stderr}"
    return done.stdout
