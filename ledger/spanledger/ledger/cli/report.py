"""`spanledger report`: sums by dimension."""

import argparse
import sys

from spanledger.ledger.cli.console import say
from spanledger.ledger.cli.options import add_format, add_store, format_of, open_ledger


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_store(parser)
    parser.add_argument(
        "--by",
        default="tenant,model",
        metavar="DIMENSIONS",
        help="comma-separated: tenant, model, provider, service_name, user_id, feature, team, project, day, hour, "
        "month or any other column that holds a word (default: tenant,model)",
    )
    parser.add_argument("--since", metavar="WHEN", help="ISO date or datetime, included; all time unless given")
    parser.add_argument("--until", metavar="WHEN", help="ISO date or datetime, not included")
    parser.add_argument("--tz", default="UTC", metavar="ZONE", help="IANA zone of dates and days (default: UTC)")
    add_format(parser)


def run(options: argparse.Namespace) -> int:
    """Print the report."""
    from spanledger.ledger import formats  # noqa: PLC0415
    from spanledger.ledger.report import for_people, question, totals  # noqa: PLC0415

    # Wrong words are told before the store is opened and posted to.
    question(options.by, options.since, options.until, options.tz)
    with open_ledger(options) as ledger:
        table = ledger.report(options.by, options.since, options.until, options.tz)
    people = format_of(options) == "table"
    formats.write(for_people(table) if people else table, format_of(options), sys.stdout)
    if people:
        for total in totals(table) or ["nothing was charged in this time"]:
            say(f"total: {total}")
    return 0
