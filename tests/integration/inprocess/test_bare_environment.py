"""An environment with the base dependencies of pyproject.toml alone: no OTLP exporter, no engine, no extra."""

import tomllib
import venv
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from support.application import PROJECT, Application, text
from support.programs import CALL

from spanledger.schemas import attributes as a


@pytest.fixture
def application(tmp_path: Path) -> Application:
    """An application that has what `pip install spanledger` brings, and nothing else."""
    environment = tmp_path / "bare"
    venv.create(environment, with_pip=False, symlinks=True)
    (site,) = environment.glob("lib/python*/site-packages")
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())
    for dependency in closure(project["project"]["dependencies"]):
        link(dependency, site)
    roots = project["tool"]["hatch"]["build"]["dev-mode-dirs"]
    (site / "spanledger.pth").write_text("".join(f"{PROJECT / root}\n" for root in roots))
    bare = Application(tmp_path, environment / "bin" / "python")
    bare.instrumentation = {"OTEL_TRACES_EXPORTER": "spanledger"}
    return bare


def test_one_variable_is_enough(application: Application) -> None:
    """The distro's default metrics and logs exporters are missing, and the span is journaled all the same."""
    done = application.run_instrumented(
        CALL + "import importlib.util as util\n"
        "absent = ('chdb', 'clickhouse_connect', 'genai_prices', 'grpc', 'pandas', 'requests', 'rich', 'uvicorn')\n"
        "assert [name for name in absent if util.find_spec(name)] == []\n"
        "call('gpt-4o')\n"
    )
    assert done.stderr == ""
    (span,) = application.journaled()
    assert text(span, a.REQUEST_MODEL) == "gpt-4o"
    assert span.attributes[a.USAGE_INPUT_TOKENS] == b"\x18\x64"


def test_without_our_answer_nothing_would_be_metered(application: Application) -> None:
    """What the module is for: were the variable set, as by the distro, the SDK would give up. It is the user's then."""
    done = application.run_instrumented(CALL + "call('gpt-4o')\n", OTEL_METRICS_EXPORTER="otlp")
    assert "Failed to auto initialize OpenTelemetry" in done.stderr
    assert application.journaled() == []


def closure(requirements: list[str]) -> Iterator[Distribution]:
    """Every distribution of the running environment that these need, without any extra."""
    waiting, seen = list(requirements), set[str]()
    while waiting:
        needed = Requirement(waiting.pop())
        if needed.name not in seen and (needed.marker is None or needed.marker.evaluate({"extra": ""})):
            seen.add(needed.name)
            found = distribution(needed.name)
            waiting += found.requires or []
            yield found


def link(needed: Distribution, site: Path) -> None:
    """Place the files of an installed distribution into another environment; namespaces merge file by file."""
    for file in needed.files or ():
        if ".." not in file.parts and "__pycache__" not in file.parts:
            target = site.joinpath(*file.parts)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(Path(str(needed.locate_file(file))))
