"""urllib3: `HTTPConnectionPool.urlopen`, and its responses, read piece by piece. botocore sends by it too.

A response gives its bytes by two methods, one for chunked bodies and one for others; both are looked at as they come
from the wire. What breaks off either of them passes one place, where it gets urllib3's own name. All are methods of a
class below the response's own: what hangs on a response, and holds it, keeps it from being freed when it is dropped.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# What is looked at here has no public name; where a release lacks it, its call is metered without usage.

import functools
import weakref
from collections.abc import Callable, Generator, Mapping
from contextlib import AbstractContextManager, contextmanager
from types import ModuleType, new_class
from typing import Any, Final

from spanledger.instrumentation.wire.admission import admit
from spanledger.instrumentation.wire.attempt import Attempt, Flow
from spanledger.instrumentation.wire.batches import download
from spanledger.instrumentation.wire.guard import failed
from spanledger.instrumentation.wire.hooks import SWITCH, Hooks, Method
from spanledger.instrumentation.wire.inflate import UnreadableEncodingError, inflated
from spanledger.instrumentation.wire.meter import Owner

_READS: Final = ("_fp_read", "_handle_chunk")

_ENDS: Final = ("release_conn", "close")

_LENGTH: Final = "_update_chunk_length"

_CATCHER: Final = "_error_catcher"

_PICKLED: Final = "__reduce_ex__"

_LOOK: Final = "_spanledger_look"


def hook(library: ModuleType, hooks: Hooks) -> None:
    """Hook urllib3's pools."""
    hooks.replace(library.HTTPConnectionPool, "urlopen", _urlopen)


