"""Under which names this machine's own server is asked: those that mean this machine to every browser, and no other.

A page of a stranger's can have its own name point here, and then ask as if it were of this server (DNS rebinding). What
it asks for still has the stranger's name in `Host`, and is refused before anything else is looked at.
"""

from ipaddress import IPv6Address, ip_address
from typing import Final, cast
from urllib.parse import urlsplit

from spanledger.exporter.receiver.otlp_http import App, Message, Receive, Send
from spanledger.ledger.api.app import refuse
from spanledger.ledger.api.refusals import MisdirectedError

_SHOWN_CHARS_MAX: Final = 100
_LOCAL: Final = "localhost"


def own_names_only(app: App, bound: str) -> App:
    """The app for requests to this machine by a name of its own, or by the one it is bound to."""

    async def checked(scope: Message, receive: Receive, send: Send) -> None:
        for name, value in cast("list[tuple[bytes, bytes]]", scope.get("headers", [])):
            if name == b"host" and not is_own(value.decode("latin-1"), bound):
                shown = repr(value[:_SHOWN_CHARS_MAX].decode("latin-1"))
                msg = f"this server is for its own machine, and {shown} is no name of it: use localhost or 127.0.0.1"
                await refuse(send, MisdirectedError(msg))
                return
        await app(scope, receive, send)

    return checked


def is_own(host: str, bound: str) -> bool:
    """Whether a Host header means this machine, whoever resolves it."""
    try:
        parts = urlsplit(f"//{host}")
        name, _ = (parts.hostname or "").removesuffix("."), parts.port
    except ValueError:
        return False
    if not host:
        # What is no browser may leave it out.
        return True
    if parts.netloc != host or "@" in host:
        return False
    if name in {_LOCAL, bound.lower()} or name.endswith(f".{_LOCAL}"):
        return True
    try:
        address = ip_address(name)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback
