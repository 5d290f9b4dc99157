"""`spanledger migrate`: bring the store to this version's schema, and say what was done."""

import argparse

from spanledger.ledger.cli.console import say, tell
from spanledger.ledger.cli.options import add_store, settings_of


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_store(parser)


def run(options: argparse.Namespace) -> int:
    """Apply what waits. A running `serve` did so when it opened its store."""
    from spanledger.ledger.access.opening import running  # noqa: PLC0415

    settings = settings_of(options)
    tell(f"store: {settings.store_shown}")
    if endpoint := running(settings):
        say(f"nothing to apply: the spanledger serve at {endpoint.address} brought this store up to date")
        return 0
    from spanledger.exporter.store import open_store  # noqa: PLC0415
    from spanledger.exporter.store.migrations import migrate  # noqa: PLC0415

    store = open_store(settings.store)
    try:
        applied = migrate(store)
    finally:
        store.close()
    for name in applied:
        say(f"applied {name}")
    if not applied:
        say("nothing to apply: the schema is up to date")
    return 0
