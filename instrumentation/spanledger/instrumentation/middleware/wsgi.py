"""`AttributionMiddleware(app)` around a WSGI application. An answer that is made while it is sent is attributed too."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, cast

from spanledger.instrumentation.attributing.applied import Applied, Change
from spanledger.instrumentation.attributing.guard import peer_of
from spanledger.instrumentation.attributing.stepping import Steps
from spanledger.instrumentation.middleware.inbound import change_of

Environ = dict[str, Any]
Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]


class AttributionMiddleware:
    """Attributes each request. `trusted` names the peers that are believed, in the place of the setting."""

    def __init__(self, app: Application, trusted: Sequence[str] | None = None) -> None:
        self.app = app
        self._trusted = trusted

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request."""
        change = change_of(peer_of(environ) or "", lambda name: environ.get(variable(name)), self._trusted)
        with Applied(change):
            answer = self.app(environ, start_response)
        # What is complete needs no attribution any more, and a server sends its own file wrapper by other means.
        file_wrapper = environ.get("wsgi.file_wrapper")
        sent_otherwise = isinstance(file_wrapper, type) and isinstance(answer, file_wrapper)
        return answer if hasattr(answer, "__len__") or sent_otherwise else _Answer(answer, change)


def variable(header: str) -> str:
    """The environ's name of a request header."""
    return f"HTTP_{header.upper().replace('-', '_')}"


class _Answer:
    """An answer whose parts are made in a changed context."""

    def __init__(self, answer: Iterable[bytes], change: Change) -> None:
        self._answer = answer
        self._parts: Iterator[bytes] | None = None
        self._steps = Steps(change)

    def __iter__(self) -> "_Answer":
        return self

    def __next__(self) -> bytes:
        with self._steps:
            if self._parts is None:
                self._parts = iter(self._answer)
            return next(self._parts)

    def close(self) -> None:
        close = cast("Callable[[], None] | None", getattr(self._answer, "close", None))
        if close is not None:
            with self._steps:
                close()
