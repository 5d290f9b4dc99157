"""The wheel, installed into a fresh environment and run without the tree.

Nothing is fetched: the wheel is installed by pip with `--no-deps --no-index`; its dependencies come from the running
environment, all of them through a path file (the `[server]` extra) or only the base ones through links.
"""

import json
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution, distributions
from pathlib import Path
from typing import Final

import pytest
from packaging.requirements import Requirement

pytestmark = [pytest.mark.wheel, pytest.mark.timeout(300)]

ROOT: Final = Path(__file__).parent.parent
FLOORS: Final = ("schemas", "exporter", "instrumentation", "ledger")
RUN_SECONDS_MAX: Final = 120


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the tree."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)], cwd=ROOT, check=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def server(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel and everything that `spanledger[server]` brings."""
    environment = _installed(wheel, tmp_path_factory.mktemp("server"))
    site = sysconfig.get_path("purelib")
    (_site_packages(environment) / "everything.pth").write_text(f"{site}\n")
    return environment


@pytest.fixture(scope="module")
def base(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel and its base dependencies alone, as an application has them."""
    environment = _installed(wheel, tmp_path_factory.mktemp("base"))
    site = _site_packages(environment)
    (installed,) = distributions(name="spanledger", path=[str(site)])
    for dependency in _closure(installed):
        _link(dependency, site)
    return environment


def test_the_wheel_holds_every_floor_and_its_data(wheel: Path) -> None:
    """One namespace of four typed packages, with SQL and JSON, and nothing of the tree's folders."""
    names = set(zipfile.ZipFile(wheel).namelist())
    schemas = ROOT / "schemas"
    for kind in ("*.sql", "*.json", "*.rego"):
        data = {path.relative_to(schemas).as_posix() for path in schemas.rglob(kind)}
        assert data
        assert data <= names
    page = {path.relative_to(ROOT / "ledger").as_posix() for path in (ROOT / "ledger").rglob("page/static/**/*.*")}
    assert page
    assert page <= names
    assert {f"spanledger/{floor}/py.typed" for floor in FLOORS} <= names
    assert {f"spanledger/{floor}/__init__.py" for floor in FLOORS} <= names
    assert "spanledger/__init__.py" not in names
    assert {name.split("/")[0] for name in names} == {"spanledger", "spanledger-0.1.0.dist-info"}
    assert "spanledger-0.1.0.dist-info/licenses/LICENSE" in names


def test_no_extra_gates_the_instrumentors(server: Path) -> None:
    """Auto-instrumentation reads an extra named `instruments` as a condition: there must be none."""
    extras = _python(
        server, "from importlib.metadata import metadata; print(*metadata('spanledger').get_all('Provides-Extra'))"
    )
    assert sorted(extras.split()) == ["clickhouse", "oidc", "server"]


def test_the_modules_come_from_the_wheel(server: Path) -> None:
    """The environment runs what was installed, not the tree beside it."""
    shown = _python(server, "import spanledger.exporter, spanledger.ledger; print(*spanledger.__path__)")
    assert shown.split() == [str(_site_packages(server) / "spanledger")]


def test_every_entry_point_resolves(base: Path) -> None:
    """What OpenTelemetry and the shell look up by name loads with base dependencies alone."""
    shown = _python(
        base,
        "import json; from importlib.metadata import distribution\n"
        "points = distribution('spanledger').entry_points\n"
        "print(json.dumps({point.group: str(point.load()) for point in points}))",
    )
    assert set(json.loads(shown)) == {
        "console_scripts",
        "opentelemetry_environment_variables",
        "opentelemetry_instrumentor",
        "opentelemetry_pre_instrument",
        "opentelemetry_traces_exporter",
        "spanledger_guard",
    }


def test_an_application_needs_no_extra(base: Path) -> None:
    """The base install instruments and journals, without an engine, a server or a data frame library at hand."""
    _python(
        base,
        "from spanledger.exporter import LedgerSpanExporter, LedgerSpanProcessor\n"
        "import spanledger.instrumentation\n"
        "import importlib.util as util\n"
        "absent = ('chdb', 'clickhouse_connect', 'genai_prices', 'grpc', 'pandas', 'requests', 'rich', 'uvicorn')\n"
        "absent += ('yaml',)\n"
        "assert [name for name in absent if util.find_spec(name)] == []\n",
    )


def test_the_command_shows_its_help_in_a_base_install(base: Path) -> None:
    """`spanledger --help` works in every install."""
    done = _command(base, "--help")
    assert done.returncode == 0, done.stderr
    assert "report" in done.stdout


@pytest.mark.parametrize("command", ["serve", "demo", "report", "import"])
def test_a_base_install_names_the_missing_extra(base: Path, tmp_path: Path, command: str) -> None:
    """A command without its extra says in one sentence what to install, and exits 2."""
    arguments = [str(tmp_path)] if command == "import" else []
    done = _command(base, command, "--store", str(tmp_path / "store"), *arguments)
    assert done.returncode == 2, done.stderr
    said = [line for line in done.stderr.splitlines() if not line.startswith("store: ")]
    assert len(said) == 1
    assert "spanledger[server]" in said[0]


def test_the_demo_runs_from_the_wheel(server: Path, tmp_path: Path) -> None:
    """The whole way of a span, from real OTLP to a printed report, with the installed files alone."""
    done = _command(server, "demo", "--store", str(tmp_path / "store"))
    assert done.returncode == 0, done.stderr
    assert "tenant" in done.stdout


def _installed(wheel: Path, folder: Path) -> Path:
    environment = folder / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "--python", str(environment / "bin" / "python"), "install"),
            *("--quiet", "--disable-pip-version-check", "--no-deps", "--no-index", str(wheel)),
        ],
        check=True,
    )
    return environment


def _site_packages(environment: Path) -> Path:
    (site,) = environment.glob("lib/python*/site-packages")
    return site


def _closure(installed: Distribution) -> Iterator[Distribution]:
    """Every distribution of the running environment that `installed` needs without any extra."""
    waiting, seen = [installed], set[str]()
    while waiting:
        for line in waiting.pop().requires or ():
            needed = Requirement(line)
            key = needed.name.lower().replace("_", "-")
            if key not in seen and (needed.marker is None or needed.marker.evaluate({"extra": ""})):
                seen.add(key)
                waiting.append(distribution(key))
                yield waiting[-1]


def _link(needed: Distribution, site: Path) -> None:
    """Place the files of one installed distribution into another environment (namespaces merge file by file)."""
    for file in needed.files or ():
        if ".." in file.parts or "__pycache__" in file.parts:
            continue
        target = site.joinpath(*file.parts)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(Path(str(needed.locate_file(file))))


def _python(environment: Path, code: str) -> str:
    done = _run(environment, "python", "-c", code)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _command(environment: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return _run(environment, "spanledger", *arguments)


def _run(environment: Path, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a program of the environment away from the tree, with nothing of the caller's environment but the path."""
    home = environment.parent
    return subprocess.run(
        [str(environment / "bin" / program), *arguments],
        cwd=home,
        env={"PATH": f"{environment / 'bin'}:/usr/bin:/bin", "HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS_MAX,
        check=False,
    )
