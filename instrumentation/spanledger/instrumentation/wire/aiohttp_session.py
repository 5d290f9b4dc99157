"""aiohttp: `ClientSession._request`, beneath every verb, and the content that the application reads from its answer."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUntypedBaseClass=false
# The library is hooked without being a dependency: its types cannot be imported.

import functools
import sys
from asyncio import CancelledError
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, Final

import msgspec

from spanledger.instrumentation.wire.admission import admit_soon
from spanledger.instrumentation.wire.attempt import Attempt, Flow
from spanledger.instrumentation.wire.batches import download, may_be_results
from spanledger.instrumentation.wire.guard import failed
from spanledger.instrumentation.wire.hooks import SWITCH, Hooks, Method
from spanledger.instrumentation.wire.meter import Owner
from spanledger.instrumentation.wire.urllib3_pool import as_bytes, plain

_SAID: Final = ("model", "stream", "stream_options", "service_tier", "user", "input")
"""What is read of a request that is given as an object: it is not written out a second time."""

_READS: Final = ("read", "readany", "readexactly", "readline", "readuntil")


def hook(library: ModuleType, hooks: Hooks) -> None:
    """Hook aiohttp's sessions."""
    content = _content_class(library)
    hooks.replace(library.ClientSession, "_request", lambda original: _request(original, content))


def _request(original: Method, content: type) -> Method:
    @functools.wraps(original)
    async def request(session: Any, method: str, url: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        attempt = _begun(session, method, url, kwargs)
        if attempt is None:
            return await original(session, method, url, **kwargs)
        await admit_soon(attempt)
        owner = Owner()
        try:
            response = await original(session, method, url, **kwargs)
        except BaseException as error:
            attempt.end(error=error)
            raise
        finally:
            owner.sending = False
        said = kwargs.get("auto_decompress")
        _look_at(response, attempt, content, inflates=session.auto_decompress if said is None else said)
        return response

    return request


def _begun(session: Any, method: str, url: Any, kwargs: dict[str, Any]) -> Attempt | None:  # noqa: ANN401
    """The attempt that these arguments make, if they call a model. Never raises."""
    meter = SWITCH.meter
    if meter is None:
        return None
    try:
        posts = method.upper() == "POST"
        if not posts and not may_be_results(str(url)):
            return None
        whole = session._build_url(url)  # noqa: SLF001 (a session may have a base URL)
        if not posts:
            return download(meter, method, (whole.scheme, whole.host or "", whole.port, whole.raw_path))
        endpoint = meter.recognise(whole.scheme, whole.host or "", whole.port, whole.raw_path)
        if endpoint is None:
            return None
        return meter.begin(endpoint, _stated(kwargs.get("headers")).get(endpoint.resends), _body(kwargs))
    except Exception:  # noqa: BLE001 (nothing of ours reaches the application)
        failed("recognise a request")
        return None


def _stated(headers: Any) -> Mapping[str, str]:  # noqa: ANN401
    """A request's headers, which may be pairs."""
    return plain(headers if headers is None or hasattr(headers, "items") else dict(headers))


def _body(kwargs: dict[str, Any]) -> bytes | None:
    said = kwargs.get("json")
    if isinstance(said, dict):
        return msgspec.json.encode({key: said[key] for key in _SAID if key in said})
    return as_bytes(kwargs.get("data"))


def _look_at(response: Any, attempt: Attempt, content: type, *, inflates: bool) -> None:  # noqa: ANN401
    """Let the answer be read as it passes. Never raises."""
    try:
        headers = plain(response.headers)
        flow = Flow(attempt, response.status, headers)
        if inflates:
            # The parser has inflated what it hands on.
            flow.inflated()
        response.content = content(response.content, flow)
        for name in ("close", "release"):
            setattr(response, name, _ending(getattr(response, name), flow))
        if response.content.at_eof():
            flow.end()
    except Exception:  # noqa: BLE001 (nothing of ours reaches the application)
        failed("read an answer")
        attempt.end(getattr(response, "status", 200))


def _ending(original: Method, flow: Flow) -> Method:
    def end() -> Any:  # noqa: ANN401
        flow.end()
        return original()

    return end


class _Content:
    """A reader that hands on what another reads, and shows it to a flow. The state is the other's."""

    def __init__(self, inner: Any, flow: Flow) -> None:  # noqa: ANN401
        self._inner, self._flow = inner, flow

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._inner, name)

    def __del__(self) -> None:
        # What is open when the process ends was ended before.
        if not sys.is_finalizing():
            self._flow.end()

    async def readchunk(self) -> tuple[bytes, bool]:
        return await self.shown(self._inner.readchunk(), lambda read: read[0])

    def read_nowait(self, n: int = -1) -> bytes:
        data = self._inner.read_nowait(n)
        self._show(data)
        return data

    async def shown(self, reading: Any, data_of: Callable[[Any], bytes]) -> Any:  # noqa: ANN401
        try:
            read = await reading
        except CancelledError:
            # Whoever gave up waiting may read on: the end comes with the response's.
            raise
        except BaseException as error:
            self._flow.end(error)
            raise
        self._show(data_of(read))
        return read

    def _show(self, data: bytes) -> None:
        if data:
            self._flow.take(data)
        if self._inner.at_eof():
            self._flow.end()


def _content_class(library: ModuleType) -> type:
    """The content of one release of the library: every other name is passed on to the reader that is read."""
    reader: type = library.StreamReader
    members: dict[str, object] = {name: _reading(name) for name in _READS}
    for name in dir(reader):
        # Iterations are the base's own, over what is read here.
        if not name.startswith(("__", "iter_")) and name not in members and not hasattr(_Content, name):
            members[name] = property(_passed_on(name))
    return type("Content", (_Content, reader), members)


def _reading(name: str) -> Method:
    async def read(self: Any, *args: Any, **kwargs: Any) -> bytes:  # noqa: ANN401
        return await self.shown(getattr(self._inner, name)(*args, **kwargs), bytes)

    read.__name__ = name
    return read


def _passed_on(name: str) -> Callable[[Any], Any]:
    return lambda self: getattr(self._inner, name)
