"""`spanledger prices`: what a call costs and why, one's own prices, and rating the ledger again."""

import argparse
import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from spanledger.ledger.cli.console import say, tell
from spanledger.ledger.cli.options import add_format, add_store, format_of, open_ledger, settings_of

if TYPE_CHECKING:
    from spanledger.exporter.rate import PriceBook
    from spanledger.ledger.prices.repricing import Progress
    from spanledger.ledger.tables import Table

_LISTED_MAX: Final = 20


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the actions and their options."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", title="actions", required=True)
    for name, (declare, line) in _ACTIONS.items():
        action = actions.add_parser(name, help=line, description=line[0].upper() + line[1:] + ".")
        add_store(action)
        declare(action)


def run(options: argparse.Namespace) -> int:
    """Do what the action says."""
    return _RUNS[options.action](options)


def _of_list(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--provider", default="", metavar="P", help="only this provider")
    parser.add_argument("--model", default="", metavar="M", help="only this model; a star at its end is any end")
    parser.add_argument("--at", metavar="WHEN", help="only what is in force at this time (UTC); all dates unless given")
    parser.add_argument("--own", action="store_true", help="only one's own price files, not the catalogue")
    add_format(parser)


def _list(options: argparse.Namespace) -> int:
    from spanledger.exporter.rate import listings  # noqa: PLC0415
    from spanledger.ledger.prices.shelf import current_book  # noqa: PLC0415
    from spanledger.ledger.prices.tables import in_force, list_table  # noqa: PLC0415

    book = current_book(settings_of(options))
    found = listings(book, provider=options.provider, model=options.model)
    if options.at:
        found = in_force(found, _instant("--at", options.at))
    if options.own:
        found = (each for each in found if each.origin)
    table = list_table(found)
    _write(table, options)
    tell(f"{len(table.rows)} prices of {book.digest}")
    return 0 if table.rows else 1


def _of_show(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="a model as telemetry names it")
    parser.add_argument("--provider", default="", metavar="P", help="the provider as telemetry names it")
    parser.add_argument("--at", metavar="WHEN", help="the time of the call (UTC); now unless given")
    parser.add_argument("--tier", default="", metavar="T", help="service tier, such as batch")
    parser.add_argument("--tenant", default="", metavar="T", help="whose price")
    parser.add_argument("--account", default="", metavar="A", help="the account with the provider")
    parser.add_argument("--region", default="", metavar="R", help="the provider's region")
    add_format(parser)


def _show(options: argparse.Namespace) -> int:
    import time  # noqa: PLC0415

    from spanledger.exporter.rate.tariff import Sought  # noqa: PLC0415
    from spanledger.ledger.prices.shelf import current_book  # noqa: PLC0415
    from spanledger.ledger.prices.tables import show_table  # noqa: PLC0415

    at_ns = _instant("--at", options.at) if options.at else time.time_ns()
    whose = options.tenant, options.account
    sought = Sought(options.provider, (options.model,), options.tier, options.region, *whose)
    table, sentence = show_table(current_book(settings_of(options)), sought, at_ns)
    if table.rows or format_of(options) != "table":
        _write(table, options)
    (say if format_of(options) == "table" else tell)(sentence)
    return 0 if table.rows else 1


def _of_import(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--format",
        required=True,
        choices=("litellm", "portkey"),
        help="whose form the file has: model_prices_and_context_window.json, or a provider's file of Portkey's models",
    )
    parser.add_argument("--provider", default="", metavar="P", help="of a Portkey file; its name unless given")
    parser.add_argument("--model", metavar="M", help="only this model; * and ? stand for anything")
    parser.add_argument("--from", dest="since", metavar="WHEN", help="the prices hold from this date on, not for ever")
    parser.add_argument("--file", metavar="NAME", help="the price file to write; named after the form unless given")
    parser.add_argument("--source", metavar="TEXT", help="where the prices are from, kept on every entry")
    parser.add_argument("path", metavar="FILE", help="the list, from your disk: nothing is fetched")


def _import(options: argparse.Namespace) -> int:
    from pathlib import Path  # noqa: PLC0415

    from spanledger.ledger.prices.importing import import_list  # noqa: PLC0415

    if options.since:
        _instant("--from", options.since)
    saved, left = import_list(settings_of(options), Path(options.path), options)
    for sentence in left[:_LISTED_MAX]:
        tell(f"left out: {sentence}")
    if len(left) > _LISTED_MAX:
        tell(f"left out: {len(left) - _LISTED_MAX} more; the file lists them all")
    say(saved)
    return 0


def _of_diff(parser: argparse.ArgumentParser) -> None:
    what = "a date, catalogue, current, a price file or folder, or the digest of a book the ledger keeps"
    parser.add_argument("old", metavar="OLD", help=what)
    parser.add_argument("new", metavar="NEW", nargs="?", default="current", help="the same; current unless given")
    parser.add_argument("--provider", default="", metavar="P", help="only this provider")
    parser.add_argument("--model", default="", metavar="M", help="only this model; a star at its end is any end")
    add_format(parser)


def _diff(options: argparse.Namespace) -> int:
    from spanledger.exporter.rate import listings  # noqa: PLC0415
    from spanledger.ledger.prices.tables import difference_table, in_force  # noqa: PLC0415

    sides = [_side(options, word) for word in (options.old, options.new)]
    # A date is compared with a date: a book without one as it is at the other's.
    at_ns = next((at for _, at in reversed(sides) if at is not None), None)
    said = [
        (in_force(each, when) if (when := at_ns if at is None else at) is not None else each)
        for book, at in sides
        for each in [listings(book, provider=options.provider, model=options.model)]
    ]
    table = difference_table(*said)
    _write(table, options)
    tell(f"{len(table.rows)} differences from {options.old} to {options.new}")
    return 0


def _side(options: argparse.Namespace, word: str) -> "tuple[PriceBook, int | None]":
    from spanledger.ledger.prices.shelf import book_of, current_book, kept_book  # noqa: PLC0415
    from spanledger.schemas import ConfigurationError  # noqa: PLC0415

    settings = settings_of(options)
    if (book := book_of(settings, word)) is not None:
        return book, None
    if ":" in word and not word[0].isdigit():
        with open_ledger(options) as ledger:
            return kept_book(ledger.sql, word), None
    try:
        return current_book(settings), _instant("", word)
    except ConfigurationError as error:
        msg = f"{word!r} is neither a date nor a price file nor catalogue, current or the digest of a book"
        raise ConfigurationError(msg) from error


def _of_reprice(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dry-run", action="store_true", help="show the differences and post nothing")
    parser.add_argument("--since", metavar="WHEN", help="only work that ended from this time on (UTC)")
    parser.add_argument("--until", metavar="WHEN", help="only work that ended before this time")
    parser.add_argument("--tenant", default="", metavar="T", help="only this tenant")
    parser.add_argument("--model", default="", metavar="M", help="only this model")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--unpriced", action="store_true", help="only charges without a price (the default)")
    which.add_argument("--all", action="store_true", help="also charges that have a price: closed weeks may change")
    add_format(parser)


def _reprice(options: argparse.Namespace) -> int:
    from spanledger.exporter.posting.repriced import Asked  # noqa: PLC0415
    from spanledger.exporter.throughput import favour_throughput  # noqa: PLC0415
    from spanledger.ledger.access import open_access  # noqa: PLC0415
    from spanledger.ledger.prices.repricing import reprice  # noqa: PLC0415

    asked = Asked(
        tenant=options.tenant,
        model=options.model,
        since_ns=_instant("--since", options.since) if options.since else None,
        until_ns=_instant("--until", options.until) if options.until else None,
        everything=options.all,
    )
    favour_throughput()
    # --tenant bounds what is rated again; it is not the default tenant of telemetry.
    access = open_access(settings_of(argparse.Namespace(**{**vars(options), "tenant": None})))
    try:
        tell(f"store: {access.place}")
        with _progress() as progress:
            account = reprice(access, asked, progress, dry_run=options.dry_run)
    finally:
        access.close()
    table = account.table()
    if table.rows or format_of(options) != "table":
        _write(table, options)
    for sentence in account.sentences(dry_run=options.dry_run):
        (say if format_of(options) == "table" else tell)(sentence)
    return 0


@contextmanager
def _progress() -> "Generator[Progress]":
    """A bar over the charges, on a terminal only."""
    if not sys.stderr.isatty():
        yield lambda _, __: None
        return
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    columns = (TextColumn("rating again"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("rating again", total=None)

        def advance(done: int, total: int) -> None:
            bar.update(task, total=total, advance=done)

        yield advance


def _write(table: "Table", options: argparse.Namespace) -> None:
    from spanledger.ledger import formats  # noqa: PLC0415
    from spanledger.ledger.prices.tables import for_people  # noqa: PLC0415

    people = format_of(options) == "table"
    formats.write(for_people(table) if people else table, format_of(options), sys.stdout)


def _instant(flag: str, text: str) -> int:
    from spanledger.ledger.periods import instant_ns, zone  # noqa: PLC0415

    return instant_ns(flag, text, zone("UTC"))


def _of_add(parser: argparse.ArgumentParser) -> None:
    from spanledger.ledger.cli.prices_add import declare  # noqa: PLC0415

    declare(parser)


def _add(options: argparse.Namespace) -> int:
    from spanledger.ledger.cli.prices_add import add  # noqa: PLC0415

    return add(options)


_ACTIONS: Final[Mapping[str, tuple[Callable[[argparse.ArgumentParser], None], str]]] = {
    "list": (_of_list, "every price, discount, alias and exchange rate in use, with its dates and source"),
    "show": (_of_show, "what a call of a model would be charged, or why it has no price"),
    "add": (_of_add, "put an entry of your own into a price file"),
    "import": (_of_import, "make a price file of a public list in LiteLLM's or Portkey's form"),
    "diff": (_of_diff, "what two books, or one book at two dates, say differently"),
    "reprice": (_of_reprice, "rate booked charges by the prices in use now, and post the differences"),
}
_RUNS: Final[Mapping[str, Callable[[argparse.Namespace], int]]] = {
    "list": _list,
    "show": _show,
    "add": _add,
    "import": _import,
    "diff": _diff,
    "reprice": _reprice,
}
