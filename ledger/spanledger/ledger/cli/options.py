"""What several commands share: options of the same name and meaning, settings from them, the line about the store."""

import argparse
import sys
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, TypedDict, cast

from spanledger.ledger.cli.console import tell

if TYPE_CHECKING:
    from collections.abc import Generator

    from spanledger.exporter.settings import Settings
    from spanledger.ledger.formats import Format
    from spanledger.ledger.ledger import Ledger
    from spanledger.ledger.queries import Query
    from spanledger.ledger.tables import Table


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


def add_question(parser: argparse.ArgumentParser) -> None:
    """What every question to the ledger takes: a time, a zone, a filter, an order, a number of rows."""
    parser.add_argument("--since", metavar="WHEN", help="ISO date or datetime, included; all time unless given")
    parser.add_argument("--until", metavar="WHEN", help="ISO date or datetime, not included")
    parser.add_argument("--tz", default="UTC", metavar="ZONE", help="IANA zone of dates and days (default: UTC)")
    add_where(parser)
    parser.add_argument("--order", metavar="COLUMN", help="sort by this column; with :asc or :desc behind it, that way")
    parser.add_argument("--limit", type=int, metavar="ROWS", help="at most so many rows")


def add_where(parser: argparse.ArgumentParser) -> None:
    """`--where`: which events."""
    parser.add_argument(
        "--where",
        action="append",
        default=[],
        metavar="DIMENSION=VALUE",
        help="only events with this word; again with the same dimension: either word, with another: both",
    )


def where_of(options: argparse.Namespace) -> dict[str, list[str]]:
    """The filters of a command line. Raises `ConfigurationError` for one without a `=`."""
    from spanledger.schemas import ConfigurationError  # noqa: PLC0415

    where: dict[str, list[str]] = {}
    for told in cast("list[str]", options.where):
        name, equals, value = told.partition("=")
        if not equals:
            msg = f"--where {told!r} is no filter: write DIMENSION=VALUE, such as tenant=acme"
            raise ConfigurationError(msg)
        where.setdefault(name, []).append(value)
    return where


class Asked(TypedDict):
    """The options of `add_question`, as `queries.ask` takes them."""

    since: str | None
    until: str | None
    tz: str
    where: dict[str, list[str]]
    order: str | None
    limit: int | None


def asked_of(options: argparse.Namespace) -> Asked:
    """What a command line asks. Raises `ConfigurationError`."""
    return {
        "since": cast("str | None", options.since),
        "until": cast("str | None", options.until),
        "tz": cast("str", options.tz),
        "where": where_of(options),
        "order": cast("str | None", options.order),
        "limit": cast("int | None", options.limit),
    }


@contextmanager
def asking(options: argparse.Namespace) -> "Generator[Query]":
    """How a question reaches the ledger, which is opened when it is first asked: a wrong question opens nothing."""
    with ExitStack() as stack:
        opened: list[Ledger] = []

        def query(sql: str) -> "Table":
            if not opened:
                opened.append(stack.enter_context(open_ledger(options)))
            return opened[0].query(sql)

        yield query


def write_answer(table: "Table", options: argparse.Namespace) -> None:
    """Print an answer in the chosen form; for people with its shares in percent."""
    from spanledger.ledger import formats  # noqa: PLC0415
    from spanledger.ledger.queries import for_people  # noqa: PLC0415

    people = format_of(options) == "table"
    formats.write(for_people(table) if people else table, format_of(options), sys.stdout)


def settings_of(options: argparse.Namespace) -> "Settings":
    """The settings of a command line, its options before the environment. Raises `ConfigurationError`."""
    from spanledger.exporter.settings import load  # noqa: PLC0415

    given = cast("dict[str, object]", vars(options))
    doors = ("grpc", "http", "api", "clickhouse_http")
    names = ("store", "data", "prices", *doors, "tenant", "insecure_public", "alerts")
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
