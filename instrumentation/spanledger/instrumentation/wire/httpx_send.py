"""httpx and httpx2: `Client.send` and `AsyncClient.send`, beneath which mock and custom transports count too.

A client whose answer is read at once gives us what it read; one that streams gives its bytes through a tee.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# Two libraries of one shape are hooked, and either may be missing: neither's types can be imported.

import functools
import sys
from collections.abc import AsyncIterator, Iterator
from types import ModuleType
from typing import Any, Final

from spanledger.instrumentation.wire.admission import admit, admit_soon
from spanledger.instrumentation.wire.attempt import Attempt, Flow
from spanledger.instrumentation.wire.batches import download
from spanledger.instrumentation.wire.guard import failed
from spanledger.instrumentation.wire.hooks import SWITCH, Hooks, Method
from spanledger.instrumentation.wire.included_usage import UsageKeeper, asking
from spanledger.instrumentation.wire.meter import Owner

_PLAIN: Final = frozenset({"", "identity"})


def hook(library: ModuleType, hooks: Hooks) -> None:
    """Hook the clients of httpx or httpx2."""
    tees = Tees(library)
    hooks.replace(library.Client, "send", lambda original: _sync_send(original, tees))
    hooks.replace(library.AsyncClient, "send", lambda original: _async_send(original, tees))


def _sync_send(original: Method, tees: "Tees") -> Method:
    @functools.wraps(original)
    def send(client: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        attempt = _begun(args, kwargs)
        if attempt is None:
            return original(client, *args, **kwargs)
        admit(attempt)
        asked = _asked(attempt, args, kwargs)
        if asked is not None:
            args, kwargs = asked.args, asked.kwargs
        owner = Owner()
        try:
            response = original(client, *args, **kwargs)
        except BaseException as error:
            _broke(attempt, asked, error)
            raise
        finally:
            owner.sending = False
        _answered(attempt, asked, response, tees)
        return response

    return send


def _async_send(original: Method, tees: "Tees") -> Method:
    @functools.wraps(original)
    async def send(client: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        attempt = _begun(args, kwargs)
        if attempt is None:
            return await original(client, *args, **kwargs)
        await admit_soon(attempt)
        asked = _asked(attempt, args, kwargs)
        if asked is not None:
            args, kwargs = asked.args, asked.kwargs
        owner = Owner()
        try:
            response = await original(client, *args, **kwargs)
        except BaseException as error:
            _broke(attempt, asked, error)
            raise
        finally:
            owner.sending = False
        _answered(attempt, asked, response, tees)
        return response

    return send


def _begun(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Attempt | None:
    """The attempt that these arguments of `send` make, if it is one to call a model. Never raises."""
    meter = SWITCH.meter
    if meter is None:
        return None
    try:
        request = args[0] if args else kwargs["request"]
        url = request.url
        path = url.raw_path.partition(b"?")[0].decode("ascii")
        if request.method != "POST":
            return download(meter, request.method, (url.scheme, url.host, url.port, path))
        endpoint = meter.recognise(url.scheme, url.host, url.port, path)
        if endpoint is None:
            return None
        return meter.begin(endpoint, _header(request, endpoint.resends), _body(request))
    except Exception:  # noqa: BLE001 (nothing of ours reaches the application)
        failed("recognise a request")
        return None


def _header(request: Any, name: str) -> str | None:  # noqa: ANN401
    """One header. `headers.get` would read them all, and some five times as long."""
    wanted, length = name.encode(), len(name)
    for key, value in request.headers.raw:
        if len(key) == length and key.lower() == wanted:
            return value.decode("latin-1")
    return None


def _body(request: Any) -> bytes | None:  # noqa: ANN401
    """A request's body if it is there; of a form, its model as JSON."""
    body = getattr(request, "_content", None)
    if body is not None:
        return body
    for field in getattr(request.stream, "fields", ()):
        if getattr(field, "name", "") == "model" and isinstance(value := getattr(field, "value", None), str):
            import msgspec  # noqa: PLC0415

            return msgspec.json.encode({"model": value})
    return None


