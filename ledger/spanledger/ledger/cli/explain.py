"""`spanledger explain`: how an event came to be."""

import argparse
import sys
from typing import TYPE_CHECKING

from spanledger.ledger.cli.console import say, tell
from spanledger.ledger.cli.options import add_format, add_store, format_of, open_ledger

if TYPE_CHECKING:
    from spanledger.ledger.explain import Explained
    from spanledger.ledger.ledger import Ledger
    from spanledger.ledger.prices.recomputing import Recomputed


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_store(parser)
    add_format(parser, csv=False)
    parser.add_argument(
        "--recompute", action="store_true", help="rate each charge again with the book it names; 1 if one differs"
    )
    parser.add_argument("id", metavar="TRACE_ID|EVENT_ID|RESPONSE_ID", help="also a span's or a charge's id")


def run(options: argparse.Namespace) -> int:
    """Print each event of the id; 1 when there is none."""
    from spanledger.ledger.explain_text import sentences, together  # noqa: PLC0415
    from spanledger.ledger.formats import json_text  # noqa: PLC0415
    from spanledger.ledger.printable import printable  # noqa: PLC0415

    with open_ledger(options) as ledger:
        found = ledger.explain(options.id)
        again = _recomputed(ledger, found) if options.recompute else []
    if format_of(options) == "json":
        verdicts = {each.charge_id: each for each in again}
        records = [explained.record() for explained in found]
        sys.stdout.write(
            json_text(
                [
                    {**record, "recomputed": verdicts.get(str(record.get("charge_id")))}
                    if options.recompute
                    else record
                    for record in records
                ]
            )
        )
    else:
        for explained in found:
            for line in sentences(explained):
                say(printable(line))
        for line in (*together(found), *map(str, again)):
            say(printable(line))
    if not found:
        tell(f"spanledger: nothing in the ledger has the id {options.id!r}")
    return 0 if found and all(each.verdict == "equal" for each in again) else 1


def _recomputed(ledger: "Ledger", found: "list[Explained]") -> "list[Recomputed]":
    from spanledger.ledger.prices.recomputing import recompute  # noqa: PLC0415

    return recompute(ledger.sql, found)
