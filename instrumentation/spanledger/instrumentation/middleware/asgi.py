"""`app.add_middleware(AttributionMiddleware)`, or `AttributionMiddleware(app)` around any ASGI application."""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from typing import Any, cast

from spanledger.instrumentation.attributing.applied import Applied
from spanledger.instrumentation.attributing.guard import peer_of
from spanledger.instrumentation.middleware.inbound import change_of

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


class AttributionMiddleware:
    """Attributes each request. `trusted` names the peers that are believed, in the place of the setting."""

    def __init__(self, app: Application, trusted: Sequence[str] | None = None) -> None:
        self.app = app
        self._trusted = trusted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or whatever else the server asks."""
        if scope["type"] not in {"http", "websocket"}:
            await self.app(scope, receive, send)
            return
        with Applied(change_of(peer_of(scope) or "", lambda name: _header(scope, name), self._trusted)):
            await self.app(scope, receive, send)


def _header(scope: Mapping[str, Any], name: str) -> str | None:
    wanted = name.encode()
    headers = cast("Sequence[tuple[bytes, bytes]]", scope["headers"])
    values = [value.decode("latin-1") for key, value in headers if key.lower() == wanted]
    return ",".join(values) if values else None
