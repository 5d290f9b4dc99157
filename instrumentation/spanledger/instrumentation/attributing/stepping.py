"""Generators run in a changed context, and their consumers do not: it is applied for each step and taken off between.

What the generator's own body made current (a span it opened) is current again when it goes on.
"""

from collections.abc import AsyncGenerator, Callable, Generator
from functools import partial, wraps
from types import TracebackType
from typing import Any, cast

from opentelemetry.context import Context, attach, get_current

from spanledger.instrumentation.attributing.applied import Change
from spanledger.instrumentation.attributing.failing import failed


class Steps:
    """A block for each step of one generator."""

    __slots__ = ("_before", "_change", "_left", "_own")

    def __init__(self, change: Change) -> None:
        self._change = change
        self._left: Context | None = None
        """What the body left current, if it made something current itself."""

    def __enter__(self) -> None:
        self._before = get_current()
        self._own: Context | None = None
        try:
            self._own = self._left if self._left is not None else self._change(self._before)
            attach(self._own)
        except Exception as error:  # noqa: BLE001 (the guard between our faults and the application)
            failed("an attribution cannot be opened", error)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._own is not None:
            left = get_current()
            # Once the body made something current, what it leaves current is its own affair.
            if self._left is not None or left is not self._own:
                self._left = left
            attach(self._before)


def generator(function: Callable[..., object], change: Change) -> Callable[..., object]:
    """A generator function whose generators run in a changed context."""

    @wraps(function)
    def attributed(*args: object, **kwargs: object) -> Generator[object, object, object]:
        steps = Steps(change)
        inner = cast("Generator[object, object, object]", function(*args, **kwargs))
        step: Callable[[], object] = partial(next, inner)
        while True:
            try:
                with steps:
                    item = step()
            except StopIteration as stop:
                return cast("object", stop.value)
            try:
                sent = yield item
            except GeneratorExit:
                with steps:
                    inner.close()
                raise
            except BaseException as error:  # noqa: BLE001 (whatever the consumer throws is the generator's)
                step = partial(inner.throw, error)
            else:
                step = partial(inner.send, sent)

    return attributed


def async_generator(function: Callable[..., object], change: Change) -> Callable[..., object]:
    """An async generator function whose generators run in a changed context."""

    @wraps(function)
    async def attributed(*args: object, **kwargs: object) -> AsyncGenerator[object, object]:
        steps = Steps(change)
        inner = cast("AsyncGenerator[object, object]", function(*args, **kwargs))
        step: Callable[[], Any] = inner.__anext__
        while True:
            try:
                with steps:
                    item = await step()
            except StopAsyncIteration:
                return
            try:
                sent = yield item
            except GeneratorExit:
                with steps:
                    await inner.aclose()
                raise
            except BaseException as error:  # noqa: BLE001 (whatever the consumer throws is the generator's)
                step = partial(inner.athrow, error)
            else:
                step = partial(inner.asend, sent)

    return attributed
