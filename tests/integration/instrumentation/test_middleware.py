"""Real frameworks answer real requests: whom a trusted peer names is stamped, a stranger's words are not."""

# ruff: noqa: ANN401
# Requests and responses are the frameworks'.

# pyright: reportMissingImports=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false, reportMissingParameterType=false, reportUntypedFunctionDecorator=false
# The frameworks are not among the tools of every checkout; the tests of one that is missing are skipped.

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any

import pytest
from support.attributing import stamped

from spanledger.instrumentation.attributing.trust import TRUSTED_PEERS
from spanledger.instrumentation.middleware import AsgiMiddleware as Asgi
from spanledger.instrumentation.middleware import WsgiMiddleware as Wsgi

HEADERS = {
    "X-User-ID": "u-1",
    "X-Feature": "search",
    "X-Team": "core",
    "X-Cost-Center": "cc-7",
    "baggage": "ledger.tenant=ac%20me,color=red,ledger.units=5",
}
SAID = {"user_id": "u-1", "feature": "search", "team": "core", "cost_center": "cc-7", "tenant": "ac me"}


def parts() -> Iterator[bytes]:
    """An answer that is made while it is sent."""
    yield b""
    yield json.dumps(stamped()).encode()


async def parts_in_turn() -> AsyncIterator[bytes]:
    """The same for async servers."""
    for part in parts():
        await asyncio.sleep(0)
        yield part


@pytest.fixture(params=[True, False], ids=["trusted", "stranger"])
def expected(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """What is stamped, as the peers of these tests are trusted or not."""
    monkeypatch.setenv(TRUSTED_PEERS, "127.0.0.1,testclient" if request.param else "10.0.0.0/8")
    return dict(SAID) if request.param else {}


@pytest.mark.parametrize("path", ["/", "/thread", "/stream"])
def test_starlette_and_fastapi(path: str, expected: dict[str, object]) -> None:
    """In coroutines, in the threads of plain functions, and in what is streamed."""
    fastapi = pytest.importorskip("fastapi")
    responses = pytest.importorskip("starlette.responses")
    httpx = pytest.importorskip("httpx")
    app = fastapi.FastAPI()
    app.add_middleware(Asgi)

    @app.get("/")
    async def root() -> Any:
        return stamped()

    @app.get("/thread")
    def thread() -> Any:
        return stamped()

    @app.get("/stream")
    async def stream() -> Any:
        return responses.StreamingResponse(parts_in_turn())

    async def ask() -> Any:
        transport = httpx.ASGITransport(app=app, client=("127.0.0.1", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
            return (await client.get(path, headers=HEADERS)).json()

    assert asyncio.run(ask()) == expected
    assert stamped() == {}


@pytest.mark.parametrize("path", ["/", "/stream"])
def test_flask(path: str, expected: dict[str, object]) -> None:
    """The extension attributes views and streamed answers; the second `init_app` changes nothing."""
    flask = pytest.importorskip("flask")
    from spanledger.instrumentation.middleware import TokenLedger  # noqa: PLC0415

    app = flask.Flask("app")
    extension = TokenLedger(app)
    extension.init_app(app)

    @app.get("/")
    def root() -> Any:
        assert flask.request.headers["X-User-ID"] == "u-1"
        return stamped()

    @app.get("/stream")
    def stream() -> Any:
        return flask.Response(parts())

    assert json.loads(app.test_client().get(path, headers=HEADERS).data) == expected
    assert stamped() == {}


@pytest.mark.parametrize("path", ["/", "/stream", "/async"])
@pytest.mark.parametrize("is_async", [False, True])
def test_django(path: str, is_async: bool, expected: dict[str, object]) -> None:  # noqa: FBT001
    """Sync and async views under sync and async handlers, and streamed answers of both."""
    django = pytest.importorskip("django")
    from django.conf import settings  # noqa: PLC0415

    if not settings.configured:
        middleware = "spanledger.instrumentation.middleware.DjangoMiddleware"
        settings.configure(ROOT_URLCONF=__name__, MIDDLEWARE=[middleware], ALLOWED_HOSTS=["*"], SECRET_KEY="x")
        django.setup()
    from django.test import AsyncClient, Client  # noqa: PLC0415
    from django.urls import path as url  # noqa: PLC0415

    if not urlpatterns:
        urlpatterns.extend([url("", _django_root), url("stream", _django_stream), url("async", _django_async)])

    async def ask() -> bytes:
        response = await AsyncClient().get(path, headers=HEADERS)
        if not response.streaming:
            return response.content
        return b"".join([part async for part in response.streaming_content])

    answer = asyncio.run(ask()) if is_async else b"".join(Client().get(path, headers=HEADERS))
    assert json.loads(answer) == expected
    assert stamped() == {}


urlpatterns: list[Any] = []


def _django_root(_: object) -> Any:
    from django.http import JsonResponse  # noqa: PLC0415

    return JsonResponse(stamped())


def _django_stream(request: Any) -> Any:
    from django.core.handlers.asgi import ASGIRequest  # noqa: PLC0415
    from django.http import StreamingHttpResponse  # noqa: PLC0415

    return StreamingHttpResponse(parts_in_turn() if isinstance(request, ASGIRequest) else parts())


async def _django_async(_: object) -> Any:
    from django.http import JsonResponse  # noqa: PLC0415

    await asyncio.sleep(0)
    return JsonResponse(stamped())


def test_a_wsgi_answer_is_what_it_was(expected: dict[str, object]) -> None:
    """A list and the server's own file wrapper pass as they are, an iterable is closed; an exception passes."""

    class FileWrapper:
        def __iter__(self) -> Iterator[bytes]:
            return iter([b"file"])

    class Body:
        closed = False

        def __iter__(self) -> Iterator[bytes]:
            return parts()

        def close(self) -> None:
            self.closed = True

    environ = {
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.file_wrapper": FileWrapper,
        **{f"HTTP_{name.upper().replace('-', '_')}": value for name, value in HEADERS.items()},
    }
    complete, file, body = [b"all"], FileWrapper(), Body()
    assert _answer(complete, environ) is complete
    assert _answer(file, environ) is file
    streamed: Any = _answer(body, environ)
    assert json.loads(b"".join(streamed)) == expected
    streamed.close()
    assert body.closed

    def broken(_environ: object, _start: object) -> Iterable[bytes]:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Wsgi(broken)(environ, print)
    assert stamped() == {}


def _answer(answer: Iterable[bytes], environ: dict[str, Any]) -> object:
    return Wsgi(lambda _environ, _start: answer)(environ, print)


def test_asgi_lifespan_passes() -> None:
    """What is no request is none of our business."""
    seen: list[object] = []

    async def app(scope: Any, receive: object, send: object) -> None:
        await asyncio.sleep(0)
        seen.append((scope, receive, send))

    scope: dict[str, Any] = {"type": "lifespan"}
    receive: Any = object()
    send: Any = object()
    asyncio.run(Asgi(app)(scope, receive, send))
    assert seen == [(scope, receive, send)]
