"""The command `spanledger`: choose a command, run it, turn its errors into one sentence and an exit code.

Exit codes: 0 done, 1 a check failed, 2 bad arguments or configuration, 3 the store or server cannot be reached.
A command is one module with `add_options` and `run`; only the chosen one is imported, its heavy parts when it runs.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, Final, Protocol, cast

from spanledger.ledger.cli.console import say, tell

_COMMANDS: Final = {
    "serve": ("serve", "take OTLP over gRPC and HTTP and post it into the ledger"),
    "open": ("open", "open the page in a browser; with no server running, serve until it is stopped"),
    "demo": ("demo", "send 50 example events through real OTLP and print the report"),
    "import": ("import_files", "post OTLP files: protobuf, JSON, the Collector's JSON lines, gzipped or not"),
    "report": ("report", "sum requests, tokens and cost by tenant, model or any other dimension"),
    "query": ("query", "answer a question by its name: top users, dearest calls, a chain of agents, and more"),
    "anomalies": ("anomalies", "show who cost more on a day than so many times their own mean before it"),
    "forecast": ("forecast", "show what this month has cost, and what it will have cost"),
    "sql": ("sql", "answer one reading SQL statement over the ledger's tables and views"),
    "prices": ("prices", "list, show, add, import and compare prices; rate the ledger again"),
    "budgets": ("budgets", "set, list and check budgets; what was used of them, window by window"),
    "explain": ("explain", "show how an event came to be: claims, rule, prices, arithmetic"),
    "alerts": ("alerts", "list what was told; send each channel a test message"),
    "keys": ("keys", "create, list and revoke the keys of who may send and ask"),
    "quarantine": ("quarantine", "list, show, replay and discard what could not be booked"),
    "journal": ("journal", "inspect the journals, and go on behind what of them is damaged"),
    "sinks": ("sinks", "list who is told of posted events, and tell them now"),
    "doctor": ("doctor", "check settings, store, journal and the books' balance"),
    "migrate": ("migrate", "bring the store to this version's schema"),
}
"""Command → its module here and its line of help."""

FAILED: Final = 1
BAD_ARGUMENTS: Final = 2
INTERRUPTED: Final = 130
"""128 + SIGINT, as shells count."""

_EXTRA_MODULES: Final = (
    "chdb",
    "clickhouse_connect",
    "genai_prices",
    "google.rpc",
    "grpc",
    "httptools",
    "opentelemetry.exporter.otlp.proto.grpc",
    "opentelemetry.exporter.otlp.proto.http",
    "rich",
    "starlette",
    "uvicorn",
    "yaml",
)
"""What the base installation leaves out."""


class _Command(Protocol):
    """What a command's module offers."""

    @staticmethod
    def add_options(parser: argparse.ArgumentParser) -> None:
        """Declare the options."""

    @staticmethod
    def run(options: argparse.Namespace) -> int:
        """Do it; returns the exit code."""
        ...


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line (the process's own unless given); returns the exit code."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    parser = _parser()
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    command = None
    for name, (module, line) in _COMMANDS.items():
        chosen = commands.add_parser(name, help=line, description=line[0].upper() + line[1:] + ".")
        if arguments[:1] == [name]:
            command = cast("_Command", import_module(f"spanledger.ledger.cli.{module}"))
            command.add_options(chosen)
    options = parser.parse_args(arguments)
    if command is None:
        parser.print_help(sys.stderr)
        return BAD_ARGUMENTS
    return _guarded(command, options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="spanledger",
        description="A ledger of what language-model calls cost, charged once and to the tenant that caused them.",
        epilog="Options of a command: spanledger COMMAND --help",
    )
    parser.add_argument("--version", action=_Version, help="print the version and end")
    return parser


class _Version(argparse.Action):
    """Looks the version up only when it is asked for: that alone takes 30 ms."""

    def __init__(self, option_strings: Sequence[str], dest: str, **more: Any) -> None:  # noqa: ANN401 (argparse's)
        super().__init__(option_strings, dest, nargs=0, **more)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        """Print it and end."""
        from importlib.metadata import version  # noqa: PLC0415

        say(f"spanledger {version('spanledger')}")
        parser.exit()


def _guarded(command: _Command, options: argparse.Namespace) -> int:
    """Run a command; an error raised on purpose becomes one sentence on standard error."""
    from spanledger.schemas import SpanledgerError  # noqa: PLC0415 (help texts do not need it)

    try:
        code = command.run(options)
        sys.stdout.flush()
    except SpanledgerError as error:
        tell(f"spanledger: {error}")
        return error.exit_code
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith(_EXTRA_MODULES):
            raise
        tell(f"spanledger: {options.command} needs {error.name}, which is missing: pip install 'spanledger[server]'")
        return BAD_ARGUMENTS
    except BrokenPipeError:
        # The reader (`head`, a pager) has seen enough; what Python still holds must not fail when it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    return code
