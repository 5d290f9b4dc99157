"""`spanledger demo`: fifty events through real OTLP, and what the ledger says of them."""

import argparse
import shlex
import sys
from pathlib import Path
from shutil import which

from spanledger.ledger.cli.console import say, tell
from spanledger.ledger.cli.options import add_store, settings_of


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_store(parser)


def run(options: argparse.Namespace) -> int:
    """Send, post, print; running it again changes nothing."""
    from spanledger.ledger import formats  # noqa: PLC0415
    from spanledger.ledger.demo.calls import DAY, DAY_AFTER, EVENTS  # noqa: PLC0415
    from spanledger.ledger.demo.running import demonstrate  # noqa: PLC0415
    from spanledger.ledger.queries import for_people, totals  # noqa: PLC0415

    shown = demonstrate(settings_of(options), tell)
    for title, table in (("By tenant and model", shown.by_model), ("By service", shown.by_service)):
        say(f"\n{title}\n")
        formats.write(for_people(table), "table", sys.stdout)
    say(f"\n{shown.events} events of {EVENTS}: {', '.join(totals(shown.by_service))}")
    say("Sending them again changes nothing: each provider response is charged once.\n")
    where = f" --store {shlex.quote(options.store)}" if options.store else ""
    command = _command()
    say("Look further:")
    say(f"  {command} report{where} --by service_name,feature --since {DAY} --until {DAY_AFTER}")
    say(f"  {command} explain{where} {shown.example}")
    say("See it on the page:")
    say(f"  {command} open{where}")
    return 0 if shown.events == EVENTS else 1


def _command() -> str:
    """How this program is called here: by its path where its name is not found, as beside an environment's folder."""
    called = Path(sys.argv[0])
    return shlex.quote(str(called)) if called.name == "spanledger" and which("spanledger") is None else "spanledger"
