"""The API as an ASGI app: who asks is found out once, before anything else is; then the path, the method, the role.

Without a credential nothing is answered but the routes without a role, which name nobody. Every answer is JSON or what
its route says, is never cached, and never a redirect; every refusal is a sentence. Nothing is sent to other origins.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from secrets import token_hex
from threading import Event
from typing import Any, Final, TypeAlias, cast

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as StarletteRoute

from spanledger.exporter.authentication import Authenticator, Principal
from spanledger.exporter.failures import TooLarge, Transient
from spanledger.exporter.receiver.otlp_http import peer_of
from spanledger.ledger.api.asking import asked_of_body, asked_of_query
from spanledger.ledger.api.refusals import MethodRefused, refusal
from spanledger.ledger.api.route import JSON, AnyRoute, Context, Lane, LeftError, NotFoundError, Raw, Services
from spanledger.ledger.api.turns import MARK_BYTES, Turns

# A statement written by a person, with room for a list of some ten thousand ids.
BODY_BYTES_MAX: Final = 1024 * 1024
# As long as the receiver gives a body that is a hundred times as large.
BODY_S_MAX: Final = 30.0

_Scope: TypeAlias = MutableMapping[str, Any]
_Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
_Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
_App: TypeAlias = Callable[[_Scope, _Receive, _Send], Awaitable[None]]
_Headers: TypeAlias = tuple[tuple[bytes, bytes], ...]

_NO_FILES: Final[Mapping[str, _App]] = {}
_STAYED: Final = Event()
"""Never set: nobody can leave while the loop answers."""
_PRINCIPAL: Final = "spanledger.principal"
"""Where a request's scope has who asks."""
_ALWAYS: Final[_Headers] = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))


def create_app(services: Services, routes: Sequence[AnyRoute], files: Mapping[str, _App] = _NO_FILES) -> Starlette:
    """The app of these routes, one for each event loop. `files` are other apps by their path, for anybody to get."""
    turns = Turns()
    by_path: dict[str, dict[str, AnyRoute]] = {}
    for route in routes:
        by_path.setdefault(route.path, {})[route.method] = route
    # What is answered in the loop is asked most often, and its paths are like no other: it is looked for first. Then
    # what is stated in full goes before what has parts that differ.
    paths = sorted(by_path, key=lambda path: (_is_slow(by_path[path].values()), path.count("{")))
    app = Starlette(
        routes=[
            *(StarletteRoute(path, _Path(path, by_path[path], services, turns)) for path in paths),
            *(StarletteRoute(path, app) for path, app in files.items()),
        ],
        middleware=[Middleware(_Door, services.authenticator, _public(routes) | files.keys())],
        exception_handlers={HTTPException: _not_found},
    )
    app.router.redirect_slashes = False
    return app


class _Door:
    """Asks who is there, once. Who is unknown does not learn what there is behind it."""

    def __init__(self, app: _App, authenticator: Authenticator, public: frozenset[str]) -> None:
        self._app = app
        self._authenticator = authenticator
        self._public = public

    async def __call__(self, scope: _Scope, receive: _Receive, send: _Send) -> None:
        """Let in who is known, and anybody to what is for all."""
        if scope["type"] != "http":
            return
        if not (scope["path"] in self._public and scope["method"] in {"GET", "HEAD"}):
            try:
                headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
                scope[_PRINCIPAL] = self._authenticator.principal(headers, peer_of(scope))
            except Exception as failure:  # noqa: BLE001 (the table of refusals decides)
                await refuse(send, failure)
                return
        await self._app(scope, receive, send)


