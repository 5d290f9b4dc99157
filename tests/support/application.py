"""An application under test: a program in a process of its own, auto-instrumented or not, and what it journaled."""

import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from spanledger.exporter.journal import Shard, shards
from spanledger.exporter.sift import UsageRecord, sift
from spanledger.schemas import attributes as a

PROJECT = Path(__file__).parent.parent.parent
SECONDS_MAX = 60


class Application:
    """Runs programs in `folder`, with a store of its own and nothing of the caller's environment that matters."""

    def __init__(self, folder: Path, python: Path = Path(sys.executable)) -> None:
        self.folder = folder
        self._python = str(python)
        self.store = folder / "store"
        self.environ = {
            "PATH": os.pathsep.join((str(python.parent), "/usr/bin", "/bin")),
            "HOME": str(folder),
            "XDG_DATA_HOME": str(folder / "data"),
            # Where the project is installed it declares its entry points itself; twice, each would find itself there.
            "PYTHONPATH": "" if self._python == sys.executable else str(_entry_points(folder)),
            "SPANLEDGER_STORE": str(self.store),
        }
        # The environment of the tests has OTLP exporters, which would look for a collector.
        self.instrumentation = {
            "OTEL_TRACES_EXPORTER": "spanledger",
            "OTEL_METRICS_EXPORTER": "none",
            "OTEL_LOGS_EXPORTER": "none",
        }

    def run(self, program: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run a program to its end; it must exit with 0."""
        return self._finished([self._python, self._written(program)], environ)

    def run_instrumented(self, program: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run a program under `opentelemetry-instrument` to its end; it must exit with 0."""
        launcher = "from opentelemetry.instrumentation.auto_instrumentation import run; run()"
        command = [self._python, "-c", launcher, "python", self._written(program)]
        return self._finished(command, self.instrumentation | environ)

    def start(self, program: str, **environ: str) -> "subprocess.Popen[str]":
        """Start a program; its output can be read line by line."""
        return subprocess.Popen(
            [self._python, "-u", self._written(program)],
            env=self.environ | environ,
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stdin=subprocess.PIPE,
            text=True,
        )

    def journaled(self) -> list[UsageRecord]:
        """Every span in the default journal, by whichever process."""
        return list(journaled(self.store / "journal"))

    def names(self) -> list[str]:
        """The models called, sorted: programs under test name their spans so."""
        return sorted(text(span, a.REQUEST_MODEL) for span in self.journaled())

    def _finished(self, command: list[str], environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            command,
            env=self.environ | environ,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=SECONDS_MAX,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done

    def _written(self, program: str) -> str:
        path = self.folder / "app.py"
        path.write_text(program)
        return str(path)


def journaled(root: Path) -> Iterator[UsageRecord]:
    """Every span in the journal under `root`, through the journal's reader and the sift."""
    return (span for shard in shards(root) for span in spans_of(shard))


def spans_of(shard: Shard) -> Iterator[UsageRecord]:
    """Every span that waits in a shard."""
    return (span for record in shard.read() for span in sift(record.entry.payload).spans)


def text(span: UsageRecord, attribute: str) -> str:
    """The value of a string attribute, empty when there is none."""
    return AnyValue.FromString(span.attributes.get(attribute, b"")).string_value


def _entry_points(folder: Path) -> Path:
    """A folder that declares the project's entry points, so that they are found even if it is not installed."""
    site = folder / "site"
    declared = site / "spanledger_under_test-0.dist-info"
    declared.mkdir(parents=True)
    (declared / "METADATA").write_text("Metadata-Version: 2.1\nName: spanledger-under-test\nVersion: 0\n")
    groups = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["entry-points"]
    lines = [
        line for group, points in groups.items() for line in (f"[{group}]", *(f"{k} = {v}" for k, v in points.items()))
    ]
    (declared / "entry_points.txt").write_text("\n".join(lines))
    return site
