"""`spanledger sinks`: who is told of posted events. Nobody, unless the environment says so; a `serve` does it."""

import argparse
import sys
from typing import TYPE_CHECKING, Final, cast

from spanledger.ledger.cli.console import say, tell
from spanledger.ledger.cli.options import add_format, add_store, format_of, open_ledger, settings_of

if TYPE_CHECKING:
    from spanledger.ledger.sinks.port import Sink
    from spanledger.ledger.sinks.progress import Progress

_COLUMNS: Final = ("sink", "delivered", "failures", "failure")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the two verbs."""
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    listing = verbs.add_parser("list", help="show each sink that is switched on, and how far it is")
    add_store(listing)
    add_format(listing)
    feed = verbs.add_parser("feed", help="tell every sink what it was not told yet")
    add_store(feed)


def run(options: argparse.Namespace) -> int:
    """Do the chosen verb; 1 when a sink took not all."""
    from spanledger.ledger.sinks.progress import Progress  # noqa: PLC0415
    from spanledger.ledger.sinks.settings import sinks_of  # noqa: PLC0415

    sinks = sinks_of()
    progress = Progress(settings_of(options).data)
    try:
        if cast("str", options.verb) == "list":
            _list(sinks, progress, options)
            return 0
        return _feed(sinks, progress, options)
    finally:
        progress.close()


def _list(sinks: "list[Sink]", progress: "Progress", options: argparse.Namespace) -> None:
    from spanledger.ledger.formats import write  # noqa: PLC0415
    from spanledger.ledger.tables import Table  # noqa: PLC0415

    rows = [(sink.name, *progress.counts(sink.name)) for sink in sinks]
    write(Table(_COLUMNS, ("String", "Int64", "Int64", "String"), [*rows]), format_of(options), sys.stdout)
    if not sinks:
        tell("no sink is switched on: SPANLEDGER_SINK_JSONL or SPANLEDGER_SINK_POSTHOG names one")


def _feed(sinks: "list[Sink]", progress: "Progress", options: argparse.Namespace) -> int:
    from spanledger.ledger.sinks.delivery import deliver  # noqa: PLC0415

    failed = False
    with open_ledger(options) as ledger:
        for sink in sinks:
            done = deliver(ledger.sql, sink, progress)
            say(f"{sink.name}: {done.events} events")
            if done.failure:
                tell(f"spanledger: {done.failure}")
                failed = True
    return 1 if failed else 0
