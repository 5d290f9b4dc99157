"""websockets: `ClientConnection.recv` of its asyncio and threading clients, by which iterations read too.

A message is looked at if it ends a response, and passes as it came: each response is a usage span of its own.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# The library is hooked without being a dependency: its types cannot be imported.

from collections.abc import Callable
from functools import partial, wraps
from importlib import import_module
from types import ModuleType
from typing import Any, Final
from urllib.parse import parse_qs

from msgspec.structs import replace

from spanledger.instrumentation.wire.answer import Answer
from spanledger.instrumentation.wire.apis import APIS
from spanledger.instrumentation.wire.apis import realtime as r
from spanledger.instrumentation.wire.endpoints import Endpoint
from spanledger.instrumentation.wire.guard import failed
from spanledger.instrumentation.wire.hooks import SWITCH, Hooks, Method
from spanledger.instrumentation.wire.meter import Meter
from spanledger.instrumentation.wire.request import NAME_CHARS_MAX

_SESSION: Final = "_spanledger_session"
_REALTIME: Final = "/realtime"
_RESPONSES: Final = "/responses"
_CALLED: Final = "/v1/responses"
"""Who answers sockets answers these as well: by them a host is recognised."""


# Nearly every message is a piece of content, and says so at its beginning.
_DELTA: Final = '.delta"'
_DELTA_BYTES: Final = b'.delta"'
_HEAD: Final = 128


def hook(library: ModuleType, hooks: Hooks) -> None:
    """Hook both kinds of client."""
    for kind, make in (("asyncio", _async_recv), ("sync", _sync_recv)):
        hooks.replace(import_module(f"{library.__name__}.{kind}.client").ClientConnection, "recv", make)


def _sync_recv(original: Method) -> Method:
    @wraps(original)
    def recv(connection: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        message = original(connection, *args, **kwargs)
        if SWITCH.meter is not None:
            _look_at(SWITCH.meter, connection, message)
        return message

    return recv


def _async_recv(original: Method) -> Method:
    @wraps(original)
    async def recv(connection: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        message = await original(connection, *args, **kwargs)
        if SWITCH.meter is not None:
            _look_at(SWITCH.meter, connection, message)
        return message

    return recv


def _look_at(meter: Meter, connection: Any, message: Any) -> None:  # noqa: ANN401
    """Read a message that ends something. Never raises."""
    try:
        said: dict[str, Session | None] = vars(connection)
        if _SESSION not in said:
            # First, so that what fails is not tried for every message.
            said[_SESSION] = None
            said[_SESSION] = _session(meter, connection)
        session = said[_SESSION]
        if session is not None:
            session.hear(meter, message)
    except Exception:  # noqa: BLE001 (nothing of ours reaches the application)
        failed("read a message")


def _session(meter: Meter, connection: Any) -> "Session | None":  # noqa: ANN401
    """What is known of a socket, whoever is metered now; None for one that is none of a model's."""
    protocol = connection.protocol
    # Before its release 15 the library called it otherwise.
    uri = protocol.uri if hasattr(protocol, "uri") else protocol.wsuri
    if not uri.path.endswith((_REALTIME, _RESPONSES)):
        return None
    endpoint = meter.endpoints.recognise("https" if uri.secure else "http", uri.host, uri.port, _CALLED)
    if endpoint is None or endpoint.family != "openai":
        return None
    if uri.path.endswith(_RESPONSES):
        return Session(endpoint, ('"response.completed"', '"response.incomplete"', '"response.failed"'))
    asked = parse_qs(uri.query)
    # Azure names the deployment, which is what its callers call the model.
    (model, *_) = asked.get("model") or asked.get("deployment") or [""]
    endpoint = replace(endpoint, api="openai.realtime", model=model[:NAME_CHARS_MAX])
    return Session(endpoint, (f'"{r.RESPONSE_DONE}"', f'"{r.TRANSCRIBED}"', *(f'"{kind}"' for kind in r.SESSION)))


class Session:
    """One socket: whose it is, and which models the server said it has."""

    __slots__ = ("_bytes", "_endpoint", "_model", "_texts", "_transcriber")

    def __init__(self, endpoint: Endpoint, marks: tuple[str, ...]) -> None:
        self._endpoint = endpoint
        self._texts, self._bytes = marks, tuple(mark.encode() for mark in marks)
        self._model = self._transcriber = ""

    def hear(self, meter: Meter, message: str | bytes) -> None:
        """Look at a message: most are pieces of content, searched and never parsed."""
        whole = isinstance(message, str)
        if message.find(_DELTA if whole else _DELTA_BYTES, 0, _HEAD) >= 0:  # pyright: ignore[reportArgumentType]
            return
        for mark in self._texts if whole else self._bytes:
            if message.find(mark) >= 0:  # pyright: ignore[reportArgumentType]
                break
        else:
            return
        data = message.encode() if isinstance(message, str) else message
        if self._endpoint.api == "openai.realtime":
            self._realtime(meter, data)
        else:
            self._ended(meter, self._endpoint, partial(APIS["openai.responses"].event, data))

    def _realtime(self, meter: Meter, message: bytes) -> None:
        event = r.read_event(message)
        if event.type in r.SESSION:
            model, transcriber = r.models(event)
            self._model, self._transcriber = model or self._model, transcriber or self._transcriber
        elif event.type == r.RESPONSE_DONE:

            def respond(answer: Answer) -> None:
                r.responded(event, answer)
                answer.model = self._model

            self._ended(meter, self._endpoint, respond)
        elif event.type == r.TRANSCRIBED:
            endpoint = replace(self._endpoint, model=self._transcriber)
            self._ended(meter, endpoint, partial(r.transcribed, event))

    @staticmethod
    def _ended(meter: Meter, endpoint: Endpoint, read: Callable[[Answer], None]) -> None:
        attempt = meter.begin(endpoint, None, None) if meter.admits(endpoint) else None
        if attempt is not None:
            try:
                read(attempt.answer)
            finally:
                attempt.end()
