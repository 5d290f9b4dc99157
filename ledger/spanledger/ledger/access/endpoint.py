"""The endpoint of `serve`: the commands of the store's owner work through it, and holders of keys with a role for it.

Without a credential it answers nothing but health and the metrics, which name nobody. A path is answered only to the
role, and the scope, that its row in the table of paths states. It runs reading statements only, and never redirects.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeAlias, cast

import msgspec

from spanledger.exporter.authentication import Authenticator, Role
from spanledger.exporter.failures import Denied, Refused, Throttled, Unauthenticated
from spanledger.exporter.receiver.otlp_http import App, Message, Receive, Send, peer_of
from spanledger.ledger.access.port import Access
from spanledger.ledger.access.wire import (
    DiscardRequest,
    Failure,
    Health,
    PostRequest,
    QueryRequest,
    QueryResponse,
    ReplayRequest,
    RepriceRequest,
    SkipRequest,
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


def endpoint_app(access: Access, proof: str, authenticator: Authenticator, metrics: Metrics) -> App:
    """The ASGI application over a store that this process holds; `proof` shows commands that it knows their token."""
    turns = asyncio.Semaphore(QUESTIONS_MAX)

    async def answered(path: str, body: bytes) -> tuple[str, bytes]:
        async with turns:
            return await asyncio.to_thread(_answer, access, path, body)

    async def health() -> tuple[str, bytes]:
        return _JSON, msgspec.json.encode(Health(proof=proof))

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
        elif wrong := _not_allowed(scope, path, authenticator) or _wrong(method, path):
            await _refuse(send, *wrong)
        elif (body := await _body(receive)) is None:
            await _refuse(send, 413, "TooLarge", f"a question is at most {BODY_BYTES_MAX} bytes")
        else:
            await _settle(send, answered(path, body))

    return app


def _not_allowed(scope: Message, path: str, authenticator: Authenticator) -> tuple[int, str, str] | None:
    """Why who is asking gets no answer here: status, error and message. Who is unknown does not learn what there is."""
    pairs = cast("list[tuple[bytes, bytes]]", scope["headers"])
    try:
        principal = authenticator.principal(
            {name.decode("latin-1"): value.decode("latin-1") for name, value in pairs}, peer_of(scope)
        )
        if path in _ANSWERS:
            principal.require(_ANSWERS[path].role, all_tenants=True)
    except Unauthenticated as failure:
        return 401, "Unauthorized", str(failure)
    except Denied as failure:
        return 403, "Forbidden", str(failure)
    except Throttled as failure:
        return 429, "TooManyRequests", str(failure)
    except Refused as failure:
        return 503, StoreUnavailableError.__name__, str(failure)
    return None


def _wrong(method: object, path: str) -> tuple[int, str, str] | None:
    """Why a request is refused before its body is read: status, error and message."""
    if path not in _ANSWERS:
        return 404, "NotFound", f"there is no {path}"
    return None if method == "POST" else (405, "MethodNotAllowed", f"{path} takes POST")


def _answer(access: Access, path: str, body: bytes) -> tuple[str, bytes]:
    return _JSON, msgspec.json.encode(_ANSWERS[path].answer(access, body))


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


def _replay(access: Access, body: bytes) -> object:
    return access.replay(msgspec.json.decode(body, type=ReplayRequest).ids)


def _discard(access: Access, body: bytes) -> object:
    request = msgspec.json.decode(body, type=DiscardRequest)
    return access.discard(request.ids, request.why)


def _skip(access: Access, body: bytes) -> object:
    return access.skip_unreadable(msgspec.json.decode(body, type=SkipRequest).shard)


@dataclass(frozen=True, slots=True)
class _Path:
    """What a path answers, and to whom: all of them tell of, or change, every tenant's part of the ledger."""

    answer: Callable[[Access, bytes], object]
    role: Role


_ANSWERS: Final = {
    # The engine in this process has no users and no row policies: a statement reads everything or nothing.
    "/v1/query": _Path(_query, Role.READ),
    "/v1/post": _Path(_post, Role.ADMIN),
    "/v1/prices/stretches": _Path(_stretches, Role.ADMIN),
    "/v1/prices/reprice": _Path(_reprice, Role.ADMIN),
    "/v1/quarantine/replay": _Path(_replay, Role.ADMIN),
    "/v1/quarantine/discard": _Path(_discard, Role.ADMIN),
    "/v1/journal/skip": _Path(_skip, Role.ADMIN),
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
