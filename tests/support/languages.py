"""The programs under `examples/` that tell the same two things in several languages, by every protocol they speak."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

EXAMPLES: Final = Path(__file__).parent.parent.parent / "examples"
# Whoever builds for the first time downloads what it needs.
_SECONDS_MAX: Final = 300

PROTOCOLS: Final = {
    "python": ("http/protobuf", "grpc"),
    "js": ("http/protobuf", "http/json", "grpc"),
    "go": ("http/protobuf", "grpc"),
}
"""Language → what its SDK can send."""

TOLD: Final = tuple((language, protocol) for language, protocols in PROTOCOLS.items() for protocol in protocols)


_RECORDINGS: Final = EXAMPLES.parent / "tests" / "integration" / "languages"


def recording_of(language: str, protocol: str) -> Path:
    """The file with a program's request as it was on the wire: a protobuf message, or JSON."""
    kind = protocol.rpartition("/")[2]
    return _RECORDINGS / f"{language}.{kind}.{'json' if kind == 'json' else 'pb'}"


@dataclass(frozen=True)
class Program:
    """One language's program, ready to run."""

    command: tuple[str, ...]
    folder: Path

    def run(self, protocol: str, endpoint: str, tenant: str) -> None:
        """Tell a receiver; what cannot be told is a failure."""
        told = {
            "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
            "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
            "OTEL_SERVICE_NAME": "greeter",
        }
        _finished([*self.command, tenant], self.folder, told)


def prepared(language: str, folder: Path) -> Program:
    """A copy of the program with what it depends on, and nothing written into the tree."""
    copied = shutil.copytree(EXAMPLES / language, folder / language, ignore=shutil.ignore_patterns("node_modules"))
    match language:
        case "go":
            _finished(["go", "build", "-o", "example", "."], copied, {"GOFLAGS": "-mod=readonly"})
            return Program((str(copied / "example"),), copied)
        case "js":
            _finished(["npm", "ci", "--no-audit", "--no-fund"], copied, {})
            return Program(("node", "main.js"), copied)
        case _:
            return Program((sys.executable, "main.py"), copied)


def _finished(command: list[str], folder: Path, environ: dict[str, str]) -> None:
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=_SECONDS_MAX,
        check=False,
    )
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
