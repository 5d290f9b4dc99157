import re
import subprocess
import sys
from pathlib import Path

import pytest

from spanledger.ledger.cli import main

COMMANDS = (
    "serve",
    "open",
    "demo",
    "import",
    "report",
    "query",
    "anomalies",
    "forecast",
    "sql",
    "prices",
    "budgets",
    "explain",
    "alerts",
    "keys",
    "quarantine",
    "journal",
    "sinks",
    "doctor",
    "migrate",
)

HEAVY = (
    "chdb",
    "clickhouse_connect",
    "grpc",
    "uvicorn",
    "rich",
    "opentelemetry",
    "google",
    "msgspec",
    "numpy",
    "asyncio",
)


def run(*arguments: str, code: str = "") -> subprocess.CompletedProcess[str]:
    """The command in a process of its own."""
    program = code or "import sys; from spanledger.ledger.cli import main; sys.exit(main())"
    return subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("arguments", [["--help"], *([name, "--help"] for name in COMMANDS)])
def test_help_needs_nothing_heavy(arguments: list[str]) -> None:
    """The base installation explains every command, at once."""
    code = (
        "import sys; from spanledger.ledger.cli import main\n"
        "try: main()\n"
        f"finally: print('LOADED', [name for name in {HEAVY!r} if name in sys.modules])"
    )
    ended = run(*arguments, code=code)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines()[-1] == "LOADED []"


def test_help_lists_every_command() -> None:
    """No more, no fewer."""
    listed = re.findall(r"^ {4}(\w+)(?: |$)", run("--help").stdout, re.MULTILINE)
    assert tuple(listed) == COMMANDS


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["prices"],
        ["report", "--by", "colour"],
        ["report", "--tz", "Nowhere"],
        ["report", "--since", "yesterday"],
        ["report", "--format", "xml"],
        ["report", "--store", "ftp://host"],
        ["report", "--store", "clickhouse://"],
        ["sql"],
        ["serve", "--grpc", "here"],
        ["serve", "--api", "99999"],
        ["import"],
        ["import", "no/such/file"],
        ["prices", "reprice", "--since", "yesterday"],
        ["prices", "reprice", "--all", "--unpriced"],
        ["prices", "list", "--at", "soon"],
        ["prices", "show", "m", "--prices", "no/such/folder"],
        ["prices", "diff", "no-such-book"],
        ["prices", "import", "--format", "litellm", "no/such/file"],
        ["doctor", "--endpoint", "host:4318"],
    ],
)
def test_wrong_arguments_end_with_2_and_a_sentence(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No store is opened, and no traceback shown."""
    store = ["--store", str(tmp_path / "s")] if len(arguments) > 1 and "--store" not in arguments else []
    try:
        code = main([*arguments, *store])
    except SystemExit as ended:
        code = ended.code
    assert code == 2
    assert capsys.readouterr().err.strip()
    assert not (tmp_path / "s").exists()


def test_a_missing_extra_is_named_with_its_cure() -> None:
    """The command exists in the base installation and says what it lacks."""
    code = (
        "import sys; sys.modules['uvicorn'] = None; sys.modules['clickhouse_connect'] = None\n"
        "from spanledger.ledger.cli import main; sys.exit(main())"
    )
    ended = run("report", "--store", "somewhere", code=code)
    assert ended.returncode == 2
    assert "pip install 'spanledger[server]'" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_version_is_the_package_s(capsys: pytest.CaptureFixture[str]) -> None:
    """One line, from the package's own metadata."""
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert re.fullmatch(r"spanledger \S+\n", capsys.readouterr().out)
