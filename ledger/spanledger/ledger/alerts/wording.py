"""The words that every channel for people uses. Pure."""

from typing import Final

from spanledger.ledger.alerts.alert import Alert, Notice, word

_BEFORE: Final = {"fired": "", "resolved": "Over: ", "test": "Test: "}


def headline(notice: Notice) -> str:
    """One line: how bad, and what."""
    return f"[spanledger {notice.alert.severity}] {_BEFORE[notice.happening]}{notice.alert.title}"


def figures(alert: Alert) -> str:
    """The fields, one a line, and where the matter stands."""
    stated = {**alert.fields, **({"tenant": word(alert.tenant)} if alert.tenant else {}), "key": alert.key}
    lines = [f"{name}: {value}" for name, value in stated.items()]
    return "\n".join([*lines, f"found at {alert.at.isoformat(timespec='seconds').replace('+00:00', 'Z')}"])
