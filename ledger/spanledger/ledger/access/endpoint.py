"""The local endpoint of `serve`: the commands of the store's owner work through it. Loopback, one bearer token.

Without the token it answers nothing but health and the metrics, which name nobody. It runs reading statements only,
and never redirects.
"""

import asyncio
import hmac
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias, cast

import msgspec

from spanledger.exporter.receiver.otlp_http import App, Message, Receive, Send
from spanledger.ledger.access.endpoint_file import Endpoint
from spanledger.ledger.access.port import Access
from spanledger.ledger.access.wire import (
    Failure,
    Health,
    PostRequest,
    QueryRequest,
    QueryResponse,
    RepriceRequest,
    StretchesRequest,
)
from spanledger.schemas import SpanledgerError, StoreUnavailableError

# A statement written by a person, with room for a list of some ten thousand ids.
BODY_BYTES_MAX: Final = 1024 * 1024
# Each runs in a thread; the engine itself uses every core for one.
QUESTIONS_MAX: Final = 4

_JSON: Final = "application/json"

Metrics: TypeAlias = Callable[[], tuple[str, bytes]]
"""A scrape's answer: its content type and its text."""


def endpoint_app(access: Access, endpoint: Endpoint, metrics: Metrics) -> App:
    """The ASGI application over a store that this process holds."""
    turns = asyncio.Semaphore(QUESTIONS_MAX)

    async def answered(path: str, body: bytes) -> tuple[str, bytes]:
        async with turns:
            return await asyncio.to_thread(_answer, access, path, body)

    async def health() -> tuple[str, bytes]:
        return _JSON, msgspec.json.encode(Health(proof=endpoint.proof))

    async def scrape() -> tuple[str, bytes]:
        async with turns:
            return await asyncio.to_thread(metrics)

    public = {"/healthz": health, "/metrics": scrape}

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        method, path = scope["method"], str(scope["path"])
        if method == "GET" and path in public:
            await _settle(send, public[path]())
        elif wrong := _wrong(method, path, authorised=_authorised(scope, endpoint)):
            await _refuse(send, *wrong)
        elif (body := await _body(receive)) is None:
            await _refuse(send, 413, "TooLarge", f"a question is at most {BODY_BYTES_MAX} bytes")
        else:
            await _settle(send, answered(path, body))

    return app


def _authorised(scope: Message, endpoint: Endpoint) -> bool:
    headers = dict(cast("list[tuple[bytes, bytes]]", scope["headers"]))
    return hmac.compare_digest(headers.get(b"authorization", b""), f"Bearer {endpoint.token}".encode())


def _wrong(method: object, path: str, *, authorised: bool) -> tuple[int, str, str] | None:
    """Why a request is refused before its body is read: status, error and message."""
    if not authorised:
        return 401, "Unauthorized", "the token of the store's endpoint.json is missing or wrong"
    if path not in _ANSWERS:
        return 404, "NotFound", f"there is no {path}"
    return None if method == "POST" else (405, "MethodNotAllowed", f"{path} takes POST")


def _answer(access: Access, path: str, body: bytes) -> tuple[str, bytes]:
    return _JSON, msgspec.json.encode(_ANSWERS[path](access, body))


def _query(access: Access, body: bytes) -> QueryResponse:
    table = access.query(msgspec.json.decode(body, type=QueryRequest).sql)
    return QueryResponse([*table.columns], [*table.types], [[*row] for row in table.rows])


def _post(access: Access, body: bytes) -> object:
    return access.post(close_window=msgspec.json.decode(body, type=PostRequest).close_window)


def _stretches(access: Access, body: bytes) -> object:
    return access.stretches(msgspec.json.decode(body, type=StretchesRequest).asked)


def _reprice(access: Access, body: bytes) -> object:
    request = msgspec.json.decode(body, type=RepriceRequest)
    return access.reprice(request.asked, request.stretch, dry_run=request.dry_run)


_ANSWERS: Final[dict[str, Callable[[Access, bytes], object]]] = {
    "/v1/query": _query,
    "/v1/post": _post,
    "/v1/prices/stretches": _stretches,
    "/v1/prices/reprice": _reprice,
}


async def _settle(send: Send, answer: Awaitable[tuple[str, bytes]]) -> None:
    """Send the answer, or the public error it ended in; anything else is a bug here, told as unavailable."""
    try:
        content_type, body = await answer
    except msgspec.DecodeError as error:
        await _refuse(send, 400, "ConfigurationError", f"the question cannot be read: {error}")
    except StoreUnavailableError as error:
        await _refuse(send, 503, type(error).__name__, str(error))
    except SpanledgerError as error:
        await _refuse(send, 422, type(error).__name__, str(error))
    else:
        await _reply(send, 200, body, content_type)


async def _body(receive: Receive) -> bytes | None:
    """The request's body; None if it is over the limit."""
    body = bytearray()
    while True:
        message = await receive()
        body += cast("bytes", message.get("body", b""))
        if len(body) > BODY_BYTES_MAX:
            return None
        if not message.get("more_body", False):
            return bytes(body)


async def _refuse(send: Send, status: int, error: str, message: str) -> None:
    await _reply(send, status, msgspec.json.encode(Failure(error=error, message=message)))


async def _reply(send: Send, status: int, body: bytes, content_type: str = _JSON) -> None:
    headers = [(b"content-type", content_type.encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
