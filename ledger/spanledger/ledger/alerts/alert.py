"""An alert: one thing somebody should know, known by its key, in words that are safe to print. Plain data.

Names of tenants, services and models are strangers' text: they are made printable and short here, and nowhere later.
"""

from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Final, Literal, get_args
from urllib.parse import quote

import msgspec

from spanledger.ledger.printable import printable

Kind = Literal["budget_threshold", "anomaly", "unpriced_model", "silence", "journal_lag", "quarantine", "test"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)

Severity = Literal["info", "warning", "critical"]
SEVERITIES: Final[tuple[Severity, ...]] = get_args(Severity)
"""From the least on."""

Happening = Literal["fired", "resolved", "test"]

KEY_CHARS_MAX: Final = 200
WORD_CHARS_MAX: Final = 200


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """What is the matter. The same matter has the same key, whenever it is looked at."""

    kind: Kind
    key: str
    severity: Severity
    title: str
    """One line."""
    text: str
    """What is so, what the threshold was, and what to do."""
    tenant: str = ""
    """Whose matter it is, as it stands in the ledger; empty when it is not one tenant's alone."""
    fields: Mapping[str, str] = {}
    """The figures, by name; money as exact decimals."""
    at: datetime
    """When it was found, in UTC."""


class Notice(msgspec.Struct, frozen=True):
    """What a channel is told of an alert."""

    happening: Happening
    alert: Alert


def key_of(kind: Kind, *parts: str) -> str:
    """The key of a matter, made of what tells it from others; different parts never make one key."""
    key = ":".join((kind, "/".join(quote(part, safe=" +:@") for part in parts))) if parts else kind
    if len(key) <= KEY_CHARS_MAX:
        return key
    digest = sha256(key.encode()).hexdigest()[:32]
    return f"{key[: KEY_CHARS_MAX - 1 - len(digest)]}~{digest}"


def word(text: object) -> str:
    """A stranger's word as it may stand in a message: in one line, and short."""
    shown = printable(str(text))
    return shown if len(shown) <= WORD_CHARS_MAX else f"{shown[: WORD_CHARS_MAX - 1]}…"
