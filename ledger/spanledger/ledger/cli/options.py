"""What several commands share: options of the same name and meaning, settings from them, the line about the store."""

import argparse
from typing import TYPE_CHECKING, cast

from spanledger.ledger.cli.console import tell

if TYPE_CHECKING:
    from spanledger.exporter.settings import Settings
    from spanledger.ledger.formats import Format
    from spanledger.ledger.ledger import Ledger


def add_store(parser: argparse.ArgumentParser) -> None:
    """`--store` and `--data`: which ledger."""
    parser.add_argument(
        "--store",
        metavar="PATH|URL",
        help="a folder (embedded engine) or clickhouse://USER:PASSWORD@HOST:8123/DATABASE; "
        "SPANLEDGER_STORE, else a folder of the user's data",
    )
    parser.add_argument(
        "--prices",
        metavar="PATH",
        help="price files, or folders of them; SPANLEDGER_PRICES, else STORE/prices",
    )
    parser.add_argument("--data", metavar="DIR", help="the journal folder; SPANLEDGER_DATA, else STORE/journal")


def add_format(parser: argparse.ArgumentParser, *, csv: bool = True) -> None:
    """`--format`: for people or for programs."""
    choices = ("table", "json", "csv") if csv else ("table", "json")
    parser.add_argument("--format", choices=choices, default="table", help="for people (default) or for programs")


def settings_of(options: argparse.Namespace) -> "Settings":
    """The settings of a command line, its options before the environment. Raises `ConfigurationError`."""
    from spanledger.exporter.settings import load  # noqa: PLC0415

    given = cast("dict[str, object]", vars(options))
    names = ("store", "data", "prices", "grpc", "http", "api", "tenant", "insecure_public")
    return load(None, **{name: value for name in names if isinstance(value := given.get(name), str)})


def format_of(options: argparse.Namespace) -> "Format":
    """The chosen `--format`."""
    return cast("Format", options.format)


def open_ledger(options: argparse.Namespace) -> "Ledger":
    """Open the ledger a command line names, and say which it is."""
    from spanledger.ledger.access import open_access  # noqa: PLC0415
    from spanledger.ledger.ledger import Ledger  # noqa: PLC0415

    ledger = Ledger(access=open_access(settings_of(options)))
    tell(f"store: {ledger.place}")
    return ledger
