"""The macro engine that Grafana's ClickHouse data source is made of, in a Go program built where a test asks for it."""

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

_SOURCES: Final = Path(__file__).parent.parent / "integration" / "grafana" / "go"
# Whoever builds for the first time downloads what it needs.
_SECONDS_MAX: Final = 300


def expanded(statements: Sequence[str], since: datetime, until: datetime, folder: Path) -> list[str]:
    """The statements as they would be sent for a time. The program is built in `folder`, none of it in the tree."""
    copied = shutil.copytree(_SOURCES, folder / "go")
    environ = {**os.environ, "GOFLAGS": "-mod=readonly -buildvcs=false"}
    _finished(["go", "build", "-o", "macros", "."], copied, environ)
    times = [str(int(time.timestamp() * 1000)) for time in (since, until)]
    told = "".join(f"{json.dumps(statement)}\n" for statement in statements)
    return [
        json.loads(line) for line in _finished([str(copied / "macros"), *times], copied, environ, told).splitlines()
    ]


def _finished(command: list[str], folder: Path, environ: dict[str, str], told: str = "") -> str:
    done = subprocess.run(
        command, cwd=folder, env=environ, input=told, capture_output=True, text=True, timeout=_SECONDS_MAX, check=False
    )
    assert done.returncode == 0, f"{command[0]}: {done.stderr}"
    return done.stdout
