"""`MIDDLEWARE = ["spanledger.instrumentation.middleware.django.AttributionMiddleware", …]`, sync and async."""

# ruff: noqa: ANN401
# Requests and responses are Django's.

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

# pyright: reportMissingImports=false, reportUnknownVariableType=false
# Django's own dependency, in no other application; `inspect` has the second only from Python 3.12 on.
from asgiref.sync import iscoroutinefunction, markcoroutinefunction

from spanledger.instrumentation.attributing.applied import Applied, Change
from spanledger.instrumentation.attributing.stepping import async_generator, generator
from spanledger.instrumentation.middleware.inbound import change_of
from spanledger.instrumentation.middleware.wsgi import variable


class AttributionMiddleware:
    """Attributes each request, and what makes a streamed answer."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[Any], Any]) -> None:
        self._get_response = get_response
        # Django marks what is async in its own way before Python 3.12.
        self._is_async = iscoroutinefunction(get_response)  # pyright: ignore[reportDeprecated]
        if self._is_async:
            markcoroutinefunction(self)

    def __call__(self, request: Any) -> Any:
        """Answer one request."""
        change = _change(request)
        if self._is_async:
            return self._answer_async(request, change)
        with Applied(change):
            return _streamed(self._get_response(request), change)

    async def _answer_async(self, request: Any, change: Change) -> Any:
        with Applied(change):
            answered: Awaitable[Any] = self._get_response(request)
            return _streamed(await answered, change)


def _change(request: Any) -> Change:
    meta = request.META
    return change_of(str(meta.get("REMOTE_ADDR") or ""), lambda name: meta.get(variable(name)), None)


def _streamed(response: Any, change: Change) -> Any:
    """A streamed answer is made after the middleware has returned it."""
    if getattr(response, "streaming", False) and not hasattr(response, "file_to_stream"):
        content = response.streaming_content
        if getattr(response, "is_async", False):

            async def parts() -> AsyncIterator[Any]:
                async for part in content:
                    yield part

            response.streaming_content = async_generator(parts, change)()
        else:

            def parts_in_turn() -> Iterator[Any]:
                yield from content

            response.streaming_content = generator(parts_in_turn, change)()
    return response