def _urlopen(original: Method) -> Method:
    @functools.wraps(original)
    def urlopen(pool: Any, method: str, url: str, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        attempt = _begun(pool, method, url, args, kwargs)
        if attempt is None:
            return original(pool, method, url, *args, **kwargs)
        admit(attempt)
        owner = Owner()
        try:
            response = original(pool, method, url, *args, **kwargs)
        except BaseException as error:
            attempt.end(error=error)
            raise
        finally:
            owner.sending = False
        look_at(response, attempt)
        return response

    return urlopen


def _begun(pool: Any, method: str, url: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Attempt | None:  # noqa: ANN401
    """The attempt that these arguments of `urlopen` make, if they call a model. Never raises."""
    meter = SWITCH.meter
    if meter is None:
        return None
    try:
        path = url.partition("?")[0]
        if method.upper() != "POST":
            return download(meter, method, (pool.scheme or "http", pool.host, pool.port, path))
        endpoint = meter.recognise(pool.scheme or "http", pool.host, pool.port, path)
        if endpoint is None:
            return None
        body = args[0] if args else kwargs.get("body")
        headers = args[1] if len(args) > 1 else kwargs.get("headers")
        sent = plain(headers if headers is not None else pool.headers)
        return meter.begin(endpoint, sent.get(endpoint.resends), as_bytes(body))
    except Exception:  # noqa: BLE001 (nothing of ours reaches the application)
        failed("recognise a request")
        return None


def look_at(response: Any, attempt: Attempt) -> None:  # noqa: ANN401
    """Read what is here, or let it be read as it passes. Never raises."""
    try:
        headers = plain(response.headers)
        if (body := getattr(response, "_body", None)) is not None:
            whole = _preloaded(response, headers, body)
            if whole is None:
                attempt.end(response.status, headers)
            else:
                attempt.answered(response.status, headers, whole)
            return
        flow = Flow(attempt, response.status, headers)
        kind = _looked_at(type(response))
        vars(response)[_LOOK] = _Look(flow)
        response.__class__ = kind
        weakref.finalize(response, flow.end)
    except Exception:  # noqa: BLE001 (nothing of ours reaches the application)
        failed("read an answer")
        attempt.end(getattr(response, "status", 200))


def _preloaded(response: Any, headers: Mapping[str, str], body: bytes) -> bytes | None:  # noqa: ANN401
    """What was preloaded is inflated already, unless the application wanted it as it came. None: we cannot do it."""
    if getattr(response, "decode_content", True):
        return body
    try:
        return inflated(headers.get("content-encoding", ""), body)
    except UnreadableEncodingError:
        return None


class _Look:
    """What is known of one response as it is read: where its bytes go, and whether it breaks."""

    __slots__ = ("breaking", "flow")

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self.breaking = False


@functools.lru_cache(maxsize=16)
def _looked_at(kind: type) -> type:
    """The same class to everybody who asks, whose responses are looked at as they are read."""
    if hasattr(kind, _LOOK):
        return kind
    methods: dict[str, object] = {
        **{name: _reading(getattr(kind, name)) for name in _READS},
        **{name: _ending(getattr(kind, name)) for name in _ENDS},
        _LENGTH: _measuring(getattr(kind, _LENGTH)),
        _CATCHER: _catching(getattr(kind, _CATCHER)),
        _PICKLED: _pickling(kind),
    }
    same = {"__module__": kind.__module__, "__qualname__": kind.__qualname__, "__doc__": kind.__doc__}
    body = {**same, **methods, "__slots__": (), "__class__": property(lambda _: kind), _LOOK: None}
    return new_class(kind.__name__, (kind,), exec_body=lambda names: names.update(body))


def _reading(original: Method) -> Method:
    @functools.wraps(original)
    def read(response: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        data = original(response, *args, **kwargs)
        if data:
            _look(response).flow.take(data)
        return data

    return read


def _ending(original: Method) -> Method:
    @functools.wraps(original)
    def end(response: Any) -> Any:  # noqa: ANN401
        look = _look(response)
        if not look.breaking:
            look.flow.end()
        return original(response)

    return end


def _measuring(original: Method) -> Method:
    """What reads a chunk's length closes the response itself before it raises, and only then."""

    @functools.wraps(original)
    def measure(response: Any) -> None:  # noqa: ANN401
        look = _look(response)
        look.breaking = True
        original(response)
        look.breaking = False

    return measure


def _catching(original: Method) -> Callable[[Any], AbstractContextManager[None]]:
    """urllib3's own catcher gives an error its name, and the connection back before anybody else hears of it."""

    @contextmanager
    def catch(response: Any) -> Generator[None]:  # noqa: ANN401
        look = _look(response)
        try:
            with original(response):
                try:
                    yield
                except GeneratorExit:
                    # Whoever iterates wants no more: nothing broke.
                    raise
                except BaseException:
                    look.breaking = True
                    raise
        except BaseException as error:
            if look.breaking:
                look.flow.end(error)
            raise

    return catch


def _pickling(kind: Any) -> Callable[[Any, int], Any]:  # noqa: ANN401
    """What of it can be copied or pickled is a response of its own class, at which nobody looks."""
    original = getattr(kind, _PICKLED)

    @functools.wraps(original)
    def pickled(response: Any, protocol: int) -> Any:  # noqa: ANN401
        made: Any = original(response, protocol)
        if not (isinstance(made, tuple) and len(made) > 2 and isinstance(made[2], dict)):
            return made
        function, args, state, *rest = made
        own = tuple(kind if each is type(response) else each for each in args)
        return (function, own, {name: value for name, value in state.items() if name != _LOOK}, *rest)

    return pickled


def _look(response: Any) -> _Look:  # noqa: ANN401
    return getattr(response, _LOOK)


def plain(headers: Any) -> Mapping[str, str]:  # noqa: ANN401
    """Headers by their names in lower case; botocore writes some as bytes."""
    return {
        (name if type(name) is str else _text(name)).lower(): value if type(value) is str else _text(value)
        for name, value in (headers or {}).items()
    }


def as_bytes(body: object) -> bytes | None:
    """A body that is here as a whole."""
    if isinstance(body, str):
        return body.encode()
    return bytes(body) if isinstance(body, bytes | bytearray) else None


def _text(value: object) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)
