"""`spanledger doctor`: whether everything is as it should be."""

import argparse
from typing import TYPE_CHECKING

from spanledger.ledger.cli.console import say
from spanledger.ledger.cli.options import add_store, open_ledger, settings_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from spanledger.ledger.checks import Check


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_store(parser)
    parser.add_argument(
        "--endpoint", metavar="URL", help="a receiver as its senders reach it: must answer, not redirect"
    )


def run(options: argparse.Namespace) -> int:
    """Print every check; 1 when one fails."""
    failed = False
    for check in _checks(options):
        say(f"{check.verdict:<4}  {check.name:<10}  {check.finding}")
        failed |= check.verdict == "FAIL"
    return 1 if failed else 0


def _checks(options: argparse.Namespace) -> "Iterator[Check]":
    from spanledger.ledger.checks import Check, ledger_checks, receiver_check  # noqa: PLC0415

    settings = settings_of(options)
    yield Check("settings", "ok", f"default tenant {settings.tenant}, journal {settings.data}")
    if options.endpoint:
        yield receiver_check(options.endpoint, settings.api_key)
    with open_ledger(options) as ledger:
        yield Check("store", "ok", ledger.place)
        yield from ledger_checks(ledger.sql, settings)
