"""`spanledger forecast`: what this month has cost, and what it will have cost."""

import argparse
from typing import cast

from spanledger.ledger.cli.options import add_format, add_store, add_where, asking, where_of, write_answer


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_store(parser)
    parser.add_argument("--by", default="", metavar="DIMENSIONS", help="a forecast for each, such as tenant or team")
    parser.add_argument("--tz", default="UTC", metavar="ZONE", help="IANA zone of the month's days (default: UTC)")
    add_where(parser)
    add_format(parser)


def run(options: argparse.Namespace) -> int:
    """Print the month."""
    from datetime import UTC, datetime  # noqa: PLC0415

    from spanledger.ledger.queries import forecast  # noqa: PLC0415

    now = datetime.now(UTC)
    with asking(options) as query:
        table = forecast(
            query, now=now, tz=cast("str", options.tz), by=cast("str", options.by), where=where_of(options)
        )
    write_answer(table, options)
    return 0
