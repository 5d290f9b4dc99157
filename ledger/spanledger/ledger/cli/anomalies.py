"""`spanledger anomalies`: who cost more on a day than so many times their own mean of the days before it."""

import argparse
from typing import cast

from spanledger.ledger.cli.options import add_format, add_store, add_where, asking, where_of, write_answer


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_store(parser)
    parser.add_argument("--day", metavar="DATE", help="the day in question (default: today)")
    parser.add_argument(
        "--factor", default="2", metavar="TIMES", help="how many times the mean is strange (default: 2)"
    )
    parser.add_argument("--window", default="30d", metavar="DAYS", help="the days before it (default: 30d)")
    parser.add_argument("--by", default="user_id", metavar="DIMENSION", help="whose cost (default: user_id)")
    parser.add_argument("--tz", default="UTC", metavar="ZONE", help="IANA zone of days (default: UTC)")
    add_where(parser)
    add_format(parser)


def run(options: argparse.Namespace) -> int:
    """Print who is strange, the strangest first."""
    from datetime import UTC, datetime  # noqa: PLC0415

    from spanledger.ledger.periods import zone  # noqa: PLC0415
    from spanledger.ledger.queries import anomalies  # noqa: PLC0415

    tz = cast("str", options.tz)
    day = cast("str | None", options.day) or str(datetime.now(UTC).astimezone(zone(tz)).date())
    with asking(options) as query:
        table = anomalies(
            query,
            day=day,
            factor=cast("str", options.factor),
            window_days=_days(cast("str", options.window)),
            tz=tz,
            by=cast("str", options.by),
            where=where_of(options),
        )
    write_answer(table, options)
    return 0


def _days(text: str) -> int:
    from spanledger.schemas import ConfigurationError  # noqa: PLC0415

    try:
        return int(text.removesuffix("d"))
    except ValueError as error:
        msg = f"--window {text!r} is no number of days: write one such as 30d"
        raise ConfigurationError(msg) from error
