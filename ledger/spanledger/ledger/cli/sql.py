"""`spanledger sql`: one reading statement over the ledger."""

import argparse
import sys

from spanledger.ledger.cli.options import add_format, add_store, format_of, open_ledger


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_store(parser)
    add_format(parser)
    parser.add_argument("sql", metavar="SQL", help='such as "SELECT tenant, sum(cost) FROM charges GROUP BY tenant"')


def run(options: argparse.Namespace) -> int:
    """Print the answer."""
    from spanledger.ledger import formats  # noqa: PLC0415

    with open_ledger(options) as ledger:
        table = ledger.sql(options.sql)
    formats.write(table, format_of(options), sys.stdout)
    return 0
