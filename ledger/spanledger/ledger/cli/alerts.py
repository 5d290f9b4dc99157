"""`spanledger alerts`: what was told, and whether each channel takes a message. `serve --alerts` does the telling."""

import argparse
import os
import secrets
import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, cast

from spanledger.ledger.cli.console import say, tell
from spanledger.ledger.cli.options import add_format, add_store, format_of, settings_of

if TYPE_CHECKING:
    from spanledger.ledger.alerts.outbox import Known
    from spanledger.ledger.alerts.settings import AlertSettings, Channel
    from spanledger.ledger.tables import Row

_COLUMNS: Final = {
    "told_at": "String",
    "state": "String",
    "kind": "String",
    "severity": "String",
    "tenant": "String",
    "title": "String",
    "sent": "Int64",
    "waiting": "Int64",
    "failed": "Int64",
    "failure": "String",
    "key": "String",
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the two verbs."""
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    listing = verbs.add_parser("list", help="show what was told, and what became of its deliveries")
    add_store(listing)
    add_format(listing)
    test = verbs.add_parser("test", help="send a test message to each channel, now; 1 when one does not take it")
    add_store(test)
    add_alerts(test)
    test.add_argument("--channel", metavar="NAME", help="to this one only")


def add_alerts(parser: argparse.ArgumentParser) -> None:
    """`--alerts`: which file."""
    parser.add_argument("--alerts", metavar="FILE", help="the alerts file; SPANLEDGER_ALERTS (none: no alerts)")


def run(options: argparse.Namespace) -> int:
    """Do the chosen verb."""
    return _list(options) if options.verb == "list" else _test(options)


def _list(options: argparse.Namespace) -> int:
    from spanledger.ledger import formats  # noqa: PLC0415
    from spanledger.ledger.alerts.outbox import Outbox  # noqa: PLC0415
    from spanledger.ledger.tables import Table  # noqa: PLC0415

    outbox = Outbox(settings_of(options).data)
    tell(f"alerts: {outbox.file}")
    rows = [_shown(each) for each in outbox.known()]
    formats.write(Table(tuple(_COLUMNS), tuple(_COLUMNS.values()), rows), format_of(options), sys.stdout)
    return 0


def _test(options: argparse.Namespace) -> int:
    from spanledger.ledger.alerts.file import read_alerts  # noqa: PLC0415
    from spanledger.schemas import ConfigurationError  # noqa: PLC0415

    file = settings_of(options).alerts
    if file is None:
        msg = "there is no alerts file: name one with --alerts FILE or SPANLEDGER_ALERTS"
        raise ConfigurationError(msg)
    settings = read_alerts(file, os.environ)
    wanted = cast("str | None", options.channel)
    channels = [each for each in settings.channels if wanted in {None, each.name}]
    if not channels:
        msg = f"--channel {wanted!r} is none of {', '.join(each.name for each in settings.channels) or 'no channels'}"
        raise ConfigurationError(msg)
    failed = False
    for channel in channels:
        failure = _failure(channel, settings)
        say(f"{'FAIL' if failure else 'ok':<4}  {channel.name}{f'  {failure}' if failure else ''}")
        failed |= bool(failure)
    return 1 if failed else 0


def _failure(channel: "Channel", settings: "AlertSettings") -> str:
    """Why a test message does not reach a channel; empty when it does."""
    from spanledger.ledger.alerts.alert import Alert, Notice, key_of  # noqa: PLC0415
    from spanledger.ledger.alerts.network import DeliveryError, Network  # noqa: PLC0415
    from spanledger.ledger.alerts.sending import sender  # noqa: PLC0415

    now_s = int(time.time())
    alert = Alert(
        kind="test",
        key=key_of("test", channel.name),
        severity="info",
        title=f"channel {channel.name} works",
        text="Somebody ran spanledger alerts test. Nothing is the matter.",
        at=datetime.fromtimestamp(now_s, UTC),
    )
    try:
        sender(channel, settings, Network())(f"msg_{secrets.token_hex(16)}", Notice("test", alert), now_s)
    except DeliveryError as error:
        return str(error)
    return ""


def _shown(known: "Known") -> "Row":
    alert, deliveries = known.standing.alert, known.deliveries
    told_at = datetime.fromtimestamp(known.standing.told_ns // 10**9, UTC)
    return (
        told_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "open" if known.standing.is_open else "over",
        alert.kind,
        alert.severity,
        alert.tenant,
        alert.title,
        *(deliveries.get(state, 0) for state in ("sent", "waiting", "failed")),
        known.failure,
        alert.key,
    )