class _Path:
    """Every method of one path."""

    def __init__(self, path: str, methods: Mapping[str, AnyRoute], services: Services, turns: Turns) -> None:
        self._path = path
        self._methods = dict(methods)
        if "GET" in methods:
            self._methods["HEAD"] = methods["GET"]
        self._allow = ", ".join(sorted({*self._methods, "OPTIONS"}))
        self._services = services
        self._turns = turns

    async def __call__(self, scope: _Scope, receive: _Receive, send: _Send) -> None:
        """Answer one request, whatever happens; unless whoever asked has left."""
        try:
            if scope["method"] == "OPTIONS":
                await _reply(send, 204, b"", ((b"allow", self._allow.encode()),))
                return
            raw = await self._answered(scope, receive)
        except LeftError:
            return
        except Exception as failure:  # noqa: BLE001 (the table of refusals decides)
            await refuse(send, failure)
        else:
            await _reply(send, 200, raw.body, ((b"content-type", raw.content_type.encode()),))

    async def _answered(self, scope: _Scope, receive: _Receive) -> Raw:
        route = self._methods.get(scope["method"])
        if route is None:
            raise MethodRefused(self._path, self._allow)
        principal = cast("Principal | None", scope.get(_PRINCIPAL))
        if route.role is not None and principal is not None:
            principal.require(route.role, all_tenants=route.all_tenants)
        if route.method in {"GET", "DELETE"}:
            asked = asked_of_query(route.asked, scope["query_string"])
        else:
            asked = asked_of_body(route.asked, await _body(scope, receive))
        if route.lane is Lane.LOOP:
            context = Context(self._services, principal, scope["path_params"], _STAYED)
            answer = cast("object", route.answer(context, asked))
            if isinstance(answer, Future):
                # Whoever leaves meanwhile leaves what was promised behind.
                answer = await asyncio.wrap_future(cast("Future[object]", answer))
            return _raw(answer)

        left, cancel = Event(), self._services.cancel
        mark = token_hex(MARK_BYTES) if cancel else ""
        context = Context(self._services, principal, scope["path_params"], left, mark)

        def work() -> Raw:
            return _raw(route.answer(context, asked))

        leaving = asyncio.ensure_future(_left(receive))
        try:
            stop = partial(cancel, mark) if cancel and route.lane is Lane.STORE else None
            return await self._turns.answered(route.lane, work, left, leaving, stop)
        finally:
            leaving.cancel()


def _raw(answer: object) -> Raw:
    return answer if isinstance(answer, Raw) else Raw(JSON, msgspec.json.encode(answer))


def _is_slow(routes: Iterable[AnyRoute]) -> bool:
    return all(route.lane is not Lane.LOOP for route in routes)


def _public(routes: Iterable[AnyRoute]) -> frozenset[str]:
    return frozenset(route.path for route in routes if route.role is None)


async def _left(receive: _Receive) -> None:
    """Return when whoever asked has left."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _body(scope: _Scope, receive: _Receive) -> bytes:
    """The request's body. Raises `TooLarge`, `Transient` when it is late, `LeftError` when it will not come."""
    length = next((value for name, value in scope["headers"] if name == b"content-length"), b"")
    body, more = bytearray(), True
    try:
        async with asyncio.timeout(BODY_S_MAX):
            while more and not _too_long(length, body):
                message = await receive()
                if message["type"] == "http.disconnect":
                    msg = "whoever asked has left"
                    raise LeftError(msg)
                body += message.get("body", b"")
                more = message.get("more_body", False)
    except TimeoutError as error:
        msg = f"the body did not arrive within {BODY_S_MAX:g} s"
        raise Transient(msg) from error
    if _too_long(length, body):
        msg = f"a question is at most {BODY_BYTES_MAX} bytes"
        raise TooLarge(msg)
    return bytes(body)


def _too_long(length: bytes, body: bytearray) -> bool:
    return len(body) > BODY_BYTES_MAX or (length.isdigit() and int(length) > BODY_BYTES_MAX)


async def _not_found(request: Request, failure: Exception) -> Response:
    """No route has this path: the one exception that the router raises."""
    del failure
    told = refusal(NotFoundError(f"there is no {request.url.path[:_PATH_CHARS_MAX]}"))
    return Response(told.body, told.status, dict(_texts(_ALWAYS)), JSON)


_PATH_CHARS_MAX: Final = 200


def _texts(headers: _Headers) -> Iterable[tuple[str, str]]:
    return ((name.decode(), value.decode()) for name, value in headers)


async def refuse(send: _Send, failure: Exception) -> None:
    """Answer with what the table of refusals says of a failure."""
    told = refusal(failure)
    await _reply(send, told.status, told.body, ((b"content-type", JSON.encode()), *told.headers))


async def _reply(send: _Send, status: int, body: bytes, headers: _Headers) -> None:
    length = ((b"content-length", b"%d" % len(body)),) if status != 204 else ()
    with suppress(OSError):
        await send({"type": "http.response.start", "status": status, "headers": [*headers, *length, *_ALWAYS]})
        await send({"type": "http.response.body", "body": body})
