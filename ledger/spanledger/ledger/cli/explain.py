"""`spanledger explain`: how an event came to be."""

import argparse
import sys

from spanledger.ledger.cli.console import say, tell
from spanledger.ledger.cli.options import add_format, add_store, format_of, open_ledger


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_store(parser)
    add_format(parser, csv=False)
    parser.add_argument("id", metavar="TRACE_ID|EVENT_ID|RESPONSE_ID", help="also a span's or a charge's id")


def run(options: argparse.Namespace) -> int:
    """Print each event of the id; 1 when there is none."""
    from spanledger.ledger.explain_text import sentences  # noqa: PLC0415
    from spanledger.ledger.formats import json_text  # noqa: PLC0415

    with open_ledger(options) as ledger:
        found = ledger.explain(options.id)
    if format_of(options) == "json":
        sys.stdout.write(json_text([explained.record() for explained in found]))
    else:
        for explained in found:
            for line in sentences(explained):
                say(line)
    if not found:
        tell(f"spanledger: nothing in the ledger has the id {options.id!r}")
    return 0 if found else 1
