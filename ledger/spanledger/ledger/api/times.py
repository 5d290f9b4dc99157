"""Times on the wire: ISO 8601 with an offset, or they are refused. What a person leaves out, a program must say."""

from datetime import datetime

from spanledger.ledger.periods import instant_ns, zone
from spanledger.schemas import ConfigurationError


def bounds_ns(since: str, until: str) -> tuple[int | None, int | None]:
    """Bounds in nanoseconds since 1970 UTC; empty is open. Raises `ConfigurationError`."""
    check_stated(since=since, until=until)
    utc = zone("UTC")
    since_ns = instant_ns("since", since, utc) if since else None
    until_ns = instant_ns("until", until, utc) if until else None
    if since_ns is not None and until_ns is not None and since_ns >= until_ns:
        msg = f"since {since!r} is not before until {until!r}: no time lies between them"
        raise ConfigurationError(msg)
    return since_ns, until_ns


def check_stated(**times: str) -> None:
    """Raise `ConfigurationError` for a time without an offset; what is no time at all is for others to find."""
    for name, text in times.items():
        try:
            naive = bool(text) and datetime.fromisoformat(text).tzinfo is None
        except ValueError:
            naive = False
        if naive:
            msg = f"{name} {text!r} states no offset: write 2026-11-01T00:00:00Z or 2026-11-01T00:00:00%2B01:00"
            raise ConfigurationError(msg)