class _Asked:
    """A request that also asks for usage, in the place of the application's; what came because of it is kept back."""

    __slots__ = ("args", "keeper", "kwargs", "request", "sent")

    def __init__(self, request: Any, sent: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:  # noqa: ANN401
        self.request, self.sent = request, sent
        self.keeper = UsageKeeper()
        self.args, self.kwargs = ((sent, *args[1:]), kwargs) if args else (args, {**kwargs, "request": sent})


def _asked(attempt: Attempt, args: tuple[Any, ...], kwargs: dict[str, Any]) -> _Asked | None:
    """The same arguments with a request that asks for usage, where that is ours to do. Never raises.

    An answer that `send` itself reads is not asked: its hooks would see what we asked for.
    """
    if not (attempt.endpoint.asks_usage and attempt.request.streams and kwargs.get("stream")):
        return None
    try:
        request = args[0] if args else kwargs["request"]
        body = asking(attempt.endpoint, attempt.request, _body(request))
        if body is None:
            return None
        headers = request.headers.copy()
        headers["content-length"] = str(len(body))
        # A body has one length: the application may have had its own sent in chunks.
        headers.pop("transfer-encoding", None)
        # What we take out again must be readable on its way.
        headers["accept-encoding"] = "identity"
        sent = type(request)(request.method, request.url, headers=headers, content=body, extensions=request.extensions)
        return _Asked(request, sent, args, kwargs)
    except Exception:  # noqa: BLE001 (nothing of ours reaches the application)
        failed("ask for usage")
        return None


def _broke(attempt: Attempt, asked: _Asked | None, error: BaseException) -> None:
    """No answer came. Never raises."""
    try:
        if asked is not None and getattr(error, "_request", None) is asked.sent:
            error.request = asked.request  # type: ignore[attr-defined]
    except Exception:  # noqa: BLE001
        failed("give a request back")
    attempt.end(error=error)


def _answered(attempt: Attempt, asked: _Asked | None, response: Any, tees: "Tees") -> None:  # noqa: ANN401
    """An answer came: read it, or let it be read as it passes. Never raises."""
    try:
        if asked is not None and response.request is asked.sent:
            response.request = asked.request
        if hasattr(response, "_content"):
            content = response.content
            if asked is not None and _has_events(response):
                _give(response, asked.keeper.passed(content) + asked.keeper.rest())
            attempt.answered(response.status_code, response.headers, content)
        else:
            tees.put_on(response, attempt, asked.keeper if asked is not None else None)
    except Exception:  # noqa: BLE001 (nothing of ours reaches the application)
        failed("read an answer")
        attempt.end(response.status_code)


def _has_events(response: Any) -> bool:  # noqa: ANN401
    return "event-stream" in response.headers.get("content-type", "").lower()


def _give(response: Any, content: bytes) -> None:  # noqa: ANN401
    """Give an answer that somebody has read another content; its text may have been made of the former one."""
    response._content = content  # noqa: SLF001
    vars(response).pop("_text", None)


class Tees:
    """The two kinds of stream that a library's responses may have, as tees."""

    def __init__(self, library: ModuleType) -> None:
        self._async = library.AsyncByteStream
        self._sync_tee = type("SyncTee", (_SyncTee, library.SyncByteStream), {})
        self._async_tee = type("AsyncTee", (_AsyncTee, library.AsyncByteStream), {})

    def put_on(self, response: Any, attempt: Attempt, keeper: UsageKeeper | None) -> None:  # noqa: ANN401
        """Look at a response's bytes as they are read.

        Bytes that are compressed against our wish pass as they came: to undo that, and to fail at it, is the library's.
        """
        flow = Flow(attempt, response.status_code, response.headers)
        if keeper is not None and not (
            _has_events(response) and response.headers.get("content-encoding", "").strip().lower() in _PLAIN
        ):
            keeper = None
        tee = self._async_tee if isinstance(response.stream, self._async) else self._sync_tee
        response.stream = tee(response.stream, flow, keeper)


class _Tee:
    """What both tees are: an inner stream, and who looks at it."""

    def __init__(self, inner: Any, flow: Flow, keeper: UsageKeeper | None) -> None:  # noqa: ANN401
        self._inner, self._flow, self._keeper = inner, flow, keeper

    def _kept(self, keeper: UsageKeeper, chunk: bytes) -> bytes:
        self._flow.take(chunk)
        return keeper.passed(chunk)

    def __del__(self) -> None:
        # A response that nobody read nor closed was paid for all the same.
        # What is open when the process ends was ended before.
        if (flow := getattr(self, "_flow", None)) is not None and not sys.is_finalizing():
            flow.end()


class _SyncTee(_Tee):
    def __iter__(self) -> Iterator[bytes]:
        flow, keeper = self._flow, self._keeper
        try:
            if keeper is None:
                take = flow.take
                for chunk in self._inner:
                    take(chunk)
                    yield chunk
            else:
                for chunk in self._inner:
                    if passed := self._kept(keeper, chunk):
                        yield passed
                if rest := keeper.rest():
                    yield rest
        except GeneratorExit:
            raise
        except BaseException as error:
            flow.end(error)
            raise
        flow.end()

    def close(self) -> None:
        try:
            self._inner.close()
        finally:
            self._flow.end()


class _AsyncTee(_Tee):
    async def __aiter__(self) -> AsyncIterator[bytes]:
        flow, keeper = self._flow, self._keeper
        try:
            if keeper is None:
                take = flow.take
                async for chunk in self._inner:
                    take(chunk)
                    yield chunk
            else:
                async for chunk in self._inner:
                    if passed := self._kept(keeper, chunk):
                        yield passed
                if rest := keeper.rest():
                    yield rest
        except GeneratorExit:
            raise
        except BaseException as error:
            flow.end(error)
            raise
        flow.end()

    async def aclose(self) -> None:
        try:
            await self._inner.aclose()
        finally:
            self._flow.end()
