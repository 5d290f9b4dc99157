"""`spanledger serve`: take OTLP, post it, answer the other commands."""

import argparse
from typing import TYPE_CHECKING

from spanledger.ledger.cli.alerts import add_alerts
from spanledger.ledger.cli.console import tell
from spanledger.ledger.cli.options import add_store, settings_of

if TYPE_CHECKING:
    from spanledger.ledger.serving import Opened


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options: which ledger, and where to listen."""
    add_store(parser)
    for flag, default, what in (
        ("--grpc", 4317, "OTLP/gRPC"),
        ("--http", 4318, "OTLP/HTTP"),
        ("--api", 8318, "the endpoint that the other commands work through"),
    ):
        parser.add_argument(
            flag, metavar="[HOST:]PORT", help=f"{what}; loopback unless HOST is given, 0 is any free port ({default})"
        )
    parser.add_argument(
        "--clickhouse-http",
        metavar="[HOST:]PORT",
        help="let Grafana and others read an embedded store as a ClickHouse server over HTTP; off unless given",
    )
    add_alerts(parser)
    parser.add_argument(
        "--insecure-public",
        action="store_const",
        const="true",
        help="listen for other machines without asking who is there",
    )


def run(options: argparse.Namespace, opened: "Opened | None" = None) -> int:
    """Serve until a signal, and tell `opened` when it is ready; 0 after a clean stop."""
    settings = settings_of(options)
    # After the settings: a wrong one is told at once.
    from spanledger.exporter.throughput import favour_throughput  # noqa: PLC0415
    from spanledger.ledger.serving import serve  # noqa: PLC0415

    favour_throughput()
    serve(settings, tell, opened)
    return 0
