"""A function of any kind, watched: when it begins, what it returned, or what it raised. It stays of its kind.

A generator ends when it is exhausted or its consumer wants no more; either is success. What a plain function gives back
may be work yet to be done: a coroutine or generator that has not begun is handed on inside another of the same type, a
future as it is, and either is told of when it is done.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from functools import partial, wraps
from typing import Any, Protocol, cast

from spanledger.instrumentation.attributing.kinds import Giving, Kind, deferred, kind_of
from spanledger.instrumentation.work.promises import when_done


class Watch(Protocol):
    """Who watches one call. Neither method may raise."""

    def ended(self, result: object) -> None:
        """The call returned this; of a generator, the last thing it yielded."""
        ...

    def failed(self, error: BaseException) -> None:
        """The call raised this."""
        ...


def watched(function: Callable[..., Any], begin: Callable[[], Watch]) -> Callable[..., Any]:
    """A function whose every call is watched."""
    return _of_kind(kind_of(function), function, begin)


def _of_kind(kind: Kind, function: Callable[..., Any], begin: Callable[[], Watch]) -> Callable[..., Any]:
    match kind:
        case Kind.FUNCTION:
            return _function(function, begin)
        case Kind.COROUTINE:
            return _coroutine(function, begin)
        case Kind.GENERATOR:
            return _generator(function, begin)
        case Kind.ASYNC_GENERATOR:
            return _async_generator(function, begin)


def _function(function: Callable[..., Any], begin: Callable[[], Watch]) -> Callable[..., Any]:
    @wraps(function)
    def watching(*args: object, **kwargs: object) -> object:
        watch = begin()
        try:
            given: list[object] = [function(*args, **kwargs)]
        except BaseException as error:
            watch.failed(error)
            raise
        if (kind := deferred(given)) is not None:
            return _of_kind(kind, Giving(given.pop()), lambda: watch)()
        result = given.pop()
        if not when_done(result, partial(_done, watch)):
            watch.ended(result)
        return result

    return watching


def _done(watch: Watch, result: object, error: BaseException | None) -> None:
    if error is None:
        watch.ended(result)
    else:
        watch.failed(error)


def _coroutine(function: Callable[..., Awaitable[Any]], begin: Callable[[], Watch]) -> Callable[..., Any]:
    @wraps(function)
    async def watching(*args: object, **kwargs: object) -> object:
        watch = begin()
        try:
            result: object = await function(*args, **kwargs)
        except BaseException as error:
            watch.failed(error)
            raise
        watch.ended(result)
        return result

    return watching


def _generator(function: Callable[..., Any], begin: Callable[[], Watch]) -> Callable[..., Any]:
    @wraps(function)
    def watching(*args: object, **kwargs: object) -> Generator[Any, Any, Any]:
        watch = begin()
        inner = cast("Generator[object, object, object]", function(*args, **kwargs))
        step: Callable[[], object] = partial(next, inner)
        item: object = None
        try:
            while True:
                item = step()
                try:
                    sent = yield item
                except GeneratorExit:
                    inner.close()
                    raise
                except BaseException as error:  # noqa: BLE001 (whatever the consumer throws is the generator's)
                    step = partial(inner.throw, error)
                else:
                    step = partial(inner.send, sent)
        except StopIteration as stop:
            result = cast("object", stop.value)
        except GeneratorExit:
            watch.ended(item)
            raise
        except BaseException as error:
            watch.failed(error)
            raise
        watch.ended(item if result is None else result)
        return result

    return watching


def _async_generator(function: Callable[..., Any], begin: Callable[[], Watch]) -> Callable[..., Any]:
    @wraps(function)
    async def watching(*args: object, **kwargs: object) -> AsyncGenerator[Any, Any]:
        watch = begin()
        inner = cast("AsyncGenerator[object, object]", function(*args, **kwargs))
        step: Callable[[], Awaitable[object]] = inner.__anext__
        item: object = None
        try:
            while True:
                item = await step()
                try:
                    sent = yield item
                except GeneratorExit:
                    await inner.aclose()
                    raise
                except BaseException as error:  # noqa: BLE001 (whatever the consumer throws is the generator's)
                    step = partial(inner.athrow, error)
                else:
                    step = partial(inner.asend, sent)
        except (StopAsyncIteration, GeneratorExit) as end:
            watch.ended(item)
            if isinstance(end, GeneratorExit):
                raise
        except BaseException as error:
            watch.failed(error)
            raise

    return watching
